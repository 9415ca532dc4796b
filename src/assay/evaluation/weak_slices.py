"""Which slices do worse than the whole, when it is not forgotten how many were looked at."""

from collections.abc import Sequence

from assay.contracts.analytics import AnalyticsReport, SliceRate
from assay.contracts.estimate import Estimate, Quantity


def weak_slices(rates: Sequence[SliceRate], whole: Quantity) -> list[SliceRate]:
    """The slices whose interval lies below the rate of all, the lowest first.

    Of many slices the lowest always looks weak, so each interval is widened until all of them hold together
    (Bonferroni, Student's t with a degree of freedom less than there are scenarios).
    """
    from scipy import special

    if not isinstance(whole, Estimate):
        return []
    known = [
        (rate, rate.pass_rate)
        for rate in rates
        if isinstance(rate.pass_rate, Estimate) and rate.pass_rate.n < whole.n  # one that holds everything is no slice
    ]
    weak = []
    for rate, estimate in known:
        tail = (1 - estimate.confidence) / 2
        df = max(1, (estimate.clusters or estimate.n) - 1)
        wider = special.stdtrit(df, 1 - tail / len(known)) / special.stdtrit(df, 1 - tail)
        if estimate.value + wider * (estimate.high - estimate.value) < whole.value:
            weak.append((estimate.value, rate))
    return [rate for _, rate in sorted(weak, key=lambda row: row[0])]


def low_and_few(report: AnalyticsReport) -> list[SliceRate]:
    """Slices with too few scenarios for an interval whose share of passes lies below the whole's interval, lowest
    first: nothing is proven of them, but nobody may say that no slice is weaker."""
    if not isinstance(report.pass_rate, Estimate):
        return []
    low = report.pass_rate.low
    few = [
        rate
        for rate in report.slices
        if not isinstance(rate.pass_rate, Estimate) and rate.judged and rate.passed / rate.judged < low
    ]
    return sorted(few, key=lambda rate: (rate.passed / rate.judged, -rate.judged))
