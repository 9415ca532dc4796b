"""Which trace is a conversation's. Trace ids are unique in a whole store, conversation ids only in a project."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from assay.tracking.connection import Tracking
from assay.tracking.projects import VERSION_TAG

TRACE_PREFIX = "tr-"
IMPORTED_TAG = "assay.imported_from"
"""Tag of a copy: the id of the experiment that its conversation was read from, with leave to do so."""


@dataclass(frozen=True, slots=True)
class Known:
    """A trace that is in the store."""

    experiment_id: str
    ours: bool
    """Written here, from a conversation."""
    begun: bool
    """It has no root span yet: the agent's own spans came before the conversation."""
    imported_from: str | None = None
    """Experiment whose trace this one of ours is a copy of; None: it is no copy."""


def place(t: Tracking, experiment_id: str, conversation_ids: Iterable[str]) -> dict[str, str]:
    """Conversation to the trace that it is to be written as: `tr-<conversation_id>`, as traceparent told the agent.

    Where that is taken, by somebody else's trace, by any trace of another experiment or by the same conversation in
    another project, another id that is always the same.
    """
    wanted = {name: TRACE_PREFIX + name for name in conversation_ids}
    known = lookup(t, wanted.values())

    def free(trace_id: str) -> bool:
        found = known.get(trace_id)
        return found is None or (found.experiment_id == experiment_id and (found.begun or found.ours))

    return {name: first if free(first) else _second(experiment_id, name) for name, first in wanted.items()}


def traces_of(t: Tracking, experiment_id: str, conversation_ids: Iterable[str]) -> dict[str, list[str]]:
    """Conversation to its traces: the project's own first, then the one that it was imported from.

    A trace of another experiment counts only where the project holds a copy that says it was imported from there:
    whoever names the trace's id in a request does not reach it.
    """
    names = list(dict.fromkeys(conversation_ids))
    first = {name: TRACE_PREFIX + name for name in names}
    second = {name: _second(experiment_id, name) for name in names}
    known = lookup(t, [*first.values(), *second.values()])
    found: dict[str, list[str]] = {}
    for name in names:
        own = [second[name]] if second[name] in known else []
        at = known.get(first[name])
        copy = known.get(second[name])
        if at and (
            at.experiment_id == experiment_id
            or (copy is not None and not at.ours and copy.imported_from == at.experiment_id)
        ):
            own.append(first[name])
        if own:
            found[name] = own
    return found


def lookup(t: Tracking, trace_ids: Iterable[str]) -> dict[str, Known]:
    """What is known of these traces; one that is not there is left out."""
    ids = list(trace_ids)
    if t.sql is None:
        return {
            info.trace_id: Known(
                info.experiment_id,
                VERSION_TAG in info.tags,
                info.state.value == "IN_PROGRESS",
                info.tags.get(IMPORTED_TAG),
            )
            for start in range(0, len(ids), 100)
            for info in t.store.batch_get_trace_infos(ids[start : start + 100])
        }
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag
    from sqlalchemy import and_
    from sqlalchemy.orm import aliased

    version, origin = aliased(SqlTraceTag), aliased(SqlTraceTag)
    with t.sql.ManagedSessionMaker() as session:
        columns = (SqlTraceInfo.request_id, SqlTraceInfo.experiment_id, SqlTraceInfo.status)
        rows = [
            row
            for start in range(0, len(ids), 500)
            for row in session.query(*columns, version.value, origin.value)
            .outerjoin(version, and_(version.request_id == SqlTraceInfo.request_id, version.key == VERSION_TAG))
            .outerjoin(origin, and_(origin.request_id == SqlTraceInfo.request_id, origin.key == IMPORTED_TAG))
            .filter(SqlTraceInfo.request_id.in_(ids[start : start + 500]))
        ]
    return {
        trace_id: Known(str(experiment_id), ours is not None, status == "IN_PROGRESS", imported_from)
        for trace_id, experiment_id, status, ours, imported_from in rows
    }


def _second(experiment_id: str, conversation_id: str) -> str:
    return TRACE_PREFIX + hashlib.sha256(f"{experiment_id}/{conversation_id}".encode()).hexdigest()[:32]
