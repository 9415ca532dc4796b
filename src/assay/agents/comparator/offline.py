"""The Comparator by rules."""

from collections import Counter

from assay.contracts.analytics import AnalystAnswer
from assay.contracts.base import content_hash
from assay.contracts.comparison import ComparisonReport, Recommendation
from assay.contracts.estimate import Estimate
from assay.evaluation.prepared_questions import answer_prepared
from assay.evaluation.results_table import ResultsTable
from assay.models.narration import Narrated, narrated_offline

RULES_VERSION = "1"

OPENING = {
    Recommendation.PROMOTE: "Promote `{challenger}`: it does better than `{champion}`, by {{difference}}.",
    Recommendation.REJECT: "Keep `{champion}`: `{challenger}` does worse, by {{difference}}.",
    Recommendation.INCONCLUSIVE: "The data does not decide between `{champion}` and `{challenger}`: the difference is "
    "{{difference}}.",
}


class OfflineComparator:
    name = "offline"
    prompt_hash = content_hash(["rule-based comparator", RULES_VERSION])

    async def narrate(self, report: ComparisonReport) -> Narrated:
        return narrated_offline("\n\n".join(part for part in _parts(report) if part), report.facts)

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        return answer_prepared(question, table)


def _parts(report: ComparisonReport) -> list[str]:
    return [_verdict(report), _flips(report), _slices(report), _left_out(report)]


def _verdict(report: ComparisonReport) -> str:
    opening = OPENING[report.recommendation].format(champion=report.champion, challenger=report.challenger)
    if report.policy.test == "non_inferiority" and report.recommendation is Recommendation.PROMOTE:
        opening = (
            f"Promote `{report.challenger}`: it is not worse than `{report.champion}` by more than the margin of "
            "{margin}; the difference is {difference}."
        )
    return (
        f"{opening} The champion meets every expectation in {{champion_rate}} of conversations, the challenger in "
        "{challenger_rate}."
    )


def _flips(report: ComparisonReport) -> str:
    text = "Trial by trial, the challenger fixed {fixed} and broke {broken}."
    broken = Counter(flip.scenario_id for flip in report.flips if flip.direction == "broken")
    if broken:
        named = ", ".join(f"`{name}`" for name, _ in broken.most_common(3))
        text += f" Read the broken ones before deciding, first {named}."
    return text


def _slices(report: ComparisonReport) -> str:
    worse = [difference for difference in report.slices if difference.worse]
    if worse:
        named = ", ".join(f"{s.dimension} `{s.value}`, {{slice.{s.dimension}.{s.value}}}".lower() for s in worse)
        return f"It got worse in {named}, also after the correction for looking at many slices."
    known = [s for s in report.slices if isinstance(s.difference, Estimate)]
    if not known:
        return ""
    return "No slice got worse by the corrected test."


def _left_out(report: ComparisonReport) -> str:
    return "Conversations that did not enter the test: {left_out}." if report.left_out else ""
