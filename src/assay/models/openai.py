"""Any server that speaks OpenAI's chat completions, straight over aiohttp with one session."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.stage import Usage
from assay.errors import CallError
from assay.models.answers import Unreadable, instructions, read_answer
from assay.models.chat import Completion, Message, Sampling
from assay.models.price import price
from assay.models.usage import add_usage
from assay.models.waiting import Pause, backoff_s, retry_after_s

ATTEMPTS = 5
"""Tries of one call that the server failed: 429, 5xx, a broken connection."""
REPAIRS = 2
"""Times that a model is told what is wrong with its JSON."""
CONNECTIONS = 512


class OpenAIChat:
    """`model` as the server knows it; `name` as the settings do."""

    def __init__(self, name: str, model: str, *, base_url: str, api_key: str | None) -> None:
        self._name = name
        self._model = model
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._session: Any = None
        self._pause = Pause()
        self._takes_schema = True

    @property
    def name(self) -> str:
        return self._name

    async def complete(
        self, messages: Sequence[Message], *, schema: type[BaseModel] | None = None, sampling: Sampling = Sampling()
    ) -> Any:
        """Retries what may pass, repairs JSON that does not fit, adds up what all of it took."""
        usage = Usage()
        asked = list(messages)
        problem = ""
        for _ in range(REPAIRS + 1):
            text, spent, request_id, model = await self._ask(asked, schema, sampling)
            usage = add_usage(usage, spent)
            if schema is None:
                return Completion(text=text, parsed=None, usage=usage, model=model, request_id=request_id)
            try:
                parsed = read_answer(text, schema)
            except Unreadable as error:
                problem = str(error)
                told = f"That does not fit: {problem}. Answer again with the JSON object alone."
                asked = [*messages, Message("assistant", text), Message("user", told)]
            else:
                return Completion(text=text, parsed=parsed, usage=usage, model=model, request_id=request_id)
        raise self._failed(FailureCause.BAD_ANSWER, f"its JSON never fitted: {problem}", REPAIRS + 1)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling
    ) -> tuple[str, Usage, str | None, str]:
        """One answered call: (text, what it took with its failed tries, request id, model)."""
        import aiohttp

        failures = 0
        last = self._failed(FailureCause.SERVER_ERROR, "no answer", 0)
        for attempt in range(ATTEMPTS):
            await self._pause.wait()
            began = time.perf_counter()
            try:
                async with asyncio.timeout(sampling.timeout_s):
                    status, headers, body = await self._post(self._payload(messages, schema, sampling))
            except TimeoutError:
                raise self._failed(
                    FailureCause.TIMEOUT, f"no answer within {sampling.timeout_s:g} s", attempt + 1
                ) from None
            except aiohttp.ClientConnectorError as error:
                last = self._failed(FailureCause.REFUSED, f"cannot be reached: {error.os_error.strerror}", attempt + 1)
            except (aiohttp.ClientError, ConnectionError, ValueError) as error:
                last = self._failed(FailureCause.SERVER_ERROR, f"broke off: {type(error).__name__}", attempt + 1)
            else:
                if status == 200:
                    text, spent, model = self._read(body, time.perf_counter() - began)
                    return (
                        text,
                        spent.model_copy(update={"calls": spent.calls + failures, "failed_calls": failures}),
                        headers.get("x-request-id"),
                        model,
                    )
                if status == 400 and schema is not None and self._takes_schema and "response_format" in str(body):
                    self._takes_schema = False
                    continue
                last = self._refusal(status, body, attempt + 1)
                if status not in (408, 409, 425, 429) and status < 500:
                    raise last
                if status == 429:
                    wait = retry_after_s(headers.get("retry-after"), time.time())
                    self._pause.hold(wait if wait is not None else backoff_s(attempt + 2))
                    failures += 1
                    continue
            failures += 1
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(backoff_s(attempt))
        raise last

    async def _post(self, payload: dict[str, Any]) -> tuple[int, Any, Any]:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        async with self._session.post(self._url, json=payload) as response:
            if response.status == 200:
                return 200, response.headers, await response.json(content_type=None)
            return response.status, response.headers, (await response.text())[:2000]

    def _payload(
        self, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling
    ) -> dict[str, Any]:
        rows = [{"role": message.role, "content": message.content} for message in messages]
        payload: dict[str, Any] = {"model": self._model, "messages": rows}
        if schema is not None:
            if self._takes_schema:
                payload["response_format"] = {
                    "type": "json_schema",
                    "json_schema": {"name": schema.__name__, "schema": schema.model_json_schema()},
                }
            else:
                rows.append({"role": "system", "content": instructions(schema)})
        for field in ("temperature", "max_tokens", "seed"):
            value = getattr(sampling, field)
            if value is not None:
                payload[field] = value
        return payload

    def _read(self, body: Any, latency_s: float) -> tuple[str, Usage, str]:
        try:
            text = body["choices"][0]["message"].get("content") or ""
            said = body.get("usage") or {}
            model = body.get("model") or self._model
        except (AttributeError, KeyError, IndexError, TypeError):
            raise self._failed(FailureCause.BAD_ANSWER, "the answer is no chat completion", 1) from None
        tokens = said.get("prompt_tokens"), said.get("completion_tokens")
        usage = Usage(
            calls=1,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            cost_usd=price(self._name, *tokens),
            latency_s=latency_s,
        )
        return text, usage, model

    def _refusal(self, status: int, body: Any, attempts: int) -> CallError:
        """The server's own words are cut short, and none of them is the key: it stands in no body."""
        words = " ".join(str(body).split())[:200]
        match status:
            case 401 | 403:
                cause, detail = FailureCause.UNAUTHORIZED, f"refuses the key ({status}): check OPENAI_API_KEY"
            case 429:
                cause, detail = FailureCause.RATE_LIMIT, f"is over its rate limit after {attempts} tries"
            case _ if status >= 500:
                cause, detail = FailureCause.SERVER_ERROR, f"answers {status}: {words}"
            case _:
                cause, detail = FailureCause.BAD_REQUEST, f"answers {status}: {words}"
        return self._failed(cause, detail, attempts)

    def _failed(self, cause: FailureCause, detail: str, attempts: int) -> CallError:
        return CallError(CallFailed(cause=cause, detail=f"{self._name} {detail}", attempts=max(1, attempts)))
