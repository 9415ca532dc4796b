"""Text that no store takes is replaced, and nothing else is touched."""

from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.text import clean, clean_json


def test_nul_and_lone_surrogates_are_replaced_and_emoji_stay():
    assert clean("a\x00b\ud83dc 😀") == "a\ufffdb\ufffdc 😀"
    assert clean_json({"k\ud800": ["\x00", 1, None, {"x": "y"}]}) == {"k\ufffd": ["\ufffd", 1, None, {"x": "y"}]}


@given(st.text(alphabet=st.characters()))
def test_whatever_comes_can_be_encoded_and_holds_no_nul(text):
    cleaned = clean(text)
    assert b"\x00" not in cleaned.encode() and len(cleaned) == len(text)
