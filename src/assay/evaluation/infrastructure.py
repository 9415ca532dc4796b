"""Conversations from elsewhere that hold a quota, time-out or server error which somebody scored as a failure."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, ToolCall

Who = Literal["agent", "user", "tool"]

OPENING = 160
"""Characters at the start of a turn in which an error message names itself: what follows may be anything."""
SHORT = 400
"""A turn longer than this that does not open as an error is somebody talking about one."""

_LEAD = r"^\W*(?:an? )?(?:fatal |unexpected |internal |api |llm |model |openai |anthropic |azure |bedrock |gemini )*"
_LED = _LEAD + r"(?:error|exception|failed|failure|traceback)\b[^.!?\n]{0,100}?"
_CODE = r"(?:error code|status(?: code)?|http(?:/\d(?:\.\d)?)?|code)\s*[:=]?\s*"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Words that only a machine writes. opening: they must stand where the text begins."""

    cause: FailureCause
    words: re.Pattern[str]
    opening: bool = True


def _found(cause: FailureCause, *words: str, opening: bool = True) -> tuple[Pattern, ...]:
    return tuple(Pattern(cause, re.compile(word, re.IGNORECASE), opening) for word in words)


PATTERNS: tuple[Pattern, ...] = (
    # Identifiers: nobody says them in a conversation.
    *_found(
        FailureCause.RATE_LIMIT,
        r"\b(?:insufficient_quota|rate_limit_(?:exceeded|error)|RESOURCE_EXHAUSTED|tokens_per_min)\b",
        r"\b(?:ThrottlingException|TooManyRequestsException|ServiceQuotaExceededException|RateLimitError)\b",
        r"\bResourceExhausted\b",
        r"\byou exceeded your current quota\b",
        r"\brate limit reached for [\w.-]+ in organization\b",
        r"\bhave exceeded (?:the )?(?:call|token) rate limit\b",
        opening=False,
    ),
    *_found(
        FailureCause.SERVER_ERROR,
        r"\b(?:overloaded_error|InternalServerError|ServiceUnavailableError|ServiceUnavailableException)\b",
        r"\b(?:ModelErrorException|InternalServerException|ModelNotReadyException|UpstreamError)\b",
        r"\bthe server had an error while processing your request\b",
        r"\bupstream connect error or disconnect\b",
        r"\b(?:that|the) model is currently overloaded\b",
        opening=False,
    ),
    *_found(
        FailureCause.TIMEOUT,
        r"\b(?:DEADLINE_EXCEEDED|APITimeoutError|ReadTimeout(?:Error)?|ConnectTimeout(?:Error)?|ModelTimeoutException)\b",
        r"\bcontext deadline exceeded\b",
        opening=False,
    ),
    *_found(
        FailureCause.REFUSED,
        r"\b(?:APIConnectionError|ConnectionResetError|ConnectionRefusedError|RemoteProtocolError|ECONNRESET)\b",
        r"\b(?:ECONNREFUSED|NewConnectionError|ClientConnectorError|ServerDisconnectedError)\b",
        opening=False,
    ),
    *_found(
        FailureCause.UNAUTHORIZED,
        r"\b(?:invalid_api_key|AuthenticationError|UnrecognizedClientException|ExpiredTokenException)\b",
        r"\bincorrect api key provided\b",
        opening=False,
    ),
    # Phrases that people say too: only where the text opens with them, as an error message does.
    *_found(
        FailureCause.RATE_LIMIT,
        rf"^\W*{_CODE}429\b",
        r"^\W*429\b\W{0,3}too many requests",
        r"^\W*too many requests\W*$",
    ),
    *_found(
        FailureCause.RATE_LIMIT,
        _LED + r"(?:rate limit|quota|too many requests|\b429\b)",
    ),
    *_found(
        FailureCause.SERVER_ERROR,
        rf"^\W*{_CODE}5\d\d\b",
        r"^\W*5\d\d\b\W{0,3}(?:internal server error|bad gateway|service unavailable|gateway time-?out|server error)",
        r"^\W*(?:internal server error|bad gateway|service (?:temporarily )?unavailable)\W*$",
        r"^<(?:!doctype )?html\b[\s\S]{0,200}\b(?:502|503|504|bad gateway|service unavailable)\b",
        _LED + r"(?:\b5\d\d\b|internal server error|bad gateway|service unavailable|overloaded)",
    ),
    *_found(
        FailureCause.TIMEOUT,
        r"^\W*(?:the )?(?:request|read|connection|operation|call|gateway|upstream)s? tim(?:ed |e-?)out\W*$",
        r"^\W*(?:asyncio\.|socket\.)?TimeoutError\b",
        _LED + r"(?:tim(?:ed |e-?)out|deadline exceeded)",
    ),
    *_found(
        FailureCause.REFUSED,
        r"^\W*connection (?:reset by peer|refused|aborted|error)\b",
        _LED + r"(?:connection (?:reset|refused|aborted|error)|remote end closed|cannot connect)",
    ),
    *_found(FailureCause.UNAUTHORIZED, rf"^\W*{_CODE}40[13]\b", _LED + r"(?:invalid api key|unauthorized)"),
)


def find_fault(conversation: Conversation) -> tuple[Who, CallFailed] | None:
    """What broke the conversation that is nobody's answer: whose turn it stands in, and the cause.

    An agent's or user's turn that is an error message; a tool whose last result is one, so that it never recovered; an
    agent that said and called nothing; tools of which none ever gave a result. None: nothing of the kind.
    """
    for place, turn in enumerate(conversation.turns):
        if found := error_in(turn.text):
            who: Who = "agent" if turn.role == "agent" else "user"
            return who, CallFailed(cause=found[0], detail=f"turn {place} ({turn.role}) is an error message: {found[1]}")
    if broken := _broken_tool(conversation):
        return "tool", broken
    agent = [turn for turn in conversation.turns if turn.role == "agent"]
    if not any(turn.text.strip() or turn.tool_calls for turn in agent):
        why = "the agent never answered" if not agent else "the agent said nothing and called nothing"
        return "agent", CallFailed(cause=FailureCause.SERVER_ERROR, detail=f"{why}, as an outage leaves it")
    calls = list(_calls(conversation))
    if len(calls) > 1 and all(_empty(call) for _, call in calls):
        detail = f"all {len(calls)} tool calls came back empty, as an outage leaves them"
        return "tool", CallFailed(cause=FailureCause.SERVER_ERROR, detail=detail)
    return None


def set_apart(conversation: Conversation) -> Conversation:
    """The conversation with the fault that broke it, so that it counts apart; otherwise as it is."""
    if conversation.error is not None:
        return conversation
    found = find_fault(conversation)
    if found is None:
        return conversation
    who, failed = found
    stop = StopReason.SIMULATOR_ERROR if who == "user" else StopReason.AGENT_ERROR
    if failed.cause is FailureCause.TIMEOUT and who != "user":
        stop = StopReason.TIMEOUT
    return conversation.replace(error=failed, stop_reason=stop)


def error_in(text: str) -> tuple[FailureCause, str] | None:
    """The cause and the words where the text is an error message of a provider, a server or a client library."""
    stripped = text.strip()
    if not stripped:
        return None
    if said := _json_error(stripped):
        stripped = said
    short = stripped if len(stripped) <= SHORT else stripped[:OPENING]
    for pattern in PATTERNS:
        if match := pattern.words.search(short[:OPENING] if pattern.opening else short):
            return pattern.cause, " ".join(match.group(0).split())[:120]
    return None


def _json_error(text: str) -> str:
    """What an error answer of an API says, such as {"error": {"message": ..., "type": ..., "code": ...}}."""
    if not text.startswith("{"):
        return ""
    try:
        loaded = json.loads(text)
    except json.JSONDecodeError:
        return ""
    error = loaded.get("error") if isinstance(loaded, dict) else None
    match error:
        case dict():
            said = " ".join(str(error.get(name, "")) for name in ("code", "type", "status", "message"))
            return f"error code: {said}"
        case str():
            return f"error: {error}"
        case _:
            return ""


def _broken_tool(conversation: Conversation) -> CallFailed | None:
    last: dict[str, tuple[int, ToolCall]] = {call.name: (place, call) for place, call in _calls(conversation)}
    for name, (place, call) in last.items():
        said = call.error or (call.result if isinstance(call.result, str) else json.dumps(call.result or ""))
        if found := error_in(said):
            return CallFailed(cause=found[0], detail=f"turn {place}: the tool {name} ended in an error: {found[1]}")
    return None


def _calls(conversation: Conversation) -> Iterator[tuple[int, ToolCall]]:
    for place, turn in enumerate(conversation.turns):
        for call in turn.tool_calls:
            yield place, call


def _empty(call: ToolCall) -> bool:
    return call.error is None and call.result in (None, "", [], {})


def runs_of_faults(conversations: Sequence[Conversation], least: int = 3) -> tuple[tuple[int, int], ...]:
    """(first, last) places of `least` or more faults in a row, in the order in which conversations were begun: an
    outage, rather than bad luck."""
    ordered = sorted(conversations, key=lambda c: c.started_at)
    runs, start = [], None
    for place in range(len(ordered) + 1):
        broken = place < len(ordered) and ordered[place].error is not None
        if broken and start is None:
            start = place
        elif not broken and start is not None:
            if place - start >= least:
                runs.append((start, place - 1))
            start = None
    return tuple(runs)
