"""Agents that speak Agent2Agent, by a2a-sdk's own client."""

import asyncio
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import stamina

from assay.connectors.answers import read_state, read_tool_calls
from assay.connectors.network import ANY, ForbiddenAddress, Network, proxy_for
from assay.connectors.protocol import AgentReply, ConversationStart, call_error, traceparent
from assay.connectors.wire import ATTEMPTS, Secrets
from assay.contracts.agent import A2AConnector
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause, Turn
from assay.errors import BadInput, CallError
from assay.protocols import cause_of_status, text_of

if TYPE_CHECKING:
    from a2a.client import Client, ClientCallContext
    from a2a.types import a2a_pb2

POLL_S = 0.5


class AgentToAgent:
    """The agent's card is fetched by the first conversation. Each has its own HTTP client: one that hundreds share
    costs ten times the CPU."""

    def __init__(self, spec: A2AConnector, *, network: Network = ANY) -> None:
        try:
            network.check(str(spec.url))
        except ForbiddenAddress as error:
            raise BadInput(f"connector: {error}") from None
        self.spec = spec
        self.network = network
        self.secrets = Secrets()
        self.headers = {
            name: self.secrets.expand(value, f"connector.headers.{name}") for name, value in spec.headers.items()
        }
        self._card: a2a_pb2.AgentCard | None = None
        self._fetching = asyncio.Lock()

    async def open(self, start: ConversationStart) -> "A2ADialogue":
        from a2a.client import ClientConfig, ClientFactory
        from httpx import AsyncClient

        transport = transport_of(str(self.spec.url), self.headers, self.network, self._ssl)
        http = AsyncClient(transport=transport, timeout=self.spec.timeout_s)
        try:
            async with self._fetching:
                if self._card is None:
                    self._card = await self._fetch(http)
            config = ClientConfig(httpx_client=http, supported_protocol_bindings=["JSONRPC", "HTTP+JSON"])
            async with self.failing():
                client = ClientFactory(config).create(self._card)
        except BaseException:
            await http.aclose()
            raise
        return A2ADialogue(self, start, client, http)

    async def _fetch(self, http: Any) -> "a2a_pb2.AgentCard":
        from a2a.client import A2ACardResolver

        url = str(self.spec.url)
        own_path = urlsplit(url).path.endswith(".json")
        async with self.failing():
            async for attempt in stamina.retry_context(on=_may_ask_again, attempts=ATTEMPTS, wait_initial=0.2):
                with attempt:
                    if own_path:
                        return await A2ACardResolver(http, url, "").get_agent_card()
                    return await A2ACardResolver(http, url).get_agent_card()
        raise AssertionError("stamina raises the last error")

    @asynccontextmanager
    async def failing(self) -> AsyncIterator[None]:
        """What the client raises, as a CallError with its cause and without secrets."""
        from a2a.utils.errors import A2AError

        scope = asyncio.timeout(self.spec.timeout_s)
        try:
            async with scope:
                yield
        except CallError:
            raise
        except (A2AError, ValueError, TimeoutError) as error:
            if scope.expired():
                raise call_error(FailureCause.TIMEOUT, f"no answer in {self.spec.timeout_s:g} s") from error
            detail = self.secrets.hidden_in(f"{type(error).__name__}: {error}")
            raise call_error(_cause(error), detail) from error

    @cached_property
    def _ssl(self) -> ssl.SSLContext:
        return ssl.create_default_context()  # 20 ms: made once, not for each conversation


class A2ADialogue:
    """Keeps the context, and the task while the agent waits for more of it."""

    def __init__(self, agent: AgentToAgent, start: ConversationStart, client: "Client", http: Any) -> None:
        self.agent = agent
        self.start = start
        self.client = client
        self.http = http
        self.context_id = ""
        self.task_id = ""
        self.turn = 0
        self.artifacts: set[str] = set()
        """Of earlier turns: a task that goes on still holds them."""

    async def reply(self, user_text: str) -> AgentReply:
        from a2a.client import ClientCallContext

        self.turn += 1
        parent = traceparent(self.start.conversation_id, self.turn)
        call = ClientCallContext(service_parameters={"traceparent": parent}, timeout=self.agent.spec.timeout_s)
        began = time.perf_counter()
        async with self.agent.failing():
            heard, first_token_s = await self._send(user_text, call, began)
            await self._finish(heard, call)
            heard.check()
        latency_s = time.perf_counter() - began
        self.turn += 1
        self.context_id = heard.context_id or self.context_id
        self.task_id = heard.task_id if heard.waits else ""
        self.artifacts |= heard.artifacts.keys()
        return AgentReply(
            text=heard.text(),
            tool_calls=read_tool_calls(heard.metadata.get("tool_calls")),
            latency_s=latency_s,
            first_token_s=first_token_s,
            state=read_state(heard.metadata.get("state")),
        )

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        """The context is the agent's, and its id was not kept."""
        del turns, state
        return False

    async def close(self) -> None:
        await self.client.close()
        await self.http.aclose()

    async def _send(self, user_text: str, call: "ClientCallContext", began: float) -> "tuple[Heard, float | None]":
        """What came back, and seconds to the first words; None: they came whole.

        Asked again only where nothing had begun: the agent could not be reached, or said 429 or 503.
        """
        request = self._request(user_text)
        async for attempt in stamina.retry_context(
            on=_may_ask_again, attempts=ATTEMPTS, timeout=self.agent.spec.timeout_s, wait_initial=0.2
        ):
            heard, first, events = Heard(self.artifacts), None, 0
            with attempt:
                async for event in self.client.send_message(request, context=call):
                    heard.take(event)
                    events += 1
                    if first is None and heard.text():
                        first = time.perf_counter() - began
                return heard, first if events > 1 else None
        raise AssertionError("stamina raises the last error")

    async def _finish(self, heard: "Heard", call: "ClientCallContext") -> None:
        """Asks for a task that works on, until it ends or the time-out does."""
        from a2a.types import a2a_pb2

        while heard.works:
            await asyncio.sleep(POLL_S)
            heard.take_task(await self.client.get_task(a2a_pb2.GetTaskRequest(id=heard.task_id), context=call))

    def _request(self, user_text: str) -> "a2a_pb2.SendMessageRequest":
        from a2a.types import a2a_pb2

        message = a2a_pb2.Message(
            message_id=uuid.uuid4().hex,
            role=a2a_pb2.ROLE_USER,
            parts=[a2a_pb2.Part(text=user_text)],
            context_id=self.context_id,
            task_id=self.task_id,
        )
        told: JsonObject = {"scenario_id": self.start.scenario_id, "seed": self.start.seed}
        if self.start.initial_state is not None:
            told["state"] = self.start.initial_state
        message.metadata.update(told)
        return a2a_pb2.SendMessageRequest(message=message)


class Heard:
    """What one turn's events come to."""

    def __init__(self, known_artifacts: set[str]) -> None:
        self.known = known_artifacts
        self.context_id = ""
        self.task_id = ""
        self.state: int | None = None
        """The task's; None: the agent answered with a plain message."""
        self.message = ""
        self.artifacts: dict[str, str] = {}
        self.metadata: dict[str, Any] = {}
        """Of the last message: `state` and `tool_calls` are read from it, if the agent puts them there."""

    @property
    def works(self) -> bool:
        from a2a.types import a2a_pb2

        return self.state in (a2a_pb2.TASK_STATE_SUBMITTED, a2a_pb2.TASK_STATE_WORKING)

    @property
    def waits(self) -> bool:
        """For the user: the next turn goes on with this task."""
        from a2a.types import a2a_pb2

        return self.state == a2a_pb2.TASK_STATE_INPUT_REQUIRED

    def take(self, event: "a2a_pb2.StreamResponse") -> None:
        match event.WhichOneof("payload"):
            case "message":
                self.context_id = event.message.context_id
                self._say(event.message)
            case "task":
                self.take_task(event.task)
            case "status_update":
                self._belongs(event.status_update)
                self._status(event.status_update.status)
            case "artifact_update":
                self._belongs(event.artifact_update)
                self._artifact(event.artifact_update.artifact, append=event.artifact_update.append)
            case _:
                pass  # a kind of event that this client does not know

    def take_task(self, task: "a2a_pb2.Task") -> None:
        self.context_id, self.task_id = task.context_id, task.id
        for artifact in task.artifacts:
            self._artifact(artifact, append=False)
        self._status(task.status)

    def text(self) -> str:
        """What the turn produced, and what was said last where that is something else."""
        parts = [*self.artifacts.values()]
        if self.message and self.message not in parts:
            parts.append(self.message)
        return "\n".join(part for part in parts if part)

    def check(self) -> None:
        """Raises CallError where the task ended without an answer."""
        from a2a.types import a2a_pb2

        said = self.message or "it does not say why"
        match self.state:
            case a2a_pb2.TASK_STATE_FAILED:
                raise call_error(FailureCause.AGENT_EXCEPTION, f"the task failed: {said}")
            case a2a_pb2.TASK_STATE_CANCELED | a2a_pb2.TASK_STATE_REJECTED:
                raise call_error(FailureCause.BAD_ANSWER, f"the agent did not take the task: {said}")
            case a2a_pb2.TASK_STATE_AUTH_REQUIRED:
                raise call_error(FailureCause.UNAUTHORIZED, f"the agent wants the user to sign in: {said}")
            case _:
                return

    def _belongs(self, update: Any) -> None:
        self.context_id, self.task_id = update.context_id, update.task_id

    def _status(self, status: "a2a_pb2.TaskStatus") -> None:
        self.state = status.state
        # "Looking it up ..." is no answer: only the last word of a task that stopped is
        if status.HasField("message") and not self.works:
            self._say(status.message)

    def _say(self, message: "a2a_pb2.Message") -> None:
        from google.protobuf.json_format import MessageToDict

        self.message = _text(message.parts)
        self.metadata = MessageToDict(message.metadata) if message.HasField("metadata") else self.metadata

    def _artifact(self, artifact: "a2a_pb2.Artifact", *, append: bool) -> None:
        if artifact.artifact_id in self.known:
            return
        text = _text(artifact.parts)
        self.artifacts[artifact.artifact_id] = self.artifacts.get(artifact.artifact_id, "") + text if append else text


def _text(parts: "Iterable[a2a_pb2.Part]") -> str:
    """The text of the parts; files and data leave a mark."""
    from google.protobuf.json_format import MessageToJson

    read: list[JsonObject] = []
    for part in parts:
        match part.WhichOneof("content"):
            case "text":
                read.append({"type": "text", "text": part.text})
            case "data":
                read.append({"type": "text", "text": MessageToJson(part.data, indent=None)})
            case "raw" | "url":
                read.append({"type": "file", "mime_type": part.media_type, "filename": part.filename})
            case _:
                pass
    return text_of(read)


def transport_of(card_url: str, headers: Mapping[str, str], network: Network, ssl_context: ssl.SSLContext) -> Any:
    """The httpx transport of one agent.

    The card's headers hold secrets, and the agent card that the agent serves may name an interface anywhere: they go
    to the origin of the card's `url` alone. A host that is not trusted is looked up once, checked, and connected to by
    the address that was checked.
    """
    from httpx import URL, AsyncBaseTransport, AsyncHTTPTransport, Request, Response

    own = _origin(URL(card_url))

    class Transport(AsyncBaseTransport):
        def __init__(self) -> None:
            self._by_proxy: dict[str | None, AsyncHTTPTransport] = {}

        async def handle_async_request(self, request: Request) -> Response:
            url = str(request.url)
            if _origin(request.url) == own:
                request.headers.update(headers)
            proxy = None
            if network.trusts(url):
                proxy = proxy_for(url)
            else:
                await self._pin(request)
            if proxy not in self._by_proxy:
                self._by_proxy[proxy] = AsyncHTTPTransport(verify=ssl_context, proxy=proxy, trust_env=False)
            return await self._by_proxy[proxy].handle_async_request(request)

        async def _pin(self, request: Request) -> None:
            host = request.url.host
            port = request.url.port or (443 if request.url.scheme == "https" else 80)
            try:
                network.check(str(request.url))
                addresses = await asyncio.to_thread(network.addresses, host, port)
            except OSError as error:  # ForbiddenAddress is one, and so is a name that is not known
                raise call_error(FailureCause.REFUSED, f"{host} cannot be reached: {error}") from error
            request.url = request.url.copy_with(host=addresses[0])
            request.extensions = {**request.extensions, "sni_hostname": host}

        async def aclose(self) -> None:
            for transport in self._by_proxy.values():
                await transport.aclose()

    return Transport()


def _origin(url: Any) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _may_ask_again(error: Exception) -> bool:
    """The agent cannot have begun: no connection came about, or it said 429 or 503."""
    from httpx import ConnectError, ConnectTimeout, HTTPStatusError

    cause = error.__cause__
    if isinstance(cause, HTTPStatusError):
        return cause.response.status_code in (429, 503)
    return isinstance(cause, ConnectError | ConnectTimeout)


def _cause(error: Exception) -> FailureCause:
    from a2a.client import A2AClientTimeoutError, AgentCardResolutionError
    from httpx import ConnectError, HTTPStatusError, RequestError, TimeoutException

    cause = error.__cause__
    if isinstance(error, A2AClientTimeoutError) or isinstance(cause, TimeoutException):
        return FailureCause.TIMEOUT
    if isinstance(cause, ConnectError):
        return FailureCause.REFUSED
    if isinstance(cause, HTTPStatusError):
        return cause_of_status(cause.response.status_code)
    if isinstance(cause, RequestError):
        return FailureCause.SERVER_ERROR
    # it answered, with what is no card or no JSON-RPC
    unreadable = isinstance(error, AgentCardResolutionError | ValueError) or isinstance(cause, ValueError)
    return FailureCause.BAD_ANSWER if unreadable else FailureCause.SERVER_ERROR
