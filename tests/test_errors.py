"""Errors quote names from files, models and requests, whatever characters those hold."""

import pytest

from assay.errors import AssayError, BadInput
from assay.evaluation.exchange import feedback_of
from assay.evaluation.exchange.rows import Rows


def test_a_message_can_be_stored_and_printed():
    error = AssayError("name \ud800\x00", local="name \udfff in store")
    assert (error.public, str(error)) == ("name \ufffd\ufffd", "name \ufffd in store")


def test_an_error_names_a_field_that_no_terminal_can_print():
    row = b'{"rating": {"\\ud800": 1e999}}\n'
    with pytest.raises(BadInput, match=r"f\.jsonl:1: rating\.\ufffd: inf is no number") as refused:
        feedback_of(Rows(row, "f.jsonl"))
    assert str(refused.value).encode()
