"""Common questions about results, each a query or an estimate: what the offline chats can answer."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.contracts.analytics import AnalystAnswer
from assay.contracts.estimate import Insufficient
from assay.contracts.report import Fact
from assay.errors import BadInput
from assay.evaluation.facts import fill, spoken_of
from assay.evaluation.query_facts import facts_of
from assay.evaluation.read_only import Row
from assay.evaluation.similarity import stem, words
from assay.evaluation.table_estimates import MeasuredTables, differences, estimates

LISTED = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What the rules understood of a question."""

    by: str | None
    conditions: tuple[tuple[str, str], ...]
    """(column, SQL condition) of each value that the question names."""
    about: str
    """The same in words."""

    def where(self, *, without: str = "") -> str:
        """One SQL condition; empty: all rows. Values of one column are alternatives."""
        columns = dict.fromkeys(column for column, _ in self.conditions if column != without)
        return " AND ".join(
            "(" + " OR ".join(condition for column, condition in self.conditions if column == one) + ")"
            for one in columns
        )


@dataclass(frozen=True, slots=True)
class Found:
    lines: tuple[str, ...]
    facts: tuple[Fact, ...]
    rows: tuple[Row, ...]
    queries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    pattern: str
    """What a question of the kind says."""
    title: str
    look: Callable[[MeasuredTables, Asked], Found]


def answer_prepared(question: str, tables: MeasuredTables, questions: Sequence[Prepared]) -> AnalystAnswer:
    """The first prepared question that fits; otherwise what can be asked. Says what of the question it left aside."""
    questions = (*_by_name(tables, questions), *questions)
    asked, unused = understand(question, tables, questions)
    chosen = next((q for q in questions if re.search(q.pattern, question, re.IGNORECASE)), None)
    if chosen is None and (asked.by or asked.conditions):
        chosen = questions[-1]
    if chosen is None:
        can = "; ".join(dict.fromkeys(prepared.title.lower() for prepared in questions))
        text = f"I work by rules, without a language model, and did not understand that. Ask me about: {can}."
        return AnalystAnswer(text=text, queries=(), facts=(), author="offline")
    found = chosen.look(tables, asked)
    heading = f"{chosen.title}{asked.about}"
    text = "\n".join([f"{heading}:", *found.lines])
    if unused:
        left = ", ".join(f"`{word}`" for word in unused)
        text += f"\nI work by rules, without a language model, and left aside what I do not know: {left}."
    return AnalystAnswer(
        text=fill(text, found.facts),
        queries=found.queries,
        facts=spoken_of(text, found.facts),
        rows=found.rows[:50],
        author="offline",
    )


def _by_name(tables: MeasuredTables, questions: Sequence[Prepared]) -> list[Prepared]:
    """A question for each measure that none of these is about, by the measure's own name where that has two words."""
    titles = "\n".join(prepared.title.lower() for prepared in questions)
    return [
        Prepared(rf"\b{re.escape(name)}\b", f"{measure.label[0].upper()}{measure.label[1:]}", estimated(measure.column))
        for measure in tables.measured.measures
        if " " in (name := measure.label.removesuffix(" a conversation")) and measure.label.lower() not in titles
    ]


def understand(question: str, tables: MeasuredTables, questions: Sequence[Prepared]) -> tuple[Asked, list[str]]:
    """(what was understood, the content words that were not)."""
    measured = tables.measured
    said = _stems(question)
    used: set[str] = set()
    conditions, named = [], []
    for column in (*measured.by, *measured.named):
        for value in _values(tables, measured.table, column):
            spelled = _stems(value)
            if _names(question, said, column, value, spelled):
                used |= {*spelled, *_stems(column)}
                quoted = value.replace("'", "''")
                conditions.append((column, f"CAST({column} AS VARCHAR) = '{quoted}'"))
                named.append(f"{column.replace('_', ' ')} `{_plain(value)}`")
    taken = {column for column, _ in conditions}
    by = next((c for c in measured.by if c not in taken and _stems(c) and set(_stems(c)) <= set(said)), None)
    used |= set(_stems(by or ""))
    for prepared in questions:
        used |= {part for match in re.finditer(prepared.pattern, question, re.IGNORECASE) for part in _stems(match[0])}
    unused = [
        word
        for word in dict.fromkeys(re.findall(r"[^\W\d_]{3,}", question.lower()))
        if words(word, PLAIN)
        and not any(stem(word).startswith(known) or known.startswith(stem(word)) for known in used if len(known) > 2)
    ]
    about = f", {', '.join(named)}" if named else ""
    return Asked(by, tuple(conditions), about), unused


def _names(question: str, said: Sequence[str], column: str, value: str, spelled: Sequence[str]) -> bool:
    if value.isdecimal():
        return re.search(rf"\b{column} {value}\b", question, re.IGNORECASE) is not None
    if len(value) == 1:  # a side called A is no article
        return re.search(rf"(?<=\s){re.escape(value)}\b", question) is not None
    starts = range(len(said) - len(spelled) + 1)
    return bool(spelled) and any([*said[start : start + len(spelled)]] == [*spelled] for start in starts)


PLAIN = frozenset(
    re.findall(
        r"\w+",
        """
        agent agents average bad best better case cases compare conversation conversations count data does each every
        example examples exactly find give group hello highest hold how item items know level levels like list look
        lowest mean means number one ones overall part per please rate result results scenario scenarios show side sides
        split table tell thing things total user users version versions well went were which whole work works worst yet
        """,
    )
)
"""Words of a question that say nothing of what it is about."""


def _stems(text: str) -> list[str]:
    return [stem(word) for word in re.findall(r"[^\W_]+", text.casefold())]


def _values(tables: MeasuredTables, table: str, column: str) -> list[str]:
    sql = f"SELECT DISTINCT CAST({column} AS VARCHAR) AS value FROM {table} WHERE {column} IS NOT NULL ORDER BY value"
    _, columns = tables.columns(sql)
    return columns[0] if columns else []


def estimated(*measures: str) -> Callable[[MeasuredTables, Asked], Found]:
    """The means of these measures, by what was asked."""

    def look(tables: MeasuredTables, asked: Asked) -> Found:
        found = [
            estimates(tables, measure, by=asked.by, where=asked.where(), prefix=f"e{place}")
            for place, measure in enumerate(measures, start=1)
        ]
        facts = tuple(fact for part in found for fact in part.facts)
        lines = tuple(_estimate_line(fact, short=len(measures) == 1) for fact in facts)
        rows = tuple(row for part in found for row in part.rows)
        return Found(lines or ("It is not known of any of them.",), facts, rows, tuple(part.sql for part in found))

    return look


def either(
    first: Callable[[MeasuredTables, Asked], Found], otherwise: Callable[[MeasuredTables, Asked], Found]
) -> Callable[[MeasuredTables, Asked], Found]:
    """The estimates; where there is too little data for any, what `otherwise` finds besides."""

    def look(tables: MeasuredTables, asked: Asked) -> Found:
        found = first(tables, asked)
        if any(not isinstance(fact.value, Insufficient) for fact in found.facts):
            return found
        more = otherwise(tables, asked)
        return Found(
            (*found.lines, *more.lines),
            (*found.facts, *more.facts),
            more.rows or found.rows,
            (*found.queries, *more.queries),
        )

    return look


def _estimate_line(fact: Fact, *, short: bool) -> str:
    """`short`: the heading has said already what is measured."""
    label = fact.label.partition(", ")[2] if short else fact.label
    return f"- {_plain(label)}: {{{fact.fact_id}}}" if label else f"- {{{fact.fact_id}}}"


def differing(measure: str) -> Callable[[MeasuredTables, Asked], Found]:
    """One side minus the other where there are two; otherwise the means."""

    def look(tables: MeasuredTables, asked: Asked) -> Found:
        try:
            found = differences(tables, measure, by=asked.by, where=asked.where(without=tables.measured.side or ""))
        except BadInput:
            return estimated(measure)(tables, asked)
        lines = tuple(_estimate_line(fact, short=False) for fact in found.facts)
        return Found(lines, found.facts, found.rows, (found.sql,))

    return look


def listed(sql: str, none: str = "There are none.") -> Callable[[MeasuredTables, Asked], Found]:
    """A query's rows, one a line. In it `{where}` becomes the question's condition, `{by}` what it is split by."""

    def look(tables: MeasuredTables, asked: Asked) -> Found:
        query = sql.replace("{where}", f"({asked.where() or 'TRUE'})")
        query = " ".join(query.replace("{by}", f"{asked.by}, " if asked.by else "").split())
        rows = tuple(tables.query(query))
        facts = facts_of(rows, query, "q")
        ids = {fact.fact_id for fact in facts}
        hidden = {"conversation_id"} | {c for c in ("side",) if len({row.get(c) for row in rows}) == 1}
        lines = tuple(_line(place, row, ids, hidden) for place, row in enumerate(rows[:LISTED], start=1))
        return Found(lines or (none,), facts, rows, (query,))

    return look


def _line(place: int, row: Row, facts: set[str], hidden: set[str]) -> str:
    cells = []
    for column, value in row.items():
        if value is None or column in hidden:
            continue
        fact_id = f"q.{place}.{column}"
        shown = f"{{{fact_id}}}" if fact_id in facts else _plain(str(value))
        cells.append(shown if column in PROSE else f"{column.replace('_', ' ')} {shown}")
    return "- " + ", ".join(cells)


PROSE = ("expectation", "comment", "complaint")
"""Columns that need no name before what they say."""


def _plain(text: str) -> str:
    """Without braces, which would read as a fact."""
    return text.translate({ord("{"): "(", ord("}"): ")"})
