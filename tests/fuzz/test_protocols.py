"""Whatever an agent or a model server sends is read, or is a failed call with its cause."""

from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.base import content_hash
from assay.contracts.conversation import Turn
from assay.contracts.text import clean_model
from assay.protocols.answers import read_answer
from assay.protocols.bodies import BodyReader, read_refusal, read_response
from assay.protocols.errors import UnusableAnswer
from assay.protocols.messages import turns_of
from assay.protocols.tool_calls import read_arguments, read_result
from tests.fuzz.conftest import many, tried
from tests.fuzz.strategies import ANSWERS, CHAT, CHUNKS, as_json, bytes_near, deep, near, texts, values


def storable(*turns: Turn) -> None:
    """They can be hashed, written as UTF-8 and read again as the same."""
    for turn in turns:
        content_hash(turn)
        assert clean_model(turn) == turn, "no NUL and no lone surrogate is left"
        assert Turn.model_validate_json(turn.model_dump_json().encode()) == turn


@many
@given(st.one_of(near(CHAT), st.lists(values, max_size=5)))
def test_messages(messages):
    tried("messages")
    if isinstance(messages, list):
        storable(*turns_of(messages))


@many
@given(st.one_of(near(ANSWERS), values))
def test_whole_answers(body):
    tried("whole answers")
    try:
        answer = read_answer(body)
    except UnusableAnswer as error:
        assert error.cause and str(error)
        return
    storable(Turn(role="agent", text=answer.text, tool_calls=answer.tool_calls))


@many
@given(st.one_of(bytes_near(near(ANSWERS).map(as_json)), st.binary(max_size=200)), st.sampled_from(["", "gzip", "br"]))
def test_bodies(body, encoding):
    tried("bodies")
    response = read_response(body, encoding=encoding)
    if response.answer is not None:
        storable(Turn(role="agent", text=response.answer.text, tool_calls=response.answer.tool_calls))
    assert read_refusal(body, 500).words is not None


def stream_of(chunks: list) -> bytes:
    return b"".join(b"data: " + as_json(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


streams = st.one_of(near(CHUNKS), st.lists(values, max_size=4)).filter(lambda it: isinstance(it, list)).map(stream_of)


def read_in_pieces(body: bytes, cuts: list[int]) -> object:
    """What a body comes to when it arrives cut at these places: an answer, or the failure."""
    reader = BodyReader()
    ends = sorted({min(cut, len(body)) for cut in cuts} | {len(body)})
    began = 0
    try:
        for end in ends:
            reader.feed(body[began:end])
            began = end
        return reader.finish()
    except UnusableAnswer as error:
        return error.cause, str(error)


@many
@given(
    st.one_of(
        bytes_near(
            st.one_of(near(CHUNKS), st.lists(values, max_size=4)).filter(lambda c: isinstance(c, list)).map(stream_of)
        ),
        st.binary(max_size=200),
    ),
    st.lists(st.integers(0, 600), max_size=6),
)
def test_a_stream_is_read_the_same_wherever_it_is_cut(body, cuts):
    tried("streams")
    whole = read_in_pieces(body, [])
    assert read_in_pieces(body, cuts) == whole
    if not isinstance(whole, tuple):
        storable(Turn(role="agent", text=whole.text, tool_calls=whole.tool_calls))


@many
@given(st.one_of(values, texts, st.integers(1, 3000).map(deep)))
def test_arguments_and_results_of_tools(value):
    tried("tool calls")
    content_hash(read_arguments(value))
    result, error = read_result(value)
    content_hash([result, error])
