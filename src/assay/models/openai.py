"""Any server that speaks OpenAI's chat completions, straight over aiohttp with one session."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic_core import to_json

from assay.contracts.conversation import FailureCause, FinishReason
from assay.errors import BadInput
from assay.models.answers import holds_json, instructions
from assay.models.asking import REASONING_TOKENS, Again, Reply, Unanswered, clean, complete, unanswered
from assay.models.chat import Completion, Message, Patience, Sampling
from assay.models.price import price
from assay.models.response_format import response_format
from assay.models.waiting import Pace, pace_of, retry_after_s
from assay.protocols import Answer, Capabilities, ServerError, read_response
from assay.protocols.capabilities import REFUSING

if TYPE_CHECKING:
    import aiohttp

OPENAI = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
MAX_ANSWER_BYTES = 16 * 2**20
"""16 MiB after decompression: more than any model answers, even streamed with one chunk for each token."""
SCHEMA_WORDS = ("response_format", "schema", "structured", "grammar", "guided")
UNNAMED = re.compile(r"parameter|argument|unsupported|not support|unexpected|unrecognized|extra (input|field)", re.I)
"""Words of a refusal that says that something is too much, and not what."""


class OpenAIChat:
    """`model` as the server knows it; `base_url` None: OpenAI's own. Raises BadInput for an address that is none."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        hedge_after_s: float | None = None,
        patience: Patience = Patience(),
    ) -> None:
        parts = urlsplit(base_url or OPENAI)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput("OPENAI_BASE_URL is no address: write it as https://host/v1")
        self._model = model
        self._base_url = base_url
        self._url = f"{(base_url or OPENAI).rstrip('/')}/chat/completions"
        self._server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._key = api_key
        self._hedge_after_s = hedge_after_s
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pace = Pace()
        self._takes = Takes()

    @property
    def name(self) -> str:
        return f"openai:{self._model}"

    async def complete(
        self, messages: Sequence[Message], *, schema: type[BaseModel] | None = None, sampling: Sampling = Sampling()
    ) -> Completion[Any]:
        """The time-out holds for each attempt, not for the waiting for a rate limit or a server that is away."""

        async def send(asked: Sequence[Message]) -> Reply:
            if self._hedge_after_s is None:
                return await self._send(asked, schema, sampling)
            return await self._hedged(asked, schema, sampling, self._hedge_after_s)

        def adapted(reply: Reply) -> bool:
            if reply.lacked_room(sampling):
                self._takes.reasons()
                return True
            if schema is None or reply.cut or holds_json(reply.text):
                return False
            return self._takes.ignores(schema)

        self._open()
        return await complete(self.name, send, messages, schema, self._pace, patience=self._patience, adapted=adapted)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _hedged(
        self, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling, after_s: float
    ) -> Reply:
        """The first answer of two requests, where the first is slow. Source: Dean and Barroso 2013, Tail at Scale."""
        first = asyncio.create_task(self._send(messages, schema, sampling))
        tasks = {first}
        try:
            await asyncio.wait(tasks, timeout=after_s)
            if first.done():
                return first.result()
            tasks.add(asyncio.create_task(self._send(messages, schema, sampling)))
            waiting = tasks
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if task.exception() is None:
                        return replace(task.result(), requests=2)
            return first.result()  # both failed: the first one's error
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling) -> Reply:
        import aiohttp

        formatted = schema is not None and self._takes.schema(schema)
        fields = self._takes.fields(self._model, messages, schema, sampling)
        body = to_json(fields)
        if schema is not None and formatted:
            body = b'%b,"response_format":%b}' % (body[:-1], response_format(schema))
        timeout_s = self._patience.for_answer(sampling)
        try:
            async with self._open().post(
                self._url,
                data=body,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,  # a redirected POST becomes a GET
            ) as response:
                status, headers, raw = response.status, response.headers, await _body(response)
        except TimeoutError:
            detail = f"gave no answer within {timeout_s:g} s: set ASSAY_MODEL_TIMEOUT_S higher, or ask fewer at once"
            raise Unanswered(FailureCause.TIMEOUT, detail, Again.WHEN_FASTER) from None
        except aiohttp.ClientConnectorError as error:
            why = getattr(getattr(error, "os_error", None), "strerror", None) or type(error).__name__
            detail = f"cannot be reached at {self._server} ({why}): check OPENAI_BASE_URL"
            wrong = isinstance(error, aiohttp.ClientConnectorDNSError | aiohttp.ClientSSLError)
            again = Again.LATER if wrong else Again.WHEN_BACK
            raise Unanswered(FailureCause.REFUSED, detail, again) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Unanswered(FailureCause.SERVER_ERROR, f"broke off ({type(error).__name__})", Again.LATER) from None
        if 300 <= status < 400:
            raise Unanswered(FailureCause.BAD_REQUEST, f"is elsewhere ({status}): check OPENAI_BASE_URL")
        read = read_response(raw, status=status)
        if read.failure is not None and read.failure.error is not None:
            raise self._refusal(read.failure.error, headers, fields, schema if formatted else None)
        if read.failure is not None:
            raise Unanswered(FailureCause.SERVER_ERROR, clean(read.failure.detail, self._key), Again.LATER)
        if formatted and schema is not None:
            self._takes.took(schema)
        return self._read(read.answer, headers, raw)

    def _open(self) -> "aiohttp.ClientSession":
        """The session of the running loop, with its pace: a notebook or a test may ask from another than before."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            import aiohttp

            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            self._session = aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(limit=0),  # who calls decides how many are in flight
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,  # HTTPS_PROXY, HTTP_PROXY and NO_PROXY
            )
            self._loop, self._pace = loop, pace_of(self._server)
        return self._session

    def _read(self, answer: Answer | None, headers: Mapping[str, str], raw: bytes) -> Reply:
        """None: the body, `raw`, is no chat completion."""
        if answer is None:
            body = clean(raw[:2000].decode(errors="replace"), self._key)
            fault = f"it is no chat completion: {body or 'the body is empty'}"
            return Reply("", self._model, None, None, None, headers.get("x-request-id"), fault=fault)
        text, used = answer.text, answer.usage
        cut = answer.finish_reason is FinishReason.LENGTH
        if not text and not cut and answer.reasoning and answer.reasoning.strip().startswith("{"):
            text = answer.reasoning.strip()  # some servers put all of an answer there
        fault: str | None = None
        if answer.refusal:
            fault = clean(f"the model refused: {answer.refusal}", self._key)
        elif answer.finish_reason is FinishReason.CONTENT_FILTER:
            fault = "the provider's filter held it back"
        elif cut:
            fault = "it was cut off at the limit of tokens: be shorter"
        elif not text:
            fault = "it is empty"
        return Reply(
            text=text,
            model=answer.model or self._model,
            input_tokens=used.input,
            output_tokens=used.output,
            cost_usd=price(self.name, used.input, used.output, cached_tokens=used.cached or 0, base_url=self._base_url),
            request_id=headers.get("x-request-id") or answer.response_id,
            fault=fault,
            cut=cut,
            reasoned=bool(answer.reasoning) or not text,
        )

    def _refusal(
        self,
        error: ServerError,
        headers: Mapping[str, str],
        fields: dict[str, Any],
        schema: type[BaseModel] | None,
    ) -> Unanswered:
        """`fields` and `schema`: what was sent."""
        words = clean(error.words, self._key)
        if self._takes.learn(error, fields, schema):
            return Unanswered(FailureCause.BAD_REQUEST, f"answers {error.status}: {words}", Again.AT_ONCE)
        return unanswered(error.status, words, key=KEY, retry_after_s=retry_after_s(headers, time.time()))


async def _body(response: "aiohttp.ClientResponse") -> bytes:
    """The whole body. Raises Unanswered once it is longer than MAX_ANSWER_BYTES; the rest is not read."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > MAX_ANSWER_BYTES:
            detail = (
                f"sends an answer longer than {MAX_ANSWER_BYTES / 2**20:g} MiB, which is not read: check that "
                "OPENAI_BASE_URL is the address of a chat-completions server"
            )
            raise Unanswered(FailureCause.BAD_ANSWER, detail)
    return bytes(raw)


class Takes:
    """What a server takes: of the protocol's fields (`Capabilities`), and whether schemas go as response_format.

    Schemas are told apart by their name, since a judge's differs with the expectations.
    """

    def __init__(self) -> None:
        self._capabilities = Capabilities()
        self._not_as_schema: set[str] = set()
        self._in_words: set[str] = set()
        self._taken: set[str] = set()
        self._doubted: set[str] = set()
        """Schemas left out after server errors that may have had another cause."""
        self._restored: set[str] = set()
        """Schemas that were left out for that reason once: the second time is final."""
        self._failures = 0
        self._reasoning_tokens = 0

    def schema(self, schema: type[BaseModel]) -> bool:
        """Whether it goes as response_format."""
        return schema.__name__ not in self._not_as_schema

    def took(self, schema: type[BaseModel]) -> None:
        """A request with this response_format was answered: server errors before it had another cause."""
        self._taken.add(schema.__name__)
        self._failures = 0
        if schema.__name__ in self._doubted:
            self._restore(schema)

    def ignores(self, schema: type[BaseModel]) -> bool:
        """The answer was no JSON. Whether the next request is another one: with the schema that was left out after
        server errors, or with the schema in words.
        """
        if schema.__name__ in self._doubted:
            self._restore(schema)
            return True
        told = schema.__name__ in self._in_words | self._not_as_schema
        self._in_words.add(schema.__name__)
        return not told

    def _restore(self, schema: type[BaseModel]) -> None:
        """Sends it as response_format again."""
        self._not_as_schema.discard(schema.__name__)
        self._doubted.discard(schema.__name__)
        self._restored.add(schema.__name__)
        self._failures = 0

    def reasons(self) -> None:
        """The model spent the answer's tokens on reasoning: from now on it gets room for that."""
        self._reasoning_tokens = REASONING_TOKENS

    def fields(
        self, model: str, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling
    ) -> dict[str, Any]:
        """The request without a response_format."""
        rows = [{"role": message.role, "content": message.content} for message in messages]
        if schema is not None and schema.__name__ in self._in_words | self._not_as_schema:
            _tell(rows, instructions(schema))
        fields: dict[str, Any] = {"model": model, "messages": rows}
        for name in ("temperature", "max_tokens", "seed"):
            value = getattr(sampling, name)
            if value is not None:
                fields[name] = value + self._reasoning_tokens if name == "max_tokens" else value
        return self._capabilities.fitted(fields)

    def learn(self, error: ServerError, sent: dict[str, Any], schema: type[BaseModel] | None) -> bool:
        """Whether something can be left out or said otherwise, so that the next request may be taken.

        sent: the fields of the request; schema: of its response_format, None where it had none. A schema that the
        server has never taken is left out too where it does not say what it refuses, and after two server errors.
        """
        words = error.words.lower()
        if error.status not in REFUSING or "context length" in words or "context size" in words:
            return False
        if schema is not None and any(word in words for word in SCHEMA_WORDS):
            self._not_as_schema.add(schema.__name__)
            return True
        if self._capabilities.learn(error, sent):
            if "max_tokens" in self._capabilities.renamed:
                self.reasons()  # the models that have another name for it are those that reason
            return True
        if schema is None or schema.__name__ in self._taken:
            return False
        self._failures += error.status >= 500
        unnamed = UNNAMED.search(words) is not None
        if not unnamed and self._failures <= 1:
            return False
        if not unnamed and schema.__name__ not in self._restored:
            self._doubted.add(schema.__name__)
        self._failures = 0
        self._not_as_schema.add(schema.__name__)
        return True


def _tell(rows: list[dict[str, str]], instruction: str) -> None:
    """Into the system message: many servers take only one, and only in the first place."""
    if rows and rows[0]["role"] == "system":
        rows[0]["content"] += f"\n\n{instruction}"
    else:
        rows.insert(0, {"role": "system", "content": instruction})
