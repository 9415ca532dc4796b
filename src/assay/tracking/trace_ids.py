"""Which trace is a conversation's. Trace ids are unique in a whole store, conversation ids only in a simulation."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from assay.tracking.connection import Tracking
from assay.tracking.projects import VERSION_TAG

TRACE_PREFIX = "tr-"
IMPORTED_TAG = "assay.imported_from"
"""Tag of a copy: the id of the experiment that its conversation was read from, with leave to do so."""
STORED = "stored"
"""The value of the tag, named after its simulation, that a whole conversation's trace has."""


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
    simulations: frozenset[str] = frozenset()
    """Whose conversation it is, stored whole."""


def place(t: Tracking, experiment_id: str, simulation_id: str, conversation_ids: Iterable[str]) -> dict[str, str]:
    """Conversation to the trace that it is to be written as: `tr-<conversation_id>`, as traceparent told the agent.

    Where that is taken, by somebody else's trace, by any trace of another experiment or by another simulation, another
    id that is always the same: what was stored for one simulation is never overwritten by another. A trace that two
    simulations share is left to the other one.
    """
    wanted = {name: TRACE_PREFIX + name for name in conversation_ids}
    known = lookup(t, wanted.values())

    def free(trace_id: str) -> bool:
        found = known.get(trace_id)
        if found is None or found.experiment_id != experiment_id:
            return found is None
        return found.begun or (found.ours and found.simulations <= {simulation_id})

    places = {
        name: first if free(first) else second(experiment_id, simulation_id, name) for name, first in wanted.items()
    }
    for name, first in wanted.items():
        at = known.get(first)
        shared = at is not None and at.experiment_id == experiment_id and simulation_id in at.simulations
        if shared and places[name] != first:
            t.store.delete_trace_tag(first, simulation_id)
    return places


def traces_of(
    t: Tracking, experiment_id: str, conversation_ids: Iterable[str], *, simulation_id: str | None = None
) -> dict[str, list[str]]:
    """Conversation to its traces: the project's own first, then the one that it was imported from.

    simulation_id: the trace that was written for this simulation, where it has one of its own. A trace of another
    experiment counts only where the project holds a copy that says it was imported from there: whoever names the
    trace's id in a request does not reach it.
    """
    names = list(dict.fromkeys(conversation_ids))
    first = {name: TRACE_PREFIX + name for name in names}
    seconds = {name: second(experiment_id, simulation_id, name) for name in names} if simulation_id else {}
    known = lookup(t, [*first.values(), *seconds.values()])
    own: dict[str, str] = {}
    for name in names:
        at = known.get(first[name])
        if seconds.get(name) in known:
            own[name] = seconds[name]
        elif at and at.ours and at.experiment_id == experiment_id and simulation_id in (None, *at.simulations):
            own[name] = first[name]
    own |= copies(t, experiment_id, [name for name in names if name not in own], simulation_id)
    known |= lookup(t, [trace_id for trace_id in own.values() if trace_id not in known])
    found: dict[str, list[str]] = {}
    for name in names:
        at = known.get(first[name])
        copy = known.get(own.get(name, ""))
        traces = [own[name]] if name in own else []
        if at and not at.ours and at.experiment_id in (experiment_id, copy.imported_from if copy else None):
            traces.append(first[name])
        if traces:
            found[name] = traces
    return found


def copies(
    t: Tracking, experiment_id: str, conversation_ids: Collection[str], simulation_id: str | None = None
) -> dict[str, str]:
    """The project's own traces of these conversations, under whatever id.

    Of several the simulation's, else the one that traceparent named, else the newest.
    """
    ids = list(conversation_ids)
    if not ids:
        return {}
    if t.sql is None:
        rows = [
            (name, info.trace_id)
            for name in ids
            for info in t.store.search_traces(
                locations=[experiment_id],
                filter_string=f"client_request_id = '{name}'",
                max_results=50,
                order_by=["timestamp_ms ASC"],
            )[0]
        ]
    else:
        from mlflow.store.tracking.dbmodels.models import SqlTraceInfo

        with t.sql.ManagedSessionMaker() as session:
            rows = [
                (str(name), trace_id)
                for start in range(0, len(ids), 500)
                for name, trace_id in session.query(SqlTraceInfo.client_request_id, SqlTraceInfo.request_id)
                .filter(SqlTraceInfo.experiment_id == int(experiment_id))
                .filter(SqlTraceInfo.client_request_id.in_(ids[start : start + 500]))
                .order_by(SqlTraceInfo.timestamp_ms)
            ]
    known = lookup(t, [trace_id for _, trace_id in rows])
    ours = [(name, trace_id) for name, trace_id in rows if known[trace_id].ours]

    def worth(row: tuple[str, str]) -> tuple[bool, bool]:
        name, trace_id = row
        return simulation_id in known[trace_id].simulations, trace_id == TRACE_PREFIX + name

    return dict(sorted(ours, key=worth))


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
                frozenset(name for name, value in info.tags.items() if value == STORED),
            )
            for start in range(0, len(ids), 100)
            for info in t.store.batch_get_trace_infos(ids[start : start + 100])
        }
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag
    from sqlalchemy import or_

    infos: dict[str, tuple[str, str]] = {}
    tags: dict[str, dict[str, str]] = {}
    with t.sql.ManagedSessionMaker() as session:
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            columns = (SqlTraceInfo.request_id, SqlTraceInfo.experiment_id, SqlTraceInfo.status)
            for trace_id, of, status in session.query(*columns).filter(SqlTraceInfo.request_id.in_(some)):
                infos[trace_id] = (str(of), status)
            rows = session.query(SqlTraceTag.request_id, SqlTraceTag.key, SqlTraceTag.value).filter(
                SqlTraceTag.request_id.in_(some),
                or_(SqlTraceTag.key.in_((VERSION_TAG, IMPORTED_TAG)), SqlTraceTag.value == STORED),
            )
            for trace_id, key, value in rows:
                tags.setdefault(trace_id, {})[key] = value
    return {
        trace_id: Known(
            of,
            VERSION_TAG in tags.get(trace_id, ()),
            status == "IN_PROGRESS",
            tags.get(trace_id, {}).get(IMPORTED_TAG),
            frozenset(name for name, value in tags.get(trace_id, {}).items() if value == STORED),
        )
        for trace_id, (of, status) in infos.items()
    }


def second(experiment_id: str, simulation_id: str, conversation_id: str) -> str:
    content = f"{experiment_id}/{simulation_id}/{conversation_id}"
    return TRACE_PREFIX + hashlib.sha256(content.encode()).hexdigest()[:32]
