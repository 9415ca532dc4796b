import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.errors import Refused
from assay.tracking import Tracking, append_ledger, connect, read_ledger


def test_lines_are_only_ever_added(t: Tracking, store_uri: str) -> None:
    assert read_ledger(t, "shop") == []
    for number in range(3):
        append_ledger(t, "shop", f'{{"line": {number}}}', expected_lines=number)
    assert read_ledger(connect(store_uri), "shop") == ['{"line": 0}', '{"line": 1}', '{"line": 2}']
    assert read_ledger(t, "other") == []


def test_a_decision_on_an_old_ledger_is_refused(t: Tracking) -> None:
    append_ledger(t, "shop", "first", expected_lines=0)
    with pytest.raises(Refused, match="the ledger of shop has 1 lines, not 0: somebody decided meanwhile"):
        append_ledger(t, "shop", "second", expected_lines=0)
    assert read_ledger(t, "shop") == ["first"]


def test_of_many_who_decide_at_once_each_line_is_kept(t: Tracking) -> None:
    def decide(number: int) -> bool:
        try:
            append_ledger(t, "shop", f"line {number}", expected_lines=len(read_ledger(t, "shop")))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(decide, range(12)))
    assert len(read_ledger(t, "shop")) == sum(done)


APPEND_TWENTY = """
import sys
from assay.tracking import connect

sys.path.insert(0, sys.argv[2])
from test_ledger import append_twenty

t = connect(sys.argv[1])
print("ready", flush=True)
append_twenty(t, "other")
"""


def append_twenty(t: Tracking, name: str) -> None:
    for number in range(20):
        while True:
            try:
                append_ledger(t, "shop", f"{name} {number}", expected_lines=len(read_ledger(t, "shop")))
                break
            except Refused:
                continue


def test_two_processes_do_not_overwrite_each_other(t: Tracking, store_uri: str) -> None:
    append_ledger(t, "shop", "first", expected_lines=0)
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", APPEND_TWENTY, store_uri, here]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    append_twenty(t, "this")
    other.communicate()
    assert other.returncode == 0
    wanted = [f"{name} {number}" for name in ("other", "this") for number in range(20)]
    assert sorted(read_ledger(t, "shop")) == sorted(["first", *wanted])
