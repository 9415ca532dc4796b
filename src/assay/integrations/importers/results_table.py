"""A plain table of results: task, version, trial, success, latency, cost; one row a run, no transcript."""

from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field

from assay.contracts.base import Contract, Metadata, Name, Seconds, Slug, Usd
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.dataset import Dataset, Expectation, Origin, OutcomeCheck, Persona, Scenario
from assay.contracts.stage import AgentRef
from assay.errors import BadInput
from assay.evaluation.exchange import DateOrder, Rows, read_file
from assay.evaluation.exchange.rows import Row, checked
from assay.evaluation.exchange.spellings import moment
from assay.evaluation.slugs import slug
from assay.integrations.importers.openai_messages import UNKNOWN_TIME
from assay.integrations.importers.runs import RunIds, trials_of

NOT_RECORDED = "[no transcript was recorded]"
"""The agent's turn, which carries latency and cost."""
OTHER_NAMES = {
    "scenario_id": "task",
    "task_id": "task",
    "scenario": "task",
    "agent_version": "version",
    "passed": "success",
    "cost": "cost_usd",
    "latency": "latency_s",
}
SUCCESS = {
    **dict.fromkeys(("true", "1", "yes", "pass", "passed", "success", "ok"), True),
    **dict.fromkeys(("false", "0", "no", "fail", "failed", "failure"), False),
}
EXPECTATION = Expectation(
    expectation_id="success",
    text="The run succeeds, as the table says.",
    check=OutcomeCheck(path="success", equals=True),
)
USER = Persona(name="user", description="Whoever gave the task.")


class ResultRow(Contract):
    """One run."""

    task: Name
    success: bool
    version: Slug | None = None
    trial: int | None = Field(default=None, ge=0)
    latency_s: Seconds | None = None
    """Of the whole run."""
    cost_usd: Usd | None = None
    topic: Name | None = None
    goal: str | None = None
    at: AwareDatetime | None = None
    metadata: Metadata = Field(default_factory=dict)


def read(
    file: Path, agent_id: str, version: str | None, dates: DateOrder | None = None
) -> tuple[Dataset, dict[AgentRef, tuple[Conversation, ...]], tuple[str, ...]]:
    """(scenarios, conversations of each version, what to tell the person about the file).

    `version`: of rows that name none. Raises BadInput with all that does not fit, by line and column.
    """
    rows = read_file(file)

    def read_row(row: Row) -> tuple[ResultRow, AgentRef, str]:
        result = checked(ResultRow, _fields(rows, row, dates), row.at)
        if (named := result.version or version) is None:
            raise BadInput(f"{row.at}: version: is missing: add the column, or say it as in --agent {agent_id}@v1")
        return result, AgentRef(agent_id=agent_id, version=named), row.at

    results = rows.each(read_row)
    if not results:
        raise BadInput(f"{rows.where}: holds no run")
    conversations: dict[AgentRef, tuple[Conversation, ...]] = {}
    for agent in dict.fromkeys(agent for _, agent, _ in results):
        own = [(result, at) for result, of, at in results if of == agent]
        trials = trials_of([(result.task, result.trial, at) for result, at in own])
        ids = RunIds()
        conversations[agent] = tuple(
            _conversation(result, trial, agent, ids) for (result, _), trial in zip(own, trials, strict=True)
        )
    return _dataset([result for result, _, _ in results], slug(file.stem, "results")), conversations, tuple(rows.notes)


def _fields(rows: Rows, row: Row, dates: DateOrder | None) -> dict[str, Any]:
    """The row's fields under our names and as our types; null and empty cells are left out."""
    given = dict(row.fields)
    for other, name in OTHER_NAMES.items():
        if other in given and name not in given:
            given[name] = given.pop(other)
    if "latency_ms" in given and "latency_s" not in given:
        given["latency_s"] = _thousandth(given.pop("latency_ms"), row.at)
    known = set(ResultRow.model_fields) - {"metadata"}
    fields = {
        name: value
        for name, value in rows.with_metadata(Row(given, row.at, row.table), known).items()
        if value not in (None, "")
    }
    if "success" in fields:
        fields["success"] = _success(fields["success"], row.at)
    if "at" in fields:
        fields["at"] = moment(fields["at"], row.at, dates)
    for name in ("latency_s", "cost_usd", "trial"):
        if isinstance(fields.get(name), str):
            fields[name] = fields[name].replace(",", ".")
    for name in ("task", "version"):
        if isinstance(fields.get(name), int):
            fields[name] = str(fields[name])
    return fields


def _success(value: Any, at: str) -> bool:
    word = str(value).strip().lower()
    word = {"1.0": "1", "0.0": "0", "1,0": "1", "0,0": "0"}.get(word, word)
    if word not in SUCCESS:
        raise BadInput(f"{at}: success: {str(value)[:40]!r} is neither true nor false: write one of them")
    return SUCCESS[word]


def _thousandth(value: Any, at: str) -> Any:
    text = str(value if value is not None else "").strip().replace(",", ".")
    if not text:
        return None
    try:
        return float(text) / 1000
    except ValueError:
        raise BadInput(f"{at}: latency_ms: {text[:40]!r} is no number") from None


def _dataset(results: list[ResultRow], name: str) -> Dataset:
    scenarios: dict[str, Scenario] = {}
    for result in results:
        made = Scenario(
            scenario_id=result.task,
            topic=result.topic or "imported",
            persona=USER,
            goal=result.goal or result.task,
            expectations=(EXPECTATION,),
            origin=Origin.IMPORTED,
            origin_ref=name,
        )
        scenarios.setdefault(result.task, made)
    return Dataset(
        name=name,
        description="Tasks of a table of results, with success as outcome.",
        scenarios=tuple(scenarios.values()),
    )


def _conversation(result: ResultRow, trial: int, agent: AgentRef, ids: RunIds) -> Conversation:
    return Conversation(
        conversation_id=ids.next(["table", str(agent), result.model_dump(mode="json")]),
        scenario_id=result.task,
        trial=trial,
        seed=trial,
        agent=agent,
        turns=(Turn(role="agent", text=NOT_RECORDED, latency_s=result.latency_s, cost_usd=result.cost_usd),),
        stop_reason=StopReason.IMPORTED,
        outcome={"success": result.success},
        started_at=result.at or UNKNOWN_TIME,
        duration_s=result.latency_s,
        metadata=result.metadata,
    )
