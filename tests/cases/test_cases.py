"""Each fault that outside testing found, with its small input and the right value.

A folder beside this file is a case: its inputs, and a `case.py` whose `check(bench)` asserts the right value.
"""

import runpy
from pathlib import Path

import pytest

from tests.cases.bench import Bench

HERE = Path(__file__).parent
CASES = sorted(file.parent.name for file in HERE.glob("*/case.py"))


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, bench: Bench) -> None:
    runpy.run_path(str(HERE / name / "case.py"))["check"](bench.of(HERE / name))
