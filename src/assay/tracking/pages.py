"""Pages of long lists: a few rows at a time, read behind the last one that was shown, never all of them.

Where MLflow is a database of ours its tables are read directly, on their own indexes; behind a server its search is
asked page by page.
"""

import base64
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from assay.contracts.api import ConversationItem, RunItem
from assay.contracts.conversation import SimulatorFaultKind, StopReason
from assay.contracts.stage import AgentRef, DatasetRef, Stage
from assay.contracts.text import clean_json
from assay.errors import BadInput
from assay.tracking.connection import Tracking, quoted, reports_outages
from assay.tracking.projects import VERSION_TAG, project_or_not_found
from assay.tracking.spans import SIMULATION_TAG, STORED

if TYPE_CHECKING:
    from mlflow.entities import Run, TraceInfo
    from sqlalchemy.orm import Session

STAGES = tuple(stage.value for stage in Stage)
T = TypeVar("T")
RARE = 5_000
"""A tag that so few traces bear is the way in; a more frequent one is looked up on the way through time."""
MOST_JUDGINGS = 1_000
"""Of a project, among which the newest that judged a conversation is looked for."""
_GREATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What runs are asked for. None: all."""

    stage: Stage | None = None
    agent: AgentRef | None = None
    dataset_version: str | None = None
    gated: bool | None = None
    status: str | None = None
    words: str | None = None
    """In the run's name or its subject, in any case of letters."""
    with_result: bool = False
    """Only those that came to a result."""


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """What conversations are asked for. None: all."""

    simulation_id: str | None = None
    judging_id: str | None = None
    scenario_id: str | None = None
    outcome: str | None = None
    """passed, failed or unjudged, in the judging."""
    stop_reason: StopReason | None = None
    fault: SimulatorFaultKind | None = None
    any_fault: bool | None = None
    agent: AgentRef | None = None


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    rows: list[T]
    next_cursor: str | None


def encode_cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type) -> list[Any]:
    """The parts of one of our cursors. Raises BadInput for any other text."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        parts = None
    if isinstance(parts, list) and [type(part) for part in parts] == list(kinds):
        numbers = [part for part in parts if not isinstance(part, str)]
        texts = [part for part in parts if isinstance(part, str)]
        if all(abs(number) <= _GREATEST for number in numbers) and not any("\0" in text for text in texts):
            return parts
    raise BadInput("cursor: is none that this list gave: take `next_cursor` of the page before")


@reports_outages
def page_runs(
    t: Tracking, project: str, wanted: RunFilter = RunFilter(), *, limit: int = 50, cursor: str | None = None
) -> Found[RunItem]:
    """Runs of stages, the newest first, at most `limit`. Raises NotFound for a project that is not there."""
    experiment_id = project_or_not_found(t, project)
    if t.sql is None:
        return _searched_runs(t, experiment_id, wanted, limit, cursor)
    where, values = _run_conditions(wanted)
    if cursor is not None:
        started, run_id = decode_cursor(cursor, int, str)
        where.append("(r.start_time < :started OR (r.start_time = :started AND r.run_uuid > :after))")
        values |= {"started": started, "after": run_id}
    sql = (
        "SELECT r.run_uuid, r.name, r.status, r.start_time, r.end_time FROM runs r"  # noqa: S608, made of constants
        " WHERE r.experiment_id = :experiment AND r.lifecycle_stage = 'active'"
        + "".join(f" AND {condition}" for condition in where)
        + " ORDER BY r.start_time DESC, r.run_uuid LIMIT :limit"
    )
    with t.sql.ManagedSessionMaker() as session:
        rows = _rows(session, sql, experiment=int(experiment_id), limit=limit + 1, **values)
        shown = rows[:limit]
        ids = [row[0] for row in shown]
        tags = _by_owner(session, "SELECT run_uuid, key, value FROM tags WHERE run_uuid IN :ids", ids)
        metrics = _by_owner(
            session,
            "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics"
            " WHERE run_uuid IN :ids",
            ids,
        )
    items = [
        run_item(run_id, name, status, started, ended, tags.get(run_id, {}), metrics.get(run_id, {}))
        for run_id, name, status, started, ended in shown
    ]
    more = len(rows) > limit
    return Found(items, encode_cursor(shown[-1][3], shown[-1][0]) if more else None)


@reports_outages
def count_runs(t: Tracking, project: str) -> dict[tuple[str, str], int]:
    """(stage, status) to how many runs of stages there are."""
    experiment_id = project_or_not_found(t, project)
    if t.sql is None:
        return dict(Counter((run.stage.value, run.status) for run in _all_runs(t, project, RunFilter())))
    with t.sql.ManagedSessionMaker() as session:
        rows = _rows(
            session,
            "SELECT t.value, r.status, COUNT(*) FROM runs r"
            " JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'stage' AND t.value IN :stages"
            " WHERE r.experiment_id = :experiment AND r.lifecycle_stage = 'active' GROUP BY t.value, r.status",
            experiment=int(experiment_id),
            stages=list(STAGES),
        )
    return {(stage, status): count for stage, status, count in rows}


@dataclass(frozen=True, slots=True)
class GatedResult:
    """A result that may have a gate, in a line."""

    run_id: str
    stage: Stage
    subject_id: str
    started_ms: int
    headline: str


@reports_outages
def gated_results(t: Tracking, project: str) -> list[GatedResult]:
    """All gated results, the newest first. Raises NotFound for a project that is not there."""
    experiment_id = project_or_not_found(t, project)
    if t.sql is None:
        return [
            GatedResult(run.run_id, run.stage, run.subject_id, round(run.started_at.timestamp() * 1000), run.headline)
            for run in _all_runs(t, project, RunFilter(gated=True, with_result=True))
            if run.subject_id
        ]
    with t.sql.ManagedSessionMaker() as session:
        rows = _rows(
            session,
            "SELECT r.run_uuid, s.value, u.value, r.start_time, h.value FROM runs r"
            " JOIN tags g ON g.run_uuid = r.run_uuid AND g.key = 'gated' AND g.value = 'true'"
            " JOIN tags s ON s.run_uuid = r.run_uuid AND s.key = 'stage' AND s.value IN :stages"
            " JOIN tags u ON u.run_uuid = r.run_uuid AND u.key = 'subject_id' AND u.value <> ''"
            " LEFT JOIN tags h ON h.run_uuid = r.run_uuid AND h.key = 'headline'"
            " WHERE r.experiment_id = :experiment AND r.lifecycle_stage = 'active' AND r.status = 'FINISHED'"
            " ORDER BY r.start_time DESC, r.run_uuid",
            experiment=int(experiment_id),
            stages=list(STAGES),
        )
    return [GatedResult(run_id, Stage(stage), subject, at, line or "") for run_id, stage, subject, at, line in rows]


@reports_outages
def stages_reached(t: Tracking, project: str) -> dict[str, set[Stage]]:
    """`agent@version` to the stages that it has a result of."""
    experiment_id = project_or_not_found(t, project)
    if t.sql is None:
        reached: dict[str, set[Stage]] = {}
        for run in _all_runs(t, project, RunFilter(with_result=True)):
            if run.agent is not None:
                reached.setdefault(str(run.agent), set()).add(run.stage)
        return reached
    with t.sql.ManagedSessionMaker() as session:
        rows = _rows(
            session,
            "SELECT DISTINCT a.value, v.value, s.value FROM runs r"
            " JOIN tags s ON s.run_uuid = r.run_uuid AND s.key = 'stage' AND s.value IN :stages"
            " JOIN tags a ON a.run_uuid = r.run_uuid AND a.key = 'agent_id' AND a.value <> ''"
            " JOIN tags v ON v.run_uuid = r.run_uuid AND v.key = 'agent_version' AND v.value <> ''"
            " WHERE r.experiment_id = :experiment AND r.lifecycle_stage = 'active' AND r.status = 'FINISHED'",
            experiment=int(experiment_id),
            stages=list(STAGES),
        )
    found: dict[str, set[Stage]] = {}
    for agent_id, version, stage in rows:
        found.setdefault(f"{agent_id}@{version}", set()).add(Stage(stage))
    return found


@reports_outages
def last_change(t: Tracking, project: str) -> tuple[object, ...]:
    """Something that differs as soon as a run of the project began, ended or was tried again."""
    experiment_id = project_or_not_found(t, project)
    if t.sql is None:
        orders = ("attributes.start_time DESC", "attributes.end_time DESC")
        return tuple(
            (run.info.run_id, run.info.status, run.info.end_time)
            for order in orders
            for run in t.client.search_runs([experiment_id], max_results=20, order_by=[order])
        )
    with t.sql.ManagedSessionMaker() as session:
        rows = _rows(
            session,
            "SELECT COUNT(*), MAX(start_time), MAX(end_time), SUM(CASE WHEN status = 'RUNNING' THEN 1 ELSE 0 END)"
            " FROM runs WHERE experiment_id = :experiment AND lifecycle_stage = 'active'",
            experiment=int(experiment_id),
        )
    return tuple(rows[0])


@reports_outages
def page_conversations(
    t: Tracking,
    project: str,
    wanted: ConversationFilter = ConversationFilter(),
    *,
    limit: int = 50,
    cursor: str | None = None,
) -> Found[ConversationItem]:
    """Conversations, the newest first, at most `limit`. Raises NotFound for a project that is not there."""
    experiment_id = project_or_not_found(t, project)
    if t.sql is None:
        return _searched_conversations(t, project, experiment_id, wanted, limit, cursor)
    after = None if cursor is None else decode_cursor(cursor, int, str)
    with t.sql.ManagedSessionMaker() as session:
        rows = _conversation_rows(session, int(experiment_id), wanted, limit + 1, after)
        shown = rows[:limit]
        ids = [row[0] for row in shown]
        tags = _by_owner(session, "SELECT request_id, key, value FROM trace_tags WHERE request_id IN :ids", ids)
    judgings = _judgings_of(t, project, wanted, tags.values())
    items = [conversation_item(row, tags.get(row[0], {}), judgings) for row in shown]
    more = len(rows) > limit
    return Found(items, encode_cursor(shown[-1][2], shown[-1][0]) if more else None)


def _judgings_of(t: Tracking, project: str, wanted: ConversationFilter, rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The judgings that say a row's outcome, the first that judged it: the one asked for, else the newest first."""
    if wanted.judging_id is not None:
        return [wanted.judging_id]
    there = {key for tags in rows for key in tags if key.startswith("judging-")}
    if len(there) < 2:
        return list(there)
    runs = page_runs(t, project, RunFilter(stage=Stage.JUDGE, with_result=True), limit=MOST_JUDGINGS).rows
    return [run.subject_id for run in runs if run.subject_id in there]


def _conversation_rows(
    session: "Session", experiment_id: int, wanted: ConversationFilter, limit: int, after: list[Any] | None
) -> list[Any]:
    """Through the rarest tag where there is a rare one, else through time: either touches few rows."""
    conditions = {f"c{number}": condition for number, condition in enumerate(_conversation_conditions(wanted))}
    counts = {
        name: _rows(
            session,
            f"SELECT COUNT(*) FROM (SELECT 1 FROM trace_tags {name} WHERE {condition.sql(name)}"  # noqa: S608, constants
            " LIMIT :most) counted",
            most=RARE + 1,
            **condition.values(name),
        )[0][0]
        for name, condition in conditions.items()
        if condition.key in (wanted.simulation_id, wanted.judging_id) or condition.indexed
    }
    rarest = min(counts, key=lambda name: counts[name], default=None)
    first = rarest if rarest is not None and counts[rarest] <= RARE else None
    values: dict[str, Any] = {"experiment": experiment_id, "limit": limit}
    where = []
    for name, condition in conditions.items():
        values |= condition.values(name)
        if name != first:
            where.append(
                f"EXISTS (SELECT 1 FROM trace_tags {name} WHERE {name}.request_id = i.request_id"  # noqa: S608, constants
                f" AND {condition.sql(name)})"
            )
    if after is not None:
        where.append("(i.timestamp_ms < :at OR (i.timestamp_ms = :at AND i.request_id > :after))")
        values |= {"at": after[0], "after": after[1]}
    if first is None:
        source = "trace_info i"
    else:
        source = f"trace_tags {first} CROSS JOIN trace_info i"
        where.append(f"{first}.request_id = i.request_id AND {conditions[first].sql(first)}")
    sql = (
        "SELECT i.request_id, i.client_request_id, i.timestamp_ms, i.execution_time_ms, i.status, i.request_preview,"  # noqa: S608, made of constants
        f" i.total_tokens, i.total_cost FROM {source} WHERE i.experiment_id = :experiment"
        + "".join(f" AND {condition}" for condition in where)
        + " ORDER BY i.timestamp_ms DESC, i.request_id LIMIT :limit"
    )
    return _rows(session, sql, **values)


@dataclass(frozen=True, slots=True)
class TagCondition:
    """What a trace's tag must be, said once for SQL and for MLflow's search."""

    key: str
    holds: Literal["is_set", "equals", "differs", "contains"]
    value: str = ""

    @property
    def indexed(self) -> bool:
        """Whether SQLite has an index for it (connection.py), which a key as a constant makes use of."""
        return (self.key, self.holds) in (("scenario_id", "equals"), ("simulator_fault", "differs"))

    def sql(self, name: str) -> str:
        """As a condition on rows of trace_tags under this alias."""
        key = f"{name}.key = '{self.key}'" if self.indexed else f"{name}.key = :{name}_key"
        match self.holds:
            case "is_set":
                return key
            case "equals":
                return f"{key} AND {name}.value = :{name}_value"
            case "differs":
                # a constant, so that the partial index of connection.py is used
                value = "'none'" if self.indexed and self.value == "none" else f":{name}_value"
                return f"{key} AND {name}.value <> {value}"
            case "contains":
                return f"{key} AND {name}.value LIKE :{name}_value ESCAPE '\\'"

    def values(self, name: str) -> dict[str, str]:
        """What the condition of `sql` is bound to."""
        bound = {} if self.indexed else {f"{name}_key": self.key}
        match self.holds:
            case "is_set":
                return bound
            case "differs" if self.indexed and self.value == "none":
                return bound
            case "contains":
                return bound | {f"{name}_value": f"%{_escaped(self.value)}%"}
            case "equals" | "differs":
                return bound | {f"{name}_value": self.value}

    def search(self) -> str:
        """As a clause of MLflow's search, which knows no escapes: what `contains` finds may be more than was asked."""
        match self.holds:
            case "is_set":
                return f"tags.`{self.key}` LIKE '%'"
            case "equals":
                return f"tags.`{self.key}` = {quoted(self.value)}"
            case "differs":
                return f"tags.`{self.key}` != {quoted(self.value)}"
            case "contains":
                return f"tags.`{self.key}` LIKE {quoted(f'%{self.value}%')}"

    def holds_for(self, tags: Mapping[str, str]) -> bool:
        match self.holds:
            case "is_set":
                return self.key in tags
            case "equals":
                return tags.get(self.key) == self.value
            case "differs":
                return self.key in tags and tags[self.key] != self.value
            case "contains":
                return self.value in tags.get(self.key, "")


def _conversation_conditions(wanted: ConversationFilter) -> list[TagCondition]:
    conditions = [TagCondition(VERSION_TAG, "is_set")]
    if wanted.simulation_id is not None:
        conditions.append(TagCondition(wanted.simulation_id, "equals", STORED))
    if wanted.judging_id is not None:
        holds = "equals" if wanted.outcome else "is_set"
        conditions.append(TagCondition(wanted.judging_id, holds, wanted.outcome or ""))
    if wanted.scenario_id is not None:
        conditions.append(TagCondition("scenario_id", "equals", wanted.scenario_id))
    if wanted.stop_reason is not None:
        conditions.append(TagCondition("stop_reason", "equals", wanted.stop_reason.value))
    if wanted.fault is not None:
        conditions.append(TagCondition("simulator_fault", "contains", wanted.fault.value))
    if wanted.any_fault is not None:
        conditions.append(TagCondition("simulator_fault", "differs" if wanted.any_fault else "equals", "none"))
    if wanted.agent is not None:
        conditions.append(TagCondition("agent_id", "equals", wanted.agent.agent_id))
        conditions.append(TagCondition("agent_version", "equals", wanted.agent.version))
    return conditions


def _run_conditions(wanted: RunFilter) -> tuple[list[str], dict[str, Any]]:
    where: list[str] = []
    values: dict[str, Any] = {"stages": [wanted.stage.value] if wanted.stage else list(STAGES)}
    where.append(_has_tag("stage", "IN :stages"))
    tags = {
        "agent_id": wanted.agent.agent_id if wanted.agent else None,
        "agent_version": wanted.agent.version if wanted.agent else None,
        "dataset_version": wanted.dataset_version,
        "gated": None if wanted.gated is None else str(wanted.gated).lower(),
    }
    for key, value in tags.items():
        if value is not None:
            where.append(_has_tag(key, f"= :{key}"))
            values[key] = value
    if wanted.status is not None:
        where.append("r.status = :status")
        values["status"] = wanted.status
    if wanted.words:
        subject = _has_tag("subject_id", "LIKE :words ESCAPE '\\'")
        where.append(f"(LOWER(r.name) LIKE :words ESCAPE '\\' OR {subject})")
        values["words"] = f"%{_escaped(wanted.words.lower())}%"
    if wanted.with_result:
        where.append("r.status = 'FINISHED'")
    return where, values


def _has_tag(key: str, condition: str) -> str:
    return f"EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = '{key}' AND t.value {condition})"  # noqa: S608


def run_item(
    run_id: str,
    name: str | None,
    status: str,
    started: int | None,
    ended: int | None,
    tags: Mapping[str, str],
    metrics: Mapping[str, float | None],
) -> RunItem:
    agent = tags.get("agent_id") and tags.get("agent_version")
    dataset = tags.get("dataset", "").partition("@")
    return RunItem.model_validate(
        {
            "run_id": run_id,
            "name": name or "",
            "stage": tags.get("stage"),
            "subject_id": tags.get("subject_id", ""),
            "status": status,
            "agent": {"agent_id": tags["agent_id"], "version": tags["agent_version"]} if agent else None,
            "dataset": DatasetRef(name=dataset[0], version=dataset[2]) if dataset[2] else None,
            "gated": tags.get("gated") == "true",
            "offline": tags.get("offline") == "true",
            "started_at": _when(started),
            "ended_at": _when(ended) if ended else None,
            "metrics": {key: _finite(value) for key, value in metrics.items()},
            "error": tags.get("error_message") or None,
            "by": tags.get("mlflow.user", ""),
            "job_id": tags.get("job_id"),
            "headline": tags.get("headline", ""),
        }
    )


def conversation_item(row: Sequence[Any], tags: Mapping[str, str], judgings: Sequence[str]) -> ConversationItem:
    trace_id, conversation_id, at_ms, took_ms, status, opening, tokens, cost = row
    faults = tags.get("simulator_fault", "none")
    agent = tags.get("agent_id") and tags.get("agent_version")
    return ConversationItem.model_validate(
        {
            "conversation_id": conversation_id or trace_id.removeprefix("tr-"),
            "trace_id": trace_id,
            "simulation_id": tags.get(SIMULATION_TAG, ""),
            "scenario_id": tags.get("scenario_id", ""),
            "trial": int(tags.get("trial", "0")),
            "agent": {"agent_id": tags["agent_id"], "version": tags["agent_version"]} if agent else None,
            "topic": tags.get("topic"),
            "started_at": _when(at_ms),
            "duration_s": None if took_ms is None else took_ms / 1000,
            "stop_reason": tags.get("stop_reason"),
            "faults": [] if faults == "none" else faults.split(","),
            "failed": status == "ERROR",
            "tokens": tokens,
            "cost_usd": _finite(cost),
            "opening": opening or "",
            "outcome": next((tags[name] for name in judgings if name in tags), None),
        }
    )


def _searched_runs(
    t: Tracking, experiment_id: str, wanted: RunFilter, limit: int, cursor: str | None
) -> Found[RunItem]:
    """Through a server's search. What its filters cannot say is left out here, so a page may be short, but is empty
    only where the list ends."""
    clauses = [
        f"tags.{key} = {quoted(value)}"
        for key, value in {
            "stage": wanted.stage.value if wanted.stage else None,
            "agent_id": wanted.agent.agent_id if wanted.agent else None,
            "agent_version": wanted.agent.version if wanted.agent else None,
            "dataset_version": wanted.dataset_version,
            "gated": None if wanted.gated is None else str(wanted.gated).lower(),
        }.items()
        if value is not None
    ]
    if status := "FINISHED" if wanted.with_result else wanted.status:
        clauses.append(f"attributes.status = {quoted(status)}")
    words = (wanted.words or "").lower()

    def fits(run: "Run") -> bool:
        tags = run.data.tags
        if wanted.with_result and wanted.status not in (None, "FINISHED"):
            return False
        named = (run.info.run_name or "").lower(), tags.get("subject_id", "").lower()
        return tags.get("stage") in STAGES and (not words or any(words in name for name in named))

    def page(token: str | None) -> tuple[list[RunItem], str | None]:
        rows = t.client.search_runs(
            [experiment_id],
            " and ".join(clauses),
            max_results=limit,
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        return [_item_of(run) for run in rows if fits(run)], rows.token

    return _first_page(page, cursor)


def _first_page(page: Callable[[str | None], tuple[list[T], str | None]], cursor: str | None) -> Found[T]:
    """The first page from the cursor on that holds anything."""
    token = decode_cursor(cursor, str)[0] if cursor is not None else None
    while True:
        rows, token = page(token)
        if rows or not token:
            return Found(rows, encode_cursor(token) if token else None)


def _all_runs(t: Tracking, project: str, wanted: RunFilter) -> Iterator[RunItem]:
    cursor = None
    while True:
        found = page_runs(t, project, wanted, limit=1000, cursor=cursor)
        yield from found.rows
        if (cursor := found.next_cursor) is None:
            return


def _item_of(run: "Run") -> RunItem:
    info, data = run.info, run.data
    return run_item(
        info.run_id, info.run_name, info.status, info.start_time, info.end_time, data.tags, dict(data.metrics)
    )


def _searched_conversations(
    t: Tracking, project: str, experiment_id: str, wanted: ConversationFilter, limit: int, cursor: str | None
) -> Found[ConversationItem]:
    conditions = _conversation_conditions(wanted)

    def page(token: str | None) -> tuple[list[ConversationItem], str | None]:
        infos, more = t.store.search_traces(
            locations=[experiment_id],
            filter_string=" AND ".join(condition.search() for condition in conditions),
            max_results=limit,
            order_by=["timestamp_ms DESC"],
            page_token=token,
        )
        fitting = [info for info in infos if all(condition.holds_for(info.tags) for condition in conditions)]
        judgings = _judgings_of(t, project, wanted, [info.tags for info in fitting])
        return [conversation_item(_row_of(info), info.tags, judgings) for info in fitting], more

    return _first_page(page, cursor)


def _row_of(info: "TraceInfo") -> tuple[Any, ...]:
    usage = info.token_usage or {}
    cost = json.loads((info.trace_metadata or {}).get("mlflow.trace.cost", "{}")).get("total_cost")
    return (
        info.trace_id,
        info.client_request_id,
        info.request_time,
        info.execution_duration,
        info.state.value,
        info.request_preview,
        usage.get("total_tokens"),
        cost,
    )


def _rows(session: "Session", sql: str, **values: Any) -> list[Any]:
    from sqlalchemy import bindparam, text

    values = clean_json(values)  # PostgreSQL refuses a NUL, and nothing that is stored has one
    lists = [bindparam(name, expanding=True) for name, value in values.items() if isinstance(value, list)]
    return list(session.execute(text(sql).bindparams(*lists), values))


def _by_owner(session: "Session", sql: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    rows: Iterable[Any] = _rows(session, sql, ids=list(ids)) if ids else ()
    for owner, key, value in rows:
        found.setdefault(owner, {})[key] = value
    return found


def _escaped(text: str) -> str:
    """For LIKE with ESCAPE '\\'."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _when(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, tz=UTC)
