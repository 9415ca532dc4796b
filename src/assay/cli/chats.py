"""The chats in a terminal: one question and one answer per turn, until an empty line."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.console import Output, answer, load_as, say, settings
from assay.cli.references import the_only
from assay.contracts.analytics import AnalystAnswer, AnalystQuestion
from assay.contracts.dataset import Dataset
from assay.contracts.stage import AgentRef, Stage

if TYPE_CHECKING:
    from assay.stages.context import Context

Ask = Callable[[str], Awaitable[AnalystAnswer]]


async def analyst_chat(
    context: "Context", io: Output, judging: str | None, question: str | None, model: str | None
) -> None:
    """Chat with the Analyst about one judging."""
    from assay.lifecycle.ask import ask_analyst

    chosen = judging or await the_only(context, io.name, Stage.JUDGE)

    async def ask(words: str) -> AnalystAnswer:
        return await ask_analyst(
            AnalystQuestion(project=io.name, judging_id=chosen, question=words, model=model), context
        )

    await _converse(ask, question, io)


async def comparator_chat(
    context: "Context", io: Output, comparison: str | None, question: str | None, model: str | None
) -> None:
    """Chat with the Comparator about both sides of one comparison."""
    from assay.contracts.platform_agents import ComparatorQuestion
    from assay.lifecycle.ask import ask_comparator

    chosen = comparison or await the_only(context, io.name, Stage.COMPARE)

    async def ask(words: str) -> AnalystAnswer:
        return await ask_comparator(
            ComparatorQuestion(project=io.name, comparison_id=chosen, question=words, model=model), context
        )

    await _converse(ask, question, io)


async def feedback_chat(
    context: "Context", io: Output, production: str | None, question: str | None, model: str | None
) -> None:
    """Chat with the Feedback Analyst about one production report."""
    from assay.contracts.platform_agents import FeedbackQuestion
    from assay.lifecycle.ask import ask_feedback_analyst

    chosen = production or await the_only(context, io.name, Stage.FEEDBACK)

    async def ask(words: str) -> AnalystAnswer:
        return await ask_feedback_analyst(
            FeedbackQuestion(project=io.name, production_id=chosen, question=words, model=model), context
        )

    await _converse(ask, question, io)


async def _converse(ask: Ask, question: str | None, io: Output) -> None:
    if question is not None:
        said = await ask(question)
        answer(said, io, (said.text,))
        return
    say("Ask a question. An empty line ends the chat.")
    while words := (await asyncio.to_thread(_line, "> ")).strip():
        said = await ask(words)
        say(said.text, *(f"  [query: {query}]" for query in said.queries))


async def builder_chat(
    context: "Context", project: str, agent: AgentRef, kept: Path | None, model: str | None
) -> Dataset | None:
    """Builds a dataset in a chat, saved in `kept` after each turn. None: the user left before it was done."""
    from assay.agents.dataset_builder import PROMPTS, BuilderChat, dataset_builder

    version = await context.agent_version(project, agent)
    name = context.model_name(model)
    builder = dataset_builder(context.chat_model(name), await context.prompts("dataset_builder", PROMPTS, name))
    file = kept or settings().home / f"chat-{agent}.json"
    chat = load_as(BuilderChat, file) if file.is_file() else BuilderChat(card=version.card)
    say(
        f"The Dataset Builder ({builder.name}) for {agent}. `done` saves the accepted scenarios, an empty line leaves. "
        f"The chat is saved in {file}."
    )
    while words := (await asyncio.to_thread(_line, "> ")).strip():
        if words.lower() == "done":
            if not chat.accepted:
                say("No scenarios are accepted yet: enter `accept` first.")
                continue
            return Dataset(name=agent.agent_id, description=chat.brief, scenarios=chat.accepted)
        chat, reply = await builder.say(chat, words)
        say(reply)
        _keep(file, chat.model_dump_json(indent=2))
    return None


def _keep(file: Path, text: str) -> None:
    """Writes a temporary file and renames it, so that the chat file is never incomplete."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def _line(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        return ""
