"""The Dataset Builder as a language model: scenarios in batches, and a chat whose operations code carries out."""

import re
from collections.abc import Sequence

from pydantic import BaseModel, Field

from assay.agents.dataset_builder import CHAT_PROMPT, Draft
from assay.agents.dataset_builder.chat import (
    BuilderChat,
    DraftMore,
    Operation,
    add_drafts,
    apply,
    coverage,
    listing,
    remember,
)
from assay.contracts.agent import AgentCard
from assay.contracts.base import content_hash
from assay.contracts.dataset import (
    Difficulty,
    Expectation,
    Origin,
    Persona,
    SaysCheck,
    Scenario,
    ToolCheck,
)
from assay.contracts.stage import Usage
from assay.evaluation.clusters import tf_idf
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.prompt import render
from assay.models.usage import add_usage

BATCH = 10
"""Scenarios asked for in one call: more make a model repeat itself."""
TOO_ALIKE = 0.9
"""Cosine of the words of goal and opening from which a draft is one that is there already."""
HISTORY = 20
"""Turns of the chat that the model sees."""


class ExpectationDraft(BaseModel):
    must: bool = Field(description="True: the agent must do it. False: it must not.")
    text: str = Field(min_length=3)
    tool: str = Field(default="", description="Name of a tool whose call decides it, or empty.")
    pattern: str = Field(default="", description="Regular expression over the agent's words that decides it, or empty.")


class ScenarioDraft(BaseModel):
    topic: str = Field(min_length=1)
    difficulty: Difficulty
    persona_name: str = Field(min_length=1)
    persona_description: str = Field(min_length=1)
    goal: str = Field(min_length=3)
    opening: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    expectations: list[ExpectationDraft] = Field(min_length=1, max_length=6)


class ScenarioDrafts(BaseModel):
    scenarios: list[ScenarioDraft] = Field(min_length=1)


class ChatStep(BaseModel):
    reply: str = Field(min_length=1)
    operations: list[Operation] = Field(default_factory=list)


class ModelBuilder:
    def __init__(self, model: ChatModel, prompt: str) -> None:
        self.model = model
        self.prompt = prompt
        self.prompt_hash = content_hash([prompt, CHAT_PROMPT])

    @property
    def name(self) -> str:
        return self.model.name

    async def draft(
        self, card: AgentCard, brief: str, *, size: int, seed: int, existing: Sequence[Scenario] = ()
    ) -> Draft:
        made: list[Scenario] = []
        usage = Usage()
        system = self._system(card, brief)
        rounds = 2 * -(-size // BATCH)
        for attempt in range(rounds):
            if len(made) >= size:
                break
            count = min(BATCH, size - len(made))
            asked = f"Write {count} scenarios.\n{_covered([*existing, *made])}"
            answer = await self.model.complete(
                [Message("system", system), Message("user", asked)],
                schema=ScenarioDrafts,
                sampling=Sampling(temperature=0.9, seed=seed + attempt),
            )
            usage = add_usage(usage, answer.usage)
            for drafted in answer.parsed.scenarios[:count]:
                scenario = to_scenario(drafted, card)
                if not _stands_already(scenario, [*existing, *made]):
                    made.append(scenario)
        notes = () if len(made) >= size else (f"{len(made)} of {size}: the model ran out of new situations.",)
        return Draft(tuple(made[:size]), notes, usage)

    async def say(self, chat: BuilderChat, message: str) -> tuple[BuilderChat, str]:
        state = f"{coverage(chat)}\n{listing(chat)}"
        system = render(CHAT_PROMPT, agent=chat.card.description, state=state)
        history = [
            Message("user" if said.role == "person" else "assistant", said.text) for said in chat.history[-HISTORY:]
        ]
        answer = await self.model.complete(
            [Message("system", system), *history, Message("user", message)], schema=ChatStep
        )
        done = [answer.parsed.reply]
        for operation in answer.parsed.operations:
            if isinstance(operation, DraftMore):
                drafted = await self.draft(
                    chat.card,
                    f"{chat.brief} {operation.about}".strip() or chat.card.description,
                    size=operation.count,
                    seed=len(chat.history),
                    existing=(*chat.accepted, *chat.drafts),
                )
                chat = add_drafts(chat, drafted.scenarios)
                done.append(listing(chat.replace(accepted=(), drafts=drafted.scenarios)))
            else:
                chat, words = apply(chat, operation)
                done.append(words)
        reply = "\n".join(done)
        return remember(chat, message, reply), reply

    def _system(self, card: AgentCard, brief: str) -> str:
        tools = "; ".join(f"{tool.name}: {tool.description}" for tool in card.tools) or "none"
        return render(
            self.prompt,
            agent=card.description,
            system_prompt=card.system_prompt or "not known",
            tools=tools,
            limits="; ".join(card.known_limits) or "none known",
            brief=brief or "everything that users bring",
        )


def to_scenario(drafted: ScenarioDraft, card: AgentCard) -> Scenario:
    """A draft as a contract: ids from its content, checks only where they can work."""
    topic = _slug(drafted.topic, "general")
    tools = {tool.name for tool in card.tools}
    expectations = tuple(
        Expectation(
            expectation_id=f"e{place}",
            kind="must" if expected.must else "must_not",
            text=expected.text,
            check=_check(expected, tools),
        )
        for place, expected in enumerate(drafted.expectations, start=1)
    )
    return Scenario(
        scenario_id=f"{topic[:40]}-{content_hash(drafted.model_dump(mode='json'))[:8]}",
        topic=topic,
        difficulty=drafted.difficulty,
        persona=Persona(name=_slug(drafted.persona_name, "user"), description=drafted.persona_description),
        goal=drafted.goal,
        opening=drafted.opening.strip() or None,
        facts=drafted.facts,
        expectations=expectations,
        origin=Origin.DRAFTED,
    )


def _check(expected: ExpectationDraft, tools: set[str]) -> ToolCheck | SaysCheck | None:
    if expected.tool in tools:
        return ToolCheck(tool=expected.tool)
    if expected.pattern:
        try:
            re.compile(expected.pattern)
        except re.error:
            return None  # a judge rules where the model's pattern is none
        return SaysCheck(pattern=expected.pattern)
    return None


def _stands_already(scenario: Scenario, others: Sequence[Scenario]) -> bool:
    if any(scenario.scenario_id == other.scenario_id for other in others):
        return True
    if not others:
        return False
    vectors = tf_idf([f"{s.goal} {s.opening or ''}" for s in (scenario, *others)])
    return bool((vectors[1:] @ vectors[0]).max() >= TOO_ALIKE)


def _covered(scenarios: Sequence[Scenario]) -> str:
    if not scenarios:
        return "None are there yet."
    listed = "\n".join(f"- {s.topic}, {s.difficulty}, {s.persona.name}: {s.goal}" for s in scenarios[-60:])
    return f"These are there already; write others:\n{listed}"


def _slug(text: str, otherwise: str) -> str:
    slug = "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:60].strip("-")
    return slug or otherwise
