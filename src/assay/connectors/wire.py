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
from yarl import URL

from assay.connectors.network import ANY, ForbiddenAddress, Network, proxy_for
from assay.connectors.protocol import call_error, shortened
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError
from assay.protocols import ServerError, UnusableAnswer, cause_of_status, decompressed, parse_json, read_refusal
from assay.protocols.bodies import MAX_BODY_BYTES

T = TypeVar("T")
Read = Callable[[aiohttp.ClientResponse, float], Awaitable[T]]
"""Reads an answer that has begun; the float is when the request went out (time.perf_counter)."""

Adapt = Callable[[ServerError, JsonObject], JsonObject | None]

ATTEMPTS = 4
MAX_ADAPTATIONS = 8
"""Times that one request is sent in another form because the server refused the one before."""
MAX_REFUSAL_BYTES = 65_536
MAX_HEADER_BYTES = 65_536
"""Of a line or a field: some gateways put whole policies into their headers."""
SHORTEST_SECRET = 4
"""What is shorter stands in ordinary words too, and hiding it would make an error unreadable."""
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
            if len(value) < SHORTEST_SECRET:
                continue
            text = text.replace(value, "***")
        return text


class Pool:
    """The connections of all conversations that are open; closed with the last of them."""

    def __init__(self, url: str, network: Network) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._users = 0
        self._network = network
        self._trusted = network.trusts(url)
        proxy = URL(proxy_for(url) or "") if self._trusted else URL()
        self.proxy = proxy.with_user(None) if proxy.host else None
        self.proxy_auth = aiohttp.BasicAuth(proxy.user, proxy.password or "") if proxy.user else None

    def join(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = None if self._trusted else self._network.resolver()
            self._session = aiohttp.ClientSession(
                # limit 0: the stage bounds how many conversations are in flight, and each has one request at a time
                connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),  # one conversation's cookies are not another's
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
            )
        self._users += 1
        return self._session

    async def leave(self) -> None:
        self._users -= 1
        if self._users == 0 and self._session is not None:
            session, self._session = self._session, None
            await session.close()


class Server:
    """One URL that answers requests with a JSON body. Raises BadInput for an address that may not be reached."""

    def __init__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        secrets: Secrets,
        timeout_s: float,
        network: Network = ANY,
    ) -> None:
        try:
            network.check(url)
        except ForbiddenAddress as error:
            raise BadInput(f"connector: {error}") from None
        self.method = method
        self.url = url
        self.headers = dict(headers)
        self.secrets = secrets
        self.timeout_s = timeout_s
        self.pool = Pool(url, network)

    async def ask(
        self,
        session: aiohttp.ClientSession,
        body: JsonObject,
        traceparent: str,
        read: Read[T],
        adapt: Adapt | None = None,
    ) -> T:
        """What `read` makes of the answer. Raises CallError with its cause, after the retries.

        `adapt`: given the server's error and the body that it refused, the body to send in its place; None: there is
        none. A server that refuses a request has not begun to answer it.
        """
        headers = {"Content-Type": "application/json", **self.headers, "traceparent": traceparent}
        tries = 0
        try:
            for _ in range(MAX_ADAPTATIONS):
                data = json.dumps(body).encode()
                try:
                    async for attempt in stamina.retry_context(
                        on=self._wait_s, attempts=ATTEMPTS, timeout=self.timeout_s, wait_initial=0.2, wait_max=10.0
                    ):
                        with attempt:
                            tries += 1
                            return await self._once(session, data, headers, read)
                except _Refused as error:
                    changed = adapt(error.error, body) if adapt is not None else None
                    if changed is None:
                        raise
                    body = changed
            raise call_error(FailureCause.BAD_REQUEST, f"{self.url} refuses the request in each form that it was given")
        except CallError as error:
            failed = error.failed
            raise call_error(failed.cause, self.secrets.hidden_in(failed.detail), tries) from error

    async def _once(self, session: aiohttp.ClientSession, data: bytes, headers: dict[str, str], read: Read[T]) -> T:
        began = time.perf_counter()
        answering = False
        try:
            async with (
                asyncio.timeout(self.timeout_s),
                session.request(
                    self.method,
                    self.url,
                    data=data,
                    headers=headers,
                    proxy=self.pool.proxy,
                    proxy_auth=self.pool.proxy_auth,
                    allow_redirects=False,  # the headers hold secrets, and a redirect may lead anywhere
                ) as response,
            ):
                if 300 <= response.status < 400:
                    raise call_error(FailureCause.BAD_REQUEST, self._elsewhere(response))
                if response.status >= 400:
                    raise self._refusal(response, await _start_of(response))
                answering = True
                return await read(response, began)
        except TimeoutError as error:
            raise call_error(FailureCause.TIMEOUT, f"no answer in {self.timeout_s:g} s") from error
        except UnusableAnswer as unusable:
            if unusable.error is not None and unusable.error.status in (429, 503):
                raise _Unreached(unusable.cause, f"{self.url} answers: {unusable.error.words}") from unusable
            raise call_error(unusable.cause, unusable.detail) from unusable
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ForbiddenAddress):
                raise call_error(FailureCause.REFUSED, str(error.os_error)) from error
            raise _Unreached(FailureCause.REFUSED, f"{self.url} cannot be reached: {error}") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            when = "in the middle of its answer" if answering else "without an answer"
            detail = f"the connection to {self.url} ended {when}: {type(error).__name__} {error}"
            raise call_error(FailureCause.SERVER_ERROR, detail) from error

    def _elsewhere(self, response: aiohttp.ClientResponse) -> str:
        try:
            target = URL(self.url).join(URL(response.headers.get("Location", "")))
            where = f" to {target.with_query(None).with_fragment(None).with_user(None)}"
        except ValueError:
            where = ""
        return (
            f"{self.url} answers {response.status}, a redirect{where}, which is not followed: put the agent's own "
            "address into the card"
        )

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes) -> CallError:
        error = read_refusal(body, response.status)
        # the body as it came: JSON's escapes would hide a secret from the search
        said = self.secrets.hidden_in(body[:4096].decode(errors="replace"))
        cause, detail = cause_of_status(response.status), f"HTTP {response.status} from {self.url}: {said}"
        if response.status in (429, 503):
            return _Unreached(cause, detail, _retry_after_s(response.headers.get("Retry-After")))
        return _Refused(cause, detail, error)

    def _wait_s(self, error: Exception) -> bool | float:
        """As stamina's backoff hook: False gives up, True waits as usual, a number waits that long."""
        if not isinstance(error, _Unreached):
            return False
        if error.retry_after_s is None:
            return True
        # a server that wants to be left alone for longer than a call may last has said no
        return error.retry_after_s if error.retry_after_s <= self.timeout_s else False


class _Refused(CallError):
    """The server did not take the request as it was."""

    def __init__(self, cause: FailureCause, detail: str, error: ServerError) -> None:
        super().__init__(call_error(cause, detail).failed)
        self.error = error


class _Unreached(CallError):
    """The agent did not begin to answer, so asking again does no harm."""

    def __init__(self, cause: FailureCause, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(call_error(cause, detail).failed)
        self.retry_after_s = retry_after_s


async def read_json(response: aiohttp.ClientResponse) -> Any:
    """Whatever the content type says, made storable. Raises CallError, bad_answer, for what is no JSON."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise call_error(FailureCause.BAD_ANSWER, f"the answer is longer than {MAX_BODY_BYTES // 2**20} MiB")
    body = decompressed(bytes(raw))
    try:
        return parse_json(body)
    except ValueError as error:
        said = shortened(body[:400].decode(errors="replace"))
        raise call_error(FailureCause.BAD_ANSWER, f"the answer is no JSON: {said or 'it is empty'}") from error


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) >= MAX_REFUSAL_BYTES:
            break
    return decompressed(bytes(raw[:MAX_REFUSAL_BYTES]))


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
    except (ValueError, OverflowError):
        return None
