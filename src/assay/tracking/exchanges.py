"""Requests that went through the gateway, appended to their conversation's trace.

Each request is a span of its own that is never changed. The conversation in the root span is computed from all of
them, so writers in several processes need no lock: whoever writes the root reads the requests again afterwards, and
computes once more if another writer has added one. Whichever root is written last has then seen every request. This
holds on SQLite, PostgreSQL and behind an MLflow server, which offers no compare-and-set.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from assay.contracts.conversation import Conversation
from assay.contracts.exchange import Exchange
from assay.contracts.text import clean_model
from assay.errors import TrackingUnavailable
from assay.tracking import trace_rows
from assay.tracking.assessments import GROUP
from assay.tracking.connection import Tracking, quoted, reports_outages
from assay.tracking.projects import ensure_project, find_project
from assay.tracking.registry import logged_model
from assay.tracking.spans import STORED, SpanDraft, TraceDraft, draft_trace
from assay.tracking.trace_ids import lookup, place, traces_of
from assay.tracking.traces import StoredConversation, all_pages, batches, load_conversations, write_through_store

if TYPE_CHECKING:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

EXCHANGE = "assay.exchange"
"""Attribute of a request's span: the exchange as JSON."""
SPAN = "request"
GATEWAY = "gateway"
"""Tag `origin` of the traces that the gateway stored."""
ROUNDS = 20
"""How often a root is computed again because another process added a request meanwhile."""

Assemble = Callable[[str, Sequence[Exchange]], Conversation]
"""The conversation of an id that all these exchanges make, in whatever order they come."""


@reports_outages
def read_exchanges(t: Tracking, project: str, conversation_ids: Iterable[str]) -> dict[str, list[Exchange]]:
    """Conversation to its requests; one that the gateway did not store is left out."""
    if (experiment_id := find_project(t, project)) is None:
        return {}
    own = {name: traces[0] for name, traces in traces_of(t, experiment_id, conversation_ids).items()}
    return _read(t, experiment_id, own)


@reports_outages
def append_exchanges(
    t: Tracking,
    project: str,
    exchanges: Mapping[str, Sequence[Exchange]],
    assemble: Assemble,
    *,
    simulation_id: str,
    tags: Mapping[str, Mapping[str, str]],
) -> None:
    """Adds requests to their conversations, keyed by conversation id. One that is stored already is not added again.

    Judgments by a model or by code are withdrawn from a conversation that grows, since they speak of fewer words;
    what people said stays. tags: of each conversation's trace.
    """
    experiment_id = ensure_project(t, project)
    traces = place(t, experiment_id, simulation_id, exchanges)
    stored = _read(t, experiment_id, traces)
    left: dict[str, list[Exchange]] = {name: list(new) for name, new in exchanges.items()}
    for _ in range(ROUNDS):
        drafts, expected = [], {}
        for name, new in left.items():
            have = stored.get(name, [])
            known = {exchange.exchange_id for exchange in have}
            added = [exchange for exchange in new if exchange.exchange_id not in known]
            every = sorted([*have, *added], key=lambda exchange: (exchange.started_at, exchange.exchange_id))
            expected[name] = {exchange.exchange_id for exchange in every}
            drafts.append(
                _draft(t, project, traces[name], assemble(name, every), have, added, simulation_id, tags.get(name, {}))
            )
        if grown := [traces[name] for name in left if name in stored]:
            withdraw_judgments(t, grown)
        for batch in batches(drafts):
            if t.sql is not None:
                trace_rows.write(t.sql, experiment_id, batch)
            else:
                write_through_store(t, experiment_id, batch)
        stored = _read(t, experiment_id, {name: traces[name] for name in left})
        left = {
            name: [] for name in left if {exchange.exchange_id for exchange in stored.get(name, ())} != expected[name]
        }
        if not left:
            return
    raise TrackingUnavailable(
        f"{len(left)} conversations were written by other processes at the same time, {ROUNDS} times in a row: "
        "they are written again later"
    )


@reports_outages
def gateway_conversations(t: Tracking, project: str, rollout_id: str, *, kind: str) -> list[Conversation]:
    """The conversations of a rollout that the gateway itself stored, the first one first; whatever else stands under
    the same simulation id, such as conversations that came with feedback, is left out."""
    if (experiment_id := find_project(t, project)) is None:
        return []
    stored = [StoredConversation(own, trace) for own, trace in _of_gateway(t, experiment_id, rollout_id, kind) if own]
    return sorted(load_conversations(t, project, stored), key=lambda row: (row.started_at, row.conversation_id))


def _of_gateway(t: Tracking, experiment_id: str, rollout_id: str, kind: str) -> list[tuple[str, str]]:
    """(conversation, trace)"""
    wanted = {kind: STORED, "origin": GATEWAY, "rollout_id": rollout_id}
    if t.sql is None:
        conditions = " AND ".join(f"tags.`{key}` = {quoted(value)}" for key, value in wanted.items())
        infos = all_pages(
            lambda token: t.store.search_traces(
                locations=[experiment_id], filter_string=conditions, max_results=500, page_token=token
            )
        )
        return [(info.client_request_id or "", info.trace_id) for info in infos]
    from mlflow.store.tracking.dbmodels.models import SqlTraceInfo, SqlTraceTag
    from sqlalchemy.orm import aliased

    with t.sql.ManagedSessionMaker() as session:
        rows = session.query(SqlTraceInfo.client_request_id, SqlTraceInfo.request_id).filter(
            SqlTraceInfo.experiment_id == int(experiment_id)
        )
        for key, value in wanted.items():
            tag = aliased(SqlTraceTag)
            rows = rows.join(tag, tag.request_id == SqlTraceInfo.request_id).filter(tag.key == key, tag.value == value)
        return [(own or "", trace_id) for own, trace_id in rows]


def withdraw_judgments(t: Tracking, trace_ids: Sequence[str]) -> None:
    """Deletes what judges and checks said of these traces. What people said stays."""
    for batch in batches(trace_ids):
        for info in t.store.batch_get_trace_infos(batch):
            groups = set()
            for row in info.assessments:
                if row.source.source_type != "HUMAN" and (group := (row.metadata or {}).get(GROUP)):
                    _unless_gone(t.store.delete_assessment, info.trace_id, row.assessment_id)
                    groups.add(group)
            for group in groups & info.tags.keys():
                _unless_gone(t.store.delete_trace_tag, info.trace_id, group)


def _unless_gone(delete: Callable[[str, str], None], trace_id: str, name: str) -> None:
    """Another writer to the same conversation may have deleted it first."""
    from mlflow.exceptions import MlflowException

    try:
        delete(trace_id, name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _draft(
    t: Tracking,
    project: str,
    trace_id: str,
    conversation: Conversation,
    stored: Sequence[Exchange],
    added: Sequence[Exchange],
    simulation_id: str,
    tags: Mapping[str, str],
) -> TraceDraft:
    draft = draft_trace(
        conversation,
        None,
        project=project,
        simulation_id=simulation_id,
        run_id=None,
        dataset=None,
        tags=tags,
        model_id=logged_model(t, project, conversation.agent),
    )
    known = {key for exchange in stored for key in exchange.messages}
    spans = []
    for exchange in added:
        new = {key: message for key, message in exchange.messages.items() if key not in known}
        known |= new.keys()
        spans.append(_span(exchange.replace(messages=new), draft.spans[0].span_id))
    return replace(draft, trace_id=trace_id, spans=(*draft.spans, *spans))


def _span(exchange: Exchange, parent_id: str) -> SpanDraft:
    begin = round(exchange.started_at * 1e6) * 1000
    error = exchange.error
    return SpanDraft(
        span_id=exchange.exchange_id,
        parent_id=parent_id,
        name=SPAN,
        span_type="UNKNOWN",
        start_ns=begin,
        end_ns=begin + round(exchange.latency_s * 1e6) * 1000,
        attributes={EXCHANGE: clean_model(exchange).model_dump_json(exclude_defaults=True)},
        error=f"{error.cause.value}: {error.detail}" if error else None,
    )


def _read(t: Tracking, experiment_id: str, traces: Mapping[str, str]) -> dict[str, list[Exchange]]:
    there = {trace_id for trace_id, known in lookup(t, traces.values()).items() if known.experiment_id == experiment_id}
    wanted = {trace_id: name for name, trace_id in traces.items() if trace_id in there}
    found: dict[str, list[Exchange]] = {}
    for batch in batches(wanted):
        texts = _texts_from_rows(t.sql, experiment_id, batch) if t.sql is not None else _texts_from_traces(t, batch)
        for trace_id, text in texts:
            found.setdefault(wanted[trace_id], []).append(Exchange.model_validate_json(text))
    return found


def _texts_from_rows(store: "SqlAlchemyStore", experiment_id: str, trace_ids: Sequence[str]) -> list[tuple[str, str]]:
    from mlflow.store.tracking.dbmodels.models import SqlSpan

    with store.ManagedSessionMaker() as session:
        rows = session.query(SqlSpan.trace_id, SqlSpan.content).filter(
            SqlSpan.trace_id.in_(trace_ids), SqlSpan.name == SPAN, SqlSpan.experiment_id == int(experiment_id)
        )
        attributes = [(trace_id, json.loads(content)["attributes"]) for trace_id, content in rows]
    return [(trace_id, row[EXCHANGE]) for trace_id, row in attributes if EXCHANGE in row]


def _texts_from_traces(t: Tracking, trace_ids: Sequence[str]) -> list[tuple[str, str]]:
    texts = []
    for trace in t.store.batch_get_traces(trace_ids):
        for span in trace.data.spans:
            if (found := span.attributes.get(EXCHANGE)) is not None:
                texts.append((trace.info.trace_id, found if isinstance(found, str) else json.dumps(found)))
    return texts
