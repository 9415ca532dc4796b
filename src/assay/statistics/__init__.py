"""Pure functions on arrays: intervals, paired tests, pass^k. They import nothing of ours."""

from assay.statistics.estimate import Estimate, Insufficient, PairedDifference
from assay.statistics.intervals import clustered_mean, clustered_se, design_effect, naive_mean, weighted_mean, wilson
from assay.statistics.paired import holm, mcnemar_exact, paired_by_cluster, scenario_differences, sign_flip_test
from assay.statistics.power import (
    Detectable,
    VarianceComponents,
    detectable_difference,
    labels_for_admission,
    scenarios_for_paired,
    variance_components,
)
from assay.statistics.trials import pass_at_k, pass_hat_k

__all__ = [
    "Detectable",
    "Estimate",
    "Insufficient",
    "PairedDifference",
    "VarianceComponents",
    "clustered_mean",
    "clustered_se",
    "design_effect",
    "detectable_difference",
    "holm",
    "labels_for_admission",
    "mcnemar_exact",
    "naive_mean",
    "paired_by_cluster",
    "pass_at_k",
    "pass_hat_k",
    "scenario_differences",
    "scenarios_for_paired",
    "sign_flip_test",
    "variance_components",
    "weighted_mean",
    "wilson",
]
