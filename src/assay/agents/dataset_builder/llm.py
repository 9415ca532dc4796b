"""The Dataset Builder as a language model: scenarios in batches, and a chat whose operations code carries out."""

import asyncio
from collections.abc import Mapping, Sequence

from assay.agents.dataset_builder.chat import BuilderChat
from assay.agents.dataset_builder.draft import Draft
from assay.agents.dataset_builder.kept import Kept
from assay.agents.dataset_builder.operations import carry_out, coverage, listing, remember
from assay.agents.dataset_builder.plan import Cell, asked_topics, cells
from assay.agents.dataset_builder.wire import ChatStep, ScenarioDrafts, to_scenario
from assay.contracts.agent import AgentCard
from assay.contracts.base import content_hash
from assay.contracts.dataset import Scenario
from assay.contracts.stage import Usage
from assay.errors import CallError
from assay.evaluation.slugs import slug
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.prompt import render
from assay.models.usage import add_usage

BATCH = 10
"""Scenarios asked for in one call: more make a model repeat itself."""
AT_ONCE = 4
"""Batches in flight. Those of one round do not see each other's scenarios, only their own topics and difficulties."""
ROUNDS = 3
"""The first, and two for what was refused; in the last one only what is wrong is refused, not what could be better."""
SEEN = 60
"""Scenarios that a model is shown so that it writes others."""
HISTORY = 20
"""Turns of the chat that the model sees."""
SCENARIO_TOKENS, STEP_TOKENS = 400, 2000
"""Room for a drafted scenario, which takes about 170 tokens, and for a step of the chat with its operations."""
MANNERS = ("polite", "impatient", "confused", "pressing", "any manner")


class ModelBuilder:
    def __init__(self, model: ChatModel, prompts: Mapping[str, str]) -> None:
        self.model = model
        self.prompts = prompts
        self.prompt_hash = content_hash(list(prompts.values()))

    @property
    def name(self) -> str:
        return self.model.name

    async def draft(
        self,
        card: AgentCard,
        brief: str,
        *,
        size: int,
        seed: int,
        existing: Sequence[Scenario] = (),
        wanted: Mapping[str, int] | None = None,
    ) -> Draft:
        kept = Kept(existing)
        made: list[Scenario] = []
        refused: list[str] = []
        failures: list[CallError] = []
        usage = Usage()
        system = self._system(card, brief)
        shares = wanted or self._shares(card, brief)
        for turn in range(ROUNDS):
            planned = cells(shares, size - len(made), kept.scenarios)
            batches = [planned[start : start + BATCH] for start in range(0, len(planned), BATCH)]
            messages = [
                [
                    Message("system", system),
                    Message("user", asked(self.prompts["batch"], batch, kept.scenarios, refused)),
                ]
                for batch in batches
            ]
            answers = await self._ask_all(messages, seed + 1000 * turn)
            for batch, answer in zip(batches, answers, strict=True):
                if isinstance(answer, CallError):
                    failures.append(answer)
                    usage = add_usage(usage, Usage(calls=answer.failed.attempts, failed_calls=answer.failed.attempts))
                    continue
                drafts, spent = answer
                usage = add_usage(usage, spent)
                scenarios = [to_scenario(drafted, card) for drafted in drafts.scenarios[: len(batch)]]
                for scenario in filter(None, scenarios):
                    strict = turn < ROUNDS - 1
                    if problem := kept.flaw(scenario, card, strict=strict) or (strict and _plans_words(scenario)):
                        refused.append(f"- {scenario.goal}: {problem}")
                    else:
                        kept.add(scenario)
                        made.append(scenario)
            if len(made) >= size or all(isinstance(answer, CallError) for answer in answers):
                break
        if failures and not made:
            raise failures[0]
        return Draft(tuple(made), tuple(_notes(len(made), size, refused, failures)), usage)

    async def say(self, chat: BuilderChat, message: str) -> tuple[BuilderChat, str]:
        history = [
            Message("user" if said.role == "person" else "assistant", said.text) for said in chat.history[-HISTORY:]
        ]
        asked_for = [Message("system", self._chat_system(chat)), *history, Message("user", message)]
        answer = await self.model.complete(
            asked_for,
            schema=ChatStep,
            sampling=Sampling(temperature=0.3, seed=len(chat.history), max_tokens=STEP_TOKENS, long=True),
        )
        done = chat.replace(usage=add_usage(chat.usage, answer.usage))
        told = [answer.parsed.reply]
        for operation in answer.parsed.operations:
            done, words = await carry_out(done, operation, self.draft)
            told.append(words)
        reply = "\n".join(told)
        return remember(done, message, reply), reply

    async def _ask_all(
        self, batches: Sequence[Sequence[Message]], seed: int
    ) -> list[tuple[ScenarioDrafts, Usage] | CallError]:
        """An answer or its failure for each, in order: one that fails does not undo the others."""
        free = asyncio.Semaphore(AT_ONCE)

        async def ask(messages: Sequence[Message], number: int) -> tuple[ScenarioDrafts, Usage] | CallError:
            async with free:
                try:
                    answer = await self.model.complete(
                        messages,
                        schema=ScenarioDrafts,
                        sampling=Sampling(
                            temperature=0.9, seed=seed + number, max_tokens=SCENARIO_TOKENS * BATCH, long=True
                        ),
                    )
                except CallError as error:
                    return error
                return answer.parsed, answer.usage

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(messages, number)) for number, messages in enumerate(batches)]
        return [task.result() for task in tasks]

    def _shares(self, card: AgentCard, brief: str) -> Mapping[str, int]:
        """A brief that names none of the card's topics is the model's to read."""
        topics, named = asked_topics(card, brief)
        return dict.fromkeys(topics if named and card.topics else [""], 1)

    def _system(self, card: AgentCard, brief: str) -> str:
        return render(
            self.prompts[""],
            agent=card.description,
            system_prompt=card.system_prompt or "not known",
            tools=_tools(card),
            limits="; ".join(card.known_limits) or "none known",
            brief=brief.strip() or "everything that users bring",
        )

    def _chat_system(self, chat: BuilderChat) -> str:
        plan = ", ".join(f"{planned.topic} {planned.scenarios}" for planned in chat.plan) or "none yet"
        return render(
            self.prompts["chat"],
            agent=chat.card.description,
            tools=", ".join(tool.name for tool in chat.card.tools) or "none",
            limits="; ".join(chat.card.known_limits) or "none known",
            state=f"Plan: {plan}\n{coverage(chat)}\n{listing(chat)}",
        )


def asked(prompt: str, batch: Sequence[Cell], there: Sequence[Scenario], refused: Sequence[str]) -> str:
    """The user's message for one batch."""
    lines = [
        f"{place}. {f'topic {cell.topic}' if cell.topic else 'a topic of your choice'}, {cell.difficulty.value}, "
        f"manner of the user: {MANNERS[place % len(MANNERS)]}"
        for place, cell in enumerate(batch, start=1)
    ]
    known = "\n".join(f"- {s.topic}, {s.difficulty.value}, {s.persona.name}: {s.goal}" for s in there[-SEEN:])
    return render(
        prompt,
        count=str(len(batch)),
        cells="\n".join(lines),
        existing=f"These are there already; write others:\n{known}" if known else "None are there yet.",
        refused="These were refused; do not repeat what was wrong:\n" + "\n".join(refused[-BATCH:]) if refused else "",
    ).strip()


def _plans_words(scenario: Scenario) -> str:
    """Why the persona is nobody: its name is a word of the plan that the model was sent."""
    if scenario.persona.name in {slug(manner, "user") for manner in MANNERS}:
        return f"persona_name {scenario.persona.name!r} is the plan's own word: name the person"
    return ""


def _notes(made: int, size: int, refused: Sequence[str], failures: Sequence[CallError]) -> list[str]:
    notes = []
    if made < size:
        notes.append(f"{made} of {size}: the model ran out of new situations, or its answers failed.")
    if refused:
        notes.append(f"Drafts refused by validation or as copies: {len(refused)}.")
    if failures:
        notes.append(f"Batches whose call failed: {len(failures)}, the last with {failures[-1]}.")
    return notes


def _tools(card: AgentCard) -> str:
    lines = []
    for tool in card.tools:
        properties = tool.parameters.get("properties")
        arguments = ", ".join(properties) if isinstance(properties, dict) else ""
        lines.append(f"- {tool.name}({arguments}): {tool.description}")
    return "\n".join(lines) or "none"
