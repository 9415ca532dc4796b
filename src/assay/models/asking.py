"""What every model has in common: which failures are tried again, and how bad answers are mended."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, auto
from typing import Any

import structlog
from pydantic import BaseModel

from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.stage import Usage
from assay.errors import CallError
from assay.models.answers import Unreadable, holds_json, instructions, read_answers
from assay.models.chat import Completion, Message, Patience, Sampling
from assay.models.usage import UsageSum
from assay.models.waiting import Pace, backoff_s
from assay.protocols import split_reasoning

log = structlog.get_logger("assay")

TRIES = 4
"""Of one request that the server failed, in a row: 5xx or a broken connection."""
SLOW_TRIES = 3
"""Of one request that timed out: with each, fewer may be under way at once, since queueing counts."""
REASONING_TOKENS = 8000
"""Room for a model that reasons, besides the answer's own limit."""
QUOTED = 1000
"""Characters of an unusable answer that the model is shown again: a runaway answer would fill its context."""
LIMITED_TRIES = 8
"""Of one request that came upon the rate limit."""
ANSWERS = 3
"""Times that a model may answer before what it says counts as unreadable."""
LONGEST_WAIT_S = 120.0
"""A server that asks for more is not waited for: the call fails at once and says so."""
NOT_THERE = (502, 503, 529)
"""Statuses of a server that loads its model, restarts or is overloaded."""
SHORTEST_KEY = 8
"""Characters of a key from which it is looked for inside words; a shorter one stands in too many of them."""
KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|key|gsk|xai|AIza)[-_A-Za-z0-9*]{8,}")


class Again(Enum):
    NO = auto()
    AT_ONCE = auto()
    """The request was mended."""
    LATER = auto()
    WHEN_ALLOWED = auto()
    """It came upon the rate limit."""
    WHEN_BACK = auto()
    """The server is loading, restarting or away."""
    WHEN_FASTER = auto()
    """It timed out."""


class Unanswered(Exception):
    """One request that got no answer. `detail` goes on from the model's name, and holds no secret."""

    def __init__(
        self, cause: FailureCause, detail: str, again: Again = Again.NO, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.again = again
        self.retry_after_s = retry_after_s
        """None: the server does not say."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a server. Tokens and cost are None where they are not known."""

    text: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    request_id: str | None
    requests: int = 1
    """That were sent for it."""
    fault: str | None = None
    """Why the text is no answer, or not all of it; None: nothing is known against it."""
    cut: bool = False
    """Whether it ended at the limit of tokens."""
    reasoned: bool = False
    """Whether tokens went into reasoning."""

    def lacked_room(self, sampling: Sampling) -> bool:
        """Whether the reasoning took the answer's tokens, and no room had been added for it."""
        if not (self.cut and self.reasoned) or sampling.max_tokens is None:
            return False
        return self.output_tokens is None or self.output_tokens < sampling.max_tokens + REASONING_TOKENS // 2


class ModelCallError(CallError):
    """A failed call together with what its attempts took."""

    def __init__(self, failed: CallFailed, usage: Usage) -> None:
        super().__init__(failed)
        self.usage = usage


class Spent(UsageSum):
    """What the attempts of one call took so far."""

    def add_reply(self, reply: Reply) -> None:
        self.calls += reply.requests - 1
        self.count(reply.input_tokens, reply.output_tokens, reply.cost_usd)


Send = Callable[[Sequence[Message]], Awaitable[Reply]]
Adapted = Callable[["Reply"], bool]
"""Given an answer that cannot be used: whether the next request is another one, because of what it shows of the server.
"""


async def complete(
    name: str,
    send: Send,
    messages: Sequence[Message],
    schema: type[BaseModel] | None,
    pace: Pace,
    *,
    patience: Patience = Patience(),
    adapted: Adapted = lambda reply: False,
) -> Completion[Any]:
    """The answer, as the schema where there is one; its usage holds every attempt, without the waiting in between.

    `send` makes one request and raises Unanswered. A text that does not fit goes back to the model with what is wrong,
    and so does, once, one with several objects that differ; of those the last counts. A schema with a method
    `from_words` may take plain words the second time. Raises ModelCallError with the cause of the last attempt.
    """
    spent = Spent()
    asked = messages
    problem: str | None = None
    doubtful: Completion[Any] | None = None
    for attempt in range(ANSWERS):
        try:
            reply = await _answered(name, send, asked, pace, spent, patience)
        except ModelCallError:
            if doubtful is None:
                raise
            break
        if schema is None:
            problem = None if reply.text else reply.fault
            found: list[Any] = [None]
        else:
            problem, found = _read(reply, schema, words=attempt > 0)
        if problem is None:
            done = Completion(reply.text, found[-1], spent.total, reply.model, reply.request_id)
            if len(found) == 1 or doubtful is not None:
                return done
            doubtful = done
            problem = f"it holds {len(found)} JSON objects that differ"
        spent.failed_calls += 1
        if adapted(reply):
            continue  # from the beginning, since the model is not to blame
        asked = _complained(messages, reply, problem, schema)
    if doubtful is not None:
        return replace(doubtful, usage=spent.total)
    raise _failed(name, FailureCause.BAD_ANSWER, f"gave {ANSWERS} answers that cannot be used: {problem}", spent)


async def _answered(
    name: str, send: Send, messages: Sequence[Message], pace: Pace, spent: Spent, patience: Patience
) -> Reply:
    """The first answer that the server gives, after as many tries as its failures allow."""
    broken = limited = slow = 0
    while True:
        entered_at = await pace.enter()
        spent.calls += 1
        began = time.perf_counter()
        answered = False
        away_s = 0.0
        try:
            reply = await send(messages)
            answered = True
            spent.add_reply(reply)
            return reply
        except Unanswered as error:
            failure = error
            match failure.again:
                case Again.WHEN_ALLOWED:
                    limited += 1
                    wait_s = failure.retry_after_s if failure.retry_after_s is not None else backoff_s(limited + 1)
                    if wait_s <= LONGEST_WAIT_S:
                        pace.hold(wait_s, entered_at)
                case Again.WHEN_FASTER:
                    pace.hold(0.0, entered_at)
                case Again.WHEN_BACK if patience.away_s:
                    if not pace.is_away:
                        _tell_away(name, failure, patience)
                    away_s = pace.away(failure.retry_after_s)
        finally:
            spent.latency_s += time.perf_counter() - began
            pace.leave(answered=answered)
        spent.failed_calls += 1
        match failure.again:
            case Again.NO:
                raise _failed(name, failure.cause, failure.detail, spent) from None
            case Again.AT_ONCE:
                pass
            case Again.WHEN_ALLOWED:
                if (asked_s := failure.retry_after_s or 0.0) > LONGEST_WAIT_S:
                    longer = f"asks to wait {asked_s:.0f} s, longer than the {LONGEST_WAIT_S:.0f} s that are waited"
                    detail = f"{failure.detail} and {longer}: run it again later"
                    raise _failed(name, failure.cause, detail, spent) from None
                if limited >= LIMITED_TRIES:
                    fix = f"still so after {limited} tries: ask fewer at once, or for a higher limit"
                    raise _failed(name, failure.cause, f"{failure.detail}, {fix}", spent) from None
            case Again.WHEN_FASTER:
                slow += 1
                if slow >= SLOW_TRIES:
                    raise _failed(name, failure.cause, f"{failure.detail} ({slow} tries)", spent) from None
            case Again.WHEN_BACK if patience.away_s:
                if away_s >= patience.away_s:
                    detail = f"{failure.detail}, and was waited for {away_s:.0f} s (ASSAY_MODEL_WAIT_S)"
                    raise _failed(name, failure.cause, detail, spent) from None
            case Again.LATER | Again.WHEN_BACK:
                broken += 1
                if broken >= TRIES:
                    raise _failed(name, failure.cause, f"{failure.detail} ({broken} tries)", spent) from None
                await asyncio.sleep(failure.retry_after_s or backoff_s(broken))


def _tell_away(name: str, failure: Unanswered, patience: Patience) -> None:
    log.warning(
        f"{name} {failure.detail}: waiting until it answers",
        at_most_s=round(patience.away_s),
        setting="ASSAY_MODEL_WAIT_S",
    )


def _read(reply: Reply, schema: type[BaseModel], *, words: bool) -> tuple[str | None, list[Any]]:
    """What is wrong with the answer (None: nothing) and the objects in it. `words`: plain ones may do."""
    try:
        return None, read_answers(reply.text, schema)
    except Unreadable as error:
        from_words = getattr(schema, "from_words", None)
        if words and from_words is not None and reply.fault is None and not holds_json(reply.text):
            taken = from_words(split_reasoning(reply.text).text)
            if taken is not None:
                return None, [taken]
        return f"{reply.fault}; {error}" if reply.fault else str(error), []


def _complained(
    messages: Sequence[Message], reply: Reply, problem: str, schema: type[BaseModel] | None
) -> list[Message]:
    """What is asked next. The schema goes with it, because some servers take one and never show it to their model.

    An answer that was cut off is not shown again: it may be as long as the context. Without it, the complaint joins
    the message before, since some models take no two messages of one role in a row.
    """
    wanted = instructions(schema) if schema is not None else "Answer again."
    complaint = f"That answer cannot be used: {problem}. {wanted}"
    if reply.text.strip() and not reply.cut:
        shown = reply.text if len(reply.text) <= QUOTED else f"{reply.text[:QUOTED]} ..."
        return [*messages, Message("assistant", shown), Message("user", complaint)]
    complaint = f"An answer to this was given, and cannot be used: {problem}. {wanted}"
    if messages and messages[-1].role == "user":
        return [*messages[:-1], Message("user", f"{messages[-1].content}\n\n{complaint}")]
    return [*messages, Message("user", complaint)]


def _failed(name: str, cause: FailureCause, detail: str, spent: Spent) -> ModelCallError:
    return ModelCallError(CallFailed(cause=cause, detail=f"{name} {detail}", attempts=spent.calls), spent.total)


def unanswered(status: int, words: str, *, key: str, retry_after_s: float | None = None) -> Unanswered:
    """What an HTTP status means. `words`: the server's own, free of secrets; `key`: where a user sets the key."""
    said = f": {words}" if words else ""
    match status:
        case 401 | 403:
            # without the server's words: some of them repeat the key
            return Unanswered(FailureCause.UNAUTHORIZED, f"refuses the key ({status}): check {key}")
        case 429 if "insufficient_quota" in words:
            return Unanswered(FailureCause.RATE_LIMIT, "has no quota left: check the account's plan and billing")
        case 429:
            return Unanswered(
                FailureCause.RATE_LIMIT, "is over its rate limit (429)", Again.WHEN_ALLOWED, retry_after_s
            )
        case 408 | 409 | 425:
            return Unanswered(FailureCause.SERVER_ERROR, f"answers {status}{said}", Again.LATER)
        case 504:
            return Unanswered(FailureCause.TIMEOUT, f"answers {status}{said}", Again.WHEN_FASTER)
        case _ if status >= 500:
            wait_s = retry_after_s if retry_after_s is not None and retry_after_s <= LONGEST_WAIT_S else None
            again = Again.WHEN_BACK if status in NOT_THERE else Again.LATER
            return Unanswered(FailureCause.SERVER_ERROR, f"answers {status}{said}", again, wait_s)
        case 404:
            return Unanswered(
                FailureCause.BAD_REQUEST, f"is not known there (404): check its name and the server's address{said}"
            )
        case _:
            return Unanswered(FailureCause.BAD_REQUEST, f"answers {status}{said}")


def clean(words: object, secret: str | None = None) -> str:
    """A server's words for an error: one line, cut short, with the key and all that looks like one taken out."""
    text = " ".join(str(words).split())
    if secret and len(secret) >= SHORTEST_KEY:
        text = text.replace(secret, "[key]")
    elif secret:
        text = re.sub(rf"(?<![^\s\"':=,]){re.escape(secret)}(?![^\s\"':=,.;])", "[key]", text)
    return KEY_LIKE.sub("[key]", text)[:200]
