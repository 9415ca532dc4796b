"""Patterns and paths: linear, bounded, and as Python's `re` finds them where both take the pattern."""

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.contracts.dataset import OutcomeCheck, SaysCheck
from assay.contracts.expressions import MOST_STEPS, TooMuch, compile_path, compile_pattern
from assay.contracts.text import Normalised, normalise


def test_a_pattern_that_backtracks_for_ever_elsewhere_ends():
    for pattern in (r"(a+)+$", r"(a|a)+$", r"(.*a){20}$"):
        started = time.process_time()
        assert compile_pattern(pattern).search("a" * 60 + "!") is None
        assert compile_pattern(pattern).search("é" + "a" * 100_000 + "!") is None
        assert time.process_time() - started < 5  # backtracking would need more than the age of the universe


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("(?!refund)", "look-ahead and look-behind are not supported"),
        (r"(a)\1", "back-references are not supported"),
        ("a" * 501, "at most 500"),
        ("(" * 400, "close what is open"),
        (r"\Bx", r"write \b"),
        ("(((a{100}){100}){100})", "repeat less"),
    ],
)
def test_what_no_pattern_may_hold_is_refused_with_what_to_write(pattern, advice):
    with pytest.raises(ValidationError, match=re.escape(advice)):
        SaysCheck(pattern=pattern)


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("[" * 2000, "at most 500"),
        ("!" * 400 + "@", "nested"),
        ("[@,@]|" * 20 + "@", "copies what it reads too often"),
        ("a b", "no JMESPath expression"),
    ],
)
def test_what_no_path_may_hold_is_refused(path, advice):
    with pytest.raises(ValidationError, match=re.escape(advice)):
        OutcomeCheck(path=path, equals=1)


def test_a_path_stops_in_an_outcome_that_is_too_large():
    with pytest.raises(TooMuch):
        compile_path("a[*].b").search({"a": [{"b": 1}] * MOST_STEPS})
    assert compile_path("a[*].b | length(@)").search({"a": [{"b": 1}] * 9}) == 9


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("can’t", "can't"),
        ("24‑hour", "24-hour"),
        ("5\u202f€", "5 €"),
        ("cafe\u0301", "café"),
        ("re\u200bfund", "refund"),
        ("re\u00adfund", "refund"),
        ("ＡＢ１", "AB1"),
        ("ﬁne", "fine"),
        ("10²", "10²"),
        ("“so”", '"so"'),
        ("한", "한"),
    ],
)
def test_what_looks_alike_is_spelled_alike(written, plain):
    assert normalise(written) == plain
    assert normalise(plain) == plain


@given(st.text(max_size=60))
def test_every_part_of_a_normalised_text_leads_back_to_the_source(text):
    spelled = Normalised(text)
    assert spelled.original(0, len(spelled.text)) in text
    for place in range(len(spelled.text)):
        assert spelled.original(place, place + 1) in text
    assert normalise(spelled.text) == spelled.text


PARTS = st.sampled_from(
    [r"\b", "a", "ü", r"\w", r"\d", r"\s", ".", "[aü]", "[^a]", "(?:ü|b)", "a?", r"\w+", " ", "ß", r"\?"]
)
PATTERNS = st.tuples(
    st.sampled_from(["", "^"]), st.lists(PARTS, min_size=1, max_size=6).map("".join), st.sampled_from(["", "$"])
).map("".join)
TEXTS = st.text(alphabet="aübß 1_-?ж", max_size=12)


@settings(max_examples=500, deadline=None)
@given(PATTERNS, TEXTS)
@example(r"\bübung\b", "die übung!")
@example(r"\bé\w*", "l'été")
@example(r"$\b", "ß")
def test_letters_and_word_boundaries_are_those_of_unicode(pattern, text):
    assert (compile_pattern(pattern).search(text) is None) == (re.search(pattern, text, re.IGNORECASE) is None)
