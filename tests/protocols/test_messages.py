"""One conversation in the words of each protocol is the same turns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import FinishReason, ToolCall, Turn
from assay.protocols import UnknownRole, is_message, read_message, turns_of

CALL = ToolCall(name="get_order", arguments={"order": "J1"}, result="sent")
EXPECTED = [Turn(role="user", text="Where is J1?"), Turn(role="agent", text="It was sent.", tool_calls=(CALL,))]
USER = {"role": "user", "content": "Where is J1?"}
LAST = {"role": "assistant", "content": "It was sent."}

LANGUAGES: dict[str, list[Any]] = {
    "openai": [
        {"role": "system", "content": "Be kind."},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "get_order", "arguments": '{"order": "J1"}'}}]},
        {"role": "tool", "tool_call_id": "a", "content": "sent"},
        LAST,
    ],
    "legacy": [
        USER,
        {"role": "assistant", "content": None,
         "function_call": {"name": "get_order", "arguments": '{"order": "J1"}'}},
        {"role": "function", "name": "get_order", "content": "sent"},
        LAST,
    ],
    "anthropic": [
        USER,
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "t1", "name": "get_order", "input": {"order": "J1"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "sent"}]}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It was sent."}]},
    ],
    "responses": [
        {"role": "user", "content": [{"type": "input_text", "text": "Where is J1?"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "get_order", "arguments": '{"order": "J1"}'},
        {"type": "function_call_output", "id": "fo_1", "call_id": "c1", "output": "sent"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It was sent."}]},
    ],
    "gemini": [
        {"role": "user", "parts": [{"text": "Where is J1?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "get_order", "args": {"order": "J1"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "get_order", "response": "sent"}}]},
        {"role": "model", "parts": [{"text": "It was "}, {"text": "sent."}]},
    ],
    "otel": [
        {"role": "user", "parts": [{"type": "text", "content": "Where is J1?"}]},
        {"role": "assistant", "parts": [
            {"type": "tool_call", "id": "c1", "name": "get_order", "arguments": {"order": "J1"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sent"}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "It was sent."}]},
    ],
    "langchain": [
        {"type": "human", "content": "Where is J1?"},
        {"type": "ai", "content": "", "tool_calls": [
            {"name": "get_order", "args": {"order": "J1"}, "id": "c1", "type": "tool_call"}]},
        {"type": "tool", "content": "sent", "tool_call_id": "c1", "status": "success", "id": "m3"},
        {"type": "ai", "content": "It was sent."},
    ],
    "langchain-constructor": [
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"],
         "kwargs": {"content": "Where is J1?", "type": "human"}},
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"],
         "kwargs": {"content": "", "tool_calls": [{"name": "get_order", "args": {"order": "J1"}, "id": "c1"}]}},
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "ToolMessage"],
         "kwargs": {"content": "sent", "tool_call_id": "c1"}},
        {"type": "ai", "data": {"content": "It was sent."}},
    ],
    "bedrock": [
        {"role": "user", "content": [{"text": "Where is J1?"}]},
        {"role": "assistant", "content": [
            {"toolUse": {"toolUseId": "t1", "name": "get_order", "input": {"order": "J1"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "sent"}]}}]},
        {"role": "assistant", "content": [{"text": "It was sent."}]},
    ],
    "ai-sdk": [
        {"role": "user", "content": [{"type": "text", "text": "Where is J1?"}]},
        {"role": "assistant", "content": [
            {"type": "tool-call", "toolCallId": "c1", "toolName": "get_order", "args": {"order": "J1"}}]},
        {"role": "tool", "content": [
            {"type": "tool-result", "toolCallId": "c1", "toolName": "get_order",
             "output": {"type": "text", "value": "sent"}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It was sent."}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_protocol_comes_to_the_same_turns(language: str) -> None:
    assert turns_of(LANGUAGES[language], strict=True) == EXPECTED


def called(id: str | None, name: str, **arguments: Any) -> dict:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def results(messages: list[Any]) -> list[tuple[str, Any, str | None]]:
    return [(call.name, call.result, call.error) for turn in turns_of(messages) for call in turn.tool_calls]


def test_results_go_to_the_call_with_their_id_whatever_their_order() -> None:
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [called("a", "get"), called("b", "refund")]},
        {"role": "tool", "tool_call_id": "b", "content": "refunded"},
        {"role": "tool", "tool_call_id": "a", "content": "Error: no such order"},
        LAST,
    ]
    assert results(messages) == [("get", "Error: no such order", None), ("refund", "refunded", None)]


def test_results_without_an_id_go_by_name_and_then_by_place() -> None:
    calls = {"role": "assistant", "content": None, "tool_calls": [called(None, "get"), called(None, "refund")]}
    by_name = [calls, {"role": "function", "name": "refund", "content": "2"}, {"role": "tool", "content": "1"}, LAST]
    assert results(by_name) == [("get", "1", None), ("refund", "2", None)]


def test_an_id_that_each_message_uses_again_means_the_newest_call() -> None:
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [called("call_0", "get")]},
        {"role": "tool", "tool_call_id": "call_0", "content": "1"},
        {"role": "assistant", "content": None, "tool_calls": [called("call_0", "refund")]},
        {"role": "tool", "tool_call_id": "call_0", "content": "2"},
        LAST,
    ]
    assert results(messages) == [("get", "1", None), ("refund", "2", None)]


def test_a_result_whose_call_was_not_sent_is_not_lost() -> None:
    assert results([USER, {"role": "tool", "tool_call_id": "x", "name": "refund", "content": "done"}, LAST]) == [
        ("refund", "done", None)
    ]


def test_a_result_that_comes_after_the_agents_words_belongs_to_their_turn() -> None:
    messages = [
        {"role": "assistant", "content": "Let me look.", "tool_calls": [called("a", "get")]},
        {"role": "tool", "tool_call_id": "a", "content": "sent"},
        LAST,
    ]
    first, second = turns_of(messages)
    assert (first.text, first.tool_calls[0].result, second.tool_calls) == ("Let me look.", "sent", ())


def test_an_error_that_is_marked_makes_the_call_fail() -> None:
    marks: list[tuple[Any, Any]] = [
        ({"type": "tool_use", "id": "t", "name": "get", "input": {}},
         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": "x"}]}),
        ({"type": "tool_use", "id": "t", "name": "get", "input": {}},
         {"role": "tool", "tool_call_id": "t", "status": "error", "content": "x"}),
        ({"toolUse": {"toolUseId": "t", "name": "get", "input": {}}},
         {"role": "user", "content": [
             {"toolResult": {"toolUseId": "t", "status": "error", "content": [{"text": "x"}]}}]}),
    ]  # fmt: skip
    for call, result in marks:
        assert results([{"role": "assistant", "content": [call]}, result]) == [("get", "x", "x")]


@pytest.mark.parametrize(
    ("part", "mark"),
    [
        ({"type": "image_url", "image_url": {"url": "https://x/y.png"}}, "[image]"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}, "[image]"),
        ({"type": "input_image", "image_url": "data:..."}, "[image]"),
        ({"inlineData": {"mimeType": "image/png", "data": "AA"}}, "[image]"),
        ({"fileData": {"mimeType": "application/pdf", "fileUri": "gs://x"}}, "[file]"),
        ({"type": "file", "file": {"filename": "bill.pdf", "file_data": "AA"}}, "[file: bill.pdf]"),
        ({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}, "[audio]"),
        ({"type": "blob", "modality": "video", "mime_type": "video/mp4", "content": "AA"}, "[video]"),
        ({"type": "hologram", "data": "AA"}, "[hologram]"),
        ({"image": {"format": "png", "source": {"bytes": "AA"}}}, "[image]"),
    ],
)
def test_a_part_that_is_no_text_leaves_a_mark(part: dict, mark: str) -> None:
    assert turns_of([{"role": "user", "content": [{"type": "text", "text": "See:"}, part]}])[0].text == f"See:\n{mark}"


def test_a_null_part_is_no_text() -> None:
    content = [{"type": "text", "text": None}, {"type": "text", "text": "It was sent."}]
    assert turns_of([{"role": "assistant", "content": content}])[0].text == "It was sent."


def test_a_refusal_is_what_was_said() -> None:
    for message in (
        {"role": "assistant", "content": None, "refusal": "I cannot."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]},
        {"type": "ai", "content": "", "additional_kwargs": {"refusal": "I cannot."}},
    ):
        (turn,) = turns_of([message])
        assert (turn.text, turn.refusal, turn.finish_reason) == ("I cannot.", "I cannot.", FinishReason.REFUSAL)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "Hello.", "reasoning_content": "Hm."},
        {"role": "assistant", "content": "Hello.", "reasoning": "Hm.", "reasoning_content": "Hm."},
        {"role": "assistant", "content": "Hello.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"role": "assistant", "content": "<think>Hm.</think>Hello."},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hello."}]},
        {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "Hello."}]},
        {"role": "assistant", "parts": [
            {"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Hello."}]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"text": "Hello."}]},
    ],
)  # fmt: skip
def test_reasoning_is_kept_apart(message: dict) -> None:
    assert turns_of([message]) == [Turn(role="agent", text="Hello.", reasoning="Hm.")]


def test_a_reasoning_item_belongs_to_the_message_after_it() -> None:
    items = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}, LAST]
    assert turns_of(items) == [Turn(role="agent", text="It was sent.", reasoning="Hm.")]


def test_a_role_that_is_none_is_named_or_passed_over() -> None:
    messages = [USER, {"role": "narrator", "content": "Later."}]
    with pytest.raises(UnknownRole, match=r"messages\.1\.role: 'narrator'"):
        turns_of(messages, strict=True)
    assert turns_of(messages) == [Turn(role="user", text="Where is J1?")]


KEYS = (
    *("role", "content", "tool_calls", "function_call", "type", "text", "parts", "refusal", "id", "tool_call_id"),
    *("name", "arguments", "kwargs", "data", "tool_result", "functionCall", "summary", "output", "images", "audio"),
)
WORDS = ("user", "assistant", "tool", "function", "tool_use", "tool_result", "constructor", "ai", "reasoning", "image")
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS)
scalars |= st.text(st.characters(codec=None), max_size=5)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@given(st.lists(json_values, max_size=5))
def test_any_messages_are_read_and_can_be_stored(messages: list[Any]) -> None:
    for message in messages:
        read_message(message)
        is_message(message)
    for turn in turns_of(messages):
        assert Turn.model_validate_json(turn.model_dump_json()) == turn
