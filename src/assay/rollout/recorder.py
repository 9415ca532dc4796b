"""Requests that went through the gateway, stored off the request path in their conversation.

A request that cannot be stored never holds up another: a batch that fails is split, and what fails alone, while others
are stored, is set aside in a file. While the store is down everything waits.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

import structlog

from assay.contracts.exchange import Exchange
from assay.contracts.feedback import Feedback
from assay.errors import TrackingUnavailable
from assay.rollout.aside import SetAside
from assay.rollout.conversations import PAUSE_S, PLAIN_PAUSE_S, conversation_id, number_of, parts
from assay.rollout.numbers import Numbers
from assay.rollout.reading import Recorded, read

log = structlog.get_logger("assay")

T = TypeVar("T")
PRODUCTION, SHADOW, TAKEN_OVER = "production", "shadow", "taken-over"
"""What an answer was: one that counts; one that nobody saw; the champion's, given because the challenger gave none."""
BATCH = 100
NEAR = 8
"""Conversations of a session that are looked at: the last ones."""
MOST_SESSIONS = 100_000
"""Sessions of which a process remembers the last conversation."""
TRIES = 3
"""How often something is tried alone, while others are stored, before it is set aside."""
FEEDBACK_PATIENCE_S = 120.0
"""For how long feedback waits for its conversation to be stored."""


@dataclass(frozen=True, slots=True)
class Store:
    """What the recorder needs of the store. All functions may fail, and are then tried again."""

    read: Callable[[Sequence[str]], Mapping[str, Sequence[Exchange]]]
    """Conversation to its requests; those that are not there are left out."""
    append: Callable[[Mapping[str, Sequence[Exchange]], str, Mapping[str, Mapping[str, str]]], None]
    """Adds requests to conversations of one kind; the last argument is each one's tags. Again is the same as once."""
    write_feedback: Callable[[Sequence[Feedback]], None] | None = None
    """None: no feedback is taken."""
    check: Callable[[], None] | None = None
    """Fails while the store is down. None: that is not known."""


@dataclass(slots=True)
class _Waiting(Generic[T]):
    item: T
    since: float
    tries: int = 0


@dataclass(frozen=True, slots=True)
class _Request:
    recorded: Recorded
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class _Feedback:
    item: Feedback
    exchange_id: str | None
    """The answer that it speaks of; None: only the conversation is known."""


@dataclass
class Recorder:
    """Takes requests without waiting; a task of its own stores them.

    So many wait at the most; what comes on top is dropped and counted.
    """

    store: Store
    numbers: Numbers = field(default_factory=Numbers)
    aside: SetAside = field(default_factory=lambda: SetAside(None))
    idle_s: float = 2.0
    """The requests of a session that is silent for so long are stored, those of others after five times as long."""
    flush_s: float = 1.0
    most_waiting: int = 10_000
    most_bytes: int = 200_000_000
    """Of requests and answers that wait."""
    feedback_patience_s: float = FEEDBACK_PATIENCE_S
    _inbox: deque[Recorded] = field(default_factory=deque)
    _threads: dict[tuple[str, str], list[_Waiting[_Request]]] = field(default_factory=dict)
    _feedback: list[_Waiting[_Feedback]] = field(default_factory=list)
    _held: int = 0
    _bytes: int = 0
    _seen: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)
    _homes: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    @property
    def dropped(self) -> int:
        return self.numbers.counts["traces_dropped"]

    @property
    def written(self) -> int:
        return self.numbers.counts["traces_written"]

    @property
    def failures(self) -> int:
        return self.numbers.counts["trace_write_failures"]

    @property
    def feedback_written(self) -> int:
        return self.numbers.counts["feedback_written"]

    @property
    def set_aside(self) -> int:
        return self.numbers.counts["set_aside"]

    @property
    def waiting(self) -> int:
        return self._held

    @property
    def running(self) -> bool:
        """False: nothing is stored any more, so the gateway is not ready."""
        return self._task is not None and not self._task.done()

    def told(self, thread: str, now: float, *, plain: bool, goes_on: bool) -> str:
        """The conversation that a request belongs to as far as this process knows. now: seconds since 1970.

        Another process may know more; the request is then stored in another conversation of the session.
        plain: it brings no history. goes_on: its history holds an answer.
        """
        number, last = self._seen.get(thread, (0, now))
        pause = PLAIN_PAUSE_S if plain else PAUSE_S
        return conversation_id(thread, number if goes_on or now - last <= pause else number + 1)

    def record(self, recorded: Recorded) -> None:
        """On the request path: a check and an append."""
        size = len(recorded.request) + len(recorded.response)
        if self._held >= self.most_waiting or self._bytes + size > self.most_bytes:
            self.numbers.count("traces_dropped")
            return
        self._held += 1
        self._bytes += size
        self._remember(recorded.thread, parts(recorded.told)[1], recorded.started_at + recorded.latency_s)
        self._inbox.append(recorded)

    def take(self, item: Feedback, exchange_id: str | None) -> bool:
        """Feedback, kept until its conversation is stored. False: none is taken, or too much is waiting."""
        if self.store.write_feedback is None or len(self._feedback) >= self.most_waiting:
            return False
        self._feedback.append(_Waiting(_Feedback(item, exchange_id), time.monotonic()))
        return True

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        self.numbers.set("recorder_running", 1)

    async def stop(self, timeout_s: float = 10.0) -> None:
        """Stores what there is, however fresh; what cannot be stored in time is set aside."""
        began = time.monotonic()
        self._ending.set()
        if self._task is not None:
            # what it stores just now is not broken off, unless it takes too long
            await asyncio.wait([self._task], timeout=timeout_s)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.numbers.set("recorder_running", 0)
        while True:
            await self._guarded(lambda: self._store_requests(everything=True))
            said = await self._guarded(self._store_feedback)
            took = time.monotonic() - began
            # another process may still be storing the conversation that feedback waits for
            done = not self._threads and (not self._feedback or (said and took >= min(3.0, timeout_s)))
            if done or took >= timeout_s:
                break
            await asyncio.sleep(0.2)
        for waiting in [row for rows in self._threads.values() for row in rows]:
            self._set_aside_request(waiting.item.recorded, "the gateway ended before it could be stored")
        for waiting in self._feedback:
            self._set_aside_feedback(waiting.item, "the gateway ended before it could be stored")
        self._threads.clear()
        self._feedback.clear()

    async def _run(self) -> None:
        pause = self.flush_s
        while not self._ending.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)
                return
            stored = await self._guarded(self._store_requests)
            said = await self._guarded(self._store_feedback)
            pause = self.flush_s if stored and said else min(30.0, pause * 2)
            self.numbers.set("traces_waiting", self._held)
            self.numbers.set("feedback_waiting", len(self._feedback))

    async def _guarded(self, work: Callable[[], Awaitable[bool]]) -> bool:
        """An error of our own stops neither the task nor the other kind of work."""
        try:
            return await work()
        except Exception as error:
            self.numbers.count("trace_write_failures")
            log.exception("the recorder failed, and goes on", error=type(error).__name__)
            return False

    async def _store_requests(self, everything: bool = False) -> bool:
        """True: nothing is left that could be stored."""
        while self._inbox:
            batch = list(islice(self._inbox, BATCH))
            self._sort(batch, await asyncio.to_thread(_parsed, batch))
            for _ in batch:
                self._inbox.popleft()
        now = time.monotonic()
        ripe = [key for key in self._threads if everything or self._ripe(key, now)]
        good = True
        for start in range(0, len(ripe), BATCH):
            sessions = [self._threads.pop(key) for key in ripe[start : start + BATCH]]
            left = sessions  # where this is cancelled nothing is lost: what was stored is not stored twice
            try:
                left = await self._in_parts(
                    sessions, self._append, self._set_aside_session, lambda rows: [[row] for row in rows]
                )
            finally:
                for rows in left:
                    first = rows[0].item.recorded
                    self._threads.setdefault((first.thread, first.kind), [])[:0] = rows
            good = good and not left
        return good

    def _sort(self, batch: Sequence[Recorded], read_ones: Sequence[Exchange | Exception]) -> None:
        now = time.monotonic()
        for recorded, exchange in zip(batch, read_ones, strict=True):
            if isinstance(exchange, Exception):
                self._set_aside_request(recorded, f"it cannot be read: {exchange}")
                continue
            key = (recorded.thread, recorded.kind)
            self._threads.setdefault(key, []).append(_Waiting(_Request(recorded, exchange), now))

    def _ripe(self, key: tuple[str, str], now: float) -> bool:
        rows = self._threads[key]
        return now - rows[-1].since >= self.idle_s or now - rows[0].since >= 5 * self.idle_s

    async def _in_parts(
        self,
        items: list[T],
        write: Callable[[Sequence[T]], Callable[[], None]],
        give_up: Callable[[T, Exception], bool],
        smaller: Callable[[T], list[T]] = lambda item: [item],
    ) -> list[T]:
        """Writes all, in parts where the whole fails. Gives what is to be tried again.

        write: runs in a thread; what it returns runs afterwards on the event loop, and keeps the books.
        give_up: whether one that failed alone, while others went well, is tried no more; it then sets it aside.
        smaller: the parts of one item that can be written by themselves, in their order.
        """
        try:
            (await asyncio.to_thread(write, items))()
            return []
        except Exception as error:
            self.numbers.count("trace_write_failures")
            log.warning("not stored yet", waiting=len(items), error=type(error).__name__, detail=str(error)[:200])
            if await asyncio.to_thread(self._is_down):
                return items
        stored = 0
        failed: list[tuple[T, Exception]] = []
        parts_left = _halves(items, smaller) or [items]
        while parts_left:
            part = parts_left.pop()
            try:
                (await asyncio.to_thread(write, part))()
                stored += len(part)
            except Exception as error:
                if halves := _halves(part, smaller):
                    parts_left += halves
                    continue
                failed.append((part[0], error))
                if len(failed) >= 20 and not stored:
                    break  # nothing goes well: it is not these
        alone = len(failed) == 1 and self.store.check is not None
        if not stored and not alone and not all(_is_data(error) for _, error in failed):
            return [*(item for item, _ in failed), *(item for part in parts_left for item in part)]
        again = [item for item, error in failed if not give_up(item, error)]
        return again + [item for part in parts_left for item in part]

    def _is_down(self) -> bool:
        if self.store.check is None:
            return False
        try:
            self.store.check()
        except Exception:
            return True
        return False

    def _append(self, sessions: Sequence[list[_Waiting[_Request]]]) -> Callable[[], None]:
        """Finds each request's conversation and adds it there."""
        stored = self._conversations({rows[0].item.recorded.thread for rows in sessions})
        by_kind: dict[str, dict[str, list[Exchange]]] = {}
        tags: dict[str, dict[str, str]] = {}
        for rows in sessions:
            for request in sorted((row.item for row in rows), key=lambda one: one.exchange.started_at):
                recorded, exchange = request.recorded, request.exchange
                known = stored[recorded.thread]
                number = number_of(exchange, known)
                known[number] = [*known.get(number, ()), exchange]
                name = conversation_id(recorded.thread, number)
                by_kind.setdefault(recorded.kind, {}).setdefault(name, []).append(exchange)
                tags[name] = {"origin": "gateway", "rollout_id": recorded.rollout_id, "arm": recorded.arm}
        for kind, new in by_kind.items():
            self.store.append(new, kind, tags)

        def done() -> None:
            for rows in sessions:
                for row in rows:
                    self._done(row.item, stored[row.item.recorded.thread])

        return done

    def _done(self, request: _Request, known: Mapping[int, Sequence[Exchange]]) -> None:
        recorded, exchange = request.recorded, request.exchange
        number = number_of(exchange, known)
        self._homes[exchange.exchange_id] = conversation_id(recorded.thread, number)
        while len(self._homes) > MOST_SESSIONS:
            self._homes.popitem(last=False)
        self._remember(recorded.thread, number, exchange.ended_at)
        self._release(recorded)
        self.numbers.count("traces_written")

    def _conversations(self, threads: set[str]) -> dict[str, dict[int, Sequence[Exchange]]]:
        """Each session's last conversations, by number."""
        found: dict[str, dict[int, Sequence[Exchange]]] = {thread: {} for thread in threads}
        starts = {thread: max(0, self._seen.get(thread, (0, 0.0))[0] - NEAR + 1) for thread in threads}
        while starts:
            ids = [conversation_id(thread, first + n) for thread, first in starts.items() for n in range(2 * NEAR)]
            for name, exchanges in self.store.read(ids).items():
                thread, number = parts(name)
                found[thread][number] = exchanges
            starts = {
                thread: first + 2 * NEAR for thread, first in starts.items() if first + 2 * NEAR - 1 in found[thread]
            }
        return {thread: {number: rows[number] for number in sorted(rows)[-NEAR:]} for thread, rows in found.items()}

    def _remember(self, thread: str, number: int, ended_at: float) -> None:
        known, last = self._seen.get(thread, (0, 0.0))
        self._seen[thread] = max(known, number), max(last, ended_at)
        self._seen.move_to_end(thread)
        while len(self._seen) > MOST_SESSIONS:
            self._seen.popitem(last=False)

    def _release(self, recorded: Recorded) -> None:
        self._held -= 1
        self._bytes -= len(recorded.request) + len(recorded.response)

    def _set_aside_session(self, rows: list[_Waiting[_Request]], error: Exception) -> bool:
        for row in rows:
            row.tries += 1
        if rows[0].tries < TRIES:
            return False
        for row in rows:
            self._set_aside_request(row.item.recorded, f"it cannot be stored: {error}")
        return True

    def _set_aside_request(self, recorded: Recorded, why: str) -> None:
        self._release(recorded)
        self.numbers.count_as("set_aside", "request")
        self.aside.add(
            "request",
            why,
            conversation_id=recorded.told,
            exchange_id=recorded.exchange_id,
            agent=str(recorded.agent),
            kind=recorded.kind,
            rollout_id=recorded.rollout_id,
            started_at=recorded.started_at,
            latency_s=recorded.latency_s,
            status=recorded.status,
            encoding=recorded.encoding,
            request=recorded.request,
            response=recorded.response,
        )

    async def _store_feedback(self) -> bool:
        """True: nothing is left that could be stored."""
        if not self._feedback or self.store.write_feedback is None:
            return True
        waiting, self._feedback = self._feedback, []
        try:
            homes = await asyncio.to_thread(self._homes_of, [row.item for row in waiting])
        except BaseException as error:
            self._feedback = waiting + self._feedback
            if not isinstance(error, Exception):
                raise
            self.numbers.count("trace_write_failures")
            log.warning("feedback not stored yet", waiting=len(waiting), error=type(error).__name__)
            return False
        ready, now = [], time.monotonic()
        for row, home in zip(waiting, homes, strict=True):
            if isinstance(home, str):
                placed = row.item.item.model_copy(update={"conversation_id": home})
                ready.append(_Waiting(_Feedback(placed, row.item.exchange_id), row.since, row.tries))
            elif home is None and now - row.since < self.feedback_patience_s:
                self._feedback.append(row)
            else:
                why = "its conversation is not stored" if home is None else "it does not say which answer it speaks of"
                self._set_aside_feedback(row.item, why)
        good = True
        for start in range(0, len(ready), BATCH):
            left = batch = ready[start : start + BATCH]
            try:
                left = await self._in_parts(batch, self._write_feedback, self._give_up_feedback)
            finally:
                self._feedback += left
            good = good and not left
        return good

    def _write_feedback(self, rows: Sequence[_Waiting[_Feedback]]) -> Callable[[], None]:
        assert self.store.write_feedback is not None  # noqa: S101, none is taken then
        self.store.write_feedback([row.item.item for row in rows])
        return lambda: self.numbers.count("feedback_written", len(rows))

    def _homes_of(self, items: Sequence[_Feedback]) -> list[str | bool | None]:
        """The conversation in which each item's answer is stored; None: in none yet; False: it may be one of several.

        An answer may be stored in another conversation of its session than the one that its caller was told.
        """
        near: dict[str, list[str]] = {}
        for item in items:
            if item.exchange_id is None or item.exchange_id not in self._homes:
                thread, number = parts(item.item.conversation_id or "")
                near[item.item.conversation_id or ""] = [
                    conversation_id(thread, other) for other in range(max(0, number - NEAR), number + NEAR)
                ]
        stored = self.store.read(list({name for names in near.values() for name in names})) if near else {}
        homes: list[str | bool | None] = []
        for item in items:
            told = item.item.conversation_id or ""
            if item.exchange_id is not None and (home := self._homes.get(item.exchange_id)):
                homes.append(home)
                continue
            rows = [(name, row) for name in near.get(told, ()) for row in stored.get(name, ())]
            if item.exchange_id is not None:
                homes.append(next((name for name, row in rows if row.exchange_id == item.exchange_id), None))
                continue
            places = {name for name, row in rows if row.told == told}
            homes.append(places.pop() if len(places) == 1 else False if places else None)
        return homes

    def _give_up_feedback(self, row: _Waiting[_Feedback], error: Exception) -> bool:
        row.tries += 1
        if row.tries < TRIES:
            return False
        self._set_aside_feedback(row.item, f"it cannot be stored: {error}")
        return True

    def _set_aside_feedback(self, feedback: _Feedback, why: str) -> None:
        self.numbers.count_as("set_aside", "feedback")
        self.aside.add("feedback", why, item=feedback.item.model_dump(mode="json"), exchange_id=feedback.exchange_id)


def _halves(part: Sequence[T], smaller: Callable[[T], list[T]]) -> list[list[T]]:
    """The part in two, or one item in smaller ones; what comes first is last. Empty: it cannot be divided."""
    if len(part) > 1:
        return [list(part[len(part) // 2 :]), list(part[: len(part) // 2])]
    pieces = smaller(part[0])
    return [[piece] for piece in reversed(pieces)] if len(pieces) > 1 else []


def _parsed(batch: Sequence[Recorded]) -> list[Exchange | Exception]:
    parsed: list[Exchange | Exception] = []
    for recorded in batch:
        try:
            parsed.append(read(recorded))
        except Exception as error:  # whatever it is, it concerns this request alone
            parsed.append(error)
    return parsed


def _is_data(error: Exception) -> bool:
    """Whether an error speaks of what was to be stored and not of the store."""
    return isinstance(error, ValueError | TypeError | RecursionError | KeyError) and not isinstance(
        error, TrackingUnavailable
    )
