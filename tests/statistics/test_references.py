"""The same numbers as other people's libraries, and as definitions written out."""

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.statistics import (
    Estimate,
    PairedDifference,
    clustered_mean,
    clustered_se,
    detectable_difference,
    holm,
    mcnemar_exact,
    paired_by_cluster,
    pass_at_k,
    pass_hat_k,
    scenarios_for_paired,
    sign_flip_test,
    wilson,
)

SEEDS = range(6)


def unbalanced(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Trials of 8 to 20 scenarios, 1 to 6 of each."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(count := rng.integers(8, 20)), rng.integers(1, 7, size=count))
    return (rng.random(clusters.size) < rng.beta(1.4, 0.6, size=count)[clusters]).astype(float), clusters


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 7), (3, 7), (7, 7), (84, 200), (9_999, 10_000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_is_statsmodels(successes, n, confidence):
    from statsmodels.stats.proportion import proportion_confint

    found = wilson(successes, n, confidence=confidence)
    assert isinstance(found, Estimate)
    expected: Any = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("pairs", [(0, 1), (3, 9), (13, 15), (40, 41), (0, 30), (200, 150)])
def test_mcnemar_is_statsmodels_and_scipys_binomial(pairs):
    from statsmodels.stats.contingency_tables import mcnemar

    expected: Any = mcnemar([[5, pairs[0]], [pairs[1], 7]], exact=True)
    assert mcnemar_exact(*pairs) == pytest.approx(expected.pvalue)
    assert mcnemar_exact(*pairs) == pytest.approx(stats.binomtest(pairs[0], sum(pairs)).pvalue)


@pytest.mark.parametrize("seed", SEEDS)
def test_cr1_is_statsmodels_cluster_robust_regression(seed):
    import statsmodels.api as sm

    values, clusters = unbalanced(seed)
    # Its correction has (n-1)/(n-k) besides G/(G-1); with the intercept alone that is 1.
    fitted: Any = sm.OLS(values, np.ones(values.size)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True, "df_correction": True}, use_t=True
    )
    assert clustered_se(values, clusters, "CR1") == pytest.approx(fitted.bse[0])
    found = clustered_mean(values, clusters, correction="CR1")
    assert isinstance(found, Estimate)
    low, high = fitted.conf_int()[0]
    assert (found.low, found.high) == pytest.approx((max(0, low), min(1, high)))


@pytest.mark.parametrize("seed", SEEDS)
def test_cr2_is_bell_and_mccaffreys_definition(seed):
    """The hat matrix, each cluster's inverse square root and the Satterthwaite form, written out as matrices."""
    values, clusters = unbalanced(seed)
    n = values.size
    annihilator = np.eye(n) - np.full((n, n), 1 / n)
    rows = []
    for cluster in np.unique(clusters):
        own = np.flatnonzero(clusters == cluster)
        eigenvalues, vectors = np.linalg.eigh(annihilator[np.ix_(own, own)])
        adjusted = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T
        rows.append(np.ones(own.size) @ adjusted @ annihilator[own] / n)
    forms = np.array(rows)
    se = float(np.sqrt(((forms @ values) ** 2).sum()))
    spectrum = np.linalg.eigvalsh(forms @ forms.T)
    df = spectrum.sum() ** 2 / (spectrum**2).sum()
    assert clustered_se(values, clusters, "CR2") == pytest.approx(se)
    found = clustered_mean(values, clusters)
    assert isinstance(found, Estimate)
    half = stats.t.ppf(0.975, df) * se
    assert (found.low, found.high) == pytest.approx((max(0, values.mean() - half), min(1, values.mean() + half)))


@pytest.mark.parametrize("seed", SEEDS)
def test_pairing_is_scipys_paired_t_test_on_scenario_means(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.random((12, 3)), rng.random((12, 3)) + 0.1
    labels = np.repeat(np.arange(12), 3)
    found = paired_by_cluster(first.ravel(), labels, second.ravel(), labels, confidence=0.9)
    assert isinstance(found, PairedDifference)
    expected: Any = stats.ttest_rel(second.mean(1), first.mean(1))
    interval = expected.confidence_interval(0.9)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("seed", SEEDS)
def test_sign_flips_by_enumeration(seed):
    # Thirds tie often, and a tie that rounding splits would be missed.
    differences = np.random.default_rng(seed).integers(-3, 4, size=10) / 3
    totals = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in product((1, -1), repeat=10)]
    expected = np.mean([total >= abs(differences.sum()) - 1e-9 for total in totals])
    assert sign_flip_test(differences) == pytest.approx(expected)
    exact: Any = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=5_000)
    assert sign_flip_test(differences) == pytest.approx(exact.pvalue)


def test_random_sign_flips_come_near_the_exact_ones():
    differences = np.random.default_rng(3).normal(0.3, 1, size=16)
    signs = 1 - 2 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    exact = float((np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9).mean())
    assert sign_flip_test(differences, draws=50_000) == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03, 0.5], [0.2], [0.05, 0.05, 0.0, 1.0, 0.049]])
def test_holm_is_statsmodels(p_values):
    from statsmodels.stats.multitest import multipletests

    expected: Any = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(expected))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_pass_of_k_by_drawing_every_k_of_the_trials(k):
    scenarios = [[1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0], [1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 0]]
    successes, trials = [sum(s) for s in scenarios], [len(s) for s in scenarios]
    for of, holds in ((pass_hat_k, all), (pass_at_k, any)):
        expected = np.mean([np.mean([holds(drawn) for drawn in combinations(s, k)]) for s in scenarios])
        found = of(successes, trials, k)
        assert isinstance(found, Estimate)
        assert found.value == pytest.approx(expected)


def test_bootstrap_and_t_agree_where_there_is_much_data():
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(400), 3)
    values = (rng.random(1200) < rng.beta(1.4, 0.6, size=400)[clusters]).astype(float)
    t, drawn = clustered_mean(values, clusters), clustered_mean(values, clusters, method="bootstrap")
    assert isinstance(t, Estimate) and isinstance(drawn, Estimate)
    assert (drawn.low, drawn.high) == pytest.approx((t.low, t.high), abs=0.003)


@pytest.mark.parametrize(("difference", "sd"), [(0.1, 0.3), (0.1, 0.45), (0.2, 0.3), (0.3, 0.35), (0.05, 0.3)])
def test_the_planned_size_has_the_power_of_the_noncentral_t(difference, sd):
    scenarios = scenarios_for_paired(difference, variance=sd**2)

    def power(n: int) -> float:
        return float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, difference * np.sqrt(n) / sd))

    assert power(scenarios) == pytest.approx(0.8, abs=0.02)
    assert power(scenarios) >= 0.795
    shown = detectable_difference(scenarios, sd=sd).difference
    assert shown == pytest.approx(difference, rel=0.03)
