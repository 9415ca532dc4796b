"""The Feedback Analyst as a language model."""

import asyncio
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from assay.agents.feedback_analyst import MOST_PROPOSED, Proposed
from assay.agents.feedback_analyst.proposals import PERSONA, proposal_id, worth_proposing
from assay.contracts.agent import AgentCard
from assay.contracts.analytics import AnalystAnswer
from assay.contracts.base import content_hash
from assay.contracts.dataset import Expectation, Origin, Scenario
from assay.contracts.feedback import Feedback, ProductionReport
from assay.contracts.stage import Usage
from assay.evaluation.feedback_table import FeedbackTable
from assay.models.chat import ChatModel, Completion, Message, Sampling
from assay.models.narration import Narrated, narrate_with
from assay.models.prompt import render
from assay.models.sql_chat import Steps, answer_with, steps_with
from assay.models.usage import add_usage

SCENARIO_TOKENS = 600
"""Of a drafted scenario: one takes about 250."""


class KnownFact(BaseModel):
    name: str = Field(min_length=1)
    value: str = Field(min_length=1)


class DraftedExpectation(BaseModel):
    must: bool = Field(description="True: the agent must do it. False: it must not.")
    text: str = Field(min_length=1)


class DraftedScenario(BaseModel):
    topic: str = Field(min_length=1)
    goal: str = Field(min_length=1)
    opening: str = Field(min_length=1)
    facts: list[KnownFact] = Field(default_factory=list)
    expectations: list[DraftedExpectation] = Field(min_length=1, max_length=4)


class ModelFeedbackAnalyst:
    def __init__(self, model: ChatModel, prompts: Mapping[str, str]) -> None:
        self.model = model
        self.prompts = prompts
        self.prompt_hash = content_hash(list(prompts.values()))

    @property
    def name(self) -> str:
        return self.model.name

    async def narrate(self, report: ProductionReport) -> Narrated:
        names = {cluster.name for cluster in report.clusters} | set(report.by_topic)
        system = render(self.prompts[""], agent=str(report.agent))
        return await narrate_with(self.model, system, report.facts, _complaints(report), names=names)

    async def answer(self, question: str, report: ProductionReport, items: Sequence[Feedback] = ()) -> AnalystAnswer:
        return await answer_with(self.model, self.prompts["chat"], question, FeedbackTable(report, items))

    def steps(self, question: str, report: ProductionReport, items: Sequence[Feedback] = ()) -> Steps:
        return steps_with(self.model, self.prompts["chat"], question, FeedbackTable(report, items))

    async def propose_scenarios(
        self, complaints: Sequence[Feedback], card: AgentCard, existing: Sequence[Scenario]
    ) -> Proposed:
        system = render(
            self.prompts["scenarios"],
            agent=card.description,
            tools=", ".join(tool.name for tool in card.tools) or "none",
            topics=", ".join(sorted({scenario.topic for scenario in existing})) or "none yet",
        )
        chosen = worth_proposing(complaints, existing, MOST_PROPOSED)
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._draft(system, item)) for item in chosen]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        answers = [task.result() for task in asked]
        return Proposed(
            tuple(_scenario(answer.parsed, item) for answer, item in zip(answers, chosen, strict=True)),
            add_usage(*(answer.usage for answer in answers)) if answers else Usage(),
        )

    async def _draft(self, system: str, item: Feedback) -> Completion[DraftedScenario]:
        said = "\n".join(f"{turn.role}: {turn.text}" for turn in item.turns)
        told = f"{item.comment or '(no words)'}\n{said}".strip().replace("</complaint>", "")
        return await self.model.complete(
            [Message("system", system), Message("user", f"<complaint>\n{told}\n</complaint>")],
            schema=DraftedScenario,
            sampling=Sampling(seed=0, max_tokens=SCENARIO_TOKENS, long=True),
        )


def _complaints(report: ProductionReport) -> str:
    listed = "\n".join(
        f"- `{cluster.name}` ({'tested' if cluster.in_dataset else 'not tested'}): {cluster.description}"
        for cluster in report.clusters
    )
    return f"Complaints, most frequent first:\n{listed or '- none'}"


def _scenario(drafted: DraftedScenario, item: Feedback) -> Scenario:
    slug = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in drafted.topic.lower()).split())[:60]
    return Scenario(
        scenario_id=proposal_id(item),
        topic=slug.strip("-") or item.topic or "from-feedback",
        persona=PERSONA,
        goal=drafted.goal,
        opening=drafted.opening,
        facts={fact.name: fact.value for fact in drafted.facts},
        expectations=tuple(
            Expectation(expectation_id=f"e{place}", kind="must" if drawn.must else "must_not", text=drawn.text)
            for place, drawn in enumerate(drafted.expectations, start=1)
        ),
        origin=Origin.FEEDBACK,
        origin_ref=item.feedback_id,
    )
