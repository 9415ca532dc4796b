"""How requests go out over HTTP: one pool a connector, retries that an agent with side effects can bear, plain errors.

A request is sent again only where no answer had begun: the server could not be reached, or it said 429 or 503. What
an agent began to answer is never asked twice, since it may have refunded, mailed or booked something by then.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
import stamina

from assay.connectors.protocol import call_error, shortened
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError

T = TypeVar("T")
Read = Callable[[aiohttp.ClientResponse, float], Awaitable[T]]
"""Reads an answer that has begun; the float is when the request went out (time.perf_counter)."""

ATTEMPTS = 4
VARIABLE = re.compile(r"\$\{(\w+)\}")


class Secrets:
    """Values from the environment that are sent and never shown."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def expand(self, text: str, where: str) -> str:
        """`${NAME}` becomes the variable's value. Raises BadInput where it is not set."""

        def value(match: re.Match[str]) -> str:
            return self.of(match[1], where)

        return VARIABLE.sub(value, text)

    def of(self, name: str, where: str) -> str:
        value = os.environ.get(name)
        if not value:
            raise BadInput(f"{where}: the environment variable {name} is not set: export {name}=...")
        self._values.add(value)
        return value

    def hidden_in(self, text: str) -> str:
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, "***")
        return text


class Pool:
    """The connections of all conversations that are open; closed with the last of them."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._users = 0

    def join(self) -> aiohttp.ClientSession:
        if self._session is None:
            # limit 0: the stage bounds how many conversations are in flight, and each has one request at a time
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=2**20,  # a streamed line may hold a tool's whole result
            )
        self._users += 1
        return self._session

    async def leave(self) -> None:
        self._users -= 1
        if self._users == 0 and self._session is not None:
            session, self._session = self._session, None
            await session.close()


class Server:
    """One URL that answers requests with a JSON body."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], secrets: Secrets, timeout_s: float) -> None:
        self.method = method
        self.url = url
        self.headers = dict(headers)
        self.secrets = secrets
        self.timeout_s = timeout_s
        self.pool = Pool()

    async def ask(self, session: aiohttp.ClientSession, body: JsonObject, traceparent: str, read: Read[T]) -> T:
        """What `read` makes of the answer. Raises CallError with its cause, after the retries."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self.headers, "traceparent": traceparent}
        tries = 0
        try:
            async for attempt in stamina.retry_context(
                on=self._wait_s, attempts=ATTEMPTS, timeout=self.timeout_s, wait_initial=0.2, wait_max=10.0
            ):
                tries = attempt.num
                with attempt:
                    return await self._once(session, data, headers, read)
        except CallError as error:
            failed = error.failed
            raise call_error(failed.cause, self.secrets.hidden_in(failed.detail), tries) from error
        raise AssertionError("stamina raises the last error")

    async def _once(self, session: aiohttp.ClientSession, data: bytes, headers: dict[str, str], read: Read[T]) -> T:
        began = time.perf_counter()
        answering = False
        try:
            async with (
                asyncio.timeout(self.timeout_s),
                session.request(self.method, self.url, data=data, headers=headers) as response,
            ):
                if response.status >= 400:
                    raise await self._refusal(response)
                answering = True
                return await read(response, began)
        except TimeoutError as error:
            raise call_error(FailureCause.TIMEOUT, f"no answer in {self.timeout_s:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise _Unreached(FailureCause.REFUSED, f"{self.url} cannot be reached: {error}") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            when = "in the middle of its answer" if answering else "without an answer"
            detail = f"the connection to {self.url} ended {when}: {type(error).__name__} {error}"
            raise call_error(FailureCause.SERVER_ERROR, detail) from error

    async def _refusal(self, response: aiohttp.ClientResponse) -> CallError:
        said = self.secrets.hidden_in((await response.content.read(4096)).decode(errors="replace"))
        cause, detail = cause_of_status(response.status), f"HTTP {response.status} from {self.url}: {said}"
        if response.status in (429, 503):
            return _Unreached(cause, detail, _retry_after_s(response.headers.get("Retry-After")))
        return call_error(cause, detail)

    def _wait_s(self, error: Exception) -> bool | float:
        """As stamina's backoff hook: False gives up, True waits as usual, a number waits that long."""
        if not isinstance(error, _Unreached):
            return False
        if error.retry_after_s is None:
            return True
        # a server that wants to be left alone for longer than a call may last has said no
        return error.retry_after_s if error.retry_after_s <= self.timeout_s else False


class _Unreached(CallError):
    """The agent did not begin to answer, so asking again does no harm."""

    def __init__(self, cause: FailureCause, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(call_error(cause, detail).failed)
        self.retry_after_s = retry_after_s


async def read_json(response: aiohttp.ClientResponse) -> Any:
    """Whatever the content type says. Raises CallError, bad_answer, for what is no JSON."""
    raw = await response.read()
    try:
        return json.loads(raw)
    except ValueError as error:
        said = shortened(raw[:400].decode(errors="replace"))
        raise call_error(FailureCause.BAD_ANSWER, f"the answer is no JSON: {said or 'it is empty'}") from error


def cause_of_status(status: int) -> FailureCause:
    match status:
        case 401 | 403:
            return FailureCause.UNAUTHORIZED
        case 408 | 504:
            return FailureCause.TIMEOUT
        case 429:
            return FailureCause.RATE_LIMIT
        case _ if status < 500:
            return FailureCause.BAD_REQUEST
        case _:
            return FailureCause.SERVER_ERROR


def _retry_after_s(header: str | None) -> float | None:
    """Seconds, or a date. None: the server does not say, or not in a way that can be read."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None
