"""Which trace is a conversation's. Trace ids are unique in a whole store, conversation ids only in a project."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from assay.tracking.connection import Tracking
from assay.tracking.projects import VERSION_TAG

TRACE_PREFIX = "tr-"


@dataclass(frozen=True, slots=True)
class Known:
    """A trace that is in the store."""

    experiment_id: str
    ours: bool
    """Written here, from a conversation."""
    begun: bool
    """It has no root span yet: the agent's own spans came before the conversation."""


def place(t: Tracking, experiment_id: str, conversation_ids: Iterable[str]) -> dict[str, str]:
    """Conversation to the trace that it is to be written as: `tr-<conversation_id>`, as traceparent told the agent.

    Where that is taken, by a trace of somebody else or by the same conversation in another project, another id
    that is always the same.
    """
    wanted = {name: TRACE_PREFIX + name for name in conversation_ids}
    known = lookup(t, wanted.values())

    def free(trace_id: str) -> bool:
        found = known.get(trace_id)
        return found is None or found.begun or (found.ours and found.experiment_id == experiment_id)

    return {name: first if free(first) else _second(experiment_id, name) for name, first in wanted.items()}


def traces_of(t: Tracking, experiment_id: str, conversation_ids: Iterable[str]) -> dict[str, list[str]]:
    """Conversation to its traces: the project's own first, then the one that it was imported from."""
    names = list(dict.fromkeys(conversation_ids))
    first = {name: TRACE_PREFIX + name for name in names}
    second = {name: _second(experiment_id, name) for name in names}
    known = lookup(t, [*first.values(), *second.values()])
    found: dict[str, list[str]] = {}
    for name in names:
        own = [second[name]] if second[name] in known else []
        at = known.get(first[name])
        if at and (at.experiment_id == experiment_id or not at.ours):
            own.append(first[name])
        if own:
            found[name] = own
    return found


def lookup(t: Tracking, trace_ids: Iterable[str]) -> dict[str, Known]:
    """What is known of these traces; one that is not there is left out."""
    ids = list(trace_ids)
    if t.sql is None:
        return {
            info.trace_id: Known(info.experiment_id, VERSION_TAG in info.tags, info.state.value == "IN_PROGRESS")
            for start in range(0, len(ids), 100)
            for info in t.store.batch_get_trace_infos(ids[start : start + 100])
        }
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag
    from sqlalchemy import and_

    with t.sql.ManagedSessionMaker() as session:
        tag = and_(SqlTraceTag.request_id == SqlTraceInfo.request_id, SqlTraceTag.key == VERSION_TAG)
        columns = (SqlTraceInfo.request_id, SqlTraceInfo.experiment_id, SqlTraceInfo.status, SqlTraceTag.value)
        rows = [
            row
            for start in range(0, len(ids), 500)
            for row in session.query(*columns)
            .outerjoin(SqlTraceTag, tag)
            .filter(SqlTraceInfo.request_id.in_(ids[start : start + 500]))
        ]
    return {
        trace_id: Known(str(experiment_id), version is not None, status == "IN_PROGRESS")
        for trace_id, experiment_id, status, version in rows
    }


def _second(experiment_id: str, conversation_id: str) -> str:
    return TRACE_PREFIX + hashlib.sha256(f"{experiment_id}/{conversation_id}".encode()).hexdigest()[:32]
