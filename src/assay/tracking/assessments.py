"""Assessments on traces, written many at a time and once however often they are handed in."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from assay.tracking.connection import Tracking

if TYPE_CHECKING:
    from mlflow.entities import Feedback
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

GROUP = "assay.group"
"""Metadata of an assessment: what it was written for, such as a judging or an item of feedback."""
BATCH = 100
Source = Literal["CODE", "LLM_JUDGE", "HUMAN"]


@dataclass(frozen=True, slots=True)
class Draft:
    """One assessment. Exactly what is written for a group is what stands there afterwards."""

    name: str
    value: str | float | int | bool | None
    """None: see `error`."""
    source: Source
    source_id: str
    rationale: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    error: tuple[str, str] | None = None
    """(cause, message)"""
    at_ms: int | None = None
    """None: now."""


@dataclass(frozen=True, slots=True)
class Group:
    """All that is said of one trace on one occasion."""

    trace_id: str
    key: str
    drafts: tuple[Draft, ...]
    tag: tuple[str, str] | None = None
    """Set on the trace once all of the group is stored; None: no tag."""


def write_groups(t: Tracking, groups: Sequence[Group]) -> None:
    """In place of what these groups had before. The traces must be there."""
    for start in range(0, len(groups), BATCH):
        batch = groups[start : start + BATCH]
        if t.sql is not None:
            _write_rows(t.sql, batch)
        else:
            write_through_store(t, batch)


def write_through_store(t: Tracking, groups: Sequence[Group]) -> None:
    """The route that every MLflow store has: a call for each assessment."""
    there = {info.trace_id: info for info in t.store.batch_get_trace_infos([group.trace_id for group in groups])}
    for group in groups:
        for old in there[group.trace_id].assessments:
            if (old.metadata or {}).get(GROUP) == group.key:
                t.store.delete_assessment(group.trace_id, old.assessment_id)
        for number in range(len(group.drafts)):
            t.store.create_assessment(_entity(group, number))
        if group.tag:
            t.store.set_trace_tag(group.trace_id, *group.tag)


def _write_rows(store: "SqlAlchemyStore", groups: Sequence[Group]) -> None:
    from mlflow.store.tracking.dbmodels.models import SqlAssessments, SqlTraceInfo, SqlTraceTag
    from mlflow.store.tracking.utils.sql_trace_rollups import RollupFamily, enqueue_rollup_rebuild_partitions
    from sqlalchemy import insert

    ids = [group.trace_id for group in groups]
    with store.ManagedSessionMaker(read_only=False) as session:
        traces = (SqlTraceInfo.request_id, SqlTraceInfo.experiment_id, SqlTraceInfo.timestamp_ms)
        there = {row[0]: row for row in session.query(*traces).filter(SqlTraceInfo.request_id.in_(ids))}
        days = [(RollupFamily.ASSESSMENT, row[1], [row[2]]) for row in there.values()]
        enqueue_rollup_rebuild_partitions(session, days)
        for key in {group.key for group in groups}:
            of_key = SqlAssessments.assessment_metadata.contains(_marked(key), autoescape=True)
            old = session.query(SqlAssessments).filter(SqlAssessments.trace_id.in_(ids), of_key)
            old.delete(synchronize_session=False)
        rows = [_row(group, number, there[group.trace_id]) for group in groups for number in range(len(group.drafts))]
        if rows:
            session.execute(insert(SqlAssessments.__table__), rows)
        tags = [(group.trace_id, *group.tag) for group in groups if group.tag]
        for key in {tag[1] for tag in tags}:
            old_tags = session.query(SqlTraceTag).filter(SqlTraceTag.request_id.in_(ids), SqlTraceTag.key == key)
            old_tags.delete(synchronize_session=False)
        if tags:
            session.execute(
                insert(SqlTraceTag.__table__),
                [{"request_id": trace, "key": key, "value": value} for trace, key, value in tags],
            )


def _row(group: Group, number: int, trace: Any) -> dict[str, Any]:
    from mlflow.store.tracking.dbmodels.models import SqlAssessments

    made = SqlAssessments.from_mlflow_entity(_entity(group, number))
    made.experiment_id, made.trace_timestamp_ms = trace[1], trace[2]
    return {column.name: getattr(made, column.key) for column in SqlAssessments.__table__.columns}


def _entity(group: Group, number: int) -> "Feedback":
    from mlflow.entities import AssessmentError, AssessmentSource, Feedback

    draft = group.drafts[number]
    entity = Feedback(
        name=draft.name,
        value=draft.value,
        error=AssessmentError(error_code=draft.error[0], error_message=draft.error[1]) if draft.error else None,
        source=AssessmentSource(source_type=draft.source, source_id=draft.source_id[:250]),
        trace_id=group.trace_id,
        rationale=draft.rationale or None,
        metadata={**draft.metadata, GROUP: group.key},
        create_time_ms=draft.at_ms,
        last_update_time_ms=draft.at_ms,
    )
    told = f"{group.trace_id}/{group.key}/{number}"
    entity.assessment_id = f"a-{hashlib.sha256(told.encode()).hexdigest()[:32]}"
    return entity


def _marked(key: str) -> str:
    """How the group stands in the metadata's JSON."""
    return f'"{GROUP}": "{key}"'
