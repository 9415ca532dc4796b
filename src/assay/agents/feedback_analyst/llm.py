"""The Feedback Analyst as a language model."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from assay.agents.feedback_analyst import MOST_PROPOSED, SCENARIOS_PROMPT, FeedbackAnswer, Proposed
from assay.agents.feedback_analyst.proposals import one_a_complaint, proposal_id
from assay.contracts.agent import AgentCard
from assay.contracts.base import content_hash
from assay.contracts.dataset import Expectation, Origin, Persona, Scenario
from assay.contracts.feedback import Feedback, ProductionReport
from assay.contracts.stage import Usage
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.narration import Narrated, narrate_with
from assay.models.prompt import render
from assay.models.usage import add_usage


class DraftedExpectation(BaseModel):
    must: bool = Field(description="True: the agent must do it. False: it must not.")
    text: str = Field(min_length=1)


class DraftedScenario(BaseModel):
    topic: str = Field(min_length=1)
    goal: str = Field(min_length=1)
    opening: str = Field(min_length=1)
    facts: dict[str, str] = Field(default_factory=dict)
    expectations: list[DraftedExpectation] = Field(min_length=1, max_length=4)


class ModelFeedbackAnalyst:
    def __init__(self, model: ChatModel, prompt: str) -> None:
        self.model = model
        self.prompt = prompt
        self.prompt_hash = content_hash([prompt, SCENARIOS_PROMPT])

    @property
    def name(self) -> str:
        return self.model.name

    async def narrate(self, report: ProductionReport) -> Narrated:
        return await narrate_with(self.model, self._system(report), report.facts, _complaints(report))

    async def answer(self, question: str, report: ProductionReport) -> FeedbackAnswer:
        context = f"{_complaints(report)}\n\nAnswer this question in a few sentences: {question}"
        narrated = await narrate_with(self.model, self._system(report), report.facts, context)
        return FeedbackAnswer(narrated.narrative.text, self.name)

    async def propose_scenarios(
        self, complaints: Sequence[Feedback], card: AgentCard, existing: Sequence[Scenario]
    ) -> Proposed:
        usage = Usage()
        scenarios = []
        topics = ", ".join(sorted({scenario.topic for scenario in existing})) or "none yet"
        system = render(
            SCENARIOS_PROMPT,
            agent=card.description,
            tools=", ".join(tool.name for tool in card.tools) or "none",
            topics=topics,
        )
        for item in one_a_complaint(complaints)[:MOST_PROPOSED]:
            said = "\n".join(f"{turn.role}: {turn.text}" for turn in item.turns)
            asked = f"Complaint: {item.comment or '(no words)'}\n{said}"
            answer = await self.model.complete(
                [Message("system", system), Message("user", asked)], schema=DraftedScenario, sampling=Sampling(seed=0)
            )
            usage = add_usage(usage, answer.usage)
            scenarios.append(_scenario(answer.parsed, item))
        return Proposed(tuple(scenarios), usage)

    def _system(self, report: ProductionReport) -> str:
        return render(self.prompt, agent=str(report.agent))


def _complaints(report: ProductionReport) -> str:
    listed = "\n".join(
        f"- {cluster.name} ({'tested' if cluster.in_dataset else 'not tested'}): {cluster.description}"
        for cluster in report.clusters
    )
    return f"Complaints, most frequent first:\n{listed or '- none'}"


def _scenario(drafted: DraftedScenario, item: Feedback) -> Scenario:
    slug = "-".join("".join(c if c.isalnum() else " " for c in drafted.topic.lower()).split())[:60] or "feedback"
    return Scenario(
        scenario_id=proposal_id(item),
        topic=slug if slug.isascii() else "feedback",
        persona=Persona(name="complaining-user", description="Somebody who complained about this in production."),
        goal=drafted.goal,
        opening=drafted.opening,
        facts=drafted.facts,
        expectations=tuple(
            Expectation(expectation_id=f"e{place}", kind="must" if drawn.must else "must_not", text=drawn.text)
            for place, drawn in enumerate(drafted.expectations, start=1)
        ),
        origin=Origin.FEEDBACK,
        origin_ref=item.feedback_id,
    )
