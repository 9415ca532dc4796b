"""The Analyst by rules: plain sentences from facts, and common questions as prepared queries."""

from assay.contracts.analytics import AnalystAnswer, AnalyticsReport, SliceRate
from assay.contracts.base import content_hash
from assay.contracts.estimate import Estimate
from assay.evaluation.prepared_questions import answer_prepared
from assay.evaluation.results_table import ResultsTable
from assay.models.narration import Narrated, narrated_offline

RULES_VERSION = "1"


class OfflineAnalyst:
    name = "offline"
    prompt_hash = content_hash(["rule-based analyst", RULES_VERSION])

    async def narrate(self, report: AnalyticsReport) -> Narrated:
        return narrated_offline("\n\n".join(part for part in _parts(report) if part), report.facts)

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        return answer_prepared(question, table)


def _parts(report: AnalyticsReport) -> list[str]:
    return [_expect(report), _steadiness(report), _weakest(report), _failures(report), _blame(report)]


def _expect(report: AnalyticsReport) -> str:
    if not isinstance(report.pass_rate, Estimate):
        return "There is too little data to say what to expect in production: {pass_rate}."
    uncalibrated = (
        "" if report.calibrated else " No human labels calibrate the judge yet, so read the rate as the judge's own."
    )
    return (
        f"Expect `{report.agent}` to meet every expectation in {{pass_rate}} of conversations like these.{uncalibrated}"
    )


def _steadiness(report: AnalyticsReport) -> str:
    last = len(report.pass_hat_k)
    if last < 2:
        return ""
    return f"It is not the same every time: the chance that all trials of a scenario pass is {{pass_hat_{last}}}."


def _weakest(report: AnalyticsReport) -> str:
    known = [rate for rate in report.slices if isinstance(rate.pass_rate, Estimate)]
    if not known:
        return ""
    weakest = sorted(known, key=_value)[:2]
    named = ", and in ".join(
        f"{rate.dimension} `{rate.value}`, {{slice.{rate.dimension}.{rate.value}}}" for rate in weakest
    )
    return f"It is weakest in {named}."


def _value(rate: SliceRate) -> float:
    return rate.pass_rate.value if isinstance(rate.pass_rate, Estimate) else 1.0


def _failures(report: AnalyticsReport) -> str:
    if not report.clusters:
        return "No conversation failed."
    listed = "\n".join(
        f"- `{cluster.name}`: {{cluster_{place}}} conversations"
        for place, cluster in enumerate(report.clusters[:3], start=1)
    )
    return f"What goes wrong most:\n{listed}"


def _blame(report: AnalyticsReport) -> str:
    others = [a for a in report.attributions if a.blamed != "agent" and a.conversations]
    if not others:
        return "All failures are put down to the agent itself."
    named = ", ".join(f"the {a.blamed.replace('_', ' ')} ({{blamed.{a.blamed}}})" for a in others)
    return f"Not all of it is the agent's doing. Put down to others: {named}. Mend those first, then measure again."
