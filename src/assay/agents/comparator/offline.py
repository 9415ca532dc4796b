"""The Comparator by rules."""

from collections import Counter

from assay.contracts.analytics import AnalystAnswer
from assay.contracts.base import content_hash
from assay.contracts.comparison import ComparisonReport, Recommendation
from assay.contracts.estimate import Estimate
from assay.evaluation.facts import slice_fact_id
from assay.evaluation.measures import MEASURES
from assay.evaluation.prepared_questions import answer_prepared
from assay.evaluation.results_questions import RESULTS_QUESTIONS
from assay.evaluation.results_table import ResultsTable
from assay.evaluation.verdict import hangs_on_set_apart, taken_by_others
from assay.models.narration import Narrated, narrated_offline
from assay.models.sql_chat import Looked, Steps

RULES_VERSION = "4"
BROKEN_NAMED = 3


class OfflineComparator:
    name = "offline"
    prompt_hash = content_hash(["rule-based comparator", RULES_VERSION])

    async def narrate(self, report: ComparisonReport) -> Narrated:
        names = {flip.scenario_id for flip in report.flips} | {difference.value for difference in report.slices}
        names |= {found.value for found in report.unpaired.slices} if report.unpaired else set()
        parts = (
            _unpaired(report),
            _verdict(report),
            _flips(report),
            _slices(report),
            _costs(report),
            _left_out(report),
            _next(report),
        )
        return narrated_offline("\n\n".join(part for part in parts if part), report.facts, names=names)

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        return answer_prepared(question, table, RESULTS_QUESTIONS)

    async def steps(self, question: str, table: ResultsTable) -> Steps:
        answer = answer_prepared(question, table, RESULTS_QUESTIONS)
        for query in answer.queries:
            yield Looked(query, answer.rows)
        yield answer


def _unpaired(report: ComparisonReport) -> str:
    """Before the verdict, since the difference says nothing of it."""
    if report.unpaired is None:
        return ""
    text = (
        "Not everything could be paired: {unpaired.champion} judged conversations of the champion and "
        "{unpaired.challenger} of the challenger are of scenarios on which the other side has no verdict."
    )
    for found in report.unpaired.slices:
        fact = f"unpaired.{slice_fact_id(found.dimension, found.value)}"
        text += (
            f" In {found.dimension} `{found.value}` the sides share no scenario: the champion passes "
            f"{{{fact}.champion}}, the challenger {{{fact}.challenger}}, which is a hint and no test."
        )
    return text


def _verdict(report: ComparisonReport) -> str:
    where = "Over all scenarios" if report.unpaired is None else "Over the scenarios that they share"
    text = (
        f"{_opening(report)} {where} the champion meets every expectation in {{champion_rate}} of conversations, "
        "the challenger in {challenger_rate}."
    )
    if report.corrected is not None:
        text += " By the judge's own count the difference is {difference}; people's labels set it right."
    elif not report.judge.trusted and report.recommendation is not Recommendation.INCONCLUSIVE:
        text += " No label admits the judge, but the verdict holds whatever it should have ruled."
    return text


def _opening(report: ComparisonReport) -> str:
    champion, challenger = f"`{report.champion}`", f"`{report.challenger}`"
    found = "{difference}" if report.corrected is None else "{corrected_difference}"
    if not isinstance(report.decided_on.difference, Estimate):
        return f"Whether {challenger} is better than {champion} cannot be said: {found}."
    if hangs_on_set_apart(report):
        return (
            "The verdict hangs on the conversations that were set apart as broken, {set_apart} of them: without them "
            "the difference is {difference}, counted as they were scored it is {as_scored}."
        )
    if taken_by_others(report):
        return (
            f"There is no verdict on {challenger} against {champion}: the difference of {found} would be one alone, "
            "but with {others} other comparisons on this dataset version its p is {p_holm} after correction."
        )
    within_margin = report.policy.test == "non_inferiority"
    match report.recommendation:
        case Recommendation.PROMOTE if within_margin:
            return (
                f"Promote {challenger}: it is not worse than {champion} by more than the margin of {{margin}}; the "
                f"difference is {found}."
            )
        case Recommendation.PROMOTE:
            return f"Promote {challenger}: it does better than {champion}, by {found}."
        case Recommendation.REJECT if within_margin:
            return f"Keep {champion}: {challenger} is worse by more than the margin of {{margin}}, by {found}."
        case Recommendation.REJECT:
            return f"Keep {champion}: {challenger} does worse, by {found}."
        case Recommendation.INCONCLUSIVE if report.held_by_judge:
            return (
                f"There is no verdict yet, because the judge may not gate: by its own count {challenger} differs from "
                f"{champion} by {found}, and how often it is wrong nobody has measured well enough."
            )
        case Recommendation.INCONCLUSIVE:
            return f"The data does not decide between {champion} and {challenger}: the difference is {found}."


def _flips(report: ComparisonReport) -> str:
    if not report.flips:
        return "No trial that could be matched came out differently."
    text = "Trial by trial, the challenger fixed {fixed} and broke {broken}."
    broken = Counter(flip.scenario_id for flip in report.flips if flip.direction == "broken")
    if broken:
        named = ", ".join(f"`{name}`" for name, _ in broken.most_common(BROKEN_NAMED))
        text += f" Read the broken ones before deciding, first {named}."
    return text


def _slices(report: ComparisonReport) -> str:
    worse = [difference for difference in report.slices if difference.worse]
    if worse:
        named = ", and in ".join(f"{s.dimension} `{s.value}`, {{{slice_fact_id(s.dimension, s.value)}}}" for s in worse)
        return f"It got worse in {named}, also after the correction for looking at many slices."
    if any(isinstance(s.difference, Estimate) for s in report.slices):
        return "No slice got worse by the test that corrects for looking at many."
    return ""


def _costs(report: ComparisonReport) -> str:
    """Only what differs by more than chance."""
    known = [(cost, cost.difference) for cost in report.costs if isinstance(cost.difference, Estimate)]
    moved = [
        f"{MEASURES[cost.measure].prose} went from {{{cost.measure}.champion}} to {{{cost.measure}.challenger}}"
        for cost, difference in known
        if difference.low > 0 or difference.high < 0
    ]
    if moved:
        text = ", and ".join(moved)
        return f"{text[0].upper()}{text[1:]}."
    same = ", ".join(MEASURES[cost.measure].prose for cost, _ in known)
    return f"Of what it takes, nothing differs beyond chance: {same}." if same else ""


def _left_out(report: ComparisonReport) -> str:
    return "Conversations that did not enter the test: {left_out}." if report.left_out else ""


BRIEFLY = {
    "rerun_broken": "run the broken conversations again and compare again",
    "look_at_unjudged": "look at the conversations without a verdict",
    "deploy": "approve the comparison's gate, then deploy the challenger to staging",
    "keep_champion": "keep the champion, fix what broke, and register a new version",
    "label": "label conversations of both sides, certify the judge, and compare again",
    "add_data": "add data as the list of next steps says, and compare again",
    "choose_by_cost": "choose by cost and speed, since the versions differ by less than matters",
}


def _next(report: ComparisonReport) -> str:
    """The first action of the report's own list, so that the prose never advises something else."""
    return f"What to do next: {BRIEFLY[report.actions[0].kind]}." if report.actions else ""
