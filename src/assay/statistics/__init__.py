"""Pure functions on arrays: intervals, paired tests, pass^k. They import nothing of ours.

NumPy is imported with the first function that is used, not with the types of their answers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from assay.statistics.estimate import Estimate, Insufficient, PairedDifference

if TYPE_CHECKING:
    from assay.statistics.intervals import (
        clustered_mean,
        clustered_se,
        design_effect,
        naive_mean,
        weighted_mean,
        wilson,
    )
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

_MODULES = ("intervals", "paired", "power", "trials")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _MODULES:
            functions = vars(import_module(f"assay.statistics.{module}"))
            if name in functions:
                return functions[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
