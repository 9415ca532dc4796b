"""Questions answered by a model that looks at read-only tables; the numbers of its answer come from there alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from assay.contracts.analytics import AnalystAnswer
from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.report import Fact
from assay.errors import BadInput, CallError
from assay.evaluation.facts import fill, refuse_stray, show, spoken_of
from assay.evaluation.query_facts import facts_of
from assay.evaluation.read_only import Row
from assay.evaluation.table_estimates import MeasuredTables, differences, estimates
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.prompt import render

PROMPT = (Path(__file__).parent / "sql_chat.md").read_text(encoding="utf-8")

STEPS = 8
"""Calls that one question may take."""

MAX_TOKENS = 300
"""Of one step: a query or an answer of a few sentences."""
REPEATS = 2
"""Steps that were taken before, after which the model has one message left to answer."""

CELL = 300
SHOWN = 12_000
"""Characters of a cell and of a step's result that the model is shown."""


class Step(BaseModel):
    action: Literal["answer", "query", "estimate", "difference"]
    text: str = Field(description="The final answer; empty with the other actions.")
    sql: str = Field(default="", description="With `query`: one SELECT.")
    measure: str = Field(default="", description="With `estimate` and `difference`.")
    by: str = Field(default="", description="With `estimate` and `difference`: a column, or empty.")
    where: str = Field(default="", description="With `estimate` and `difference`: an SQL condition, or empty.")


@dataclass(frozen=True, slots=True)
class Looked:
    """The model looked something up."""

    sql: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A step that was not carried out, or an answer with a number that nobody computed."""

    why: str


Steps = AsyncIterator[Looked | Refused | AnalystAnswer]
"""What happens on the way to an answer, which comes last."""


@dataclass(slots=True)
class _Seen:
    """What the model has been shown so far."""

    steps: list[Step] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    rows: tuple[Row, ...] = ()
    texts: set[str] = field(default_factory=set)


async def answer_with(model: ChatModel, role: str, question: str, tables: MeasuredTables) -> AnalystAnswer:
    """Raises CallError (bad_answer) when the model has no answer after eight calls that stands on what it looked up."""
    async for step in steps_with(model, role, question, tables):
        if isinstance(step, AnalystAnswer):
            return step
    raise AssertionError("steps_with ends with an answer or an error")


async def steps_with(model: ChatModel, role: str, question: str, tables: MeasuredTables) -> Steps:
    """What the model does, as it does it; the answer comes last. Raises as `answer_with` does.

    An answer is shown whole: until it has been held against the facts, no part of it may be.
    """
    messages = [Message("system", _system(role, tables)), Message("user", question)]
    seen = _Seen(texts={question})
    problem = "it never answered"
    number, repeats, last = 0, 0, False
    for number in range(1, STEPS + 1):
        sampling = Sampling(temperature=0.0, seed=number, max_tokens=MAX_TOKENS)
        said = await model.complete(messages, schema=Step, sampling=sampling)
        step = said.parsed
        try:
            if step.action != "answer" and step in seen.steps:
                repeats += 1
                raise BadInput(
                    "you took this step before, and its result stands above: answer from it, or look at something else"
                )
            seen.steps.append(step)
            if step.action == "answer":
                yield _answer(step.text, seen, model.name)
                return
            looked, told = await asyncio.to_thread(_look, step, tables, seen, f"q{number}")
            yield looked
        except BadInput as error:
            problem = str(error)
            told = f"Refused: {problem}"
            yield Refused(problem)
        if last:
            break
        last = number == STEPS - 1 or repeats >= REPEATS
        if last:
            told += "\n\nThis is your last message: answer now with what you know."
        messages = [*messages, Message("assistant", said.text), Message("user", told)]
    detail = f"{model.name} found no answer that stands on the tables: {problem}"
    raise CallError(CallFailed(cause=FailureCause.BAD_ANSWER, detail=detail, attempts=number))


def _system(role: str, tables: MeasuredTables) -> str:
    measured = tables.measured
    return render(
        PROMPT,
        role=role.strip(),
        measures=", ".join(f"{measure.column} ({measure.label})" for measure in measured.measures),
        by=", ".join(measured.by),
        tables=tables.describe(),
    )


def _answer(text: str, seen: _Seen, author: str) -> AnalystAnswer:
    text = text.strip()
    if not text:
        raise BadInput("answer: text is empty")
    refuse_stray(text, seen.facts, names=seen.texts, sources=seen.texts)
    return AnalystAnswer(
        text=fill(text, seen.facts),
        queries=tuple(seen.queries),
        facts=spoken_of(text, seen.facts),
        rows=seen.rows,
        author=author,
    )


def _look(step: Step, tables: MeasuredTables, seen: _Seen, prefix: str) -> tuple[Looked, str]:
    """(what was found, the same as the model reads it). Raises BadInput for a step that cannot be carried out."""
    if step.action == "query":
        sql, rows = step.sql, tuple(tables.query(step.sql))
        facts = facts_of(rows, sql, prefix)
    else:
        compute = estimates if step.action == "estimate" else differences
        found = compute(tables, step.measure, by=step.by or None, where=step.where, prefix=prefix)
        sql, rows, facts = found.sql, found.rows, found.facts
    seen.queries.append(sql)
    seen.facts += facts
    seen.rows = rows
    seen.texts |= {value for row in rows for value in row.values() if isinstance(value, str)}
    return Looked(sql, rows), _shown(rows, facts)


def _shown(rows: Sequence[Row], facts: Sequence[Fact]) -> str:
    if not rows:
        return "There are no such rows."
    lines = [json.dumps({key: _cut(value) for key, value in row.items()}, ensure_ascii=False) for row in rows]
    ids = [f"{{{fact.fact_id}}}: {fact.label} = {show(fact)}" for fact in facts]
    listed = f"Rows ({len(rows)}):\n{_within(lines)}\n\nFacts:\n{_within(ids)}"
    return listed if facts else f"Rows ({len(rows)}):\n{_within(lines)}\n\nNo facts: a rate or a mean needs `estimate`."


def _cut(value: object) -> object:
    return f"{value[:CELL]}…" if isinstance(value, str) and len(value) > CELL else value


def _within(lines: Sequence[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(line) > SHOWN // 2:
            return "\n".join([*kept, "… more than can be shown: ask for less"])
        kept.append(line)
    return "\n".join(kept)
