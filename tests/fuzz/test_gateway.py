"""Whatever goes through the gateway is answered, and what is recorded of it can be stored and read again."""

import http.client
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import Conversation
from assay.contracts.stage import AgentRef
from assay.contracts.text import clean_model
from assay.rollout.conversations import assemble, conversation_id, thread_of
from assay.rollout.reading import Recorded, new_exchange_id, read
from tests.conftest import PATIENCE_S
from tests.fuzz.conftest import many, some, tried
from tests.fuzz.strategies import ANSWERS, CHAT, CHUNKS, as_json, bytes_near, near, values
from tests.fuzz.test_protocols import stream_of
from tests.rollout.conftest import Memory, agent_server, gateway_to, served, traffic_to

AGENT = AgentRef(agent_id="desk", version="1")
THREAD = thread_of("p", "r", AGENT, "production", "s")

requests = st.one_of(
    bytes_near(near([{"model": "m", "messages": messages} for messages in CHAT]).map(as_json)),
    bytes_near(values.map(as_json)),
    st.binary(max_size=100),
)
answers = st.one_of(
    bytes_near(near(ANSWERS).map(as_json)),
    bytes_near(near(CHUNKS).filter(lambda it: isinstance(it, list)).map(stream_of)),
    st.binary(max_size=100),
)


@many
@given(
    st.lists(st.tuples(requests, answers, st.sampled_from([200, 200, 200, 0, 404, 429, 500])), min_size=1, max_size=3),
    st.sampled_from(["", "gzip", "br", "x"]),
)
def test_what_was_recorded_is_a_conversation_that_can_be_stored(exchanges, encoding):
    tried("gateway recordings")
    told = conversation_id(THREAD, 0)
    rows = [
        read(
            Recorded(
                thread=THREAD,
                told=told,
                agent=AGENT,
                kind="production",
                started_at=1e9 + place,
                latency_s=0.1,
                first_byte_s=None,
                status=status,
                request=request,
                response=response,
                exchange_id=new_exchange_id(),
                encoding=encoding,
                target="POST /chat",
            )
        )
        for place, (request, response, status) in enumerate(exchanges)
    ]
    conversation = assemble(told, rows)
    assert clean_model(conversation) == conversation, "no NUL and no lone surrogate is left"
    assert Conversation.model_validate_json(conversation.model_dump_json().encode()) == conversation


@pytest.fixture(scope="module")
def gateway() -> Iterator[tuple[str, Memory]]:
    memory = Memory()
    with agent_server("one") as one, served(gateway_to(traffic_to(one.url, None, 0.0), memory.store)) as url:
        yield url, memory


HEADERS = st.dictionaries(
    st.sampled_from(["x-session-id", "cookie", "content-type", "x-assay-token", "accept-encoding", "traceparent"]),
    st.binary(max_size=30).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"").replace(b"\x00", b"")),
    max_size=3,
)
PATHS = st.sampled_from(
    ["/v1/chat/completions", "/chat", "/assay/feedback", "/%00", "/../x", "/a%2f..%2fb", "/?q=%ff", "/x" * 200]
)


def ask(url: str, method: str, path: str, body: bytes, headers: dict) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {**headers, "content-length": str(len(body)).encode()}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@some
@given(st.sampled_from(["POST", "POST", "PUT", "GET"]), PATHS, requests, HEADERS)
def test_any_request_is_answered_and_the_next_one_too(gateway, method, path, body, headers):
    tried("gateway requests")
    url, _ = gateway
    status = ask(url, method, path, body, headers)
    assert status < 500 or status in (502, 504), status
    assert ask(url, "GET", "/readyz", b"", {}) == 200


def test_recording_goes_on_after_all_of_that(gateway):
    url, memory = gateway
    body = as_json({"messages": [{"role": "user", "content": "the last request"}]})
    assert ask(url, "POST", "/v1/chat/completions", body, {"x-session-id": b"last"}) == 200
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        turns = [turn.text for conversation in memory.conversations() for turn in conversation.turns]
        if "the last request" in turns:
            return
        time.sleep(0.1)
    raise AssertionError("the recorder stores nothing any more")
