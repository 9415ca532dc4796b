"""Traces that are already in an MLflow experiment, read as conversations."""

import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from assay.contracts.base import Name, Slug
from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, ToolCall, Turn
from assay.contracts.judgment import TraceQuery
from assay.contracts.stage import AgentRef
from assay.errors import BadInput, NotFound
from assay.protocols import read_arguments, read_result, read_usage, storable
from assay.tracking.chat_messages import NOTHING, answered_turns, asked_turns, exchange, read_events
from assay.tracking.connection import Tracking, reports_outages, shown
from assay.tracking.trace_ids import TRACE_PREFIX
from assay.tracking.traces import all_pages, batches, conversation_json

if TYPE_CHECKING:
    from mlflow.entities import Span, Trace, TraceInfo

_slug: TypeAdapter[str] = TypeAdapter(Slug)
_name: TypeAdapter[str] = TypeAdapter(Name)
_SCORER = "mlflow.trace.sourceScorer"


@dataclass(frozen=True)
class ImportedTraces:
    conversations: list[Conversation]
    """In the order in which they began."""
    skipped: dict[str, int]
    """How many traces were passed over, by reason."""
    population: int | None = None
    """Conversations that the sample was drawn from; None: no sample was asked for."""


NO_SPANS = "its spans are not in the store"
NOTHING_SAID = "no span of it holds what was asked or answered"
UNREADABLE = "what it holds cannot be read"
OF_A_SCORER = "a scorer left it"
IN_PROGRESS = "it is still in progress"


@reports_outages
def import_traces(t: Tracking, query: TraceQuery) -> ImportedTraces:
    """One conversation for each session, and for each trace of none.

    Assay's own come back as they were written. Others are read from their messages, or from plain inputs and
    outputs; each is a scenario of its own unless tag `scenario_id` says otherwise, and the agent is what tags
    `agent_id` and `agent_version` say, else the experiment. A trace that cannot be read is passed over and counted
    with its reason. Raises NotFound for the experiment, BadInput for a filter that MLflow does not read.
    """
    experiment_id, name = find_experiment(t, query.experiment)
    skipped: Counter[str] = Counter()
    wanted: list[str] = []
    of_session: dict[str, list[str]] = defaultdict(list)
    for info in _infos(t, experiment_id, query):
        if _SCORER in info.tags:
            skipped[OF_A_SCORER] += 1
        elif info.state.value == "IN_PROGRESS":
            skipped[IN_PROGRESS] += 1
        else:
            of_session[info.trace_metadata.get("mlflow.trace.session") or info.trace_id].append(info.trace_id)
    population = None
    if query.sample is not None:
        population = len(of_session)
        drawn = random.Random(query.seed).sample(sorted(of_session), min(query.sample, population))
        of_session = {name: of_session[name] for name in drawn}
    wanted = [trace_id for ids in of_session.values() for trace_id in ids]
    sessions: dict[str, list[Trace]] = defaultdict(list)
    found: list[Conversation] = []
    seen: set[str] = set()
    for trace in sorted(_traces(t, wanted, skipped), key=lambda trace: (trace.info.request_time, trace.info.trace_id)):
        if own := conversation_json(trace):
            try:
                conversation = Conversation.model_validate_json(own)
            except ValidationError:
                skipped[UNREADABLE] += 1
                continue
            if conversation.conversation_id in seen:
                # two simulations hold different conversations under one id: each is one of its own here
                conversation = conversation.replace(conversation_id=trace.info.trace_id.removeprefix("tr-"))
            seen.add(conversation.conversation_id)
            found.append(conversation)
        else:
            session = trace.info.trace_metadata.get("mlflow.trace.session")
            sessions[f"session {session}" if session else trace.info.trace_id].append(trace)
    trials: dict[str, int] = defaultdict(int)
    for group in sessions.values():
        if conversation := _conversation(group, name, trials, skipped):
            found.append(conversation)
    ordered = sorted(found, key=lambda conversation: (conversation.started_at, conversation.conversation_id))
    return ImportedTraces(ordered, dict(sorted(skipped.items())), population)


def _traces(t: Tracking, wanted: list[str], skipped: Counter[str]) -> "list[Trace]":
    """Read in batches; where one holds a trace that MLflow cannot read, that one alone is passed over."""
    from mlflow.exceptions import MlflowException

    found: list[Trace] = []
    for batch in batches(wanted):
        try:
            read = t.store.batch_get_traces(batch)
        except MlflowException as error:
            if not is_missing_spans(error):
                raise
            read = [trace for trace_id in batch if (trace := _trace(t, trace_id)) is not None]
        found += read
        skipped[NO_SPANS] += len(batch) - len(read)
    skipped += Counter()  # without what is zero
    return found


def _trace(t: Tracking, trace_id: str) -> "Trace | None":
    """One trace, from the store or from the artifact that older clients wrote. None: its spans are in neither."""
    from mlflow.exceptions import MlflowException

    try:
        return next(iter(t.store.batch_get_traces([trace_id])), None)
    except MlflowException as error:
        if not is_missing_spans(error):
            raise
    try:
        return t.client.get_trace(trace_id)
    except MlflowException:
        return None


def is_missing_spans(error: Exception) -> bool:
    """Whether MLflow is there, and a trace's spans are not."""
    words = str(error)
    return "Trace data not stored in tracking store" in words or "corrupted" in words or "not found" in words.lower()


@reports_outages
def find_experiment(t: Tracking, name: str) -> tuple[str, str]:
    """(id, name) of an experiment, named by either. Raises NotFound."""
    experiment = t.client.get_experiment_by_name(name)
    if experiment is None and name.isdigit():
        by_id = {row.experiment_id: row for row in t.client.search_experiments()}
        experiment = by_id.get(name)
    if experiment is None:
        there = ", ".join(sorted(row.name for row in t.client.search_experiments(max_results=20)))
        raise NotFound(
            f"traces.experiment: there is no experiment {name} that this project may read",
            local=f"traces.experiment: {name} is not in {shown(t.uri)}: there is {there}",
        )
    return experiment.experiment_id, experiment.name


def _infos(t: Tracking, experiment_id: str, query: TraceQuery) -> "list[TraceInfo]":
    from mlflow.exceptions import MlflowException

    left = query.max_traces

    def page(token: str | None) -> "tuple[Sequence[TraceInfo], str | None]":
        nonlocal left
        rows, token = t.store.search_traces(
            locations=[experiment_id],
            filter_string=query.filter or None,
            max_results=500 if query.sample else min(500, left),
            order_by=["timestamp_ms DESC"],
            page_token=token,
        )
        left -= len(rows)
        return rows, token if query.sample or left > 0 else None

    try:
        return all_pages(page)
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        raise BadInput(
            f"traces.filter: MLflow does not read {query.filter!r}: {error.message}; "
            "write it as in mlflow.search_traces"
        ) from error


def _conversation(
    traces: "list[Trace]", experiment: str, trials: dict[str, int], skipped: Counter[str]
) -> Conversation | None:
    """None: nothing was said in them."""
    turns: list[Turn] = []
    for trace in traces:
        try:
            new = _new_turns(turns, trace)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            skipped[UNREADABLE] += 1
            continue
        skipped[NOTHING_SAID] += not new
        turns += new
    skipped += Counter()
    if not turns:
        return None
    first, last = traces[0].info, traces[-1].info
    scenario_id = _as_name(first.tags.get("scenario_id")) or _as_slug(first.trace_id) or "imported"
    trial = first.tags.get("trial", "")
    number = int(trial) if trial.isdecimal() else trials[scenario_id]
    trials[scenario_id] = number + 1
    error = _error(traces[-1])
    return Conversation(
        conversation_id=_conversation_id([trace.info.trace_id for trace in traces]),
        scenario_id=scenario_id,
        trial=number,
        seed=0,
        agent=AgentRef(
            agent_id=_as_slug(first.tags.get("agent_id")) or _made_slug(experiment),
            version=_as_slug(first.tags.get("agent_version")) or "imported",
        ),
        turns=tuple(turns),
        stop_reason=StopReason.AGENT_ERROR if error else StopReason.IMPORTED,
        error=error,
        started_at=datetime.fromtimestamp(first.request_time / 1000, tz=UTC),
        duration_s=((last.request_time - first.request_time) + (last.execution_duration or 0)) / 1000,
    )


def _new_turns(before: list[Turn], trace: "Trace") -> list[Turn]:
    """What this trace adds. Inputs that repeat the history are taken from where the history ends."""
    for span in _speaking(trace):
        inputs, outputs = _said(span)
        asked, answered = asked_turns(inputs), answered_turns(outputs)
        if not asked and not answered:
            continue
        if before and len(asked) > 1:
            repeated = [(turn.role, turn.text) for turn in asked[: len(before)]]
            same = repeated == [(turn.role, turn.text) for turn in before]
            last_user = max((place for place, turn in enumerate(asked) if turn.role == "user"), default=0)
            asked = asked[len(before) :] if same else asked[last_user:]
        turns = exchange(asked, answered)
        return [_measured(turn, trace) if turn is turns[-1] and answered else turn for turn in turns]
    return []


NOT_SAID_IN = ("TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "PARSER")


def _speaking(trace: "Trace") -> "Iterator[Span]":
    """The spans that may hold the exchange, the likeliest first: from the root down, and at one depth the agent's own
    before a model's, the last before the first, since it answers.

    The root is a span without a parent in this trace: a web framework's, or one whose parent is another service's.
    """
    by_id = {span.span_id: span for span in trace.data.spans}
    children: dict[str | None, list[Span]] = defaultdict(list)
    for span in trace.data.spans:
        children[span.parent_id if span.parent_id in by_id else None].append(span)
    level, seen = children[None], set[str]()
    while level:
        ordered = sorted(level, key=lambda span: (span.span_type != "AGENT", -(span.end_time_ns or 0)))
        yield from (span for span in ordered if span.span_type not in NOT_SAID_IN)
        seen |= {span.span_id for span in level}
        level = [child for span in level for child in children[span.span_id] if child.span_id not in seen]


def _said(span: "Span") -> tuple[Any, Any]:
    """What a span holds of the exchange: its inputs and outputs, else what OpenTelemetry's events say."""
    inputs, outputs = span.inputs, span.outputs
    if inputs in NOTHING and outputs in NOTHING:
        return read_events([(event.name, dict(event.attributes or {})) for event in span.events])
    return inputs, outputs


def _measured(turn: Turn, trace: "Trace") -> Turn:
    """With what the trace says of the answer: how long it took, tokens, cost, and the tools that ran."""
    usage = read_usage(trace.info.token_usage or {})
    cost = (trace.info.cost or {}).get("total_cost")
    tools = tuple(_tool_call(span) for span in trace.data.spans if span.span_type == "TOOL")
    took = trace.info.execution_duration
    return turn.replace(
        tool_calls=tools or turn.tool_calls,
        latency_s=None if took is None else max(took, 0) / 1000,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cost_usd=None if cost is None else Decimal(str(cost)),
    )


def _tool_call(span: "Span") -> ToolCall:
    failed = span.status.status_code.value == "ERROR"
    value, error = read_result(span.outputs)
    return ToolCall(
        name=storable(span.name),
        arguments=read_arguments(span.inputs),
        result=value,
        error=storable(span.status.description or "failed") if failed else error,
    )


def _error(trace: "Trace") -> CallFailed | None:
    if trace.info.state.value != "ERROR":
        return None
    root = next(_speaking(trace), None)
    detail = (root.status.description if root else None) or "the trace ended in an error"
    return CallFailed(cause=FailureCause.AGENT_EXCEPTION, detail=detail)


def _conversation_id(trace_ids: list[str]) -> str:
    """That of the trace itself, where one trace is all and its id is one that MLflow gives."""
    name = trace_ids[0].removeprefix(TRACE_PREFIX)
    if len(trace_ids) == 1 and re.fullmatch(r"[0-9a-f]{32}", name):
        return name
    return hashlib.sha256("/".join(trace_ids).encode()).hexdigest()[:32]


def _as_name(text: str | None) -> str | None:
    try:
        return _name.validate_python(text)
    except ValidationError:
        return None


def _as_slug(text: str | None) -> str | None:
    try:
        return _slug.validate_python(text)
    except ValidationError:
        return None


def _made_slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:64] or "agent"
