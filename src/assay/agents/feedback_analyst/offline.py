"""The Feedback Analyst by rules."""

from collections.abc import Sequence

from assay.agents.feedback_analyst import MOST_PROPOSED, FeedbackAnswer, Proposed
from assay.agents.feedback_analyst.proposals import one_a_complaint, proposal_id
from assay.contracts.agent import AgentCard
from assay.contracts.base import content_hash
from assay.contracts.dataset import Expectation, Origin, Persona, Scenario
from assay.contracts.estimate import Insufficient
from assay.contracts.feedback import Feedback, ProductionReport
from assay.contracts.stage import Usage
from assay.evaluation.clusters import words
from assay.evaluation.facts import show
from assay.models.narration import Narrated, narrated_offline

RULES_VERSION = "1"


class OfflineFeedbackAnalyst:
    name = "offline"
    prompt_hash = content_hash(["rule-based feedback analyst", RULES_VERSION])

    async def narrate(self, report: ProductionReport) -> Narrated:
        return narrated_offline("\n\n".join(part for part in _parts(report) if part), report.facts)

    async def propose_scenarios(
        self, complaints: Sequence[Feedback], card: AgentCard, existing: Sequence[Scenario]
    ) -> Proposed:
        taken = {scenario.scenario_id for scenario in existing}
        chosen = [item for item in one_a_complaint(complaints) if proposal_id(item) not in taken]
        return Proposed(tuple(_scenario(item) for item in chosen[:MOST_PROPOSED]), Usage())

    async def answer(self, question: str, report: ProductionReport) -> FeedbackAnswer:
        asked = set(words(question))
        hits = [fact for fact in report.facts if asked & set(words(fact.label))]
        named = [c for c in report.clusters if asked & set(words(f"{c.name} {c.description}"))]
        lines = [f"- {fact.label}: {show(fact)}" for fact in hits[:8]]
        lines += [f"- complaint, {cluster.name}: {cluster.description}" for cluster in named[:4]]
        if not lines:
            labels = "; ".join(fact.label.lower() for fact in report.facts[:8])
            text = f"I work by rules, without a language model, and did not understand that. Ask me about: {labels}."
            return FeedbackAnswer(text, "offline")
        return FeedbackAnswer("\n".join(lines), "offline")


def _parts(report: ProductionReport) -> list[str]:
    return [_mood(report), _forecast(report), _complaints(report), _next(report)]


def _mood(report: ProductionReport) -> str:
    if isinstance(report.satisfaction, Insufficient):
        return "There is too little feedback to say how content users are: {satisfaction}."
    return f"Users of `{report.agent}` are content in {{satisfaction}} of the conversations that they rated."


def _forecast(report: ProductionReport) -> str:
    if report.forecast is None:
        return ""
    match report.forecast.covered:
        case True:
            return "That agrees with the forecast of {predicted}."
        case False:
            return "That is not what was forecast, {predicted}: the dataset does not stand for production yet."
        case None:
            return "The forecast was {predicted}; too little has come in to score it."


def _complaints(report: ProductionReport) -> str:
    if not report.clusters:
        return "Nobody complained."
    listed = "\n".join(
        f"- `{cluster.name}`: {{complaint_{place}}} items, {'tested' if cluster.in_dataset else 'not tested yet'}"
        for place, cluster in enumerate(report.clusters[:5], start=1)
    )
    return f"What users complain of:\n{listed}"


def _next(report: ProductionReport) -> str:
    if not report.proposed_scenarios:
        return "Every complaint is tested by some scenario already."
    return (
        "For what is not tested yet, {proposed} scenarios are proposed to the dataset builder: review them, then run."
    )


def _scenario(item: Feedback) -> Scenario:
    """The complaint as a scenario: the user's own first words where they are known, and what they missed."""
    comment = (item.comment or "").strip()
    opening = next((turn.text for turn in item.turns if turn.role == "user"), None)
    return Scenario(
        scenario_id=proposal_id(item),
        topic=item.topic or "from-feedback",
        persona=Persona(name="complaining-user", description="Somebody who complained about this in production."),
        goal=f"Get help with what went wrong before: {comment}" if comment else "Get help with what went wrong before.",
        opening=opening,
        expectations=(
            Expectation(
                expectation_id="complaint-answered",
                text=f"The agent resolves what this user complained of, or hands it to somebody who can: {comment}",
            ),
        ),
        origin=Origin.FEEDBACK,
        origin_ref=item.feedback_id,
    )
