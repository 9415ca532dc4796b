import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import ToolCall, Turn
from assay.tracking.chat_messages import answered_turns, asked_turns

USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    "inputs",
    [
        "Hi",
        {"question": "Hi"},
        {"query": "Hi", "top_k": 3},
        {"messages": [USER]},
        {"messages": [{"role": "system", "content": "Be kind."}, USER], "model": "gpt", "temperature": 0},
        [USER],
        {"request": {"messages": [USER]}},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]},
        {"input": "Hi", "model": "gpt"},
        {"args": ["x"], "prompt": "Hi"},
        {"anything": "Hi"},
        json.dumps({"messages": [USER]}),
        {"messages": [{"type": "system", "content": "Be kind."}, {"type": "human", "content": "Hi"}]},
    ],
)
def test_what_was_asked_is_read_from_any_usual_shape(inputs: Any) -> None:
    assert asked_turns(inputs) == [Turn(role="user", text="Hi")]


@pytest.mark.parametrize(
    "outputs",
    [
        "Hello",
        {"response": "Hello"},
        {"output": "Hello", "score": 1},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}}]},
        {"messages": [USER, {"role": "assistant", "content": "Hello"}]},
        {"role": "assistant", "content": "Hello"},
        {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}]},
        {"messages": [{"type": "human", "content": "Hi"}, {"type": "ai", "content": "Hello"}]},
        {"result": {"answer": "Hello"}},
        {"message": {"role": "assistant", "content": "Hello"}, "done": True},
    ],
)
def test_what_was_answered_is_read_from_any_usual_shape(outputs: Any) -> None:
    assert answered_turns(outputs) == [Turn(role="agent", text="Hello")]


@pytest.mark.parametrize("nothing", [None, "", {}, []])
def test_nothing_said_is_no_turn(nothing: Any) -> None:
    assert asked_turns(nothing) == answered_turns(nothing) == []


def test_what_has_no_usual_shape_is_kept_as_json() -> None:
    assert asked_turns({"a": 1, "b": [2]}) == [Turn(role="user", text='{"a": 1, "b": [2]}')]


def test_a_history_is_turns_with_their_tool_calls() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 17}'}}
    messages = [
        {"role": "system", "content": "Be kind."},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"paid": true}'},
        {"role": "assistant", "content": "It is paid."},
        {"role": "user", "content": "Thanks"},
    ]
    found = (ToolCall(name="find", arguments={"id": 17}, result={"paid": True}),)
    assert asked_turns({"messages": messages}) == [
        Turn(role="user", text="Hi"),
        Turn(role="agent", text="It is paid.", tool_calls=found),
        Turn(role="user", text="Thanks"),
    ]


def test_the_responses_api_is_read_with_its_function_calls() -> None:
    output = [
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"id": 17}'},
        {"type": "function_call_output", "call_id": "c1", "output": "paid"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is paid."}]},
    ]
    assert answered_turns({"output": output}) == [
        Turn(
            role="agent",
            text="It is paid.",
            tool_calls=(ToolCall(name="find", arguments={"id": 17}, result="paid"),),
        )
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "messages", "type", "tool_calls", "choices", "output", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_read_without_an_error(value: Any) -> None:
    for turn in asked_turns(value) + answered_turns(value):
        assert turn.role in ("user", "agent")
