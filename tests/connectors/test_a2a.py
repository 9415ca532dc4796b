"""Agents on a2a-sdk's own server, over a real port."""

import asyncio
import contextlib
import socket
import sys
import types
from collections.abc import AsyncIterator, Callable

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse

try:
    import sse_starlette  # noqa: F401
except ImportError:
    # a2a-sdk's server needs sse-starlette, which nothing else here does: its one class that counts, in a few lines
    class EventSourceResponse(StreamingResponse):
        def __init__(self, content: AsyncIterator[dict]) -> None:
            async def events() -> AsyncIterator[str]:
                async for event in content:
                    yield f"data: {event['data']}\n\n"

            super().__init__(events(), media_type="text/event-stream")

    for name in ("sse_starlette", "sse_starlette.sse", "sse_starlette.event"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["sse_starlette.sse"].EventSourceResponse = EventSourceResponse  # type: ignore[attr-defined]
    sys.modules["sse_starlette.event"].ServerSentEvent = dict  # type: ignore[attr-defined]

from a2a.helpers import new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import a2a_pb2

from assay.connectors import ConversationStart, connect, converse
from assay.contracts.conversation import FailureCause
from assay.errors import CallError


class Executor(AgentExecutor):
    """Answers with a message, or works on a task, as the words say."""

    def __init__(self) -> None:
        self.seen: list[RequestContext] = []

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.seen.append(context)
        words = context.get_user_input()
        if words.startswith("message"):
            answer = new_text_message(f"you said {words}", context_id=context.context_id)
            answer.metadata.update(
                {"state": {"said": words}, "tool_calls": [{"name": "look", "arguments": {"at": "x"}}]}
            )
            await event_queue.enqueue_event(answer)
            return
        task = context.current_task
        if task is None:
            assert context.message is not None
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        work = TaskUpdater(event_queue, task.id, task.context_id)
        await work.start_work(new_text_message("Looking it up ..."))
        match words:
            case "ask":
                await work.requires_input(new_text_message("Which order?"))
            case "fail":
                await work.failed(new_text_message("the kitchen is on fire"))
            case "slow":
                await asyncio.sleep(0.6)
                await work.complete(new_text_message("at last"))
            case _:
                await work.add_artifact([new_text_part(f"result of {words}")])
                await work.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


@pytest.fixture
async def agent() -> AsyncIterator[Callable[..., tuple[str, Executor, list]]]:
    """Starts a server and gives its address, its executor and the headers of its requests."""
    async with contextlib.AsyncExitStack() as stack:

        def started(*, streaming: bool = True, busy: int = 0) -> tuple[str, Executor, list]:
            sock = socket.socket()
            sock.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            executor, headers, left = Executor(), [], [busy]
            card = a2a_pb2.AgentCard(
                name="Shop",
                description="An agent.",
                version="1",
                supported_interfaces=[
                    a2a_pb2.AgentInterface(url=f"{url}/rpc", protocol_binding="JSONRPC", protocol_version="1.0")
                ],
                capabilities=a2a_pb2.AgentCapabilities(streaming=streaming),
                default_input_modes=["text/plain"],
                default_output_modes=["text/plain"],
                skills=[a2a_pb2.AgentSkill(id="s", name="s", description="s", tags=["s"])],
            )
            handler = DefaultRequestHandler(executor, InMemoryTaskStore(), card)
            app = Starlette(routes=[*create_agent_card_routes(card), *create_jsonrpc_routes(handler, "/rpc")])

            async def watched(scope, receive, send) -> None:
                if scope["type"] == "http":
                    headers.append(Request(scope).headers)
                    if scope["path"] == "/rpc" and left[0] > 0:
                        left[0] -= 1
                        return await PlainTextResponse("busy", status_code=503)(scope, receive, send)
                await app(scope, receive, send)

            server = uvicorn.Server(uvicorn.Config(watched, log_level="warning"))
            serving = asyncio.create_task(server.serve([sock]))

            async def stop() -> None:
                server.should_exit = True
                await serving

            stack.push_async_callback(stop)
            return url, executor, headers

        yield started


def a2a(card, url: str, tmp_path, **more):
    return connect(card({"kind": "a2a", "url": url, **more}), card_dir=tmp_path)


@pytest.fixture
async def connected(agent, card, tmp_path):
    async def made(**more):
        url, executor, headers = agent(**more)
        await asyncio.sleep(0.05)
        return a2a(card, url, tmp_path, timeout_s=5), executor, headers

    return made


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_message_is_answered_and_the_context_is_kept(connected, streaming):
    connector, executor, headers = await connected(streaming=streaming)
    start = ConversationStart("c" * 32, "s", 7, {"orders": {}})
    async with converse(connector, start) as dialogue:
        first, second = await dialogue.reply("message one"), await dialogue.reply("message two")
    assert (first.text, second.text) == ("you said message one", "you said message two")
    assert first.state == {"said": "message one"}
    assert [(call.name, call.arguments) for call in first.tool_calls] == [("look", {"at": "x"})]
    contexts = {seen.context_id for seen in executor.seen}
    assert len(contexts) == 1 and None not in contexts
    assert dict(executor.seen[0].message.metadata)["seed"] == 7
    assert headers[-1]["traceparent"].startswith(f"00-{'c' * 32}-")


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_task_gives_its_artifact_and_not_its_progress(connected, start, streaming):
    connector, _, _ = await connected(streaming=streaming)
    async with converse(connector, start) as dialogue:
        reply = await dialogue.reply("query")
    assert reply.text == "result of query"
    assert (reply.first_token_s is not None) == streaming


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_task_that_asks_goes_on_with_the_answer_and_a_new_one_follows(connected, start, streaming):
    connector, executor, _ = await connected(streaming=streaming)
    async with converse(connector, start) as dialogue:
        texts = [(await dialogue.reply(words)).text for words in ("ask", "J1", "another")]
    assert texts == ["Which order?", "result of J1", "result of another"]
    tasks = [seen.task_id for seen in executor.seen]
    assert tasks[0] == tasks[1] != tasks[2]


async def test_a_task_that_failed_is_a_failed_call(connected, start):
    connector, _, _ = await connected()
    async with converse(connector, start) as dialogue:
        with pytest.raises(CallError, match="the kitchen is on fire") as raised:
            await dialogue.reply("fail")
    assert raised.value.failed.cause is FailureCause.AGENT_EXCEPTION


async def test_no_answer_in_time_is_a_timeout(agent, card, tmp_path, start):
    url, _, _ = agent()
    await asyncio.sleep(0.05)
    async with converse(a2a(card, url, tmp_path, timeout_s=0.3), start) as dialogue:
        with pytest.raises(CallError) as raised:
            await dialogue.reply("slow")
    assert raised.value.failed.cause is FailureCause.TIMEOUT


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_server_that_is_busy_is_asked_again(connected, start, streaming):
    connector, executor, _ = await connected(streaming=streaming, busy=1)
    async with converse(connector, start) as dialogue:
        assert (await dialogue.reply("message")).text == "you said message"
    assert len(executor.seen) == 1


async def test_an_agent_that_is_not_there_is_refused(card, tmp_path, start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(CallError) as raised:
        await a2a(card, url, tmp_path, timeout_s=1).open(start)
    assert raised.value.failed.cause in (FailureCause.REFUSED, FailureCause.TIMEOUT)


@pytest.mark.parametrize(
    ("body", "cause", "said"),
    [
        ({"name": "no interfaces"}, FailureCause.BAD_ANSWER, "no compatible transports"),
        (["no card"], FailureCause.BAD_ANSWER, "agent card"),
        (None, FailureCause.BAD_REQUEST, "404"),
    ],
)
async def test_what_is_no_agent_card_is_said(serve, card, tmp_path, start, body, cause, said):
    from aiohttp import web

    async def handler(request: web.Request) -> web.Response:
        return web.json_response(body) if body is not None else web.Response(status=404)

    with pytest.raises(CallError, match=f"(?i){said}") as raised:
        await a2a(card, await serve(handler), tmp_path).open(start)
    assert raised.value.failed.cause is cause


async def test_secrets_go_into_headers_and_not_into_errors(serve, card, tmp_path, start, monkeypatch):
    from aiohttp import web

    monkeypatch.setenv("A2A_KEY", "s3cr3t-value")
    sent = []

    async def handler(request: web.Request) -> web.Response:
        sent.append(request.headers.get("X-Key"))
        return web.json_response({"name": request.headers["X-Key"], "supportedInterfaces": request.headers["X-Key"]})

    with pytest.raises(CallError) as raised:
        await a2a(card, await serve(handler), tmp_path, headers={"X-Key": "${A2A_KEY}"}).open(start)
    assert sent == ["s3cr3t-value"]
    assert "s3cr3t" not in str(raised.value)


async def test_secrets_stay_with_the_origin_of_the_card(serve, card, tmp_path, start, monkeypatch):
    """Whoever serves the agent's card may name an interface anywhere."""
    from aiohttp import web

    monkeypatch.setenv("A2A_KEY", "s3cr3t-value")
    sent = {"card": [], "elsewhere": []}

    async def elsewhere(request: web.Request) -> web.Response:
        sent["elsewhere"].append(str(dict(request.headers)))
        call = await request.json()
        message = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "Hello."}]}
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": {"message": message}})

    async def handler(request: web.Request) -> web.Response:
        sent["card"].append(str(dict(request.headers)))
        interface = {"url": f"{other}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        return web.json_response({"name": "Shop", "supportedInterfaces": [interface]})

    other = await serve(elsewhere)
    agent = a2a(card, await serve(handler), tmp_path, headers={"X-Key": "${A2A_KEY}"})
    async with converse(agent, start) as dialogue:
        assert (await dialogue.reply("Hi")).text == "Hello."
    assert "s3cr3t-value" in sent["card"][0]
    assert sent["elsewhere"] and "s3cr3t" not in "".join(sent["elsewhere"])


async def test_a_task_that_works_on_is_asked_for_until_it_ends(serve, card, tmp_path, start):
    """As with a server that answers at once and works in the background."""
    from aiohttp import web

    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        if request.method == "GET":
            interface = {"url": f"http://{request.host}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
            return web.json_response({"name": "Shop", "supportedInterfaces": [interface]})
        call = await request.json()
        asked.append(call["method"])
        task: dict = {"id": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_WORKING"}}
        if len(asked) > 2:
            parts = [{"text": "done at last"}]
            task |= {"status": {"state": "TASK_STATE_COMPLETED"}, "artifacts": [{"artifactId": "a", "parts": parts}]}
        result = {"task": task} if call["method"] == "SendMessage" else task
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})

    async with converse(a2a(card, await serve(handler), tmp_path), start) as dialogue:
        reply = await dialogue.reply("work")
    assert reply.text == "done at last"
    assert asked == ["SendMessage", "GetTask", "GetTask"]
