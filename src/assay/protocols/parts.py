"""A message's content: plain text, or parts as each protocol writes them.

A part that is no text leaves a mark in the text, so that a reader knows that something was there: `[image]`,
`[audio]`, `[video]`, `[file]` or `[file: name.pdf]`, and `[name-of-the-kind]` for what Assay does not know.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.protocols.tool_calls import Call, Result, call_id, read_call, read_result
from assay.protocols.values import storable


@dataclass
class Content:
    """What the parts of one message hold."""

    pieces: list[tuple[str, str]] = field(default_factory=list)
    """(kind, text) in order; kind is `text` or `mark`."""
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    def text(self, between: str) -> str:
        """The text, `between` standing between two parts of text; a mark is on a line of its own."""
        written = ""
        before = "text"
        for kind, text in self.pieces:
            if written and text:
                written += between if kind == before == "text" else "\n"
            written += text
            before = kind
        return written


def text_of(content: object, between: str = "\n") -> str:
    """The text of a content alone, with its marks."""
    return read_content(content).text(between)


def read_content(content: object) -> Content:
    found = Content()
    _read(content, found)
    return found


def _read(content: object, found: Content) -> None:
    match content:
        case None:
            return
        case str():
            found.pieces.append(("text", storable(content)))
        case list() | tuple():
            for part in content:
                _read_part(part, found)
        case Mapping():
            _read_part(content, found)
        case _:
            found.pieces.append(("text", storable(str(content))))


_TEXT = ("text", "input_text", "output_text", "summary_text", "refusal_text")
_REASONING = ("thinking", "reasoning", "reasoning_text", "reasoning_content", "redacted_thinking", "thought")
_MEDIA = {
    "image": ("image", "image_url", "input_image", "inputimage", "image_file", "output_image", "computer_screenshot"),
    "audio": ("audio", "input_audio", "output_audio", "audio_url"),
    "video": ("video", "video_url", "input_video"),
    "file": ("file", "input_file", "document", "file_url", "file_data", "container_upload", "blob", "uri", "media"),
}
_KIND = {name: kind for kind, names in _MEDIA.items() for name in names}
_MEDIA_FIELDS = {
    *("inlineData", "inline_data", "fileData", "file_data"),
    *("image", "audio", "video", "document", "image_url"),
}


def _read_part(part: object, found: Content) -> None:
    if not isinstance(part, Mapping):
        _read(part, found)
        return
    kind = part.get("type")
    kind = kind.replace("-", "_") if isinstance(kind, str) else None
    if kind in _TEXT or (kind is None and isinstance(part.get("text"), str)):
        text = part.get("text", part.get("content"))
        if part.get("thought") is True:  # Gemini
            found.reasoning.append(_words(text))
        elif isinstance(text, str):
            found.pieces.append(("text", storable(text)))
    elif kind == "refusal":
        found.refusal.append(_words(part.get("refusal") or part.get("text")))
    elif kind in _REASONING or "reasoningContent" in part:
        found.reasoning.append(_reasoning(part))
    elif kind in ("tool_use", "server_tool_use", "mcp_tool_use", "tool_call", "function_call", "functioncall"):
        _add_call(read_call(part), found)
    elif kind is not None and (kind.endswith("tool_result") or kind in ("tool_call_response", "function_call_output")):
        found.results.append(_result(part))
    elif (call := part.get("functionCall", part.get("function_call", part.get("toolUse")))) is not None:
        _add_call(read_call(call), found)
    elif (answer := part.get("functionResponse", part.get("function_response", part.get("toolResult")))) is not None:
        found.results.append(_result(answer if isinstance(answer, Mapping) else {"response": answer}))
    elif kind in _KIND or part.keys() & _MEDIA_FIELDS:
        found.pieces.append(("mark", _media_mark(part)))
    elif kind is None and len(part) == 1 and isinstance(part.get("json"), Mapping | list):  # Bedrock
        found.pieces.append(("text", json.dumps(storable(part["json"]), ensure_ascii=False)))
    elif kind is not None and isinstance(part.get("text"), str):
        found.pieces.append(("text", storable(part["text"])))
    elif kind is None and part.keys() & {"content", "value"} and len(part) == 1:
        _read(next(iter(part.values())), found)
    elif part:
        found.pieces.append(("mark", f"[{storable(kind)[:40]}]" if kind else _as_json(part)))


def _add_call(call: Call | None, found: Content) -> None:
    if call is not None:
        found.calls.append(call)
        if found.pieces:
            found.pieces.append(("mark", ""))  # what is said after it begins a line


def _result(part: Mapping[str, Any]) -> Result:
    value = next((part[key] for key in ("content", "output", "response", "result") if part.get(key) is not None), None)
    if isinstance(value, Mapping) and value.keys() == {"type", "value"}:  # the AI SDK
        marked = str(value["type"]).startswith("error")
        value = value["value"]
    else:
        marked = False
    marked = marked or part.get("is_error") is True or part.get("isError") is True or part.get("status") == "error"
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        value = text_of(value)
    value, error = read_result(value, marked=marked)
    name = part.get("name") or part.get("toolName")
    return Result(call_id(part), storable(name) if isinstance(name, str) else None, value, error)


def _reasoning(part: Mapping[str, Any]) -> str:
    inner = part.get("reasoningContent", part)
    inner = inner.get("reasoningText", inner) if isinstance(inner, Mapping) else inner
    if not isinstance(inner, Mapping):
        return _words(inner)
    for key in ("thinking", "text", "content", "reasoning", "summary"):
        value = inner.get(key)
        if isinstance(value, str):
            return storable(value)
        if isinstance(value, list):
            return text_of(value)
    return ""


def _media_mark(part: Mapping[str, Any]) -> str:
    data = part
    for key in ("inlineData", "inline_data", "fileData", "file_data", "file", "source", "document", "image", "blob"):
        if isinstance(data.get(key), Mapping):
            data = data[key]
    mime = next(
        (str(h[k]) for h in (data, part) for k in ("mimeType", "mime_type", "media_type", "mediaType") if h.get(k)), ""
    )
    kind = mime.partition("/")[0]
    if kind not in ("image", "audio", "video"):
        told = str(part.get("type") or next(iter(part), "")).replace("-", "_")
        modality = part.get("modality")
        kind = modality if modality in ("image", "audio", "video") else _KIND.get(told, "file")
    for holder in (data, part):
        for key in ("filename", "file_name", "name", "title"):
            if isinstance(holder.get(key), str) and holder[key].strip():
                name = " ".join(storable(holder[key]).split())[:100]
                return f"[{kind}: {name}]"
    return f"[{kind}]"


def _words(value: object) -> str:
    return storable(value) if isinstance(value, str) else "" if value is None else text_of(value)


def _as_json(part: Mapping[str, Any]) -> str:
    return json.dumps(storable(part), ensure_ascii=False)
