"""Conversations that nobody here made: 200 of tau-bench airline, one command each, held against known numbers."""

import json

import pytest

from tests.conftest import DATA

TAU = DATA / "tau-bench-airline"
pytestmark = [
    pytest.mark.skipif(not TAU.is_dir(), reason="../shared/data/tau-bench-airline is not there"),
    pytest.mark.xdist_group("tau"),
]


def test_imported_analyzed_and_compared_they_give_the_published_numbers(assay):
    expected = json.loads((TAU / "expected.json").read_text())
    assay("simulate", "import", str(TAU), "--format", "tau-bench", "--agent", "gpt-4o-airline@2024", "--project", "tau")

    report = json.loads(assay("analytics", "report", "--project", "tau", "--json").stdout)
    rate, reward = report["pass_rate"], expected["reward"]
    assert (rate["n"], rate["clusters"]) == (reward["n"], reward["clusters"])
    assert rate["value"] == pytest.approx(reward["mean"], abs=1e-6)
    assert [rate["low"], rate["high"]] == pytest.approx(reward["ci95_clustered_t"], abs=1e-5)
    precision = report["precision"]
    for name in ("se_naive", "se_clustered_cr0", "se_clustered_cr1", "design_effect"):
        assert precision[name] == pytest.approx(reward[name.replace("_cr", "_CR")], abs=1e-5), name
    for ours, theirs in (
        ("naive", "ci95_naive_z"),
        ("bootstrap", "cluster_bootstrap_pct95_seed12345"),
        ("wilson", "wilson95_ignoring_clusters"),
    ):
        assert [precision[ours]["low"], precision[ours]["high"]] == pytest.approx(reward[theirs], abs=1e-5), ours
    assert report["judge"]["state"] == "by_code" and report["as_scored"] is None  # no conversation is taken for broken
    for k in ("1", "2", "3", "4"):
        assert report["pass_hat_k"][int(k) - 1]["value"] == pytest.approx(expected["pass_hat_k"][k], abs=1e-6)
        assert report["pass_at_k"][int(k) - 1]["value"] == pytest.approx(expected["pass_at_k"][k], abs=1e-6)

    arguments = ["--champion-trials", "0,1", "--challenger-trials", "2,3"]
    comparison = json.loads(assay("compare", "run", "--project", "tau", *arguments, "--json").stdout)
    known, paired = expected["a_a_test_trials_2_3_minus_0_1"], comparison["pass_rate"]
    assert paired["difference"]["value"] == pytest.approx(known["difference"], abs=1e-6)
    assert [paired["difference"]["low"], paired["difference"]["high"]] == pytest.approx(known["ci95_t_CR1"], abs=1e-5)
    assert paired["se"] == pytest.approx(known["se_clustered_CR1"], abs=1e-5)
    assert paired["p"] == pytest.approx(known["p_t_CR1"], abs=1e-5)
    assert paired["mcnemar_p"] == pytest.approx(known["mcnemar_exact_p"], abs=1e-5)
    assert {paired["champion_only"], paired["challenger_only"]} == {known["first_only"], known["second_only"]}
    assert comparison["recommendation"] == "INCONCLUSIVE"


def test_a_second_import_stores_nothing_twice(assay):
    command = ["simulate", "import", str(TAU), "--format", "tau-bench", "--agent", "gpt-4o-airline@2024", "--json"]
    first, again = (json.loads(assay(*command).stdout) for _ in range(2))
    assert first == again
    assert first["conversations"] == 200
