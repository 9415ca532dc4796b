"""The Feedback Analyst by rules."""

from collections.abc import Sequence

from assay.agents.feedback_analyst import MOST_PROPOSED, Proposed
from assay.agents.feedback_analyst.proposals import PERSONA, proposal_id, worth_proposing
from assay.contracts.agent import AgentCard
from assay.contracts.analytics import AnalystAnswer
from assay.contracts.base import content_hash
from assay.contracts.dataset import Expectation, Origin, Scenario
from assay.contracts.estimate import Estimate, Insufficient
from assay.contracts.feedback import Feedback, ProductionReport
from assay.contracts.stage import Usage
from assay.evaluation.feedback_questions import FEEDBACK_QUESTIONS
from assay.evaluation.feedback_table import FeedbackTable
from assay.evaluation.prepared_questions import answer_prepared
from assay.models.narration import Narrated, narrated_offline
from assay.models.sql_chat import Looked, Steps

RULES_VERSION = "3"
CLUSTERS_NAMED = 5


class OfflineFeedbackAnalyst:
    name = "offline"
    prompt_hash = content_hash(["rule-based feedback analyst", RULES_VERSION])

    async def narrate(self, report: ProductionReport) -> Narrated:
        names = {cluster.name for cluster in report.clusters}
        parts = (_mood(report), _decline(report), _forecast(report), _complaints(report), _next(report))
        return narrated_offline("\n\n".join(part for part in parts if part), report.facts, names=names)

    async def propose_scenarios(
        self, complaints: Sequence[Feedback], card: AgentCard, existing: Sequence[Scenario]
    ) -> Proposed:
        chosen = worth_proposing(complaints, existing, MOST_PROPOSED)
        return Proposed(tuple(_scenario(item) for item in chosen), Usage())

    async def answer(self, question: str, report: ProductionReport, items: Sequence[Feedback] = ()) -> AnalystAnswer:
        return answer_prepared(question, FeedbackTable(report, items), FEEDBACK_QUESTIONS)

    async def steps(self, question: str, report: ProductionReport, items: Sequence[Feedback] = ()) -> Steps:
        answer = await self.answer(question, report, items)
        for query in answer.queries:
            yield Looked(query, answer.rows)
        yield answer


def _mood(report: ProductionReport) -> str:
    if isinstance(report.satisfaction, Insufficient):
        return "There is too little feedback to say how satisfied users are: {satisfaction}."
    positive = "; {positive} are positive" if isinstance(report.positive, Estimate) else ""
    said = f"Of the ratings of `{report.agent}`, {{satisfaction}} are not negative{positive}."
    if report.response_rate is None:
        said += " Only the users who chose to rate are counted; how many did is not known."
    elif isinstance(report.response_rate, Estimate):
        said += (
            " Users rated {response_rate} of the conversations. Counting those they did not rate, the share that is "
            "not negative lies between {satisfaction_low} and {satisfaction_high}."
        )
    if report.other_versions:
        named = ", ".join(
            f"{{version_{place}}} on `{version.agent}`" for place, version in enumerate(report.other_versions, start=1)
        )
        said += f" Items on other versions are left out: {named}."
    return said


def _decline(report: ProductionReport) -> str:
    if not report.falling:
        return ""
    return "Ratings are falling, and not by chance: the trend section has the weeks and the test."


def _forecast(report: ProductionReport) -> str:
    if report.forecast is None:
        return ""
    match report.forecast.covered:
        case True:
            return "The forecast of the judged pass rate was {predicted}, and the judged sample agrees with it."
        case False:
            return (
                "The judged sample of production, {observed}, is not what was forecast, {predicted}: the dataset does "
                "not represent production yet."
            )
        case None:
            return "The forecast was {predicted}; too little of production was judged to score it."


def _complaints(report: ProductionReport) -> str:
    if not report.clusters:
        return "Nobody complained."
    listed = "\n".join(
        f"- `{cluster.name}`: {{complaint_{place}}} items, {'tested' if cluster.in_dataset else 'not tested yet'}"
        for place, cluster in enumerate(report.clusters[:CLUSTERS_NAMED], start=1)
    )
    return f"What users complain of:\n{listed}"


def _next(report: ProductionReport) -> str:
    if report.proposed_scenarios:
        return (
            "What to do next: {proposed} scenarios are proposed for what no scenario tests yet. Review them, add them "
            "to the dataset, and play it again."
        )
    if any(not cluster.in_dataset for cluster in report.clusters):
        return (
            "What to do next: write scenarios for the complaints that no scenario tests; their words tell too little."
        )
    if report.clusters:
        return "What to do next: scenarios test every complaint already, so fix the agent where they fail."
    return ""


def _scenario(item: Feedback) -> Scenario:
    """The complaint as a scenario: the user's own first words where they are known, and what must not come again."""
    comment = " ".join((item.comment or "").split())
    said = [" ".join(turn.text.split()) for turn in item.turns if turn.role == "user" and turn.text.strip()]
    subject = f" with {item.topic.replace('-', ' ')}" if item.topic else ""
    expectations = [
        Expectation(
            expectation_id="helped",
            text="The agent does what the user asks for, or says plainly why it cannot and who can.",
        )
    ]
    if comment:
        expectations.append(
            Expectation(
                expectation_id="no-such-complaint",
                kind="must_not",
                text=f"The agent gives reason for the same complaint again: “{comment}”",
            )
        )
    return Scenario(
        scenario_id=proposal_id(item),
        topic=item.topic or "from-feedback",
        persona=PERSONA,
        goal=said[0] if said else f"Get help{subject}, where another user had to complain: {comment}",
        opening=said[0] if said else None,
        facts={f"said later {place}": text for place, text in enumerate(said[1:4], start=1)},
        expectations=tuple(expectations),
        origin=Origin.FEEDBACK,
        origin_ref=item.feedback_id,
    )
