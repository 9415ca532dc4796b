"""The database of jobs holds JSON, and a pickle that somebody put there runs no code."""

import base64
import os
import pickle
from pathlib import Path

import pytest

from assay.lifecycle.serialization import json_serializer, plain_value
from assay.lifecycle.workers import JobFailed


class Exploit:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def pickled(value: object) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()


def test_a_pickle_that_names_code_is_refused_in_whatever_row_it_stands(tmp_path: Path):
    from dbos._serialization import deserialize_value

    serializer = json_serializer()
    for value in (Exploit(tmp_path / "ran"), {"args": (Exploit(tmp_path / "ran"),), "kwargs": {}}):
        with pytest.raises(pickle.UnpicklingError):
            deserialize_value(pickled(value), "py_pickle", serializer)
    assert not (tmp_path / "ran").exists()


def test_jobs_of_earlier_versions_are_read():
    inputs = {"args": ({"kind": "judge", "request": {"trials": 3}},), "kwargs": {}}
    assert plain_value(pickled(inputs)) == inputs
    failed = plain_value(pickled(JobFailed("BadInput: no such judge")))
    assert isinstance(failed, JobFailed) and str(failed) == "BadInput: no such judge"
    assert isinstance(plain_value(pickled(ValueError("x"))), ValueError)


def test_new_rows_are_json():
    serializer = json_serializer()
    text = serializer.serialize({"kind": "judge", "n": 1})
    assert text == '{"kind":"judge","n":1}' and serializer.deserialize(text) == {"kind": "judge", "n": 1}
