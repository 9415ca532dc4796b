"""Tool calls and their results, whole or in the pieces of a stream."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.contracts.base import JsonObject
from assay.contracts.conversation import ToolCall
from assay.protocols.values import parse_json, storable

RAW = "_raw"
"""Where arguments are kept that are no JSON object: as they came."""
UNNAMED = "unknown"
"""The name of a call whose name was not sent."""


@dataclass
class Call:
    """A tool call that may still get its result."""

    id: str | None
    name: str
    arguments: JsonObject = field(default_factory=dict)
    result: Any = None
    error: str | None = None
    answered: bool = False

    def take(self, result: "Result") -> None:
        self.result, self.error, self.answered = result.value, result.error, True

    def whole(self) -> ToolCall:
        return ToolCall(name=self.name, arguments=self.arguments, result=self.result, error=self.error)


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back."""

    id: str | None
    name: str | None
    value: Any
    error: str | None
    """None: it is not marked as an error."""


def read_arguments(arguments: object) -> JsonObject:
    """A mapping, or the JSON of one. Anything else is kept as it came, under `_raw`.

    JSON that was encoded twice is read, and so is an object that empty strings follow (`{}""`), as some servers write.
    """
    if arguments is None or arguments == "":
        return {}
    if isinstance(arguments, Mapping):
        return storable(arguments)
    if not isinstance(arguments, str):
        return {RAW: storable(arguments)}
    try:
        parsed = parse_json(arguments)
        if isinstance(parsed, str):
            parsed = parse_json(parsed)
    except ValueError:
        parsed = _before_empty_strings(arguments)
    if isinstance(parsed, dict):
        return parsed
    return {} if parsed is None and arguments.strip() in ("", "null") else {RAW: storable(arguments)}


def _before_empty_strings(arguments: str) -> Any:
    try:
        parsed, end = json.JSONDecoder(strict=False).raw_decode(arguments.lstrip())
    except (ValueError, RecursionError):
        return None
    return storable(parsed) if not arguments.lstrip()[end:].strip('" \t\r\n') else None


def read_result(value: object, *, marked: bool = False) -> tuple[Any, str | None]:
    """(value, error). JSON kept as text is read.

    It is an error if the message marks it as one, or if it is a JSON object whose `error` is truthy or that is marked
    itself (`isError`, as MCP does). Words such as "Error" at its start decide nothing.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = parse_json(value)
        except ValueError:
            value = storable(value)
    else:
        value = storable(value)
    said = value if isinstance(value, Mapping) else {}
    if marked or said.get("isError") is True or said.get("is_error") is True:
        return value, _as_words(said.get("error") or value) or "failed"
    return value, _as_words(said["error"]) if said.get("error") else None


def _as_words(value: Any) -> str:
    if isinstance(value, Mapping) and isinstance(value.get("message"), str) and value["message"]:
        return value["message"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value is not None else ""


def read_call(call: object) -> Call | None:
    """A call as any of the protocols writes it; None: it is none.

    OpenAI's `{id, function: {name, arguments}}` and `function_call`, Anthropic's `{id, name, input}`, Gemini's
    `{name, args}`, LangChain's `{id, name, args}`, the AI SDK's `{toolCallId, toolName, args}`, Bedrock's
    `{toolUseId, name, input}`, and `{name, arguments, result, error}`.
    """
    if not isinstance(call, Mapping):
        return None
    function = call.get("function")
    inner = function if isinstance(function, Mapping) else call
    name = _name(inner) or _name(call) or (function if isinstance(function, str) and function else None)
    arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), None)
    found = Call(id=call_id(call), name=storable(name or UNNAMED), arguments=read_arguments(arguments))
    if "result" in call or call.get("error") is not None:
        value, error = read_result(call.get("result"))
        given = call.get("error")
        found.take(Result(None, None, value, error if given in (None, "", False) else _as_words(storable(given))))
    return found


_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = ("arguments", "args", "input", "parameters", "arguments_json")


def _name(call: Mapping[str, Any]) -> str | None:
    return (
        next((call[key] for key in ("name", "toolName", "tool_name") if isinstance(call.get(key), str)), None) or None
    )


def call_id(holder: Mapping[str, Any]) -> str | None:
    """The id that a call, or its result, is known by."""
    for key in ("tool_call_id", "call_id", "tool_use_id", "toolCallId", "toolUseId", "id"):
        if isinstance(holder.get(key), str | int) and holder[key] not in ("", True, False):
            return storable(str(holder[key]))
    return None


class CallLedger:
    """Matches results to calls: by id, else by name, and by place only where there is neither."""

    def __init__(self) -> None:
        self._batches: list[list[Call]] = []

    def open(self, calls: list[Call]) -> None:
        if calls:
            self._batches.append(calls)

    def settle(self, result: Result) -> bool:
        """False: no call is known that this could be the result of."""
        call = self._find(result)
        if call is not None:
            call.take(result)
        return call is not None

    def _find(self, result: Result) -> Call | None:
        if result.id is not None:
            # the newest message first, as some servers number the calls of each message afresh
            for batch in reversed(self._batches):
                same = [call for call in batch if call.id == result.id]
                if same:
                    return next((call for call in same if not call.answered), None)
        waiting = [call for batch in reversed(self._batches) for call in batch if not call.answered]
        if result.id is not None:
            waiting = [call for call in waiting if call.id is None]
        if result.name is not None:
            return next((call for call in waiting if call.name == result.name), None)
        return waiting[0] if waiting else None


@dataclass
class _Pieces:
    id: str | None
    index: int | None
    name: str = ""
    text: str = ""
    object: Any = None
    """Arguments that came as JSON rather than as text."""

    @property
    def complete(self) -> bool:
        """Whether the arguments so far are a whole object."""
        if self.object is not None:
            return True
        if not self.text.rstrip().endswith("}"):
            return False
        try:
            return isinstance(json.loads(self.text, strict=False), dict)
        except (ValueError, RecursionError):
            return False


class CallPieces:
    """Puts calls together from the chunks of a stream."""

    def __init__(self) -> None:
        self._calls: list[_Pieces] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, piece: object, place: int = 0) -> None:
        """`place`: of the piece within its chunk.

        An id that is new is a new call, also at an index that is in use. Without an id the index says which call it
        belongs to, and without either it is the one before, unless that is whole and the piece begins another.
        """
        if not isinstance(piece, Mapping):
            return
        function = piece.get("function")
        inner = function if isinstance(function, Mapping) else piece
        name = _name(inner) or ""
        arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), None)
        index = piece.get("index")
        index = index if isinstance(index, int) and not isinstance(index, bool) else None
        call = self._of(call_id(piece), index, place, name, arguments)
        _add_name(call, name)
        _add_arguments(call, arguments)

    def _of(self, id: str | None, index: int | None, place: int, name: str, arguments: object) -> _Pieces:
        found = self._known(id, index, place)
        if found is not None and id is None and name and _begins_another(found, name, arguments):
            found = None
        if found is None:
            found = _Pieces(id, index)
            self._calls.append(found)
        found.id = found.id or id
        found.index = index if found.index is None else found.index
        return found

    def _known(self, id: str | None, index: int | None, place: int) -> _Pieces | None:
        newest = self._calls[-1] if self._calls else None
        if id is not None:
            for call in reversed(self._calls):
                if call.id == id and (None in (call.index, index) or call.index == index):
                    return call
            # the id may come later than the name
            same = newest if index is None else self._at(index)
            return same if same is not None and same.id is None and not same.complete else None
        if index is not None:
            return self._at(index)
        return newest if place == 0 else None

    def _at(self, index: int) -> _Pieces | None:
        return next((call for call in reversed(self._calls) if call.index == index), None)

    def whole(self) -> list[Call]:
        return [
            Call(
                id=call.id,
                name=storable(call.name or UNNAMED),
                arguments=read_arguments(call.text if call.object is None else call.object),
            )
            for call in self._calls
        ]


def _begins_another(call: _Pieces, name: str, arguments: object) -> bool:
    if call.name and name != call.name:
        return bool(call.text) or call.object is not None
    return bool(arguments) and call.complete and arguments not in (call.text, call.object)


def _add_name(call: _Pieces, name: str) -> None:
    """Some servers send the name in pieces, some the whole of it again and again, some more of it each time."""
    if name and name != call.name:
        call.name = name if name.startswith(call.name) else call.name + name


def _add_arguments(call: _Pieces, arguments: object) -> None:
    if isinstance(arguments, str):
        if not (call.complete and arguments == call.text):
            call.text += arguments
    elif isinstance(arguments, Mapping) and isinstance(call.object, dict):
        call.object |= dict(arguments)
    elif arguments is not None:
        call.object = dict(arguments) if isinstance(arguments, Mapping) else arguments
