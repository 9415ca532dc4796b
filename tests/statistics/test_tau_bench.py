"""tau-bench airline, 200 real conversations: every number equals the one computed apart from us."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.statistics import (
    Estimate,
    PairedDifference,
    clustered_mean,
    clustered_se,
    design_effect,
    mcnemar_exact,
    naive_mean,
    paired_by_cluster,
    pass_at_k,
    pass_hat_k,
    wilson,
)
from tests.conftest import DATA

TAU = DATA / "tau-bench-airline"
pytestmark = pytest.mark.skipif(not TAU.exists(), reason=f"{TAU.name} is not beside the repository (shared/data)")


def close(expected: Any) -> Any:
    return pytest.approx(expected, abs=5e-6)


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return json.loads((TAU / "expected.json").read_text())


@pytest.fixture(scope="module")
def trials() -> np.ndarray:
    rows = [json.loads(line) for line in (TAU / "traces.jsonl").read_text().splitlines()]
    return np.array([(row["task_id"], row["trial"], row["reward"]) for row in rows])


@pytest.fixture(scope="module")
def reward(trials: np.ndarray) -> np.ndarray:
    return trials[:, 2]


@pytest.fixture(scope="module")
def task(trials: np.ndarray) -> np.ndarray:
    return trials[:, 0].astype(int)


@pytest.fixture(scope="module")
def sides(trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Trials 0, 1 and trials 2, 3, each in the order of task and trial: one agent against itself."""
    ordered = trials[np.lexsort((trials[:, 1], trials[:, 0]))]
    return ordered[ordered[:, 1] < 2], ordered[ordered[:, 1] >= 2]


def test_the_mean_and_its_standard_errors(truth, reward, task):
    expected = truth["reward"]
    naive = naive_mean(reward)
    assert isinstance(naive, Estimate)
    assert (naive.value, naive.n) == (close(expected["mean"]), expected["n"])
    assert (naive.low, naive.high) == close(tuple(expected["ci95_naive_z"]))
    assert (naive.high - naive.low) / 2 / 1.959964 == close(expected["se_naive"])
    assert clustered_se(reward, task, "CR0") == close(expected["se_clustered_CR0"])
    assert clustered_se(reward, task, "CR1") == close(expected["se_clustered_CR1"])
    assert design_effect(reward, task) == close(expected["design_effect"])


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"method": "z", "correction": "CR0"}, "ci95_clustered_z"),
        ({"method": "t", "correction": "CR1"}, "ci95_clustered_t"),
        ({}, "ci95_clustered_t"),  # the default, CR2, is the same where scenarios have equally many trials
        ({"method": "bootstrap", "seed": 12345}, "cluster_bootstrap_pct95_seed12345"),
    ],
)
def test_intervals_clustered_by_scenario(truth, reward, task, options, name):
    found = clustered_mean(reward, task, **options)
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == close(tuple(truth["reward"][name]))
    assert (found.n, found.clusters) == (200, 50)


def test_wilson_as_if_there_were_no_clusters(truth, reward):
    found = wilson(int(reward.sum()), reward.size)
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == close(tuple(truth["reward"]["wilson95_ignoring_clusters"]))


@pytest.mark.parametrize(("of", "name"), [(pass_hat_k, "pass_hat_k"), (pass_at_k, "pass_at_k")])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_pass_of_k_trials(truth, reward, task, of: Callable, name: str, k: int):
    successes = np.bincount(task, weights=reward).astype(int)
    found = of(successes, np.full(50, truth["n_trials"]), k)
    assert found.value == close(truth[name][str(k)])
    if name == "pass_hat_k":
        assert round(found.value, 3) == truth["published_readme_pass_hat_k"][str(k)]


def test_one_agent_against_itself(truth, sides):
    expected = truth["a_a_test_trials_2_3_minus_0_1"]
    first, second = sides
    found = paired_by_cluster(first[:, 2], first[:, 0], second[:, 2], second[:, 0])
    assert isinstance(found, PairedDifference)
    assert (found.n_pairs, found.clusters) == (expected["n_pairs"], expected["clusters"])
    assert found.value == close(expected["difference"])
    assert found.se == close(expected["se_clustered_CR1"])
    assert (found.low, found.high) == close(tuple(expected["ci95_t_CR1"]))
    assert found.p == close(expected["p_t_CR1"])
    matched = second[:, 2] - first[:, 2]
    assert clustered_se(matched, first[:, 0], "CR0") == close(expected["se_clustered_CR0"])


def test_its_discordant_pairs(truth, sides):
    expected = truth["a_a_test_trials_2_3_minus_0_1"]
    # The record names its sides "trials 2, 3 minus 0, 1": there trials 2, 3 come first.
    second, first = sides[0][:, 2], sides[1][:, 2]
    first_only, second_only = int((first > second).sum()), int((second > first).sum())
    assert (first_only, second_only) == (expected["first_only"], expected["second_only"])
    assert mcnemar_exact(first_only, second_only) == close(expected["mcnemar_exact_p"])
