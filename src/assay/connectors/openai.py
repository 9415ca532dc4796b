"""Agents behind chat completions: OpenAI's own server, or any that speaks its protocol."""

import time
from collections.abc import Sequence

import aiohttp

from assay.connectors.network import ANY, Network
from assay.connectors.protocol import AgentReply, ConversationStart, Message, messages_of, reply_of, traceparent
from assay.connectors.wire import Secrets, Server
from assay.contracts.agent import OpenAIConnector
from assay.contracts.base import JsonObject
from assay.contracts.conversation import Turn
from assay.protocols import BodyReader, ServerError, capabilities_of


class ChatCompletions:
    """The card's system prompt goes first. Tool calls are recorded as the server reports them, and not carried out:
    the agent's own server does that, or nobody. What the server refuses of a request is learned and left out."""

    def __init__(self, spec: OpenAIConnector, *, system_prompt: str | None, network: Network = ANY) -> None:
        self.spec = spec
        self.system: list[JsonObject] = [{"role": "system", "content": system_prompt}] if system_prompt else []
        secrets = Secrets()
        headers = {}
        if spec.api_key_env is not None:
            headers["Authorization"] = f"Bearer {secrets.of(spec.api_key_env, 'connector.api_key_env')}"
        base_url = str(spec.base_url).rstrip("/")
        self.server = Server("POST", f"{base_url}/chat/completions", headers, secrets, spec.timeout_s, network)
        self.capabilities = capabilities_of(base_url, spec.model)

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

    async def ask(self, session: aiohttp.ClientSession, body: JsonObject, parent: str) -> AgentReply:
        def adapt(error: ServerError, sent: JsonObject) -> JsonObject | None:
            if self.capabilities.learn(error, sent):
                return self.capabilities.fitted(body)
            # another conversation may have learned it while this request was under way
            fitted = self.capabilities.fitted(body)
            return fitted if fitted != sent else None

        return await self.server.ask(session, self.capabilities.fitted(body), parent, read_completion, adapt)


class ChatDialogue:
    def __init__(self, chat: ChatCompletions, start: ConversationStart, session: aiohttp.ClientSession) -> None:
        self.chat = chat
        self.start = start
        self.session = session
        self.messages: list[Message] = []

    async def reply(self, user_text: str) -> AgentReply:
        self.messages.append({"role": "user", "content": user_text})
        parent = traceparent(self.start.conversation_id, len(self.messages))
        reply = await self.chat.ask(self.session, self.chat.body(self.start, self.messages), parent)
        self.messages.append({"role": "assistant", "content": reply.text})
        return reply

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        del state  # the words are all that such a server is told
        self.messages = messages_of(turns)
        return True

    async def close(self) -> None:
        await self.chat.server.pool.leave()


async def read_completion(response: aiohttp.ClientResponse, began: float) -> AgentReply:
    """Whole or streamed, as the server chose. Raises UnusableAnswer for what is no completion, or not all of one."""
    reader = BodyReader()
    first_token_s: float | None = None
    async for chunk in response.content.iter_any():
        reader.feed(chunk)
        if first_token_s is None and reader.visible:
            first_token_s = time.perf_counter() - began
        if reader.done:
            break
    answer = reader.finish()
    return reply_of(answer, latency_s=time.perf_counter() - began, first_token_s=first_token_s)


def _plain(message: Message) -> JsonObject:
    return {"role": message["role"], "content": message["content"]}
