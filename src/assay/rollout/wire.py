"""What a request says beside its words: whose session it is, which arm a tester forces, what may be passed on."""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from assay.contracts.api import LOGIN_COOKIE, PAGE_COOKIE, SECURE_PREFIX
from assay.contracts.text import clean

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Headers that are of one connection and end there (RFC 9110, section 7.6.1)."""
OURS = b"x-assay-"
SESSION = b"x-session-id"
FORCED = b"x-assay-arm"
TOKEN = b"x-assay-token"
COOKIE = b"assay_gateway_session"
OUR_COOKIES = frozenset(
    (COOKIE, b"assay_session", *((p + n).encode() for p in ("", SECURE_PREFIX) for n in (PAGE_COOKIE, LOGIN_COOKIE)))
)
"""Cookies of the gateway and of Assay's own server: no agent is given them."""
LONGEST_SESSION = 256
RECEIPT = re.compile(r"^([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{32})$")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    session: str
    new_cookie: bool = False
    """The session was made up here, and a cookie has to carry it."""
    forced: str | None = None
    """The arm that a tester asks for; None: nobody forces one."""


def caller_of(headers: Headers, body: Any, tester_token: str | None) -> Caller:
    """By header, by what OpenAI's body says of the user, by cookie; else a new session. body: the parsed JSON."""
    session = cookie = forced = token = None
    for name, value in headers:
        if name == SESSION:
            session = value.decode("latin-1")
        elif name == b"cookie":
            cookie = _cookie(value) or cookie
        elif name == FORCED:
            forced = value.decode("latin-1")
        elif name == TOKEN:
            token = value
    if session is None:
        session = _session_in(body)
    if forced is not None and not same_token(token, tester_token):
        forced = None
    if session:
        return Caller(clean(session)[:LONGEST_SESSION], forced=forced)
    if cookie:
        return Caller(clean(cookie)[:LONGEST_SESSION], forced=forced)
    return Caller(secrets.token_hex(16), new_cookie=True, forced=forced)


def same_token(given: bytes | None, token: str | None) -> bool:
    """In constant time, whatever bytes are given. None: nobody has it."""
    if given is None or token is None:
        return False
    return secrets.compare_digest(given, token.encode("utf-8", "surrogateescape"))


def bearer(headers: Headers) -> bytes | None:
    """The token of an `Authorization: Bearer` header."""
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
    return None


def is_json(headers: Headers) -> bool:
    """Whether the content type is JSON."""
    for name, value in headers:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
            return kind == b"application/json" or kind.endswith(b"+json")
    return False


def passed_on(headers: Headers) -> list[tuple[str, str]]:
    """What the agent is told: everything but what is of this connection or ours alone."""
    named = {part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b",")}
    kept = []
    for name, value in headers:
        if name in HOP_BY_HOP or name in named or name in (b"host", b"content-length", SESSION):
            continue
        if name.startswith(OURS):
            continue
        if name == b"cookie":
            value = _without_ours(value)
            if not value:
                continue
        kept.append((name.decode("latin-1"), value.decode("latin-1")))
    return kept


def answered(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What the caller is told of the agent's headers."""
    kept = []
    for name, value in raw:
        lower = name.lower()
        if lower in HOP_BY_HOP or lower.startswith(OURS):
            continue
        if lower == b"set-cookie" and value.partition(b"=")[0].strip() in OUR_COOKIES:
            continue
        kept.append((lower, value))
    return kept


def receipt(key: bytes, conversation: str, exchange: str) -> str:
    """Names one answer, so that feedback on it needs no other credential. Only who has the key can make one."""
    return f"{conversation}-{exchange}-{_mac(key, conversation, exchange)}"


def read_receipt(key: bytes, text: str) -> tuple[str, str] | None:
    """(conversation, exchange); None: it was not made with this key."""
    match = RECEIPT.match(text)
    if match is None or not hmac.compare_digest(match[3], _mac(key, match[1], match[2])):
        return None
    return match[1], match[2]


def _mac(key: bytes, conversation: str, exchange: str) -> str:
    return hmac.new(key, f"{conversation}-{exchange}".encode(), "sha256").hexdigest()[:32]


def traceparent(conversation: str, exchange: str) -> tuple[str, str]:
    return "traceparent", f"00-{conversation}-{exchange}-01"


def path_of(raw_path: bytes) -> str | None:
    """The request's path as it came, still encoded. None: it holds a dot segment, which would leave the agent's own
    prefix, or what is no path.

    Dot segments are looked for as agents may decode them: `%2e`, `%2f` and `%5c`, also when encoded twice.
    """
    if not raw_path.startswith(b"/") or any(byte <= 0x20 or byte >= 0x7F for byte in raw_path):
        return None
    decoded = raw_path
    for _ in range(4):
        if any(segment.partition(b";")[0] in (b".", b"..") for segment in re.split(rb"[/\\]", decoded)):
            return None
        if (again := unquote_to_bytes(decoded)) == decoded:
            return raw_path.decode("ascii")
        decoded = again
    return None


def _session_in(body: Any) -> str | None:
    """OpenAI's `user`, `safety_identifier` or `metadata.session_id`."""
    if not isinstance(body, dict):
        return None
    metadata = body.get("metadata")
    named = metadata.get("session_id") if isinstance(metadata, dict) else None
    for found in (named, body.get("user"), body.get("safety_identifier")):
        if isinstance(found, str) and found:
            return found
    return None


def _cookie(value: bytes) -> str | None:
    for part in value.split(b";"):
        name, _, content = part.strip().partition(b"=")
        if name == COOKIE:
            return content.decode("latin-1")
    return None


def _without_ours(value: bytes) -> bytes:
    parts = [part.strip() for part in value.split(b";")]
    return b"; ".join(part for part in parts if part and part.partition(b"=")[0].strip() not in OUR_COOKIES)
