"""Traces that are already in an MLflow experiment, read as conversations."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from assay.contracts.base import Name, Slug
from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, ToolCall, Turn
from assay.contracts.judgment import TraceQuery
from assay.contracts.stage import AgentRef
from assay.errors import BadInput, NotFound
from assay.tracking.chat_messages import answered_turns, asked_turns
from assay.tracking.connection import Tracking, reports_outages, shown
from assay.tracking.trace_ids import TRACE_PREFIX
from assay.tracking.traces import all_pages, batches, conversation_json

if TYPE_CHECKING:
    from mlflow.entities import Span, Trace, TraceInfo

_slug: TypeAdapter[str] = TypeAdapter(Slug)
_name: TypeAdapter[str] = TypeAdapter(Name)
_SCORER = "mlflow.trace.sourceScorer"


@reports_outages
def import_traces(t: Tracking, query: TraceQuery) -> list[Conversation]:
    """One conversation for each session, and for each trace of none, in the order in which they began.

    Assay's own come back as they were written. Others are read from their messages, or from plain inputs and
    outputs; each is a scenario of its own unless tag `scenario_id` says otherwise, and the agent is what tags
    `agent_id` and `agent_version` say, else the experiment. Traces without an answer, and those that a scorer
    left, are passed over. Raises NotFound for the experiment, BadInput for a filter that MLflow does not read.
    """
    experiment_id, name = find_experiment(t, query.experiment)
    infos = _infos(t, experiment_id, query)
    wanted = [info.trace_id for info in infos if _SCORER not in info.tags and info.state.value != "IN_PROGRESS"]
    traces = [trace for batch in batches(wanted) for trace in t.store.batch_get_traces(batch)]
    sessions: dict[str, list[Trace]] = defaultdict(list)
    found: list[Conversation] = []
    for trace in sorted(traces, key=lambda trace: (trace.info.request_time, trace.info.trace_id)):
        if own := conversation_json(trace):
            found.append(Conversation.model_validate_json(own))
        else:
            session = trace.info.trace_metadata.get("mlflow.trace.session")
            sessions[f"session {session}" if session else trace.info.trace_id].append(trace)
    trials: dict[str, int] = defaultdict(int)
    for group in sessions.values():
        if conversation := _conversation(group, name, trials):
            found.append(conversation)
    return sorted(found, key=lambda conversation: (conversation.started_at, conversation.conversation_id))


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
            max_results=min(500, left),
            order_by=["timestamp_ms DESC"],
            page_token=token,
        )
        left -= len(rows)
        return rows, token if left > 0 else None

    try:
        return all_pages(page)
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        raise BadInput(
            f"traces.filter: MLflow does not read {query.filter!r}: {error.message}; "
            "write it as in mlflow.search_traces"
        ) from error


def _conversation(traces: "list[Trace]", experiment: str, trials: dict[str, int]) -> Conversation | None:
    """None: nothing was said in them."""
    turns: list[Turn] = []
    for trace in traces:
        turns += _new_turns(turns, trace)
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
    root = next((span for span in trace.data.spans if span.parent_id is None), None)
    if root is None:
        return []
    asked = asked_turns(root.inputs)
    if before and len(asked) > 1:
        repeated = [(turn.role, turn.text) for turn in asked[: len(before)]]
        same = repeated == [(turn.role, turn.text) for turn in before]
        asked = asked[len(before) :] if same else asked[-1:]
    answered = [_measured(turn, trace) for turn in answered_turns(root.outputs)]
    return asked + answered


def _measured(turn: Turn, trace: "Trace") -> Turn:
    """With what the trace says of the answer: how long it took, tokens, cost, and the tools that ran."""
    usage = trace.info.token_usage or {}
    cost = (trace.info.cost or {}).get("total_cost")
    tools = tuple(_tool_call(span) for span in trace.data.spans if span.span_type == "TOOL")
    took = trace.info.execution_duration
    return turn.replace(
        tool_calls=tools or turn.tool_calls,
        latency_s=None if took is None else max(took, 0) / 1000,
        input_tokens=usage.get("input_tokens"),
        output_tokens=usage.get("output_tokens"),
        cost_usd=None if cost is None else Decimal(str(cost)),
    )


def _tool_call(span: "Span") -> ToolCall:
    failed = span.status.status_code.value == "ERROR"
    inputs: Any = span.inputs
    return ToolCall(
        name=span.name,
        arguments=inputs if isinstance(inputs, dict) else {} if inputs is None else {"value": inputs},
        result=span.outputs,
        error=(span.status.description or "failed") if failed else None,
    )


def _error(trace: "Trace") -> CallFailed | None:
    if trace.info.state.value != "ERROR":
        return None
    root = next((span for span in trace.data.spans if span.parent_id is None), None)
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
