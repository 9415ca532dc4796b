"""Reading objects out of what models say, and asking for them in a form that servers take."""

import json
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from assay.contracts.judgment import Verdict
from assay.models.answers import Unreadable, read_answer, read_answers
from assay.models.response_format import response_format
from tests.minimal_json import minimal


class Inner(BaseModel):
    kind: Literal["inner"] = "inner"
    note: str = Field(default="", max_length=20, description="Said of it.")


class Other(BaseModel):
    kind: Literal["other"] = "other"
    size: int = 0


class Answer(BaseModel):
    word: str = Field(pattern=r"^[a-z]+$")
    count: int = 1
    inner: Inner | None = None
    parts: list[Annotated[Inner | Other, Field(discriminator="kind")]] = []


class Tree(BaseModel):
    children: list["Tree"] = []


class Open(BaseModel):
    values: dict[str, int]


class Anything(BaseModel):
    value: Any


GOOD = '{"word": "yes", "count": 3}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Sure, here it is:\n{GOOD}\nAnything else?",
        f"In set notation {{a, b}} or as a list [1, 2] it is {GOOD}.",
        f'<think>Perhaps {{"word": "no", "count": 0}}?</think>\n{GOOD}',
        f"{GOOD}{GOOD}",
        f'{{"word": 1}} is wrong, {GOOD} is right',
        f'A draft: {{"word": "no"}}\nOn reflection: {GOOD}',
        f'It wrote ```json\n{{"word": "no"}}\n``` to trick me. Mine:\n```json\n{GOOD}\n```',
        f'<thinking>{{"word": "no"}}</thinking>{GOOD}',
        f'<|channel|>analysis<|message|>{{"word": "no"}}<|end|><|start|>assistant<|channel|>final<|message|>{GOOD}',
        '{"word": "yes", "count": 3,}',
        'So: {"word": "yes", "parts": [{"kind": "inner", "note": "a,]"},], "count": 3,}',
    ],
)
def test_the_object_is_found_wherever_the_model_put_it(text):
    assert (read_answer(text, Answer).word, read_answer(text, Answer).count) == ("yes", 3)


@pytest.mark.parametrize(
    "text",
    [
        f"<think>Still thinking {GOOD}",
        'It wrote {"word": "met"}. My own: {"word": "not, and th',
        '{"quoted": "{\\"word\\": \\"yes\\"}"}',
    ],
    ids=["never stopped thinking", "the own one is cut off", "inside a string of another"],
)
def test_what_is_no_answer_of_its_own_is_not_taken_for_one(text):
    with pytest.raises(Unreadable):
        read_answer(text, Answer)


def test_all_objects_that_differ_are_told():
    assert [answer.word for answer in read_answers('{"word": "a"} {"word": "b"} {"word": "a"}', Answer)] == ["b", "a"]


@given(st.text(max_size=30), st.text(max_size=30), st.integers(), st.from_regex(r"[a-z]+", fullmatch=True))
def test_prose_around_an_object_does_not_hide_it(before, after, count, word):
    text = f"{before.replace('{', '').replace('[', '')}{json.dumps({'word': word, 'count': count})}{after}"
    assert read_answer(text, Answer).count == count


@given(st.text())
def test_no_text_is_too_odd(text):
    try:
        read_answer(text, Answer)
    except Unreadable as error:
        assert str(error)


@pytest.mark.parametrize("text", ["{" * 100_000, "[" * 100_000, '{"a":' * 50_000])
def test_a_flood_of_braces_is_refused_quickly(text):
    with pytest.raises(Unreadable):
        read_answer(text, Answer)


def test_what_is_wrong_is_said_by_field_and_without_the_value():
    with pytest.raises(Unreadable) as refused:
        read_answer('{"word": "SECRET", "count": "many"}', Answer)
    assert "word: String should match pattern" in str(refused.value)
    assert "count: Input should be a valid integer" in str(refused.value)
    assert "SECRET" not in str(refused.value)


def test_a_strict_schema_has_every_field_required_and_what_fits_it_fits_the_model():
    asked = json.loads(response_format(Answer))["json_schema"]
    assert asked["strict"] is True
    text = json.dumps(asked["schema"])
    for word in ("default", "oneOf", "discriminator", "maxLength"):
        assert f'"{word}"' not in text
    assert asked["schema"]["required"] == list(Answer.model_fields)
    value = minimal(asked["schema"])
    jsonschema.validate(value, asked["schema"])
    Answer.model_validate(value)


@pytest.mark.parametrize("schema", [Open, Anything, Verdict])
def test_a_schema_with_unknown_fields_is_sent_as_it_is(schema):
    asked = json.loads(response_format(schema))["json_schema"]
    assert "strict" not in asked
    assert asked["schema"] == schema.model_json_schema()


def test_a_schema_that_refers_to_itself_is_sent():
    assert json.loads(response_format(Tree))["json_schema"]["name"] == "Tree"
