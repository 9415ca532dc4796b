"""Which conversation a request belongs to, and the conversation that all of its requests make. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from assay.contracts.base import JsonObject
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.exchange import Exchange
from assay.contracts.stage import AgentRef
from assay.protocols.messages import Message, read_message, turns_of

PAUSE_S = 20.0
"""A request that repeats its history, and whose history does not continue what is stored, is a new conversation after
this much silence."""
PLAIN_PAUSE_S = 1800.0
"""The same for requests that bring no history: the silence is all that tells."""
MOST_EXCHANGES = 200
"""A conversation with as many requests is not joined by one that does not repeat its history."""
_THREAD = 24


def thread_of(project: str, rollout_id: str, agent: AgentRef, kind: str, session: str) -> str:
    """24 hex digits: all conversations of a session with one version."""
    name = "\0".join((project, rollout_id, str(agent), kind, session))
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=_THREAD // 2).hexdigest()


def conversation_id(thread: str, number: int) -> str:
    """32 hex digits, also the W3C trace id. number: 0 for the session's first conversation."""
    return f"{thread}{number % 2**32:08x}"


def parts(conversation: str) -> tuple[str, int]:
    """Thread and number of a conversation's id."""
    return conversation[:_THREAD], int(conversation[_THREAD:], 16)


def key_of(message: Message) -> str:
    """A digest of who says what: the same for an answer read from the wire and for its repeat in a later history."""
    calls = [[call.name, call.arguments] for call in message.calls]
    results = [[result.id, result.value, result.error] for result in message.results]
    said = [message.role, " ".join(message.text.split()) or None, calls or None, results or None]
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


def number_of(exchange: Exchange, stored: Mapping[int, Sequence[Exchange]]) -> int:
    """Of the session's conversations the one that the request belongs to; a number that is not there: a new one.

    The conversation that holds it already; else the last one that its history continues; else the one that it follows
    or precedes by no more than the pause; else a new one.
    """
    newest = sorted(stored, reverse=True)
    for number in newest:
        if any(row.exchange_id == exchange.exchange_id for row in stored[number]):
            return number
    for number in newest:
        if exchange.history and continues(exchange, stored[number]):
            return number
    pause = PAUSE_S if exchange.history else PLAIN_PAUSE_S
    for number in newest:
        rows = stored[number]
        begin = min(row.started_at for row in rows)
        end = max(row.ended_at for row in rows)
        if begin - pause <= exchange.ended_at and exchange.started_at <= end + pause and len(rows) < MOST_EXCHANGES:
            return number
    return newest[0] + 1 if newest else 0


def continues(exchange: Exchange, stored: Sequence[Exchange]) -> bool:
    """Whether the request's history begins with all that users said in the conversation, and goes on."""
    messages = _messages([*stored, exchange])
    have = [block.user for block in _all_blocks(_in_order(stored), messages) if block.user]
    asked = _blocks(exchange.asked, messages)
    users = [block.user for block in asked if block.user]
    if not have or users[: len(have)] != have:
        return False
    return len(users) > len(have) or bool(asked[-1].rest)


def assemble(conversation: str, exchanges: Sequence[Exchange]) -> Conversation:
    """The conversation that these requests make, each of them once, in the order in which they began."""
    ordered = _in_order(exchanges)
    messages = _messages(ordered)
    turns: list[Turn] = []
    for block in _all_blocks(ordered, messages):
        if block.user is not None:
            turns += turns_of([messages[block.user]])
        turns += _agent_turns(block.rest, messages)
    failed = next((row for row in ordered if row.error is not None), None)
    first = ordered[0]
    return Conversation(
        conversation_id=conversation,
        scenario_id="production",
        trial=0,
        seed=0,
        agent=ordered[-1].agent,
        turns=tuple(turns),
        stop_reason=StopReason.AGENT_ERROR if failed else StopReason.IMPORTED,
        error=failed.error if failed else None,
        started_at=datetime.fromtimestamp(first.started_at, tz=UTC),
        duration_s=max(0.0, max(row.ended_at for row in ordered) - first.started_at),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """A message in the conversation's order."""

    key: str
    answer: Exchange | None = None
    """The request that it was the answer to; None: it came with a request."""


@dataclass(slots=True)
class _Block:
    """What a user says, and all that follows until a user speaks again."""

    user: str | None
    """None: somebody else spoke first."""
    rest: list[_Said] = field(default_factory=list)


Messages = Mapping[str, JsonObject]


def _all_blocks(ordered: Sequence[Exchange], messages: Messages) -> list[_Block]:
    blocks: list[_Block] = []
    for exchange in ordered:
        asked = _blocks(exchange.asked, messages)
        if exchange.history and blocks:
            _merge(blocks, asked)
        else:
            blocks += asked
        if exchange.answered is not None:
            if not blocks:
                blocks.append(_Block(None))
            blocks[-1].rest.append(_Said(exchange.answered, exchange))
    return blocks


def _merge(blocks: list[_Block], asked: Sequence[_Block]) -> None:
    """Adds what a request's history has beyond the conversation.

    Only users' words are compared: a client may send an agent's words back shortened, or leave tools' results out.
    """
    if not asked:
        return
    have = blocks[_left_out([block.user for block in blocks], [block.user for block in asked]) :]
    same = 0
    while same < min(len(have), len(asked)) and have[same].user == asked[same].user:
        same += 1
    if same == 0 or same < len(have):  # another beginning, an edited question, or an earlier one asked again
        blocks += asked[same:] or asked[-1:]
        return
    last, again = have[same - 1], asked[same - 1]
    if same == len(asked) and len(again.rest) < len(last.rest):
        blocks.append(again)
        return
    for place, (said, repeated) in enumerate(zip(last.rest, again.rest, strict=False)):
        # the client's copy has the ids to which the results of tool calls refer
        last.rest[place] = _Said(repeated.key, said.answer)
    last.rest += again.rest[len(last.rest) :]
    blocks += asked[same:]


def _left_out(have: Sequence[str | None], asked: Sequence[str | None]) -> int:
    """How many of the conversation's blocks the request leaves out at the start, as clients with a window do."""
    for start in range(len(have)):
        if list(have[start:]) == list(asked[: len(have) - start]):
            return start
    return 0


def _blocks(keys: Sequence[str], messages: Messages) -> list[_Block]:
    blocks: list[_Block] = []
    for key in keys:
        message = read_message(messages[key])
        if message is not None and message.role == "user" and (message.text or not message.results):
            blocks.append(_Block(key))
        else:
            if not blocks:
                blocks.append(_Block(None))
            blocks[-1].rest.append(_Said(key))
    return blocks


def _agent_turns(rest: Sequence[_Said], messages: Messages) -> list[Turn]:
    """What the requests took is the last turn's: calls of tools, and the words after them, are one turn."""
    turns = turns_of([messages[said.key] for said in rest])
    answers = [said.answer for said in rest if said.answer is not None]
    if not turns or not answers:
        return turns
    turns[-1] = turns[-1].replace(
        latency_s=sum(answer.latency_s for answer in answers),
        first_token_s=answers[-1].first_token_s,
        input_tokens=_sum([answer.input_tokens for answer in answers]),
        output_tokens=_sum([answer.output_tokens for answer in answers]),
    )
    return turns


def _in_order(exchanges: Sequence[Exchange]) -> list[Exchange]:
    return sorted(exchanges, key=lambda row: (row.started_at, row.exchange_id))


def _messages(exchanges: Sequence[Exchange]) -> dict[str, JsonObject]:
    return {key: message for row in exchanges for key, message in row.messages.items()}


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
