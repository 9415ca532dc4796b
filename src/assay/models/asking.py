"""What every model has in common: which failures are tried again, and how bad answers are mended."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from pydantic import BaseModel

from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.stage import Usage
from assay.errors import CallError
from assay.models.answers import Unreadable, instructions, read_answer
from assay.models.chat import Completion, Message
from assay.models.usage import UsageSum
from assay.models.waiting import Pace, backoff_s

TRIES = 4
"""Of one request that the server failed, in a row: 5xx or a broken connection."""
LIMITED_TRIES = 8
"""Of one request that came upon the rate limit."""
ANSWERS = 3
"""Times that a model may answer before what it says counts as unreadable."""
LONGEST_WAIT_S = 120.0
"""A server that asks for more is not waited for: the call fails at once and says so."""
KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|key|gsk|xai|AIza)[-_A-Za-z0-9*]{8,}")


class Again(Enum):
    NO = auto()
    AT_ONCE = auto()
    """The request was mended."""
    LATER = auto()
    WHEN_ALLOWED = auto()
    """It came upon the rate limit."""


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


async def complete(
    name: str, send: Send, messages: Sequence[Message], schema: type[BaseModel] | None, pace: Pace
) -> Completion[Any]:
    """The answer, as the schema where there is one; its usage holds every attempt, without the waiting in between.

    `send` makes one request and raises Unanswered. A text that does not fit goes back to the model with what is wrong.
    Raises ModelCallError with the cause of the last attempt.
    """
    spent = Spent()
    asked = messages
    problem = ""
    for _ in range(ANSWERS):
        reply = await _answered(name, send, asked, pace, spent)
        problem, parsed = _read(reply, schema)
        if problem is None:
            return Completion(reply.text, parsed, spent.total, reply.model, reply.request_id)
        spent.failed_calls += 1
        asked = [*messages, *_complaint(reply.text, problem, schema)]
    raise _failed(name, FailureCause.BAD_ANSWER, f"gave {ANSWERS} answers that cannot be used: {problem}", spent)


async def _answered(name: str, send: Send, messages: Sequence[Message], pace: Pace, spent: Spent) -> Reply:
    """The first answer that the server gives, after as many tries as its failures allow."""
    broken = limited = 0
    while True:
        entered_at = await pace.enter()
        spent.calls += 1
        began = time.perf_counter()
        answered = False
        try:
            reply = await send(messages)
            answered = True
            spent.add_reply(reply)
            return reply
        except Unanswered as error:
            failure = error
            if failure.again is Again.WHEN_ALLOWED:
                limited += 1
                wait_s = failure.retry_after_s if failure.retry_after_s is not None else backoff_s(limited + 1)
                if wait_s <= LONGEST_WAIT_S:
                    pace.hold(wait_s, entered_at)
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
                    patience = f"asks to wait {asked_s:.0f} s, longer than the {LONGEST_WAIT_S:.0f} s that are waited"
                    detail = f"{failure.detail} and {patience}: run it again later"
                    raise _failed(name, failure.cause, detail, spent) from None
                if limited >= LIMITED_TRIES:
                    fix = f"still so after {limited} tries: ask fewer at once, or for a higher limit"
                    raise _failed(name, failure.cause, f"{failure.detail}, {fix}", spent) from None
            case Again.LATER:
                broken += 1
                if broken >= TRIES:
                    raise _failed(name, failure.cause, f"{failure.detail} ({broken} tries)", spent) from None
                await asyncio.sleep(failure.retry_after_s or backoff_s(broken))


def _read(reply: Reply, schema: type[BaseModel] | None) -> tuple[str | None, BaseModel | None]:
    """What is wrong with the answer (None: nothing) and the object in it."""
    if schema is None:
        return (None if reply.text else reply.fault), None
    try:
        return None, read_answer(reply.text, schema)
    except Unreadable as error:
        return f"{reply.fault}; {error}" if reply.fault else str(error), None


def _complaint(text: str, problem: str, schema: type[BaseModel] | None) -> list[Message]:
    """The schema goes with it, because some servers take one and never show it to their model."""
    wanted = instructions(schema) if schema is not None else "Answer again."
    said = [Message("assistant", text)] if text.strip() else []  # some servers refuse an empty message
    return [*said, Message("user", f"That answer cannot be used: {problem}. {wanted}")]


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
        case _ if status >= 500:
            wait_s = retry_after_s if retry_after_s is not None and retry_after_s <= LONGEST_WAIT_S else None
            return Unanswered(FailureCause.SERVER_ERROR, f"answers {status}{said}", Again.LATER, wait_s)
        case 404:
            return Unanswered(
                FailureCause.BAD_REQUEST, f"is not known there (404): check its name and the server's address{said}"
            )
        case _:
            return Unanswered(FailureCause.BAD_REQUEST, f"answers {status}{said}")


def clean(words: object, secret: str | None = None) -> str:
    """A server's words for an error: one line, cut short, with the key and all that looks like one taken out."""
    text = " ".join(str(words).split())
    if secret:
        text = text.replace(secret, "[key]")
    return KEY_LIKE.sub("[key]", text)[:200]
