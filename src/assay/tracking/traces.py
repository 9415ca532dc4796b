"""Conversations in MLflow: each is one trace, written once however often it is handed in, and read back whole."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation
from assay.contracts.dataset import Scenario
from assay.contracts.stage import DatasetRef
from assay.tracking import trace_rows
from assay.tracking.connection import Tracking, quoted, reports_outages
from assay.tracking.peek import Store, peeks
from assay.tracking.projects import ensure_project, find_project
from assay.tracking.registry import logged_model
from assay.tracking.spans import CONVERSATION, SIMULATION_TAG, SpanDraft, TraceDraft, draft_trace
from assay.tracking.trace_ids import STORED, TRACE_PREFIX, copies, place

if TYPE_CHECKING:
    from mlflow.entities import Span, Trace, TraceInfo

T = TypeVar("T")
BATCH = 100
"""Conversations written or read at once."""


@reports_outages
def delete_conversations(t: Tracking, project: str, *, before: datetime, simulation_id: str = "production") -> int:
    """Deletes the traces of production conversations that began before a time; how many.

    Those that somebody labelled or gave feedback on are kept: they are what judges and datasets stand on.
    """
    if (experiment_id := find_project(t, project)) is None:
        return 0
    until = int(before.timestamp() * 1000)
    found = all_pages(
        lambda token: t.store.search_traces(
            locations=[experiment_id],
            filter_string=f"tags.{SIMULATION_TAG} = {quoted(simulation_id)} AND timestamp_ms < {until}",
            max_results=500,
            page_token=token,
        )
    )
    old = [
        info.trace_id
        for info in found
        if not any(row.source.source_type == "HUMAN" for row in info.assessments if row.valid is not False)
    ]
    for batch in batches(old):
        t.client.delete_traces(experiment_id, trace_ids=batch)
    return len(old)


@reports_outages
def write_conversations(
    t: Tracking,
    project: str,
    conversations: Sequence[tuple[Conversation, Scenario | None]],
    *,
    simulation_id: str,
    run_id: str | None,
    dataset: DatasetRef | None,
    tags: Mapping[str, str] | None = None,
    only_new: bool = False,
) -> set[str]:
    """Keeps each conversation as the trace `tr-<conversation_id>` of the project, linked to run and agent version.

    Gives the ids of those that were written. Writing one twice for a simulation leaves one, the later; with
    `only_new` the earlier, unless that ended in an error, so that of two workers that played the same one writes.
    Spans that the agent sent itself under that trace id stay in the trace. A trace of somebody else or of another
    simulation that has the id already is left as it is: where it holds the same conversation it is shared, otherwise
    the conversation gets a trace of its own.
    """
    experiment_id = ensure_project(t, project)
    agents = {str(row.agent): row.agent for row, _ in conversations}
    models = {name: logged_model(t, project, agent) for name, agent in agents.items()}
    drafts = [
        draft_trace(
            conversation,
            scenario,
            project=project,
            simulation_id=simulation_id,
            run_id=run_id,
            dataset=dataset,
            tags=tags or {},
            model_id=models[str(conversation.agent)],
        )
        for conversation, scenario in conversations
    ]
    written: set[str] = set()
    for batch in batches(drafts):
        places = place(t, experiment_id, simulation_id, [draft.session for draft in batch])
        batch = [replace(draft, trace_id=places[draft.session]) for draft in batch]
        shared = _share(t, experiment_id, simulation_id, batch)
        written |= shared
        batch = [draft for draft in batch if draft.session not in shared]
        if not batch:
            continue
        if t.sql is not None:
            written |= trace_rows.write(t.sql, experiment_id, batch, only_new=only_new)
            continue
        if only_new:
            there = finished(t, project, simulation_id)
            batch = [draft for draft in batch if draft.session not in there]
        write_through_store(t, experiment_id, batch)
        written |= {draft.session for draft in batch}
    return written


def _share(t: Tracking, experiment_id: str, simulation_id: str, drafts: Sequence[TraceDraft]) -> set[str]:
    """Conversations that another simulation of the project holds word for word: their trace gets one more tag."""
    displaced = {d.session: d for d in drafts if d.trace_id != TRACE_PREFIX + d.session}
    if not displaced:
        return set()
    there = copies(t, experiment_id, displaced)
    stored = [StoredConversation(name, trace_id) for name, trace_id in there.items()]
    same = set()
    for conversation in map(json.loads, _texts(t, experiment_id, stored)):
        name = conversation["conversation_id"]
        if conversation == json.loads(displaced[name].spans[0].attributes[CONVERSATION]):
            t.store.set_trace_tag(there[name], simulation_id, STORED)
            same.add(name)
    return same


def write_through_store(t: Tracking, experiment_id: str, drafts: Sequence[TraceDraft]) -> None:
    """The route that every MLflow store has: a call for each trace, and one for the spans of all."""
    for draft in drafts:
        t.store.start_trace(_trace_info(experiment_id, draft))
    t.store.log_spans(experiment_id, [_span(draft.trace_id, span) for draft in drafts for span in draft.spans])


def _peek_finished(store: Store, project: str, simulation_id: str) -> set[str]:
    return store.with_tag(project, simulation_id, STORED)


@peeks(_peek_finished)
@reports_outages
def finished(t: Tracking, project: str, simulation_id: str) -> set[str]:
    """Ids of the simulation's conversations that are stored whole and did not end in an error."""
    if (experiment_id := find_project(t, project)) is None:
        return set()
    return {row.conversation_id for row in _stored(t, experiment_id, simulation_id) if not row.failed}


def _peek_failed(store: Store, project: str, simulation_id: str) -> list[Conversation]:
    if store.with_tag(project, simulation_id, STORED, failed=True):
        raise LookupError  # MLflow reads them
    return []


@peeks(_peek_failed)
@reports_outages
def failed_conversations(t: Tracking, project: str, simulation_id: str) -> list[Conversation]:
    """The simulation's conversations that ended in an error."""
    stored = list_conversations(t, project, simulation_id)
    return load_conversations(t, project, [row for row in stored if row.failed])


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """Where a conversation is."""

    conversation_id: str
    trace_id: str
    failed: bool = False
    """It ended in an error."""


@reports_outages
def list_conversations(t: Tracking, project: str, simulation_id: str) -> list[StoredConversation]:
    """The simulation's conversations in the order of scenario and trial; empty where none is stored."""
    experiment_id = find_project(t, project)
    return [] if experiment_id is None else _stored(t, experiment_id, simulation_id)


@reports_outages
def load_conversations(t: Tracking, project: str, stored: Sequence[StoredConversation]) -> list[Conversation]:
    """These conversations, in their order."""
    if (experiment_id := find_project(t, project)) is None:
        return []
    return [Conversation.model_validate_json(text) for text in _texts(t, experiment_id, stored)]


def conversation_texts(t: Tracking, project: str, simulation_id: str) -> Iterator[str]:
    """The simulation's conversations as JSON, in the order of scenario and trial, a few at a time."""
    if (experiment_id := find_project(t, project)) is None:
        return
    for batch in batches(_stored(t, experiment_id, simulation_id)):
        yield from _texts(t, experiment_id, batch)


@reports_outages
def conversations_hash(t: Tracking, project: str, simulation_id: str) -> str:
    """SHA-256 of the simulation's conversations as they are stored now."""
    return hash_of_lines(conversation_texts(t, project, simulation_id))


def hash_of_lines(lines: Iterable[str]) -> str:
    """SHA-256 over JSON documents in their order, however each is laid out."""
    total = hashlib.sha256()
    for line in lines:
        total.update(line_digest(line))
    return total.hexdigest()


def line_digest(line: str) -> bytes:
    return content_hash(json.loads(line)).encode() + b"\n"


@reports_outages
def read_conversations(t: Tracking, project: str, simulation_id: str) -> list[Conversation]:
    """The simulation's conversations in the order of scenario and trial; empty where none is stored."""
    return [Conversation.model_validate_json(text) for text in conversation_texts(t, project, simulation_id)]


def _stored(t: Tracking, experiment_id: str, simulation_id: str) -> list[StoredConversation]:
    if t.sql is not None:
        rows = trace_rows.whole(t.sql, experiment_id, simulation_id)
    else:
        infos = _infos(t, experiment_id, simulation_id)
        rows = [
            (i.client_request_id or "", i.trace_id, i.tags.get("mlflow.traceName", ""), i.state.value) for i in infos
        ]
    ordered = sorted(rows, key=lambda row: in_order(row[2]))
    return [StoredConversation(own, trace, status == "ERROR") for own, trace, _, status in ordered if own]


def in_order(trace_name: str) -> tuple[str, int]:
    """Scenario and trial, as a trace of ours is named: `scenario#trial`."""
    scenario, _, trial = trace_name.rpartition("#")
    return scenario, int(trial) if trial.isdecimal() else 0


def _texts(t: Tracking, experiment_id: str, stored: Sequence[StoredConversation]) -> list[str]:
    ids = [row.trace_id for row in stored]
    if t.sql is not None:
        found = trace_rows.read_conversations(t.sql, experiment_id, ids)
    else:
        traces = (trace for batch in batches(ids) for trace in t.store.batch_get_traces(batch))
        found = {trace.info.trace_id: conversation_json(trace) for trace in traces}
    return [text for trace_id in ids if (text := found.get(trace_id))]


def _infos(t: Tracking, experiment_id: str, simulation_id: str) -> "list[TraceInfo]":
    """Of traces that are stored whole: this tag comes with the root span."""
    wanted = f"tags.`{simulation_id}` = {quoted(STORED)}"
    return all_pages(
        lambda token: t.store.search_traces(
            locations=[experiment_id], filter_string=wanted, max_results=500, page_token=token
        )
    )


def all_pages(page: Callable[[str | None], tuple[Sequence[T], str | None]]) -> list[T]:
    """Everything, from a function of a page token."""
    found: list[T] = []
    token = None
    while True:
        rows, token = page(token)
        found += rows
        if not token:
            return found


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def conversation_json(trace: "Trace") -> str | None:
    """What `write_conversations` put there; None: the trace is not Assay's."""
    for span in trace.data.spans:
        if span.parent_id is None and (found := span.attributes.get(CONVERSATION)) is not None:
            return found if isinstance(found, str) else json.dumps(found)
    return None


def trace_of(experiment_id: str, draft: TraceDraft) -> "Trace":
    """The trace as MLflow's own object, without storing it."""
    from mlflow.entities import Trace, TraceData

    spans = [_span(draft.trace_id, span) for span in draft.spans]
    return Trace(_trace_info(experiment_id, draft), TraceData(spans))


def _trace_info(experiment_id: str, draft: TraceDraft) -> "TraceInfo":
    from mlflow.entities import TraceInfo, TraceLocation, TraceState

    metadata = {**draft.metadata, "mlflow.trace.session": draft.session}
    if draft.tokens:
        metadata["mlflow.trace.tokenUsage"] = json.dumps(draft.tokens)
    if draft.cost_usd is not None:
        metadata["mlflow.trace.cost"] = json.dumps({"total_cost": draft.cost_usd})
    # left to the root span, so that a trace with this tag is whole
    tags = {name: value for name, value in draft.tags.items() if value != STORED}
    return TraceInfo(
        trace_id=draft.trace_id,
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=draft.start_ms,
        execution_duration=draft.duration_ms,
        state=TraceState.ERROR if draft.failed else TraceState.OK,
        client_request_id=draft.session,
        request_preview=draft.request_preview,
        response_preview=draft.response_preview,
        trace_metadata=metadata,
        tags={**tags, "mlflow.traceName": draft.name},
    )


def _span(trace_id: str, draft: SpanDraft) -> "Span":
    from mlflow.entities import Span
    from mlflow.tracing.utils import build_otel_context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Status, StatusCode

    number = int(trace_id.removeprefix(TRACE_PREFIX), 16)
    status = Status(StatusCode.ERROR, draft.error) if draft.error else Status(StatusCode.OK)
    attributes = {
        "mlflow.traceRequestId": json.dumps(trace_id),
        "mlflow.spanType": json.dumps(draft.span_type),
        # Objects and lists travel as text (a server takes one layer off), because OTLP's own maps lose big integers.
        **{key: json.dumps(text) if text[0] in "{[" else text for key, text in draft.attributes.items()},
    }
    return Span(
        ReadableSpan(
            name=draft.name,
            context=build_otel_context(number, int(draft.span_id, 16)),
            parent=build_otel_context(number, int(draft.parent_id, 16)) if draft.parent_id else None,
            start_time=draft.start_ns,
            end_time=draft.end_ns,
            attributes=attributes,
            status=status,
            resource=Resource.get_empty(),
        )
    )
