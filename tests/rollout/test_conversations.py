"""Which conversation a request belongs to, and what its requests make: pure, and over any interleaving."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.exchange import Exchange
from assay.contracts.stage import AgentRef
from assay.rollout.conversations import assemble, conversation_id, number_of, parts, thread_of
from assay.rollout.reading import Recorded, new_exchange_id, read
from assay.rollout.recorder import PRODUCTION, Recorder
from tests.rollout.conftest import Memory

AGENT = AgentRef(agent_id="desk", version="1")
THREAD = thread_of("shop", "rollout-1", AGENT, PRODUCTION, "ada")


def chat(at: float, said: Sequence[str | dict], answer: str | None, *, number: int = 0, status: int = 200) -> Recorded:
    """A chat completion: `said` are users' and agents' words in turn, or whole messages."""
    roles = ("user", "assistant")
    messages = [
        row if isinstance(row, dict) else {"role": roles[place % 2], "content": row} for place, row in enumerate(said)
    ]
    body = {"choices": [{"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}]}
    return _recorded(at, {"messages": messages}, body if answer is not None else {"error": "broken"}, number, status)


def plain(at: float, said: str, answer: str, *, number: int = 0) -> Recorded:
    return _recorded(at, {"question": said}, {"reply": answer}, number, 200)


def _recorded(at: float, request: object, response: object, number: int, status: int) -> Recorded:
    return Recorded(
        thread=THREAD,
        told=conversation_id(THREAD, number),
        exchange_id=new_exchange_id(),
        agent=AGENT,
        kind=PRODUCTION,
        started_at=1_800_000_000 + at,
        latency_s=0.5,
        first_byte_s=None,
        status=status,
        request=json.dumps(request).encode(),
        response=json.dumps(response).encode(),
    )


def stored(*recorded: Recorded) -> dict[int, list[Exchange]]:
    """What one process makes of them, one after the other."""
    numbers: dict[int, list[Exchange]] = {}
    for exchange in map(read, recorded):
        numbers.setdefault(number_of(exchange, numbers), []).append(exchange)
    return numbers


def words(exchanges: Sequence[Exchange]) -> list[str]:
    return [turn.text for turn in assemble(conversation_id(THREAD, 0), exchanges).turns]


def test_a_history_that_goes_on_is_one_conversation_whatever_the_pause():
    found = stored(
        chat(0, ["Where is my parcel?"], "Which order?"),
        chat(7200, ["Where is my parcel?", "Which order?", "J1"], "On its way."),
    )
    assert list(found) == [0]
    assert words(found[0]) == ["Where is my parcel?", "Which order?", "J1", "On its way."]


def test_a_session_that_comes_back_with_another_history_is_a_new_conversation():
    found = stored(chat(0, ["A refund please"], "Done."), chat(26, ["Where is my parcel?"], "On its way."))
    assert [words(rows) for rows in found.values()] == [
        ["A refund please", "Done."],
        ["Where is my parcel?", "On its way."],
    ]


def test_the_same_first_words_after_a_pause_are_a_new_conversation_and_an_old_one_can_be_taken_up_again():
    found = stored(
        chat(0, ["Hi"], "Hello."),
        chat(3600, ["Hi"], "Good day."),
        chat(7200, ["Hi", "Hello.", "One more thing"], "Yes?"),
        chat(9000, ["Hi", "Good day.", "Something else"], "Go on."),
    )
    assert len(found) == 2 and sum(map(len, found.values())) == 4


def test_a_plain_endpoint_keeps_all_turns_over_a_pause():
    found = stored(plain(0, "I want to return my shoes", "Which order?"), plain(26, "Order J4101", "Done."))
    assert list(found) == [0]
    assert words(found[0]) == [
        '{"question": "I want to return my shoes"}',
        '{"reply": "Which order?"}',
        '{"question": "Order J4101"}',
        '{"reply": "Done."}',
    ]
    assert list(stored(plain(0, "a", "b"), plain(3600, "c", "d"))) == [0, 1]


def test_an_error_before_a_success_stays():
    found = stored(chat(0, ["Hi"], None, status=502), chat(15, ["Hi"], "Hello."))
    conversation = assemble(conversation_id(THREAD, 0), found[0])
    assert [turn.text for turn in conversation.turns] == ["Hi", "Hello."]
    assert conversation.error is not None and conversation.error.cause == "server_error"
    later = stored(chat(0, ["Hi"], None, status=502), chat(30, ["Hi"], "Hello."))
    assert [assemble(conversation_id(THREAD, n), rows).error is None for n, rows in later.items()] == [False, True]


def test_a_client_that_leaves_out_the_beginning_or_shortens_answers_repeats_nothing():
    found = stored(
        chat(0, ["one"], "A long answer."),
        chat(5, ["one", "A long ...", "two"], "second"),
        chat(10, ["two", "second", "three"], "third"),
    )
    assert words(found[0]) == ["one", "A long ...", "two", "second", "three", "third"]


def test_an_answer_that_is_asked_for_again_is_kept_beside_the_first():
    found = stored(chat(0, ["one"], "first"), chat(5, ["one"], "again"))
    assert words(found[0]) == ["one", "first", "one", "again"]


def test_tool_calls_of_two_requests_and_their_results_are_one_turn():
    call = {"id": "a", "type": "function", "function": {"name": "refund", "arguments": '{"order": "J1"}'}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call]}
    first = _recorded(
        0,
        {"messages": [{"role": "user", "content": "Refund J1"}]},
        {"choices": [{"message": asked, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 5}},
        0,
        200,
    )
    result = {"role": "tool", "tool_call_id": "a", "content": '{"booked": true}'}
    second = chat(2, [{"role": "user", "content": "Refund J1"}, asked, result], "It is booked.")
    conversation = assemble(conversation_id(THREAD, 0), stored(first, second)[0])
    [user, agent] = conversation.turns
    assert user.text == "Refund J1" and agent.text == "It is booked."
    assert [(c.name, c.arguments, c.result) for c in agent.tool_calls] == [
        ("refund", {"order": "J1"}, {"booked": True})
    ]
    assert agent.latency_s == 1.0


def test_ids_hold_their_thread_and_number():
    assert parts(conversation_id(THREAD, 7)) == (THREAD, 7)
    assert thread_of("shop", "r", AGENT, "production", "a") != thread_of("shop", "r", AGENT, "shadow", "a")


# Any interleaving

WORDS = st.sampled_from(["Hi", "Where is it?", "\ud83d", "a\x00b", "Thanks"])


@st.composite
def traffic(draw) -> list[tuple[int, bool, Recorded]]:
    """(process, whether that process stores now, request) in the order of time: chats that go on, begin again or are
    repeated, plain requests, errors and pauses."""
    rows: list[tuple[int, bool, Recorded]] = []
    chats: list[list[str]] = []
    at = 0.0
    for _ in range(draw(st.integers(1, 9))):
        at += draw(st.sampled_from([0.0, 0.4, 3.0, 19.0, 26.0, 600.0, 4000.0]))
        status = draw(st.sampled_from([200, 200, 200, 502, 404, 0]))
        number = draw(st.integers(0, 3))
        match draw(st.sampled_from(["new", "on", "repeat", "plain"])):
            case "plain":
                recorded = plain(at, draw(WORDS), draw(WORDS), number=number)
            case kind:
                if kind == "new" or not chats:
                    chats.append([draw(WORDS)])
                said = chats[draw(st.integers(0, len(chats) - 1))]
                if kind == "on" and len(said) % 2 == 0:
                    said.append(draw(WORDS))
                asked = said if len(said) % 2 else said[:-1]
                answer = draw(WORDS) if status == 200 else None
                recorded = chat(at, asked, answer, number=number, status=status)
                if answer is not None and len(said) % 2:
                    said.append(answer)
        rows.append((draw(st.integers(0, 2)), draw(st.booleans()), recorded))
    return rows


@settings(max_examples=300, deadline=None)
@given(traffic())
def test_any_interleaving_over_processes_stores_each_request_exactly_once(rows):
    memory = Memory()

    async def run() -> None:
        processes = [Recorder(memory.store, idle_s=0.0) for _ in range(3)]
        for process, stores_now, recorded in rows:
            processes[process].record(recorded)
            if stores_now:
                await processes[process]._store_requests(everything=True)
        for recorder in processes:
            await recorder._store_requests(everything=True)
            assert recorder.waiting == 0 and recorder.set_aside == 0

    asyncio.run(run())
    kept = [row for stored in memory.exchanges.values() for row in stored]
    assert Counter(row.exchange_id for row in kept) == Counter(recorded.exchange_id for _, _, recorded in rows)
    for name, exchanges in memory.exchanges.items():
        conversation = assemble(name, exchanges)
        answers = [turn for turn in conversation.turns if turn.role == "agent" and turn.latency_s is not None]
        assert sum(turn.latency_s for turn in answers) == pytest.approx(
            sum(row.latency_s for row in exchanges if row.answered is not None)
        )
        assert (conversation.error is not None) == any(row.error is not None for row in exchanges)
        conversation.model_dump_json().encode()  # no character that no store takes
        # the order in which requests reach the store changes nothing
        assert assemble(name, exchanges[::-1]) == conversation


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from([0, 200, 201, 404, 429, 500]), st.booleans())
def test_whatever_bytes_went_over_the_wire_can_be_stored(request_, response, status, streamed):
    recorded = Recorded(
        thread=THREAD,
        told=conversation_id(THREAD, 0),
        exchange_id=new_exchange_id(),
        agent=AGENT,
        kind=PRODUCTION,
        started_at=1.0,
        latency_s=0.0,
        first_byte_s=None,
        status=status,
        streamed=streamed,
        request=request_,
        response=response,
    )
    exchange = read(recorded)
    assert Exchange.model_validate_json(exchange.model_dump_json()) == exchange
    assemble(conversation_id(THREAD, 0), [exchange]).model_dump_json().encode()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["user", "assistant", "tool"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "tool_calls", "function", "messages", "choices", "delta", "id", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(JSON, max_size=4), JSON)
def test_whatever_json_messages_are_can_be_stored(messages, answer):
    recorded = _recorded(0, {"messages": messages}, answer, 0, 200)
    exchange = read(recorded)
    assert Exchange.model_validate_json(exchange.model_dump_json()) == exchange
    assemble(conversation_id(THREAD, 0), [exchange]).model_dump_json().encode()
