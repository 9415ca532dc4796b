"""What production is expected to show, scored once it has shown it, and the record of all such forecasts."""

import math
from collections.abc import Sequence

from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest, Forecast, RatePrecision
from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.feedback import ForecastRecord, ForecastScore, ProductionReport
from assay.evaluation.results import TrialResult, passes, quantity, slice_of
from assay.statistics import Estimate as Estimated
from assay.statistics import Insufficient as TooLittle


def forecast(request: AnalyzeRequest, rate: Quantity, results: Sequence[TrialResult]) -> Forecast:
    """The pass rate of conversations to come, in all and by topic. rate: the best there is to say of it now."""
    from assay.statistics import clustered_mean

    topics = sorted({topic for result in results if (topic := slice_of(result, "topic")) is not None})
    by_topic = {}
    for topic in topics:
        inside = [result for result in results if slice_of(result, "topic") == topic]
        share = max(1, round(request.horizon * len(inside) / len(results)))
        by_topic[topic] = expected(quantity(clustered_mean(*passes(inside))), share)
    return Forecast(conversations=request.horizon, pass_rate=expected(rate, request.horizon), by_topic=by_topic)


def expected(rate: Quantity, conversations: int) -> Quantity:
    """What so many further conversations are expected to show, their luck included."""
    from assay.statistics.forecast import predict_rate

    if isinstance(rate, Insufficient):
        return rate
    known = Estimated(rate.value, rate.low, rate.high, rate.n, rate.clusters, rate.confidence, rate.method)
    return quantity(predict_rate(known, max(1, conversations), confidence=rate.confidence))


def score(predicted: AnalyticsReport, observed: AnalyticsReport) -> ForecastScore | None:
    """Whether the forecast of the pass rate holds what judges found on a sample of production.

    observed: the report on the judged sample. None: nothing was forecast.
    """
    return score_rate(predicted.expected, observed.expected, raw=observed.corrected_pass_rate is None)


def scores_by_topic(predicted: AnalyticsReport, observed: AnalyticsReport) -> tuple[ForecastScore, ...]:
    """Of every topic that both reports have."""
    rates = _by_topic(predicted)
    scores = [
        score_rate(rates[topic], rate, raw=True, topic=topic)
        for topic, rate in _by_topic(observed).items()
        if topic in rates
    ]
    return tuple(scored for scored in scores if scored is not None)


def _by_topic(report: AnalyticsReport) -> dict[str, Quantity]:
    return {rate.value: rate.pass_rate for rate in report.slices if rate.dimension == "topic"}


def score_rate(predicted: Quantity, observed: Quantity, *, raw: bool, topic: str | None = None) -> ForecastScore | None:
    """The forecast of one rate; None: there is none. raw: the observed rate is the judge's own, not corrected.

    The prediction's interval takes in the uncertainty of both rates by square-and-add (Newcombe 1998, method 10): if
    both are estimates of one rate, it holds the observed value about as often as its confidence says.
    """
    if not isinstance(predicted, Estimate):
        return None
    if not isinstance(observed, Estimate):
        return ForecastScore(topic=topic, predicted=predicted, observed=observed, covered=None, brier=None)
    value, rate = predicted.value, observed.value
    low = max(0.0, value - math.hypot(value - predicted.low, observed.high - rate))
    high = min(1.0, value + math.hypot(predicted.high - value, rate - observed.low))
    return ForecastScore(
        topic=topic,
        predicted=predicted.replace(low=low, high=high, method=f"{predicted.method}, square-and-add"),
        observed=observed,
        covered=low <= rate <= high,
        # each conversation passes or fails: the mean of (value - outcome) squared
        brier=(value - rate) ** 2 + rate * (1 - rate) if raw else None,
    )


def record(reports: Sequence[ProductionReport]) -> ForecastRecord | None:
    """Over all forecasts of these reports that could be held against production; None: there is none."""
    from assay.statistics.forecast import score_forecasts

    pairs = [
        (scored.predicted, scored.observed)
        for report in reports
        for scored in (report.forecast, *report.forecasts_by_topic)
        if scored is not None and isinstance(scored.observed, Estimate)
    ]
    if not pairs:
        return None
    found = score_forecasts(
        [predicted.low for predicted, _ in pairs],
        [predicted.high for predicted, _ in pairs],
        [predicted.value for predicted, _ in pairs],
        [observed.value for _, observed in pairs if isinstance(observed, Estimate)],
    )
    return ForecastRecord(
        forecasts=found.n,
        coverage=quantity(found.coverage, clustered_by="forecasts"),
        error=found.error,
        interval_score=found.interval_score,
        words=found.words,
    )


def precision(results: Sequence[TrialResult]) -> RatePrecision | None:
    """The interval of the pass rate in the ways that other tools compute it; None: too little data, or no variance."""
    from assay.statistics import clustered_mean, clustered_se, design_effect, naive_mean, wilson

    values, scenarios = passes(results)
    naive = naive_mean(values)
    bootstrap = clustered_mean(values, scenarios, method="bootstrap", seed=12345)
    if isinstance(naive, TooLittle) or isinstance(bootstrap, TooLittle) or values.std() == 0:
        return None
    return RatePrecision(
        naive=quantity(naive),
        wilson=quantity(wilson(int(values.sum()), int(values.size))),
        bootstrap=quantity(bootstrap),
        se_naive=float(values.std(ddof=1) / values.size**0.5),
        se_clustered_cr0=clustered_se(values, scenarios, "CR0"),
        se_clustered_cr1=clustered_se(values, scenarios, "CR1"),
        design_effect=design_effect(values, scenarios),
    )
