"""Whole answers and streams, as servers send them."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import FailureCause, FinishReason
from assay.protocols import (
    BodyReader,
    Tokens,
    UnusableAnswer,
    find_error,
    read_answer,
    read_finish_reason,
    read_response,
    read_usage,
    split_reasoning,
)
from assay.protocols.sse import MAX_EVENT_BYTES, EventReader
from assay.protocols.streams import StreamedAnswer

WORDS = "Your parcel is on its way."


def chunk(finish: str | None = None, **delta: Any) -> dict:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def events(*chunks: Any, end: str = "\n\n") -> bytes:
    return "".join(f"data: {c if isinstance(c, str) else json.dumps(c)}{end}" for c in chunks).encode()


COMPLETION = {
    "id": "c-1", "model": "m-2", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}},
}  # fmt: skip
STREAM = (chunk(role="assistant", content=""), chunk(content="Your parcel "), chunk(content="is on its way."),
          chunk("stop"), {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}}, "[DONE]")  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(COMPLETION).encode(),
        b"\xef\xbb\xbf" + json.dumps(COMPLETION).encode(),
        json.dumps({**COMPLETION, "error": None}).encode(),
        gzip.compress(json.dumps(COMPLETION).encode()),
        gzip.compress(events(*STREAM)),
        events(*STREAM),
        b": keep-alive\n\n" + events({"type": "ping"}, *STREAM),
        events(*STREAM, end="\r\n\r\n"),
        events(*STREAM, end="\r\r"),
        events(*STREAM, end="\n"),
        events(*STREAM[:-1]),
        events(*STREAM).replace(b"data: ", b"data:"),
        b"\xef\xbb\xbf" + events(*STREAM),
        json.dumps(STREAM[:-1]).encode(),
        b"\n".join(json.dumps(c).encode() for c in STREAM[:-1]),
        json.dumps({"type": "message", "role": "assistant", "content": [{"type": "text", "text": WORDS}],
                    "stop_reason": "end_turn", "usage": {"input_tokens": 11, "output_tokens": 7}}).encode(),
        json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": WORDS}]}, "finishReason": "STOP"}],
                    "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7}}).encode(),
        json.dumps({"object": "response", "status": "completed", "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": WORDS}]}],
            "usage": {"input_tokens": 11, "output_tokens": 7}}).encode(),
        json.dumps({"message": {"role": "assistant", "content": WORDS}, "done": True, "done_reason": "stop",
                    "prompt_eval_count": 11, "eval_count": 7}).encode(),
        json.dumps({"output": {"message": {"role": "assistant", "content": [{"text": WORDS}]}},
                    "stopReason": "end_turn", "usage": {"inputTokens": 11, "outputTokens": 7}}).encode(),
        b"\n".join(json.dumps(row).encode() for row in (
            {"message": {"role": "assistant", "content": "Your parcel "}, "done": False},
            {"message": {"role": "assistant", "content": "is on its way."}, "done": True, "done_reason": "stop",
             "prompt_eval_count": 11, "eval_count": 7})),
        b"".join(f"event: {row['type']}\ndata: {json.dumps(row)}\n\n".encode() for row in (
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 11, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORDS}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
            {"type": "message_stop"})),
        b"".join(f"data: {json.dumps(row)}\n\n".encode() for row in (
            {"type": "response.output_text.delta", "delta": "Your"},
            {"type": "response.completed", "response": {"object": "response", "status": "completed", "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": WORDS}]}],
                "usage": {"input_tokens": 11, "output_tokens": 7}}})),
        b"".join(f"data: {json.dumps(row)}\n\n".encode() for row in (
            {"candidates": [{"content": {"parts": [{"text": "Your parcel "}]}}]},
            {"candidates": [{"content": {"parts": [{"text": "is on its way."}]}, "finishReason": "STOP"}],
             "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 5, "thoughtsTokenCount": 2}})),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 7, 10**9])
def test_the_same_answer_is_read_from_each_form(body: bytes, step: int) -> None:
    reader = BodyReader()
    for start in range(0, len(body), step):
        reader.feed(body[start : start + step])
    answer = reader.finish()
    assert (answer.text, answer.finish_reason) == (WORDS, FinishReason.STOP)
    assert (answer.usage.input, answer.usage.output) == (11, 7)


def test_what_the_server_says_of_itself_is_kept() -> None:
    answer = read_answer(COMPLETION)
    assert (answer.model, answer.response_id, answer.usage.cached) == ("m-2", "c-1", 4)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Rate limit exceeded", "code": 429}},
        {"error": {"message": "Rate limit exceeded", "code": "429"}},
        {"error": {"message": "Rate limit exceeded", "type": "rate_limit_error"}},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "Rate limit exceeded"}},
        {"error": {"status": "RESOURCE_EXHAUSTED", "message": "Rate limit exceeded"}},
        [{"error": {"code": 429, "message": "Rate limit exceeded"}}],
        {"object": "error", "message": "Rate limit exceeded", "code": 429},
        {"choices": [{"error": {"code": 429, "message": "Rate limit exceeded"}}]},
        {"error": "Rate limit exceeded", "code": 429},
    ],
)
def test_an_error_in_a_200_is_what_its_code_says(body: Any) -> None:
    error = find_error(body)
    assert error is not None
    assert (error.status, error.cause) == (429, FailureCause.RATE_LIMIT)
    assert "Rate limit exceeded" in error.words
    response = read_response(json.dumps(body).encode())
    assert response.answer is None
    assert response.failure is not None
    assert response.failure.cause is FailureCause.RATE_LIMIT


@pytest.mark.parametrize("nothing", [{"error": None}, {"error": {}}, {"error": ""}, {"error": False}, {}, [], "x", 1])
def test_a_body_without_a_truthy_error_holds_none(nothing: Any) -> None:
    assert find_error(nothing) is None


def test_an_error_whose_code_says_nothing_is_the_servers() -> None:
    error = find_error({"error": {"message": "no", "code": 40001}})
    assert error is not None
    assert error.cause is FailureCause.SERVER_ERROR


@pytest.mark.parametrize(
    ("body", "said", "cause"),
    [
        (events(chunk(content="Your parcel ")), "it broke off after 'Your parcel '", FailureCause.BAD_ANSWER),
        (events(chunk(role="assistant")), "it broke off before it said anything", FailureCause.BAD_ANSWER),
        (events(chunk(content="Your parcel "), {"error": {"code": 502, "message": "away"}}), "away",
         FailureCause.SERVER_ERROR),
        (events(chunk(content="x")) + b'event: error\ndata: {"code": 429, "message": "slow down"}\n\n', "slow down",
         FailureCause.RATE_LIMIT),
        (events("[DONE]"), "without a chunk", FailureCause.BAD_ANSWER),
        (events("{half"), "no JSON: {half", FailureCause.BAD_ANSWER),
        (b"", "it is empty", FailureCause.BAD_ANSWER),
        (b"<html>down</html>", "no JSON: <html>", FailureCause.BAD_ANSWER),
        (b"{}", "no chat completion", FailureCause.BAD_ANSWER),
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_says_why(body: bytes, said: str, cause: FailureCause) -> None:
    reader = BodyReader()
    with pytest.raises(UnusableAnswer) as raised:
        reader.feed(body)
        reader.finish()
    assert said in raised.value.detail
    assert raised.value.cause is cause


def test_the_words_before_a_stream_broke_off_are_kept() -> None:
    response = read_response(events(chunk(content="Your parcel ")) + b'event: error\ndata: {"code": 502}\n\n')
    assert response.answer is not None
    assert response.answer.text == "Your parcel "
    assert response.failure is not None


def test_a_separator_of_lines_inside_a_chunk_is_text() -> None:
    body = 'data: {"choices": [{"delta": {"content": "One.\u2028Two.\u0085"}, "finish_reason": "stop"}]}\n\n'.encode()
    response = read_response(body)
    assert response.answer is not None
    assert response.answer.text == "One.\u2028Two.\u0085"


def test_an_emoji_that_is_cut_between_two_chunks_is_whole_again() -> None:
    stream = StreamedAnswer()
    stream.add(json.loads('{"choices": [{"delta": {"content": "\\ud83d"}}]}'))
    stream.add(json.loads('{"choices": [{"delta": {"content": "\\ude00 ok \\ud83d"}, "finish_reason": "stop"}]}'))
    assert stream.finish().text == "\U0001f600 ok \ufffd"


def test_a_line_of_megabytes_is_read_and_one_beyond_the_bound_is_named() -> None:
    image = {"choices": [{"delta": {"images": ["A" * 3_000_000]}}]}
    response = read_response(events(chunk(content=WORDS), image, chunk("stop"), "[DONE]"))
    assert response.answer is not None
    assert response.answer.text == f"{WORDS}\n[image]"
    reader = EventReader()
    with pytest.raises(ValueError, match="longer than 16 MiB"):
        reader.feed(b"data: " + b"A" * (MAX_EVENT_BYTES + 1))


def test_a_stream_is_visible_with_its_first_words_not_with_its_reasoning() -> None:
    stream = StreamedAnswer()
    seen = []
    for delta in ({"reasoning_content": "Hm."}, {"content": "<think>"}, {"content": "so"}, {"content": "</think>"},
                  {"content": "Hello"}):  # fmt: skip
        stream.add(chunk(**delta))
        seen.append(stream.visible)
    assert seen == [False, False, False, False, True]
    stream.add(chunk("stop"))
    answer = stream.finish()
    assert (answer.text, answer.reasoning) == ("Hello", "Hm.\nso")


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        ("<think>Hm.</think>\n\nHello.", "Hello.", "Hm."),
        ("<thinking>\nHm.\n</thinking>Hello.", "Hello.", "Hm."),
        ("Hm.</think>Hello.", "Hello.", "Hm."),
        ("<think>never closed", "", "never closed"),
        ("<think>One.</think><think>Two.</think>Hello.", "Hello.", "One.\nTwo."),
        ("Let me see.\n<think>Hm.</think>\nHello.", "Let me see.\n\nHello.", "Hm."),
        ("[THINK]Hm.[/THINK]Hello.", "Hello.", "Hm."),
        ("<think>Use ```py\n</think>Hello.", "Hello.", "Use ```py"),
        ("Write `<think>` first.", "Write `<think>` first.", ""),
        ("```\n<think>\n```\nis how.", "```\n<think>\n```\nis how.", ""),
        ("I think <think> is a tag.", "I think <think> is a tag.", ""),
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.<|return|>",
         "Hello.", "Hm."),
        ("<|channel|>analysis<|message|>never came to an end", "", "never came to an end"),
        ("analysisHm.assistantfinalHello.", "Hello.", "Hm."),
        ("  as it came \n", "  as it came \n", ""),
    ],
)  # fmt: skip
def test_reasoning_in_the_text_is_taken_out(text: str, said: str, thought: str) -> None:
    split = split_reasoning(text)
    assert (split.text, split.reasoning) == (said, thought)


def test_a_call_in_harmony_is_a_tool_call() -> None:
    text = '<|channel|>commentary to=functions.find <|constrain|>json<|message|>{"a": 1}<|call|>'
    answer = read_answer({"choices": [{"message": {"content": text}}]})
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("find", {"a": 1})]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("stop", FinishReason.STOP), ("end_turn", FinishReason.STOP), ("STOP", FinishReason.STOP),
        ("length", FinishReason.LENGTH), ("MAX_TOKENS", FinishReason.LENGTH),
        ("max_output_tokens", FinishReason.LENGTH), ("content-filter", FinishReason.CONTENT_FILTER),
        ("SAFETY", FinishReason.CONTENT_FILTER), ("refusal", FinishReason.REFUSAL),
        ("function_call", FinishReason.TOOL_CALLS), ("tool_use", FinishReason.TOOL_CALLS),
        ("error", FinishReason.ERROR), ("because", FinishReason.UNKNOWN),
        (None, None), ("", None), (7, None), ("FINISH_REASON_UNSPECIFIED", None),
    ],
)  # fmt: skip
def test_finish_reasons_of_all_protocols_are_one_set(said: Any, reason: FinishReason | None) -> None:
    assert read_finish_reason(said) is reason


@pytest.mark.parametrize("odd", [float("inf"), float("nan"), -1, True, "7", None, [7], 1e300, 10**400])
def test_counts_that_are_none_are_not_known(odd: Any) -> None:
    assert read_usage({"usage": {"prompt_tokens": odd, "completion_tokens": 7.0}}) == Tokens(None, 7, None)


def test_tokens_that_anthropic_keeps_apart_are_added() -> None:
    usage = {"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 7}
    assert read_usage({"usage": usage}) == Tokens(125, 7, 100)


KEYS = (
    *("choices", "message", "delta", "content", "tool_calls", "error", "usage", "type", "candidates", "output", "role"),
    *("finish_reason", "index", "code", "function", "arguments", "parts", "text", "done", "response", "status", "item"),
)
WORDS_OF_TYPES = (
    *("message_start", "content_block_delta", "response.completed", "response.output_item.done", "error", "response"),
    *("assistant", "stop", "function_call", "tool_use"),
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS_OF_TYPES)
scalars |= st.text(st.characters(codec=None), max_size=5)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@given(json_values)
def test_any_json_is_an_answer_or_a_named_failure(value: Any) -> None:
    response = read_response(json.dumps(value).encode())
    if response.answer is not None:
        response.answer.text.encode()
    stream = StreamedAnswer()
    try:
        stream.add(value)
        stream.finish().text.encode()
    except UnusableAnswer as error:
        error.detail.encode()


@given(st.lists(json_values, max_size=4), st.binary(max_size=30), st.sampled_from(["\n", "\n\n", "\r\n\r\n"]))
def test_any_stream_is_an_answer_or_a_named_failure(chunks: list[Any], rest: bytes, end: str) -> None:
    read_response(events(*[json.dumps(c) for c in chunks], end=end) + rest)


@given(
    st.binary(max_size=200), st.sampled_from([200, 201, 400, 404, 429, 500]), st.sampled_from(["", "gzip", "deflate"])
)
def test_any_bytes_are_read_without_an_error(body: bytes, status: int, encoding: str) -> None:
    read_response(body, status=status, encoding=encoding)


@given(st.text())
def test_any_text_is_split(text: str) -> None:
    split_reasoning(text)
