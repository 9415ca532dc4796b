"""What a judge's mistakes do to a rate, and a rate that labels have set right.

Verdicts are 1 (met) or 0 (not met). People's labels are the truth here; the judge's verdicts are cheap and wrong at
times.
"""

from assay.statistics.calibration.accuracy import Admission, OperatingPoint, admission, operating_point
from assay.statistics.calibration.drawing import NextLabels, inclusion_probabilities, next_labels
from assay.statistics.calibration.inversion import LEAST_TOLD_APART, Refused, inverted_difference, rogan_gladen
from assay.statistics.calibration.prediction_power import (
    TUNING_NEEDS,
    labels_needed,
    prediction_powered,
    prediction_powered_two_samples,
    pseudo_outcomes,
)
from assay.statistics.calibration.ratings import auc
from assay.statistics.calibration.stability import corrected_pass_hat_k

__all__ = [
    "LEAST_TOLD_APART",
    "TUNING_NEEDS",
    "Admission",
    "NextLabels",
    "OperatingPoint",
    "Refused",
    "admission",
    "auc",
    "corrected_pass_hat_k",
    "inclusion_probabilities",
    "inverted_difference",
    "labels_needed",
    "next_labels",
    "operating_point",
    "prediction_powered",
    "prediction_powered_two_samples",
    "pseudo_outcomes",
    "rogan_gladen",
]
