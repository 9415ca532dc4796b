"""What the stub of a language model can be told to answer, faults included."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.minimal_json import minimal

Json = dict[str, Any]


@dataclass(frozen=True)
class ToolCall:
    name: str
    arguments: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """A good answer. `content` that is no string is sent as JSON text."""

    content: Any = ""
    tool_calls: Sequence[ToolCall] = ()
    usage: tuple[int, int] | None = (0, 0)
    """Input and output tokens; (0, 0): counted from the words; None: the server says nothing of it."""
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    """Between the chunks of a stream."""
    finish_reason: str | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class Status:
    """An HTTP error in OpenAI's form."""

    code: int
    message: str = "the stub was told to fail"
    retry_after: str | float | None = None
    """As the header's value: seconds or an HTTP date."""
    delay_s: float = 0.0


@dataclass(frozen=True)
class Hang:
    """No answer for so long."""

    seconds: float = 3600.0


@dataclass(frozen=True)
class Cut:
    """The connection breaks off after so many bytes of the body; 0: before any byte of the answer."""

    after_bytes: int = 0


@dataclass(frozen=True)
class Raw:
    """This text as the body of a 200."""

    body: str
    content_type: str = "application/json"


Answer = Reply | Status | Hang | Cut | Raw | str
"""A plain string is `Reply(string)`."""
Responder = Callable[[Json, int], Answer | Awaitable[Answer]]
"""Takes the request's JSON and which call it is (from 0)."""


def sensible(request: Json, nth_call: int) -> Answer:
    """The smallest object that the asked schema allows, the required tool with such arguments, else a sentence."""
    del nth_call
    asked = request.get("response_format") or {}
    if asked.get("type") == "json_schema":
        return Reply(minimal(asked["json_schema"].get("schema", {})))
    if asked.get("type") == "json_object":
        return Reply({})
    if tool := _required_tool(request):
        arguments = minimal(tool.get("parameters") or {})
        return Reply(tool_calls=[ToolCall(tool["name"], arguments if isinstance(arguments, dict) else {})])
    return Reply(f"I heard: {last_user_text(request)[:200] or 'nothing'}")


def in_order(*answers: Answer, then: Responder = sensible) -> Responder:
    """These answers to the first calls, one each, and after them `then`."""

    def responder(request: Json, nth_call: int) -> Answer | Awaitable[Answer]:
        return answers[nth_call] if nth_call < len(answers) else then(request, nth_call)

    return responder


def always(answer: Answer) -> Responder:
    return lambda request, nth_call: answer


def last_user_text(request: Json) -> str:
    for message in reversed(request.get("messages", [])):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def _required_tool(request: Json) -> Json | None:
    """The function that the request says must be called; of several the one that gives the final result."""
    tools = [tool["function"] for tool in request.get("tools") or [] if tool.get("type") == "function"]
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        named = choice.get("function", {}).get("name")
        return next((tool for tool in tools if tool["name"] == named), None)
    if choice != "required" or not tools:
        return None
    return next((tool for tool in tools if tool["name"].startswith("final_result")), tools[0])


def text_of(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content or ""
