"""Any server that speaks OpenAI's chat completions, straight over aiohttp with one session."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from assay.contracts.conversation import FailureCause
from assay.errors import BadInput
from assay.models.answers import instructions
from assay.models.asking import Again, Reply, Unanswered, clean, complete, unanswered
from assay.models.chat import Completion, Message, Sampling
from assay.models.price import price
from assay.models.response_format import response_format
from assay.models.waiting import Pace, pace_of, retry_after_s

if TYPE_CHECKING:
    import aiohttp

OPENAI = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
SCHEMA_WORDS = ("response_format", "schema", "structured", "grammar", "guided")


class OpenAIChat:
    """`model` as the server knows it; `base_url` None: OpenAI's own. Raises BadInput for an address that is none."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        hedge_after_s: float | None = None,
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
        """`sampling.timeout_s` holds for each attempt, not for the waiting that a rate limit asks for."""

        async def send(asked: Sequence[Message]) -> Reply:
            if self._hedge_after_s is None:
                return await self._send(asked, schema, sampling)
            return await self._hedged(asked, schema, sampling, self._hedge_after_s)

        self._open()
        return await complete(self.name, send, messages, schema, self._pace)

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
        fields = self._takes.fields(self._model, messages, None if formatted else schema, sampling)
        body = to_json(fields)
        if schema is not None and formatted:
            body = b'%b,"response_format":%b}' % (body[:-1], response_format(schema))
        try:
            async with self._open().post(
                self._url,
                data=body,
                timeout=aiohttp.ClientTimeout(total=sampling.timeout_s),
                allow_redirects=False,  # a redirected POST becomes a GET
            ) as response:
                status, headers, raw = response.status, response.headers, await response.read()
        except TimeoutError:
            detail = f"gave no answer within {sampling.timeout_s:g} s: give it longer, or ask fewer at once"
            raise Unanswered(FailureCause.TIMEOUT, detail) from None
        except aiohttp.ClientConnectorError as error:
            why = getattr(getattr(error, "os_error", None), "strerror", None) or type(error).__name__
            detail = f"cannot be reached at {self._server} ({why}): check OPENAI_BASE_URL"
            raise Unanswered(FailureCause.REFUSED, detail, Again.LATER) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Unanswered(FailureCause.SERVER_ERROR, f"broke off ({type(error).__name__})", Again.LATER) from None
        answer = _json(raw)
        if status == 200 and "error" not in answer:
            return self._read(answer, headers)
        raise self._refusal(status, headers, answer, raw, fields, schema if formatted else None)

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
            )
            self._loop, self._pace = loop, pace_of(self._server)
        return self._session

    def _read(self, answer: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        try:
            choice = answer["choices"][0]
            message = choice["message"]
            text, refusal = _text(message.get("content")), message.get("refusal")
        except (AttributeError, KeyError, IndexError, TypeError):
            text, refusal, choice = "", "it is no chat completion", {}
        fault = None
        if refusal:
            fault = clean(f"the model refused: {refusal}" if choice else refusal, self._key)
        elif choice.get("finish_reason") == "length":
            fault = "it was cut off at the limit of tokens: be shorter"
        elif not text:
            fault = "it is empty"
        said = answer.get("usage")
        said = said if isinstance(said, dict) else {}
        read, written = _count(said.get("prompt_tokens")), _count(said.get("completion_tokens"))
        details = said.get("prompt_tokens_details")
        cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
        model, request_id = answer.get("model"), headers.get("x-request-id") or answer.get("id")
        return Reply(
            text=text,
            model=model if isinstance(model, str) and model else self._model,
            input_tokens=read,
            output_tokens=written,
            cost_usd=price(self.name, read, written, cached_tokens=cached or 0, base_url=self._base_url),
            request_id=request_id if isinstance(request_id, str) else None,
            fault=fault,
        )

    def _refusal(
        self,
        status: int,
        headers: Mapping[str, str],
        answer: dict[str, Any],
        raw: bytes,
        fields: dict[str, Any],
        schema: type[BaseModel] | None,
    ) -> Unanswered:
        """`fields` and `schema`: what was sent."""
        error = answer.get("error")
        if isinstance(error, dict):
            words = " ".join(str(error[key]) for key in ("message", "code", "param") if error.get(key))
            if status == 200:
                # some proxies tell of the failure in a body of their own
                status = error["code"] if isinstance(error.get("code"), int) else 500
        else:
            words = str(error or answer.get("detail") or answer.get("message") or raw[:500].decode(errors="replace"))
        if status in (400, 422) and self._takes.learn(words, fields, schema):
            return Unanswered(FailureCause.BAD_REQUEST, f"answers {status}: {clean(words, self._key)}", Again.AT_ONCE)
        if 300 <= status < 400:
            return Unanswered(FailureCause.BAD_REQUEST, f"is elsewhere ({status}): check OPENAI_BASE_URL")
        return unanswered(status, clean(words, self._key), key=KEY, retry_after_s=retry_after_s(headers, time.time()))


class Takes:
    """What a server takes of the protocol. What it refuses once is not sent again: gpt-5 wants no temperature and
    calls max_tokens something else, and many servers know no schema."""

    def __init__(self) -> None:
        self._names = {"temperature": "temperature", "max_tokens": "max_tokens", "seed": "seed"}
        self._not_as_schema: set[type[BaseModel]] = set()

    def schema(self, schema: type[BaseModel]) -> bool:
        return schema not in self._not_as_schema

    def fields(
        self, model: str, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling
    ) -> dict[str, Any]:
        """The request without a response_format; `schema`: to be told in words."""
        rows = [{"role": message.role, "content": message.content} for message in messages]
        if schema is not None:
            _tell(rows, instructions(schema))
        fields: dict[str, Any] = {"model": model, "messages": rows}
        for field, sent_as in self._names.items():
            value = getattr(sampling, field)
            if value is not None:
                fields[sent_as] = value
        return fields

    def learn(self, words: str, sent: dict[str, Any], schema: type[BaseModel] | None) -> bool:
        """Whether the server's words speak of something that can be left out or said otherwise.

        sent: the fields of the request; schema: of its response_format, None where it had none.
        """
        if "max_completion_tokens" in words and "max_tokens" in sent:
            self._names["max_tokens"] = "max_completion_tokens"
            return True
        for field in ("temperature", "seed"):
            if field in words and field in sent:
                self._names.pop(field, None)
                return True
        if schema is not None and any(word in words.lower() for word in SCHEMA_WORDS):
            self._not_as_schema.add(schema)
            return True
        return False


def _tell(rows: list[dict[str, str]], instruction: str) -> None:
    """Into the system message: many servers take only one, and only in the first place."""
    if rows and rows[0]["role"] == "system":
        rows[0]["content"] += f"\n\n{instruction}"
    else:
        rows.insert(0, {"role": "system", "content": instruction})


def _json(raw: bytes) -> dict[str, Any]:
    try:
        answer = from_json(raw)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _text(content: Any) -> str:
    """Some servers answer in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _count(tokens: Any) -> int | None:
    return tokens if isinstance(tokens, int) and tokens >= 0 else None
