"""The fast route to traces in a SQL store: MLflow's own tables, a hundred conversations in one transaction.

MLflow's client takes a transaction, some forty statements and an object graph for each trace. This writes the rows
that the same calls leave behind; a test holds both against each other, and a store whose tables this code does not
know (`Tracking.schema_is_known`) is written through MLflow's API instead.
"""

import base64
import functools
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.tracking.races import again_after_conflict
from assay.tracking.spans import CONVERSATION, TURN, SpanDraft, TraceDraft
from assay.tracking.trace_ids import STORED

if TYPE_CHECKING:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy.orm import Session

Row = dict[str, Any]


def write(
    store: "SqlAlchemyStore", experiment_id: str, drafts: Sequence[TraceDraft], *, only_new: bool = False
) -> set[str]:
    """All or nothing; with `only_new` those that are not stored whole. Gives the conversations that were written."""
    location = _artifact_location(store, experiment_id)
    by_id = {draft.trace_id: draft for draft in drafts}

    def written() -> set[str]:
        with store.ManagedSessionMaker(read_only=False) as session:
            new = {name: by_id[name] for name in by_id.keys() - _whole(session, by_id)} if only_new else by_id
            if new:
                _write(session, experiment_id, location, new)
        return {draft.session for draft in new.values()}

    # another writer, or the agent's own spans, can make one of these traces since it was looked for
    return again_after_conflict(written)


def _whole(session: "Session", by_id: dict[str, TraceDraft]) -> set[str]:
    """Traces among these that hold a whole conversation already, without an error."""
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag

    markers = {key for draft in by_id.values() for key, value in draft.tags.items() if value == STORED}
    found = (
        session.query(SqlTraceTag.request_id)
        .join(SqlTraceInfo, SqlTraceInfo.request_id == SqlTraceTag.request_id)
        .filter(SqlTraceTag.request_id.in_(by_id), SqlTraceTag.key.in_(markers), SqlTraceTag.value == STORED)
        .filter(SqlTraceInfo.status != "ERROR")
    )
    return {trace_id for (trace_id,) in found}


def _write(session: "Session", experiment_id: str, location: str, by_id: dict[str, TraceDraft]) -> None:
    from mlflow.store.tracking.dbmodels.models import SqlSpan, SqlTraceInfo, SqlTraceMetadata, SqlTraceTag
    from sqlalchemy import insert

    drafts = list(by_id.values())
    _invalidate_rollups(session, experiment_id, drafts)
    known = session.query(SqlTraceInfo.request_id).filter(SqlTraceInfo.request_id.in_(by_id))
    there = {trace_id for (trace_id,) in known}
    if there:
        _make_room(session, experiment_id, [by_id[trace_id] for trace_id in there])
    if new := [_info_row(draft, experiment_id) for draft in drafts if draft.trace_id not in there]:
        session.execute(insert(SqlTraceInfo.__table__), new)
    session.execute(insert(SqlTraceTag.__table__), [row for draft in drafts for row in _tag_rows(draft, location)])
    session.execute(insert(SqlTraceMetadata.__table__), [row for draft in drafts for row in _metadata_rows(draft)])
    spans = [_span_row(draft, span, experiment_id) for draft in drafts for span in draft.spans]
    session.execute(insert(SqlSpan.__table__), spans)


def whole(store: "SqlAlchemyStore", experiment_id: str, simulation_id: str) -> list[tuple[str, str, str, str]]:
    """(conversation, trace, name, status) of the simulation. The tag comes with the root span, so none is in part."""
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag

    with store.ManagedSessionMaker() as session:
        found = (
            session.query(
                SqlTraceInfo.client_request_id, SqlTraceInfo.request_id, SqlTraceInfo.trace_name, SqlTraceInfo.status
            )
            .join(SqlTraceTag, SqlTraceInfo.request_id == SqlTraceTag.request_id)
            .filter(SqlTraceTag.key == simulation_id, SqlTraceTag.value == STORED)
            .filter(SqlTraceInfo.experiment_id == int(experiment_id))
        )
        return [(own or "", trace_id, name or "", status) for own, trace_id, name, status in found]


def read_conversations(store: "SqlAlchemyStore", experiment_id: str, trace_ids: Sequence[str]) -> dict[str, str]:
    """Trace to its conversation's JSON, from the root spans alone."""
    from mlflow.store.tracking.dbmodels.models import SqlSpan

    with store.ManagedSessionMaker() as session:
        contents = (
            session.query(SqlSpan.trace_id, SqlSpan.content)
            .filter(SqlSpan.trace_id.in_(trace_ids), SqlSpan.parent_span_id.is_(None))
            .filter(SqlSpan.experiment_id == int(experiment_id))
        )
        attributes = ((trace_id, json.loads(content)["attributes"]) for trace_id, content in contents)
        return {trace_id: found[CONVERSATION] for trace_id, found in attributes if CONVERSATION in found}


@functools.lru_cache(maxsize=64)
def _artifact_location(store: "SqlAlchemyStore", experiment_id: str) -> str:
    """Asked for once: MLflow never changes it."""
    return store.get_experiment(experiment_id).artifact_location.rstrip("/")


def _make_room(session: "Session", experiment_id: str, drafts: Sequence[TraceDraft]) -> None:
    """For traces that are there already: begun by the agent's own spans, or written before by us."""
    from mlflow.store.tracking.dbmodels.models import SqlSpan, SqlTraceInfo, SqlTraceMetadata, SqlTraceTag

    for draft in drafts:
        mine = {"request_id": draft.trace_id}
        values = {name: value for name, value in _info_row(draft, experiment_id).items() if name not in mine}
        session.query(SqlTraceInfo).filter_by(**mine).update(
            {**values, "db_payload_generation": SqlTraceInfo.db_payload_generation + 1}, synchronize_session=False
        )
        for model, rows in ((SqlTraceTag, _tag_rows(draft, "")), (SqlTraceMetadata, _metadata_rows(draft))):
            keys = [row["key"] for row in rows]
            session.query(model).filter_by(**mine).filter(model.key.in_(keys)).delete(synchronize_session=False)
        spans = session.query(SqlSpan).filter_by(trace_id=draft.trace_id)
        spans.filter(SqlSpan.content.contains(f'"{TURN}"')).delete(synchronize_session=False)


def _invalidate_rollups(session: "Session", experiment_id: str, drafts: Sequence[TraceDraft]) -> None:
    """MLflow's opt-in daily sums of these days are to be computed again."""
    from mlflow.store.tracking.utils.sql_trace_rollups import RollupFamily, enqueue_rollup_rebuild_partitions

    days = [draft.start_ms for draft in drafts]
    families = (RollupFamily.TRACE_METRIC, RollupFamily.ASSESSMENT, RollupFamily.SPAN_COST)
    enqueue_rollup_rebuild_partitions(session, [(family, int(experiment_id), days) for family in families])


_INFO = (
    "request_id",
    "experiment_id",
    "timestamp_ms",
    "execution_time_ms",
    "status",
    "client_request_id",
    "request_preview",
    "response_preview",
    "trace_name",
    "session_id",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "total_cost",
    "db_payload_generation",
)


def _info_row(draft: TraceDraft, experiment_id: str) -> Row:
    values = (
        draft.trace_id,
        int(experiment_id),
        draft.start_ms,
        draft.duration_ms,
        "ERROR" if draft.failed else "OK",
        draft.session,
        draft.request_preview,
        draft.response_preview,
        draft.name,
        draft.session,
        draft.tokens.get("input_tokens"),
        draft.tokens.get("output_tokens"),
        draft.tokens.get("total_tokens"),
        draft.cost_usd,
        1,
    )
    return dict(zip(_INFO, values, strict=True))


def _tag_rows(draft: TraceDraft, artifact_location: str) -> list[Row]:
    tags = {
        **draft.tags,
        "mlflow.artifactLocation": f"{artifact_location}/traces/{draft.trace_id}/artifacts",
        "mlflow.trace.spansLocation": "TRACKING_STORE",
    }
    return [{"request_id": draft.trace_id, "key": key, "value": value} for key, value in tags.items()]


def _metadata_rows(draft: TraceDraft) -> list[Row]:
    metadata = {**draft.metadata, "mlflow.trace.infoFinalized": "true"}
    return [{"request_id": draft.trace_id, "key": key, "value": value} for key, value in metadata.items()]


_SPAN = (
    "trace_id",
    "experiment_id",
    "span_id",
    "parent_span_id",
    "name",
    "type",
    "status",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "content",
    "total_cost",
)


def _span_row(draft: TraceDraft, span: SpanDraft, experiment_id: str) -> Row:
    cost = span.attributes.get("mlflow.llm.cost")
    values = (
        draft.trace_id,
        int(experiment_id),
        span.span_id,
        span.parent_id,
        span.name,
        span.span_type,
        "ERROR" if span.error else "OK",
        span.start_ns,
        span.end_ns,
        _content(draft.trace_id, span),
        json.loads(cost)["total_cost"] if cost else None,
    )
    return dict(zip(_SPAN, values, strict=True))


def _content(trace_id: str, span: SpanDraft) -> str:
    return json.dumps(
        {
            "trace_id": _base64(trace_id.removeprefix("tr-")),
            "span_id": _base64(span.span_id),
            "parent_span_id": _base64(span.parent_id) if span.parent_id else None,
            "name": span.name,
            "start_time_unix_nano": span.start_ns,
            "end_time_unix_nano": span.end_ns,
            "events": [],
            "status": {"code": f"STATUS_CODE_{'ERROR' if span.error else 'OK'}", "message": span.error or ""},
            "attributes": {
                "mlflow.traceRequestId": f'"{trace_id}"',
                "mlflow.spanType": f'"{span.span_type}"',
                **span.attributes,
            },
            "links": [],
        },
        ensure_ascii=False,
    )


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
