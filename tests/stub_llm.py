"""A language-model server on loopback that speaks OpenAI's protocol and does as it is told, faults included.

In a test: `async with StubLLM() as stub:` or, for sync code and subprocesses, `with StubLLM() as stub:` (a thread);
then `stub.base_url`. As a command: `python -m tests.stub_llm --port 8089`, which prints its base URL.
"""

import argparse
import asyncio
import contextlib
import inspect
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from aiohttp import web

from tests.stub_answers import (
    Answer,
    Cut,
    Hang,
    Json,
    Raw,
    Reply,
    Responder,
    Status,
    ToolCall,
    always,
    in_order,
    last_user_text,
    sensible,
    text_of,
)

__all__ = [
    "Answer",
    "Cut",
    "Hang",
    "Json",
    "Raw",
    "Reply",
    "Responder",
    "Status",
    "StubLLM",
    "ToolCall",
    "always",
    "in_order",
    "last_user_text",
    "sensible",
]


class StubLLM:
    """The server. What it was asked is in `requests`; `calls`, `in_flight` and `max_in_flight` count."""

    def __init__(
        self,
        responder: Responder = sensible,
        *,
        api_key: str | None = None,
        refuses_response_format: bool = False,
        latency_s: float = 0.0,
        models: Sequence[str] = ("stub",),
        keep_requests: bool = True,
        port: int = 0,
    ) -> None:
        """`api_key`: any other gets a 401; None: no key is looked at. `latency_s`: before every answer."""
        self.responder = responder
        self.api_key = api_key
        self.refuses_response_format = refuses_response_format
        self.latency_s = latency_s
        self.models = models
        self.keep_requests = keep_requests
        self.calls = 0
        self.in_flight = 0
        self.max_in_flight = 0
        self.requests: list[Json] = []
        self.headers: list[Mapping[str, str]] = []
        self.arrived_at: list[float] = []
        """On the server loop's clock, as time.monotonic."""
        self.statuses: Counter[int] = Counter()
        self.connections: set[tuple[Any, ...]] = set()
        """Addresses that called: one each connection."""
        self._port = port
        self._runner: web.AppRunner | None = None
        self._thread: threading.Thread | None = None
        self._stop_thread: Callable[[], object] = lambda: None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def env(self) -> dict[str, str]:
        """What a subprocess needs to find this server."""
        return {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": self.api_key or "stub-key", "OPENAI_MODEL": "stub"}

    async def start(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._list_models)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        up = threading.Event()

        async def serve() -> None:
            loop, down = asyncio.get_running_loop(), asyncio.Event()
            self._stop_thread = lambda: loop.call_soon_threadsafe(down.set)
            await self.start()
            up.set()
            await down.wait()
            await self.stop()

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        if not up.wait(120):
            raise RuntimeError("the stub server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_thread()
        if self._thread:
            self._thread.join(10)

    async def _list_models(self, request: web.Request) -> web.Response:
        del request
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "stub"} for name in self.models]
        return web.json_response({"object": "list", "data": rows})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        nth, self.calls = self.calls, self.calls + 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            response = await self._answer(request, nth)
            self.statuses[response.status] += 1
            return response
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request, nth: int) -> web.StreamResponse:
        if request.transport:
            self.connections.add(request.transport.get_extra_info("peername"))
        try:
            asked = json.loads(await request.read())
        except ValueError:
            return _error(Status(400, "the body is not JSON"))
        if self.keep_requests:
            self.requests.append(asked)
            self.headers.append(dict(request.headers))
            self.arrived_at.append(asyncio.get_running_loop().time())
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            # OpenAI's own answer shows the key: a client has to keep it out of its error
            return _error(Status(401, f"Incorrect API key provided: {given}."))
        if self.refuses_response_format and "response_format" in asked:
            return _error(Status(400, "response_format of type json_schema is not supported by this model"))
        answer = self.responder(asked, nth)
        if inspect.isawaitable(answer):
            answer = await answer
        match answer:
            case str():
                return await _completion(request, asked, nth, Reply(answer))
            case Reply():
                await asyncio.sleep(answer.delay_s)
                return await _completion(request, asked, nth, answer)
            case Status():
                await asyncio.sleep(answer.delay_s)
                return _error(answer)
            case Hang():
                await asyncio.sleep(answer.seconds)
                return _error(Status(504, "the stub hung"))
            case Cut():
                return await _cut(request, asked, nth, answer)
            case Raw():
                return web.Response(text=answer.body, content_type=answer.content_type)


def _error(status: Status) -> web.Response:
    headers = {} if status.retry_after is None else {"Retry-After": str(status.retry_after)}
    body = {"error": {"message": status.message, "type": "stub_error", "param": None, "code": None}}
    return web.json_response(body, status=status.code, headers=headers)


def _message(nth: int, reply: Reply) -> Json:
    content = reply.content if isinstance(reply.content, str) else json.dumps(reply.content, ensure_ascii=False)
    message: Json = {"role": "assistant", "content": None if reply.tool_calls and not content else content}
    message["refusal"] = reply.refusal
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{nth}_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for index, call in enumerate(reply.tool_calls)
        ]
    return message


def _usage(asked: Json, message: Json, reply: Reply) -> Json | None:
    if reply.usage is None:
        return None
    given, said = reply.usage
    given = given or sum(len(text_of(m.get("content")).split()) for m in asked.get("messages", [])) or 1
    said = said or len(json.dumps([message["content"], message.get("tool_calls")]).split())
    return {"prompt_tokens": given, "completion_tokens": said, "total_tokens": given + said}


def _body(asked: Json, nth: int, reply: Reply) -> Json:
    message = _message(nth, reply)
    reason = reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")
    body: Json = {
        "id": f"chatcmpl-stub-{nth}",
        "object": "chat.completion",
        "created": 0,
        "model": asked.get("model", "stub"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
    }
    if usage := _usage(asked, message, reply):
        body["usage"] = usage
    return body


async def _completion(request: web.Request, asked: Json, nth: int, reply: Reply) -> web.StreamResponse:
    body = _body(asked, nth, reply)
    headers = {"x-request-id": f"req-stub-{nth}"}
    if not asked.get("stream"):
        return web.json_response(body, headers=headers)
    response = web.StreamResponse(headers=headers | {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for chunk in _chunks(asked, body):
        await response.write(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())
        await asyncio.sleep(reply.chunk_delay_s)
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def _chunks(asked: Json, body: Json) -> Iterator[Json]:
    frame = {key: body[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    choice = body["choices"][0]
    message = choice["message"]

    def piece(delta: Json, reason: str | None = None) -> Json:
        return frame | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}

    yield piece({"role": "assistant", "content": ""})
    for part in re.findall(r"\S+\s*|\s+", message["content"] or ""):
        yield piece({"content": part})
    for index, call in enumerate(message.get("tool_calls", [])):
        yield piece({"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]})
        yield piece({"tool_calls": [{"index": index, "function": {"arguments": call["function"]["arguments"]}}]})
    yield piece({}, choice["finish_reason"])
    if (asked.get("stream_options") or {}).get("include_usage") and "usage" in body:
        yield frame | {"choices": [], "usage": body["usage"]}


async def _cut(request: web.Request, asked: Json, nth: int, cut: Cut) -> web.StreamResponse:
    """Promises a whole body, sends a part of it and hangs up."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    transport = request.transport
    if cut.after_bytes:
        whole = json.dumps(_body(asked, nth, Reply("This answer never arrives whole. " * 20))).encode()
        response.content_length = len(whole)
        await response.prepare(request)
        await response.write(whole[: cut.after_bytes])
    if transport:
        transport.close() if cut.after_bytes else transport.abort()
    return response


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="before every answer")
    asked = parser.parse_args()

    async def serve() -> None:
        async with StubLLM(latency_s=asked.latency, port=asked.port, keep_requests=False) as stub:
            print(stub.base_url, flush=True)
            await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
