"""Tool calls as servers and frameworks write them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.base import content_hash
from assay.contracts.conversation import ToolCall
from assay.protocols import read_arguments, read_result
from assay.protocols.tool_calls import CallPieces


@pytest.mark.parametrize(
    ("given_as", "expected"),
    [
        ({"order": "J1"}, {"order": "J1"}),
        ('{"order": "J1"}', {"order": "J1"}),
        ('{"order": "J1"}""', {"order": "J1"}),
        ('{}""', {}),
        ('"{\\"order\\": \\"J1\\"}"', {"order": "J1"}),
        ("", {}),
        (None, {}),
        ("null", {}),
        (["J1"], {"_raw": ["J1"]}),
        ('["J1"]', {"_raw": '["J1"]'}),
        ('{"order": "J', {"_raw": '{"order": "J'}),
        ('{"a": 1}{"b": 2}', {"_raw": '{"a": 1}{"b": 2}'}),
        ('{"price": NaN, "limit": 1e999}', {"price": "NaN", "limit": "Infinity"}),
        ('{"word": "\\ud83d"}', {"word": "\ufffd"}),
        (17, {"_raw": 17}),
    ],
)
def test_arguments_are_read_or_kept_as_they_came(given_as: Any, expected: dict) -> None:
    assert read_arguments(given_as) == expected


@pytest.mark.parametrize("deep", ['{"a":' * 5000 + "1" + "}" * 5000, json.loads('{"a":' * 300 + "1" + "}" * 300)])
def test_deeply_nested_arguments_can_be_stored(deep: Any) -> None:
    call = ToolCall(name="x", arguments=read_arguments(deep))
    assert ToolCall.model_validate_json(call.model_dump_json()) == call
    assert content_hash(call)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("Error: no such order", None),
        ("Errors: none.", None),
        ('{"error": "order not found"}', "order not found"),
        ({"error": {"message": "order not found", "code": 4}}, "order not found"),
        ('{"error": null, "state": "sent"}', None),
        ({"error": False}, None),
        ({"error": ""}, None),
        ({"isError": True, "content": "x"}, '{"isError": true, "content": "x"}'),
        (None, None),
    ],
)
def test_only_an_explicit_mark_makes_a_result_an_error(value: Any, error: str | None) -> None:
    assert read_result(value)[1] == error


def test_a_marked_result_is_an_error_with_its_words() -> None:
    assert read_result("no such order", marked=True) == ("no such order", "no such order")
    assert read_result(None, marked=True) == (None, "failed")


def test_a_result_of_json_is_read() -> None:
    assert read_result('{"paid": true}')[0] == {"paid": True}
    assert read_result("{half")[0] == "{half"
    assert read_result("17")[0] == "17"


def put_together(*chunks: list[Any]) -> list[tuple[str, dict]]:
    pieces = CallPieces()
    for chunk in chunks:
        for place, piece in enumerate(chunk):
            pieces.add(piece, place)
    return [(call.name, call.arguments) for call in pieces.whole()]


def piece(name: str | None = None, arguments: Any = None, **more: Any) -> dict:
    return {**more, "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [[piece("find", '{"a"', index=0, id="x")], [piece("find", ": 1}", index=0)]],
            [("find", {"a": 1})],
            id="the name in each chunk",
        ),
        pytest.param(
            [[piece("find", '{"a"', index=0, id="x")], [piece("find", ": 1}", index=0, id="x")]],
            [("find", {"a": 1})],
            id="name and id in each chunk",
        ),
        pytest.param(
            [[piece("find", "{}", index=0, id="x")], [piece("track", "{}", index=0, id="y")]],
            [("find", {}), ("track", {})],
            id="a new id at the same index",
        ),
        pytest.param(
            [[piece("find", '{"a": 1}', index=0)], [piece("find", '{"a": 2}', index=0)]],
            [("find", {"a": 1}), ("find", {"a": 2})],
            id="two whole calls at one index without ids",
        ),
        pytest.param(
            [[piece("find", '{"a": ', index=None)], [piece(None, "1}", index=None)]],
            [("find", {"a": 1})],
            id="index null",
        ),
        pytest.param(
            [[piece("find", "{}", id="x"), piece("track", "{}", id="y")]],
            [("find", {}), ("track", {})],
            id="no index, two in a chunk",
        ),
        pytest.param(
            [[piece("find", '{"a"', index=0, id="x")], [piece("track", '{"b"', index=1, id="y")],
             [piece(None, ": 1}", index=0)], [piece(None, ": 2}", index=1)]],
            [("find", {"a": 1}), ("track", {"b": 2})],
            id="interleaved",
        ),
        pytest.param(
            [[piece("loo", "", index=0, id="x")], [piece("kup", "{}", index=0)]],
            [("lookup", {})],
            id="the name in pieces",
        ),
        pytest.param(
            [[piece("find", {"a": 1}, index=0, id="x")], [piece(None, None, index=0)]],
            [("find", {"a": 1})],
            id="arguments as an object",
        ),
        pytest.param(
            [[piece("find", '{"a": 1}', index=0, id="x")], [piece("find", '{"a": 1}', index=0, id="x")]],
            [("find", {"a": 1})],
            id="the whole call once more",
        ),
        pytest.param(
            [[piece("find", "", index=0)], [piece(None, "{}", index=0, id="x")]],
            [("find", {})],
            id="the id comes later",
        ),
    ],
)  # fmt: skip
def test_streamed_calls_are_put_together(chunks: list, expected: list) -> None:
    assert put_together(*chunks) == expected


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=5)
odd = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@given(st.lists(st.dictionaries(st.sampled_from(["index", "id", "function", "name", "arguments"]), odd), max_size=5))
def test_no_piece_raises(pieces: list[dict]) -> None:
    calls = CallPieces()
    for place, part in enumerate(pieces):
        calls.add(part, place)
    for call in calls.whole():
        content_hash(call.whole())


@given(odd)
def test_any_arguments_and_results_can_be_stored(value: Any) -> None:
    result, error = read_result(value)
    content_hash(ToolCall(name="x", arguments=read_arguments(value), result=result, error=error)).encode()
