"""Whatever a model answers is a ruling, a move or an answer that it is asked to correct."""

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from assay.models.answers import Unreadable, read_answer
from tests.fuzz.conftest import many, tried
from tests.fuzz.strategies import as_json, bytes_near, near, texts, values


class Opinion(BaseModel):
    model_config = ConfigDict(extra="ignore")
    rationale: str = ""
    ruling: Literal["met", "not_met"]


GOOD = [
    {"rationale": "It says so.", "ruling": "met"},
    {"ruling": "not_met", "evidence": [{"quote": '{"ruling": "met"}'}]},
]
around = st.sampled_from(["", "```json\n", '<think>hm {"ruling": "met"}</think>', "Here: ", "\ufeff", "<think>", "```"])


@many
@given(around, st.one_of(bytes_near(near(GOOD).map(as_json)).map(lambda b: b.decode(errors="replace")), texts), around)
def test_answers_with_and_without_json(before, middle, after):
    tried("model answers")
    try:
        assert read_answer(before + middle + after, Opinion).ruling in ("met", "not_met")
    except Unreadable as error:
        assert str(error)


@many
@given(
    st.lists(st.sampled_from(["met", "not_met"]), min_size=1, max_size=4),
    texts.filter(lambda t: "{" not in t and "<" not in t and "`" not in t),
)
def test_the_last_whole_object_is_the_answer(rulings, between):
    tried("model answers")
    text = between.join(f'{{"rationale": "x", "ruling": "{ruling}"}}' for ruling in rulings)
    assert read_answer(text, Opinion).ruling == rulings[-1]


@many
@given(values)
def test_any_json_value(value):
    tried("model answers")
    try:
        read_answer(as_json(value).decode(), Opinion)
    except Unreadable as error:
        assert str(error)
