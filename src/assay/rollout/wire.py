"""What a request says beside its words: whose session it is, which arm a tester forces, what may be passed on."""

import hashlib
import json
import secrets
from dataclasses import dataclass

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
COOKIE = b"assay_session"
LONGEST_SESSION = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    session: str
    new_cookie: bool = False
    """The session was made up here, and a cookie has to carry it."""
    forced: str | None = None
    """The arm that a tester asks for; None: nobody forces one."""


def caller_of(headers: Headers, body: bytes, tester_token: str | None) -> Caller:
    """By header, by what OpenAI's body says of the user, by cookie; else a new session."""
    session = cookie = forced = token = None
    is_json = False
    for name, value in headers:
        if name == SESSION:
            session = value.decode("latin-1")
        elif name == b"cookie":
            cookie = _cookie(value)
        elif name == FORCED:
            forced = value.decode("latin-1")
        elif name == TOKEN:
            token = value.decode("latin-1")
        elif name == b"content-type":
            is_json = value.startswith(b"application/json")
    if session is None and is_json:
        session = _said_in(body)
    if forced is not None and (
        tester_token is None or token is None or not secrets.compare_digest(token, tester_token)
    ):
        forced = None
    if session:
        return Caller(session[:LONGEST_SESSION], forced=forced)
    if cookie:
        return Caller(cookie[:LONGEST_SESSION], forced=forced)
    return Caller(secrets.token_hex(16), new_cookie=True, forced=forced)


def passed_on(headers: Headers) -> list[tuple[str, str]]:
    """What the agent is told: everything but what is of this connection or ours alone."""
    named = {part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b",")}
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name not in HOP_BY_HOP
        and name not in named
        and name not in (b"host", b"content-length", SESSION)
        and not name.startswith(OURS)
    ]


def answered(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """What the caller is told of the agent's headers."""
    kept = []
    for name, value in raw:
        lower = name.lower()
        if lower not in HOP_BY_HOP and not lower.startswith(OURS):
            kept.append((lower, value))
    return kept


def conversation_id(session: str, rollout_id: str) -> str:
    """32 hex digits, the same for one session in one rollout: also the W3C trace id."""
    return hashlib.blake2b(f"{rollout_id}\0{session}".encode(), digest_size=16).hexdigest()


def traceparent(conversation: str) -> tuple[str, str]:
    return "traceparent", f"00-{conversation}-{secrets.token_hex(8)}-01"


def _said_in(body: bytes) -> str | None:
    """OpenAI's `user`, `safety_identifier` or `metadata.session_id`."""
    try:
        loaded = json.loads(body)
    except ValueError:
        return None
    if not isinstance(loaded, dict):
        return None
    metadata = loaded.get("metadata")
    named = metadata.get("session_id") if isinstance(metadata, dict) else None
    for found in (named, loaded.get("user"), loaded.get("safety_identifier")):
        if isinstance(found, str) and found:
            return found
    return None


def _cookie(value: bytes) -> str | None:
    for part in value.split(b";"):
        name, _, content = part.strip().partition(b"=")
        if name == COOKIE:
            return content.decode("latin-1")
    return None
