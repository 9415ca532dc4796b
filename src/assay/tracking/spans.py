"""A conversation as a trace, on plain values: what the spans are called, when they ran, what they carry."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assay.contracts.conversation import Conversation, StopReason, ToolCall, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.stage import DatasetRef
from assay.contracts.text import clean_model
from assay.tracking.projects import VERSION_TAG, assay_version
from assay.tracking.trace_ids import STORED, TRACE_PREFIX

CONVERSATION = "assay.conversation"
"""Attribute of the root span: the whole conversation as JSON."""
TURN = "assay.turn"
"""Attribute of every span that is made here: the turn that it belongs to, -1 in the root."""
SIMULATION_TAG = "simulation_id"
SOURCE_TAG = "assay.source_id"
"""The id that an imported conversation has where it comes from."""
"""Of the simulation that was written last; a tag named as the simulation stays for each that the conversation is in."""
TRACE_TAG = "mlflow.traceTag."
"""Prefix of a root span's attributes that MLflow makes tags of, in the transaction that stores the span."""
_PREVIEW = 1000
_UNMEASURED_S = 0.001


@dataclass(frozen=True, slots=True)
class SpanDraft:
    span_id: str
    """16 hex digits, the same whenever the span is drawn up."""
    parent_id: str | None
    name: str
    span_type: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str]
    """Name to JSON text."""
    error: str | None = None
    """None: it went well."""


@dataclass(frozen=True, slots=True)
class TraceDraft:
    trace_id: str
    name: str
    start_ms: int
    duration_ms: int
    failed: bool
    session: str
    request_preview: str
    response_preview: str
    tags: dict[str, str]
    metadata: dict[str, str]
    tokens: dict[str, int]
    """As in mlflow.trace.tokenUsage, of the agent alone; empty: not known."""
    cost_usd: float | None
    spans: tuple[SpanDraft, ...]
    """The root first."""


def turn_span_id(conversation_id: str, turn: int) -> str:
    """The span of this turn (an index into the turns), 16 hex digits: the parent that `traceparent` names."""
    return _span_id(conversation_id, f"turn/{turn}")


def draft_trace(
    conversation: Conversation,
    scenario: Scenario | None,
    *,
    project: str,
    simulation_id: str,
    run_id: str | None,
    dataset: DatasetRef | None,
    tags: Mapping[str, str],
    model_id: str | None = None,
) -> TraceDraft:
    """The trace, the same for the same conversation: a span a turn, a span a tool call, all in their order."""
    conversation, scenario = clean_model(conversation), scenario and clean_model(scenario)
    times = _turn_times(conversation)
    begin = _ns(conversation.started_at.timestamp())
    end = max(times[-1][1] if times else begin, begin + _ns(conversation.duration_s or 0.0))
    all_tags = _tags(conversation, scenario, project, simulation_id, dataset) | dict(tags)
    usage, cost = _usage(conversation.turns)
    metadata = {"mlflow.trace.user": scenario.persona.name} if scenario else {}
    if run_id:
        metadata["mlflow.sourceRun"] = run_id
    if model_id:
        metadata["mlflow.modelId"] = model_id
    said = {role: [turn.text for turn in conversation.turns if turn.role == role] for role in ("user", "agent")}
    answer = said["agent"][-1] if said["agent"] else (conversation.error.detail if conversation.error else "")
    name = f"{conversation.scenario_id}#{conversation.trial}"
    root = SpanDraft(
        span_id=_span_id(conversation.conversation_id, "root"),
        parent_id=None,
        name=name,
        span_type="CHAIN",
        start_ns=begin,
        end_ns=end,
        attributes={
            TURN: "-1",
            **_chat(conversation.turns),
            CONVERSATION: conversation.model_dump_json(),
            TRACE_TAG + simulation_id: json.dumps(STORED),
            **({"metadata": json.dumps(conversation.metadata)} if conversation.metadata else {}),
        },
        error=_error(conversation),
    )
    return TraceDraft(
        trace_id=TRACE_PREFIX + conversation.conversation_id,
        name=name,
        start_ms=begin // 1_000_000,
        duration_ms=(end - begin) // 1_000_000,
        failed=conversation.error is not None,
        session=conversation.conversation_id,
        request_preview=(said["user"][0] if said["user"] else "")[:_PREVIEW],
        response_preview=answer[:_PREVIEW],
        tags=all_tags,
        metadata=metadata,
        tokens=usage,
        cost_usd=cost,
        spans=(root, *_children(conversation, root.span_id, times, end)),
    )


def chat_messages(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    """The turns as chat-completions messages, tool calls and their results included."""
    return [message for index, turn in enumerate(turns) for message in _messages(turn, index)]


def _tags(
    conversation: Conversation, scenario: Scenario | None, project: str, simulation_id: str, dataset: DatasetRef | None
) -> dict[str, str]:
    faults = sorted({fault.kind.value for fault in conversation.simulator_faults})
    tags = {
        "project_id": project,
        SIMULATION_TAG: simulation_id,
        simulation_id: STORED,
        "scenario_id": conversation.scenario_id,
        "trial": str(conversation.trial),
        "agent_id": conversation.agent.agent_id,
        "agent_version": conversation.agent.version,
        "stop_reason": conversation.stop_reason.value,
        "simulator_fault": ",".join(faults) or "none",
        VERSION_TAG: assay_version(),
    }
    if conversation.source_id:
        tags[SOURCE_TAG] = conversation.source_id
    if dataset:
        tags["dataset_version"] = dataset.version
    if scenario:
        tags |= {"topic": scenario.topic, "difficulty": scenario.difficulty.value, "persona": scenario.persona.name}
    return tags


def _children(conversation: Conversation, root_id: str, times: list[tuple[int, int]], end: int) -> Iterator[SpanDraft]:
    faults: dict[int, list[str]] = {}
    for fault in conversation.simulator_faults:
        faults.setdefault(fault.turn, []).append(f"{fault.kind.value}: {fault.detail}")
    heard: Turn | None = None
    for index, (turn, (start, stop)) in enumerate(zip(conversation.turns, times, strict=True)):
        span_id = turn_span_id(conversation.conversation_id, index)
        attributes = {TURN: json.dumps(index)}
        attributes |= _said([] if heard is None else _messages(heard, index - 1), turn, index)
        if turn.role == "user":
            if found := faults.get(index):
                attributes["assay.simulator_faults"] = _json(found)
            yield SpanDraft(span_id, root_id, "user", "CHAT_MODEL", start, stop, attributes)
        else:
            attributes |= _measured(turn)
            yield SpanDraft(span_id, root_id, "agent", "AGENT", start, stop, attributes)
            yield from _tools(conversation.conversation_id, turn, index, span_id, start, stop)
        heard = turn
    if conversation.error and (speaker := _who_failed(conversation.stop_reason)):
        last = times[-1][1] if times else _ns(conversation.started_at.timestamp())
        span_id = turn_span_id(conversation.conversation_id, len(conversation.turns))
        kind = "AGENT" if speaker == "agent" else "CHAT_MODEL"
        attributes = {TURN: json.dumps(len(conversation.turns))}
        if heard:
            attributes["mlflow.spanInputs"] = _json({"messages": _messages(heard, len(conversation.turns) - 1)})
        yield SpanDraft(span_id, root_id, speaker, kind, last, end, attributes, _error(conversation))


def _tools(conversation_id: str, turn: Turn, index: int, parent_id: str, start: int, stop: int) -> Iterator[SpanDraft]:
    """When a tool ran is not known, only that it was within the turn: equal steps keep the order."""
    step = (stop - start) // (len(turn.tool_calls) + 1)
    for number, call in enumerate(turn.tool_calls):
        at = start + step * (number + 1)
        attributes = {
            TURN: json.dumps(index),
            "mlflow.spanInputs": _json(call.arguments),
            "mlflow.spanOutputs": _json(_tool_result(call)),
        }
        span_id = _span_id(conversation_id, f"turn/{index}/tool/{number}")
        yield SpanDraft(span_id, parent_id, call.name or "tool", "TOOL", at, at, attributes, call.error)


def _who_failed(stop_reason: StopReason) -> Literal["agent", "user"] | None:
    match stop_reason:
        case StopReason.AGENT_ERROR:
            return "agent"
        case StopReason.SIMULATOR_ERROR:
            return "user"
        case _:
            return None


def _turn_times(conversation: Conversation) -> list[tuple[int, int]]:
    """(start, end) in ns. Turns that were not measured share what of the duration the others leave."""
    turns = conversation.turns
    unknown = sum(turn.latency_s is None for turn in turns)
    left = (conversation.duration_s or 0.0) - sum(turn.latency_s or 0.0 for turn in turns)
    share = max(left / unknown, _UNMEASURED_S) if unknown else 0.0
    at, times = conversation.started_at.timestamp(), []
    for turn in turns:
        after = at + (share if turn.latency_s is None else turn.latency_s)
        times.append((_ns(at), _ns(after)))
        at = after
    return times


def _usage(turns: tuple[Turn, ...]) -> tuple[dict[str, int], float | None]:
    """Tokens and dollars of the agent's turns; what the simulator took is no cost of the agent."""
    agent = [turn for turn in turns if turn.role == "agent"]
    tokens = _tokens(
        [turn.input_tokens for turn in agent if turn.input_tokens is not None],
        [turn.output_tokens for turn in agent if turn.output_tokens is not None],
    )
    costs = [turn.cost_usd for turn in agent if turn.cost_usd is not None]
    return tokens, float(sum(costs)) if costs else None


def _tokens(given: list[int], made: list[int]) -> dict[str, int]:
    if not given and not made:
        return {}
    return {"input_tokens": sum(given), "output_tokens": sum(made), "total_tokens": sum(given) + sum(made)}


def _measured(turn: Turn) -> dict[str, str]:
    attributes = {}
    given = [] if turn.input_tokens is None else [turn.input_tokens]
    made = [] if turn.output_tokens is None else [turn.output_tokens]
    if tokens := _tokens(given, made):
        attributes["mlflow.chat.tokenUsage"] = _json(tokens)
    if turn.cost_usd is not None:
        attributes["mlflow.llm.cost"] = _json({"total_cost": float(turn.cost_usd)})
    if turn.first_token_s is not None:
        attributes["assay.first_token_s"] = _json(turn.first_token_s)
    return attributes


def _chat(turns: tuple[Turn, ...]) -> dict[str, str]:
    """The whole conversation as MLflow's chat view shows it: all that led to the agent's last word, and that word."""
    last = max((index for index, turn in enumerate(turns) if turn.role == "agent"), default=None)
    if last is None:
        return {"mlflow.spanInputs": _json({"messages": chat_messages(turns)}), "mlflow.message.format": '"openai"'}
    *led_to_it, answer = chat_messages(turns[: last + 1])
    return {
        "mlflow.spanInputs": _json({"messages": led_to_it}),
        "mlflow.spanOutputs": _json(_completion(answer)),
        "mlflow.message.format": '"openai"',
    }


def _said(heard: list[dict[str, Any]], turn: Turn, index: int) -> dict[str, str]:
    *calls, answer = _messages(turn, index)
    said = {**answer, "role": "assistant"}
    return {
        "mlflow.spanInputs": _json({"messages": [*heard, *calls]}),
        "mlflow.spanOutputs": _json(_completion(said)),
        "mlflow.message.format": '"openai"',
    }


def _completion(message: dict[str, Any]) -> dict[str, Any]:
    return {"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


def _messages(turn: Turn, index: int) -> list[dict[str, Any]]:
    """One message, or with tool calls the calls, their results, and then what was said."""
    if turn.role == "user":
        return [{"role": "user", "content": turn.text}]
    said = {"role": "assistant", "content": turn.text}
    if not turn.tool_calls:
        return [said]
    ids = [f"call_{index}_{number}" for number in range(len(turn.tool_calls))]
    calls = [
        {"id": name, "type": "function", "function": {"name": call.name, "arguments": _json(call.arguments)}}
        for name, call in zip(ids, turn.tool_calls, strict=True)
    ]
    results = [
        {"role": "tool", "tool_call_id": name, "content": _json(_tool_result(call))}
        for name, call in zip(ids, turn.tool_calls, strict=True)
    ]
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *results, said]


def _tool_result(call: ToolCall) -> Any:
    return call.result if call.error is None else {"error": call.error}


def _error(conversation: Conversation) -> str | None:
    error = conversation.error
    return f"{error.cause.value}: {error.detail}" if error else None


def _span_id(conversation_id: str, path: str) -> str:
    return hashlib.sha256(f"{conversation_id}/{path}".encode()).hexdigest()[:16]


def _ns(seconds: float) -> int:
    # through microseconds, where a float of today's date is still exact
    return round(seconds * 1e6) * 1000


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
