"""Agents behind chat completions: OpenAI's own server, or any that speaks its protocol."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from assay.connectors.answers import read_tool_calls
from assay.connectors.protocol import (
    AgentReply,
    ConversationStart,
    Message,
    call_error,
    messages_of,
    shortened,
    traceparent,
)
from assay.connectors.wire import Secrets, Server, read_json
from assay.contracts.agent import OpenAIConnector
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause, ToolCall, Turn
from assay.protocols import read_arguments, read_count


class ChatCompletions:
    """The card's system prompt goes first. Tool calls are recorded as the server reports them, and not carried out:
    the agent's own server does that, or nobody."""

    def __init__(self, spec: OpenAIConnector, *, system_prompt: str | None) -> None:
        self.spec = spec
        self.system: list[JsonObject] = [{"role": "system", "content": system_prompt}] if system_prompt else []
        secrets = Secrets()
        headers = {}
        if spec.api_key_env is not None:
            headers["Authorization"] = f"Bearer {secrets.of(spec.api_key_env, 'connector.api_key_env')}"
        url = str(spec.base_url).rstrip("/") + "/chat/completions"
        self.server = Server("POST", url, headers, secrets, spec.timeout_s)

    async def open(self, start: ConversationStart) -> "ChatDialogue":
        return ChatDialogue(self, start, self.server.pool.join())

    def body(self, start: ConversationStart, messages: list[Message]) -> JsonObject:
        spec = self.spec
        body: JsonObject = {"model": spec.model, "messages": [*self.system, *map(_plain, messages)]}
        if spec.temperature is not None:
            body["temperature"] = spec.temperature
        if spec.max_tokens is not None:
            body["max_tokens"] = spec.max_tokens
        if spec.send_seed:
            body["seed"] = start.seed
        if spec.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        # null takes a field out again, for servers that refuse what they do not know
        return {name: value for name, value in {**body, **spec.extra_body}.items() if value is not None}


class ChatDialogue:
    def __init__(self, server: ChatCompletions, start: ConversationStart, session: aiohttp.ClientSession) -> None:
        self.chat = server
        self.start = start
        self.session = session
        self.messages: list[Message] = []

    async def reply(self, user_text: str) -> AgentReply:
        self.messages.append({"role": "user", "content": user_text})
        reply = await self.chat.server.ask(
            self.session,
            self.chat.body(self.start, self.messages),
            traceparent(self.start.conversation_id, len(self.messages)),
            read_completion,
        )
        self.messages.append({"role": "assistant", "content": reply.text})
        return reply

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        del state  # the words are all that such a server is told
        self.messages = messages_of(turns)
        return True

    async def close(self) -> None:
        await self.chat.server.pool.leave()


async def read_completion(response: aiohttp.ClientResponse, began: float) -> AgentReply:
    """Whole or streamed, as the server chose. Raises CallError, bad_answer, for what is no completion."""
    if response.content_type == "text/event-stream":
        return await _read_stream(response, began)
    answer = await read_json(response)
    latency_s = time.perf_counter() - began
    message = _first_choice(answer).get("message")
    if not isinstance(message, dict):
        raise _no_completion(answer)
    return AgentReply(
        text=_text(message.get("content")),
        tool_calls=read_tool_calls(message.get("tool_calls")),
        latency_s=latency_s,
        **_usage(answer),
    )


async def _read_stream(response: aiohttp.ClientResponse, began: float) -> AgentReply:
    pieces: list[str] = []
    calls: dict[int, _CallSoFar] = {}
    usage: dict[str, Any] = {}
    first_token_s: float | None = None
    chunks = 0
    async for chunk in _events(response):
        chunks += 1
        usage = _usage(chunk) or usage
        if not chunk.get("choices"):
            continue  # the chunk with the usage has none
        delta = _first_choice(chunk).get("delta") or {}
        text = _text(delta.get("content"))
        if first_token_s is None and (text or delta.get("tool_calls")):
            first_token_s = time.perf_counter() - began
        pieces.append(text)
        for place, piece in enumerate(delta.get("tool_calls") or ()):
            calls.setdefault(piece.get("index", place), _CallSoFar()).add(piece.get("function") or {})
    if not chunks:
        raise call_error(FailureCause.BAD_ANSWER, "the stream ended without a chunk")
    return AgentReply(
        text="".join(pieces),
        tool_calls=tuple(call.whole() for _, call in sorted(calls.items())),
        latency_s=time.perf_counter() - began,
        first_token_s=first_token_s,
        **usage,
    )


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The chunks of a server-sent stream, up to [DONE]."""
    async for line in response.content:
        data = line.decode(errors="replace").strip()
        if not data.startswith("data:"):
            continue
        data = data.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        try:
            chunk = json.loads(data)
        except ValueError as error:
            raise call_error(FailureCause.BAD_ANSWER, f"a chunk of the stream is no JSON: {data}") from error
        if not isinstance(chunk, dict):
            raise _no_completion(chunk)
        if chunk.get("error"):
            raise call_error(FailureCause.SERVER_ERROR, f"the stream broke off: {chunk['error']}")
        yield chunk


@dataclass
class _CallSoFar:
    """A tool call whose arguments come in pieces."""

    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def add(self, function: dict[str, Any]) -> None:
        self.name += function.get("name") or ""
        self.arguments.append(function.get("arguments") or "")

    def whole(self) -> ToolCall:
        return ToolCall(name=self.name, arguments=read_arguments("".join(self.arguments)))


def _plain(message: Message) -> JsonObject:
    return {"role": message["role"], "content": message["content"]}


def _first_choice(answer: object) -> dict[str, Any]:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise _no_completion(answer)
    return choices[0]


def _text(content: object) -> str:
    """Null beside tool calls; a list of parts with some servers."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _usage(answer: dict[str, Any]) -> dict[str, Any]:
    """Empty where the server does not count."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return {}
    return {
        "input_tokens": read_count(usage.get("prompt_tokens")),
        "output_tokens": read_count(usage.get("completion_tokens")),
    }


def _no_completion(answer: object) -> Exception:
    return call_error(
        FailureCause.BAD_ANSWER, f"the answer is no chat completion: {shortened(json.dumps(answer, default=str))}"
    )
