"""Assessments on traces, written many at a time and once however often they are handed in."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from assay.tracking.connection import Tracking
from assay.tracking.races import again_after_conflict

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
    """Replaces what each (trace, key) of these groups held before, and nothing else. The traces must exist.

    Of several groups with the same trace and key the last counts.
    """
    last = list({(group.trace_id, group.key): group for group in groups}.values())
    for start in range(0, len(last), BATCH):
        batch = last[start : start + BATCH]
        if t.sql is not None:
            store = t.sql
            again_after_conflict(lambda store=store, batch=batch: _write_rows(store, batch))
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
    replaced = {(group.trace_id, group.key) for group in groups}
    tags = {(group.trace_id, group.tag[0]): group.tag[1] for group in groups if group.tag}
    with store.ManagedSessionMaker(read_only=False) as session:
        traces = (SqlTraceInfo.request_id, SqlTraceInfo.experiment_id, SqlTraceInfo.timestamp_ms)
        there = {row[0]: row for row in session.query(*traces).filter(SqlTraceInfo.request_id.in_(ids))}
        days = [(RollupFamily.ASSESSMENT, row[1], [row[2]]) for row in there.values()]
        enqueue_rollup_rebuild_partitions(session, days)
        # Compared here: SQL's LIKE ignores case, so that it would take Ada's labels for ada's.
        columns = (SqlAssessments.assessment_id, SqlAssessments.trace_id, SqlAssessments.assessment_metadata)
        stored = session.query(*columns).filter(SqlAssessments.trace_id.in_(ids)).all()
        old = [assessment for assessment, trace, metadata in stored if (trace, _group_in(metadata)) in replaced]
        for start in range(0, len(old), BATCH):
            some = SqlAssessments.assessment_id.in_(old[start : start + BATCH])
            session.query(SqlAssessments).filter(some).delete(synchronize_session=False)
        rows = [_row(group, number, there[group.trace_id]) for group in groups for number in range(len(group.drafts))]
        if rows:
            session.execute(insert(SqlAssessments.__table__), rows)
        for key in {key for _, key in tags}:
            of_key = SqlTraceTag.request_id.in_([trace for trace, name in tags if name == key])
            session.query(SqlTraceTag).filter(of_key, SqlTraceTag.key == key).delete(synchronize_session=False)
        if tags:
            session.execute(
                insert(SqlTraceTag.__table__),
                [{"request_id": trace, "key": key, "value": value} for (trace, key), value in tags.items()],
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


def _group_in(metadata: str | None) -> str | None:
    """The group's key in an assessment's metadata, which MLflow stores as JSON text."""
    return json.loads(metadata).get(GROUP) if metadata else None
