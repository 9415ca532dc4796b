"""The Analyst by rules: plain sentences from facts, and common questions as prepared queries."""

from assay.contracts.analytics import AnalystAnswer, AnalyticsReport, SliceRate
from assay.contracts.base import content_hash
from assay.contracts.estimate import Estimate
from assay.evaluation.consistency import unsteady
from assay.evaluation.facts import slice_fact_id
from assay.evaluation.prepared_questions import answer_prepared
from assay.evaluation.results_questions import RESULTS_QUESTIONS
from assay.evaluation.results_table import ResultsTable
from assay.evaluation.weak_slices import low_and_few, weak_slices
from assay.models.narration import Narrated, narrated_offline
from assay.models.sql_chat import Looked, Steps

RULES_VERSION = "4"
CLUSTERS_NAMED = 3
SLICES_NAMED = 3


class OfflineAnalyst:
    name = "offline"
    prompt_hash = content_hash(["rule-based analyst", RULES_VERSION])

    async def narrate(self, report: AnalyticsReport) -> Narrated:
        names = {cluster.name for cluster in report.clusters} | {rate.value for rate in report.slices}
        parts = (_expect(report), _work(report), _weakest(report), _failures(report), _blame(report), _next(report))
        return narrated_offline("\n\n".join(part for part in parts if part), report.facts, names=names)

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        return answer_prepared(question, table, RESULTS_QUESTIONS)

    async def steps(self, question: str, table: ResultsTable) -> Steps:
        answer = answer_prepared(question, table, RESULTS_QUESTIONS)
        for query in answer.queries:
            yield Looked(query, answer.rows)
        yield answer


def _expect(report: AnalyticsReport) -> str:
    found = "{pass_rate}" if report.corrected_pass_rate is None else "{corrected_pass_rate}"
    if not isinstance(report.expected, Estimate):
        return f"There is too little data to say what to expect in production: {found}."
    text = f"Expect `{report.agent}` to meet every expectation in {found} of conversations like these."
    if report.corrected_pass_rate is not None:
        text += " That is what people's labels make of the judge's {pass_rate}."
    elif not report.calibrated:
        text += " No human labels calibrate the judge yet, so this is the rate as the judge sees it."
    if any(fact.fact_id == "pass_bounds" for fact in report.facts):
        text += (
            " {unjudged} of {conversations} conversations have no verdict and are left out of it: with them, "
            "{pass_bounds} may pass."
        )
    last = len(report.stability)
    if last > 1 and isinstance(report.stability[-1], Estimate):
        fact = f"corrected_pass_hat_{last}" if report.corrected_pass_hat_k else f"pass_hat_{last}"
        if unsteady(report):
            text += f" It does not do the same every time: the chance that all trials of a scenario pass is {{{fact}}}."
        else:
            text += " Each scenario comes out the same in all of its trials."
    return text


def _work(report: AnalyticsReport) -> str:
    known = {fact.fact_id for fact in report.facts}
    said = []
    if {"latency_p50", "latency_p95"} <= known:
        said.append("An answer takes {latency_p50} in the middle and {latency_p95} at the slow end.")
    if "cost" in known:
        said.append("A conversation costs {cost}.")
    return " ".join(said)


def _weakest(report: AnalyticsReport) -> str:
    rates = [(rate, rate.pass_rate) for rate in report.slices if isinstance(rate.pass_rate, Estimate)]
    if not rates or not isinstance(report.pass_rate, Estimate):
        return ""
    weak = weak_slices(report.slices, report.pass_rate)
    if weak:
        named = ", and in ".join(_slice(rate) for rate in weak[:SLICES_NAMED])
        return f"It is weak in {named}, also when it is taken into account how many slices were looked at."
    lowest = min(rates, key=lambda row: row[1].value)[0]
    few = low_and_few(report)[:SLICES_NAMED]
    if few:
        named = "; in ".join(
            f"{rate.dimension.replace('_', ' ')} `{rate.value}` {{{slice_fact_id(rate.dimension, rate.value)}.passed}}"
            for rate in few
        )
        return (
            f"Look at slices with too few scenarios to be sure: in {named} conversations pass. Of the slices that are "
            f"large enough for an interval the lowest is {_slice(lowest)}."
        )
    return (
        f"No slice is clearly weaker than the rest. The lowest is {_slice(lowest)}, and of many slices the lowest "
        "looks worse than it is."
    )


def _slice(rate: SliceRate) -> str:
    return f"{rate.dimension.replace('_', ' ')} `{rate.value}`, {{{slice_fact_id(rate.dimension, rate.value)}}}"


def _failures(report: AnalyticsReport) -> str:
    if not report.clusters:
        return "No conversation failed." if report.judged else ""
    listed = "\n".join(
        f"- `{cluster.name}`: {{cluster_{place}}} conversations"
        for place, cluster in enumerate(report.clusters[:CLUSTERS_NAMED], start=1)
    )
    if not report.calibrated and any(cluster.conversations for cluster in report.clusters):
        return (
            f"What goes wrong most, as the judge sees it, which is not admitted, so read them before you act:\n{listed}"
        )
    return f"What goes wrong most:\n{listed}"


def _blame(report: AnalyticsReport) -> str:
    return " ".join(part for part in (_put_down(report), _spoilt(report)) if part)


def _spoilt(report: AnalyticsReport) -> str:
    if not any(sign.kind == "spoilt_passes" for sign in report.signs):
        return ""
    return (
        "Some conversations pass though the user simulator made a mistake in them. Of those without such a mistake "
        "{sound_pass_rate} pass."
    )


def _put_down(report: AnalyticsReport) -> str:
    others = [a for a in report.attributions if a.blamed != "agent" and a.conversations]
    if not others:
        return "All failures are put down to the agent itself." if report.clusters else ""
    named = ", ".join(f"the {a.blamed.replace('_', ' ')} ({{blamed.{a.blamed}}})" for a in others)
    return f"Not all of it is the agent's doing. Of all conversations, put down to others: {named}."


def _next(report: AnalyticsReport) -> str:
    blamed = {a.blamed for a in report.attributions if a.conversations}
    steps = []
    if any(sign.kind != "no_tool_results" for sign in report.signs):
        steps.append("Look at the signs that something other than the agent failed, before the rate is trusted.")
    if "infrastructure" in blamed:
        steps.append("Fix what made calls fail, and run again: those conversations say nothing of the agent.")
    if blamed & {"user_simulator", "judge", "dataset"}:
        steps.append("Look at what is put down to the simulator, the judge or the dataset, and fix it first.")
    if report.clusters:
        steps.append("Read the conversations of the largest cluster, fix the agent, and play the same dataset again.")
    if not report.calibrated:
        steps.append("Label conversations by hand, so that the judge can be admitted.")
    if not isinstance(report.pass_rate, Estimate):
        steps.insert(0, "Add scenarios: there are too few for a rate.")
    return "What to do next:\n" + "\n".join(f"- {step}" for step in steps) if steps else ""
