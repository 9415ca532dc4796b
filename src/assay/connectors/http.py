"""Agents behind any JSON endpoint, mapped by JMESPath."""

import time
from collections.abc import Sequence
from typing import Any

import aiohttp
from jmespath.exceptions import JMESPathError

from assay.connectors.answers import read_state, read_tool_calls
from assay.connectors.network import ANY, Network
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
from assay.contracts.agent import HttpConnector
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause, Turn
from assay.contracts.expressions import Path, TooMuch, compile_path
from assay.errors import BadInput, CallError
from assay.protocols import read_count


class JsonEndpoint:
    """Its paths are compiled, and the request's tried, before any call is made. Raises BadInput where one is wrong."""

    def __init__(self, spec: HttpConnector, *, network: Network = ANY) -> None:
        self.spec = spec
        secrets = Secrets()
        headers = {name: secrets.expand(value, f"connector.headers.{name}") for name, value in spec.headers.items()}
        self.server = Server(spec.method, str(spec.url), headers, secrets, spec.timeout_s, network)
        self.paths = {
            name: _compiled(name, path)
            for name in ("request", "reply", "tool_calls", "state", "input_tokens", "output_tokens")
            if (path := getattr(spec, name)) is not None
        }
        try:
            tried = self.body(ConversationStart("0" * 32, "a-scenario", 0), [{"role": "user", "content": "Hello"}], {})
        except CallError as error:
            raise BadInput(error.failed.detail) from error
        if not isinstance(tried, dict):
            raise BadInput(
                f"connector.request: `{spec.request}` makes no JSON object of the conversation: select from "
                "conversation_id, scenario_id, seed, message, messages and state, such as {question: message}"
            )

    async def open(self, start: ConversationStart) -> "JsonDialogue":
        return JsonDialogue(self, start, self.server.pool.join())

    def body(self, start: ConversationStart, messages: list[Message], state: JsonObject | None) -> Any:
        told = {
            "conversation_id": start.conversation_id,
            "scenario_id": start.scenario_id,
            "seed": start.seed,
            "message": messages[-1]["content"],
            "messages": messages,
            "state": state,
        }
        return self._search("request", told, FailureCause.BAD_REQUEST)

    def found(self, name: str, answer: object) -> Any:
        """None: the card has no such path, or it selects nothing. Raises CallError where it cannot be evaluated."""
        return None if name not in self.paths else self._search(name, answer, FailureCause.BAD_ANSWER)

    def _search(self, name: str, value: object, cause: FailureCause) -> Any:
        try:
            return self.paths[name].search(value)
        except TooMuch:
            why = "takes too long: select less"
        except RecursionError:
            why = "is nested too deeply"
        except (JMESPathError, TypeError, ValueError, OverflowError) as error:
            why = f"cannot be evaluated: {error}"
        raise call_error(cause, f"connector.{name}: `{getattr(self.spec, name)}` {why}")


class JsonDialogue:
    def __init__(self, endpoint: JsonEndpoint, start: ConversationStart, session: aiohttp.ClientSession) -> None:
        self.endpoint = endpoint
        self.start = start
        self.session = session
        self.messages: list[Message] = []
        self.state = start.initial_state
        """What the agent last showed, so that one that keeps nothing can be told."""

    async def reply(self, user_text: str) -> AgentReply:
        self.messages.append({"role": "user", "content": user_text})
        body = self.endpoint.body(self.start, self.messages, self.state)
        parent = traceparent(self.start.conversation_id, len(self.messages))
        reply = await self.endpoint.server.ask(self.session, body, parent, self._read)
        self.state = reply.state if reply.state is not None else self.state
        self.messages.append({"role": "assistant", "content": reply.text})
        return reply

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        """Where the whole conversation is sent each time; an endpoint that keeps it may have heard the last words."""
        if "messages" not in self.endpoint.spec.request:
            return False
        self.messages = messages_of(turns)
        self.state = state if state is not None else self.state
        return True

    async def close(self) -> None:
        await self.endpoint.server.pool.leave()

    async def _read(self, response: aiohttp.ClientResponse, began: float) -> AgentReply:
        answer = await read_json(response)
        latency_s = time.perf_counter() - began
        found = self.endpoint.found
        text = found("reply", answer)
        if not isinstance(text, str):
            path = self.endpoint.spec.reply
            what = "nothing" if text is None else f"a {type(text).__name__}, not a string,"
            holds = ", ".join(answer) if isinstance(answer, dict) else shortened(repr(answer))
            raise call_error(
                FailureCause.BAD_ANSWER,
                f"connector.reply: `{path}` selects {what} from the answer, which holds {holds}: mend the path",
            )
        return AgentReply(
            text=text,
            tool_calls=read_tool_calls(found("tool_calls", answer)),
            latency_s=latency_s,
            input_tokens=read_count(found("input_tokens", answer)),
            output_tokens=read_count(found("output_tokens", answer)),
            state=read_state(found("state", answer)),
        )


def _compiled(name: str, path: str) -> Path:
    try:
        return compile_path(path)
    except ValueError as error:
        raise BadInput(f"connector.{name}: {shortened(str(error))}") from error
