"""`assay plan`, before and after something was judged."""

import json

from tests.conftest import SHOP


def test_without_an_earlier_run_typical_variances_are_taken_and_said_so(assay):
    found = json.loads(assay("plan", "--difference", "0.1", "--json").stdout)
    assert "typical" in found["variance_from"]
    assert found["detectable"] is None
    best = found["options"][0]
    assert best["conversations"] == 2 * best["trials"] * best["scenarios"]
    assert found["labels_met"] == 62


def test_a_budget_decides_and_the_advice_says_what_to_do(assay):
    flags = ["plan", "--difference", "0.05", "--usd-per-conversation", "0.02", "--budget-usd", "10"]
    out = assay(*flags).stdout
    assert "No way to find 5 points fits 10 USD" in out
    assert "in budget" in out


def test_an_earlier_comparison_gives_its_variances(assay):
    command = ["pipeline", "run", "--project", "shop", "--approve-all", "--json", "--trials", "2"]
    cards = ["--champion", str(SHOP / "v1.json"), "--challenger", str(SHOP / "v2.json")]
    assay(*command, *cards, "--dataset", str(SHOP / "dataset.jsonl"))
    found = json.loads(assay("plan", "--project", "shop", "--json").stdout)
    assert found["variance_from"] == "an earlier comparison on 56 scenarios"
    assert 0 < found["detectable"] < 1
    sizes = [(option["conversations"], option["scenarios"]) for option in found["options"]]
    assert sizes == sorted(sizes)


def test_half_of_the_earlier_comparison_is_refused(assay):
    ended = assay("plan", "--champion", "judging-0000000000000000", code=2)
    assert "give both judgings, or neither" in ended.stderr
