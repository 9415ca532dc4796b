"""Chat messages of any protocol, folded into turns.

Read are: OpenAI's chat completions (`tool_calls`, and the older `function_call` with role `function`), its Responses
items, Anthropic's blocks, Gemini's `contents`, OpenTelemetry's GenAI messages with `parts`, LangChain's messages in
its three serialisations, Bedrock's Converse, the AI SDK's and ShareGPT's `from`/`value`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from assay.contracts.conversation import FinishReason, Turn
from assay.protocols.finish import read_finish_reason
from assay.protocols.parts import Content, read_content, text_of
from assay.protocols.reasoning import split_reasoning
from assay.protocols.tool_calls import (
    UNNAMED,
    Call,
    CallLedger,
    Result,
    call_id,
    read_arguments,
    read_call,
    read_result,
)
from assay.protocols.values import storable

Role = Literal["user", "agent", "tool", "system"]

_ROLES: dict[str, Role] = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "ai", "agent", "model", "bot", "chatbot", "gpt", "aimessagechunk"), "agent"),
    **dict.fromkeys(("tool", "function", "observation"), "tool"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_LANGCHAIN = {"HumanMessage": "user", "AIMessage": "agent", "ToolMessage": "tool", "FunctionMessage": "tool"}
_LANGCHAIN |= {"SystemMessage": "system", "AIMessageChunk": "agent"}


@dataclass
class Message:
    """One message, whoever's protocol it is."""

    role: Role | None
    """None: the message has no role that is known."""
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[Call] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    unfinished: bool = False
    """True: an item that belongs to the message after it, such as reasoning or a call on its own."""


class UnknownRole(ValueError):
    """A message whose role is none."""

    def __init__(self, place: int, role: object) -> None:
        super().__init__(f"messages.{place}.role: {role!r} is no role: use user, assistant, tool or system")
        self.place = place
        self.role = role


def turns_of(messages: Iterable[object], *, strict: bool = False) -> list[Turn]:
    """User's and agent's messages as turns. System messages are left out: they are the agent's, not said.

    Tool calls, their results and reasoning go with the agent's words that follow; calls without words after them are a
    turn of their own. A result goes to the call with its id. `strict`: raises UnknownRole for a message without a
    role that is known, which is passed over otherwise.
    """
    folding = Folding()
    for place, raw in enumerate(messages):
        message = read_message(raw)
        if message is None or message.role is None:
            if strict:
                given = raw.get("role") if isinstance(raw, Mapping) else raw
                raise UnknownRole(place, given)
            continue
        folding.add(message)
    return folding.turns()


class Folding:
    """Puts turns together, message by message."""

    def __init__(self) -> None:
        self._done: list[Message] = []
        self._pending: Message | None = None
        """The agent's turn until its words come."""
        self._ledger = CallLedger()

    def add(self, message: Message) -> None:
        for result in message.results:
            if not self._ledger.settle(result):
                self._add_orphan(result)
        match message.role:
            case "user" if message.text or not message.results:
                self._close()
                self._done.append(message)
            case "agent":
                self._add_agent(message)
            case _:
                pass

    def turns(self) -> list[Turn]:
        self._close()
        return [_turn(message) for message in self._done]

    def _add_agent(self, message: Message) -> None:
        self._ledger.open(message.calls)
        pending = self._pending or Message("agent")
        self._pending = Message(
            "agent",
            text=message.text,
            reasoning="\n".join(part for part in (pending.reasoning, message.reasoning) if part),
            refusal=message.refusal,
            calls=pending.calls + message.calls,
            finish_reason=message.finish_reason,
        )
        if message.text or message.refusal or not (message.calls or message.unfinished or message.results):
            self._close()

    def _add_orphan(self, result: Result) -> None:
        """A result of a call that was not sent: that there was a call is not lost."""
        call = Call(id=result.id, name=result.name or UNNAMED)
        call.take(result)
        self._add_agent(Message("agent", calls=[call]))

    def _close(self) -> None:
        if self._pending is not None:
            self._done.append(self._pending)
            self._pending = None


def _turn(message: Message) -> Turn:
    if message.role == "user":
        return Turn(role="user", text=message.text)
    return Turn(
        role="agent",
        text=with_refusal(message.text, message.refusal),
        tool_calls=tuple(call.whole() for call in message.calls),
        finish_reason=finish_of(message.finish_reason, message.refusal),
        refusal=message.refusal or None,
        reasoning=message.reasoning or None,
    )


def with_refusal(text: str, refusal: str) -> str:
    """What the user is shown."""
    return text if not refusal or refusal in text else f"{text}\n{refusal}" if text else refusal


def finish_of(reason: FinishReason | None, refusal: str) -> FinishReason | None:
    """Servers say `stop` beside a refusal."""
    return FinishReason.REFUSAL if refusal and reason in (None, FinishReason.STOP) else reason


def read_message(raw: object) -> Message | None:
    """One message, or one item of a Responses list. None: it is no object."""
    if not isinstance(raw, Mapping):
        return None
    raw, named = _unwrapped(raw)
    kind = raw.get("type")
    kind = kind if isinstance(kind, str) else ""
    if item := _responses_item(raw, kind):
        return item
    role = named or _role(raw, kind)
    if role == "tool":
        return Message(role, results=_tool_results(raw))
    content = read_content(next((raw[key] for key in ("content", "parts", "value", "text") if _given(raw, key)), None))
    message = Message(role, finish_reason=_finish(raw))
    message.calls = [*content.calls, *_calls_beside(raw)]
    message.results = content.results
    message.text = content.text("\n" if role == "user" else "")
    if role == "agent":
        _read_agent(raw, content, message)
    return message


def is_message(raw: object) -> bool:
    """Whether an object is a chat message, and not any other JSON."""
    if not isinstance(raw, Mapping):
        return False
    if isinstance(raw.get("role"), str):
        return bool(raw.keys() & {"content", "tool_calls", "function_call", "parts", "refusal"})
    kind = raw.get("type")
    if kind in ("function_call", "function_call_output"):
        return True
    if raw.get("type") == "constructor" and isinstance(raw.get("kwargs"), Mapping):
        return _unwrapped(raw)[1] is not None
    if kind in ("human", "ai", "tool", "system", "message", "AIMessageChunk"):
        return "content" in raw or isinstance(raw.get("data"), Mapping)
    return isinstance(raw.get("from"), str) and "value" in raw and raw["from"].lower() in _ROLES


def _given(raw: Mapping[str, Any], key: str) -> bool:
    return raw.get(key) is not None


def _unwrapped(raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], Role | None]:
    """LangChain's `{"lc": 1, "id": [..., "AIMessage"], "kwargs": {}}` and `{"type": "ai", "data": {}}`."""
    kwargs, data = raw.get("kwargs"), raw.get("data")
    if raw.get("type") == "constructor" and isinstance(kwargs, Mapping):
        path = raw.get("id")
        name = path[-1] if isinstance(path, list) and path else ""
        return kwargs, _LANGCHAIN.get(name) if isinstance(name, str) else None  # pyright: ignore[reportReturnType]
    if isinstance(data, Mapping) and "content" in data and "content" not in raw:
        return data, _role(raw, str(raw.get("type")))
    return raw, None


def _role(raw: Mapping[str, Any], kind: str) -> Role | None:
    for name in (raw.get("role"), raw.get("from"), kind):
        if isinstance(name, str) and name:
            return "agent" if name == "message" else _ROLES.get(name.lower())
    return None


def _read_agent(raw: Mapping[str, Any], content: Content, message: Message) -> None:
    more = raw.get("additional_kwargs")  # LangChain
    beside: Mapping[str, Any] = more if isinstance(more, Mapping) else {}
    refusal = next((h["refusal"] for h in (raw, beside) if isinstance(h.get("refusal"), str) and h["refusal"]), "")
    message.refusal = "\n".join([*content.refusal, *([storable(refusal)] if refusal else [])])
    split = split_reasoning(message.text)
    message.text = split.text
    message.calls += [Call(None, storable(name), read_arguments(arguments)) for name, arguments in split.calls]
    thought = [reasoning_beside(raw) or reasoning_beside(beside), *content.reasoning, split.reasoning]
    message.reasoning = storable("\n".join(part for part in thought if part))
    audio = raw.get("audio")
    if not message.text and isinstance(audio, Mapping):
        transcript = audio.get("transcript")
        message.text = storable(transcript) if isinstance(transcript, str) and transcript else "[audio]"
    images = raw.get("images")
    if isinstance(images, list) and images:
        message.text = "\n".join([*([message.text] if message.text else []), *["[image]"] * len(images)])


def reasoning_beside(holder: Mapping[str, Any]) -> str:
    """Reasoning in a field of its own, once where several fields repeat it; not made storable yet."""
    for key in ("reasoning_content", "reasoning", "thinking"):
        if isinstance(holder.get(key), str) and holder[key]:
            return holder[key]
    details = holder.get("reasoning_details")
    if isinstance(details, list):
        said = [d.get("text") or d.get("summary") for d in details if isinstance(d, Mapping)]
        return "".join(part for part in said if isinstance(part, str))
    return ""


def _calls_beside(raw: Mapping[str, Any]) -> list[Call]:
    more = raw.get("additional_kwargs")
    for holder in (raw, more if isinstance(more, Mapping) else {}):
        calls = holder.get("tool_calls")
        if isinstance(calls, Mapping):
            calls = [calls]
        broken = holder.get("invalid_tool_calls")
        found = [
            call
            for rows in (calls, broken)
            if isinstance(rows, list | tuple)
            for row in rows
            if (call := read_call(row)) is not None
        ]
        if found:
            return found
        if (call := read_call(holder.get("function_call"))) is not None:
            return [call]
    return []


def _tool_results(raw: Mapping[str, Any]) -> list[Result]:
    """Of a message whose role is a tool's."""
    content = next((raw[key] for key in ("content", "parts", "value", "output") if _given(raw, key)), None)
    if isinstance(content, list):
        read = read_content(content)
        if read.results:
            return read.results
        if content and all(isinstance(part, Mapping | str) for part in content):
            content = read.text("\n")
    marked = raw.get("is_error") is True or raw.get("isError") is True or raw.get("status") == "error"
    value, error = read_result(content, marked=marked)
    name = raw.get("name") or raw.get("tool_name")
    identity = {key: raw[key] for key in raw if key != "id"}  # `id` is the message's own here
    return [Result(call_id(identity), storable(name) if isinstance(name, str) and name else None, value, error)]


def _finish(raw: Mapping[str, Any]) -> FinishReason | None:
    metadata = raw.get("response_metadata")
    for holder in (raw, metadata if isinstance(metadata, Mapping) else {}):
        for key in ("finish_reason", "finishReason", "stop_reason", "stopReason"):
            if (reason := read_finish_reason(holder.get(key))) is not None:
                return reason
    return None


def _responses_item(raw: Mapping[str, Any], kind: str) -> Message | None:
    """An item of OpenAI's Responses that is no message. None: it is a message."""
    if "role" in raw:
        return None
    if kind == "reasoning":
        said = [text_of(raw.get(key)) for key in ("summary", "content") if isinstance(raw.get(key), list)]
        return Message("agent", reasoning="\n".join(part for part in said if part), unfinished=True)
    if kind.endswith("_call_output"):
        return Message("tool", results=_tool_results({**raw, "content": raw.get("output")}))
    if kind in ("function_call", "custom_tool_call", "mcp_call"):
        call = read_call({**raw, "result": raw["output"]} if raw.get("output") is not None else raw)
        return Message("agent", calls=[call] if call else [], unfinished=True)
    if kind.endswith("_call"):  # a tool of the server's own, such as web_search_call
        rest = {key: value for key, value in raw.items() if key not in ("id", "call_id", "type", "status")}
        found = Call(call_id(raw), storable(kind.removesuffix("_call")), read_arguments(rest))
        found.answered = True
        return Message("agent", calls=[found], unfinished=True)
    return None


def messages_in(body: object) -> Sequence[object] | None:
    """The messages of a request: `messages`, Gemini's `contents` or the `input` of Responses. None: it has none."""
    if not isinstance(body, Mapping):
        return None
    for key in ("messages", "contents", "input"):
        value = body.get(key)
        if isinstance(value, list):
            return value
        if isinstance(value, str) and key == "input" and "model" in body:
            return [{"role": "user", "content": value}]
    return None
