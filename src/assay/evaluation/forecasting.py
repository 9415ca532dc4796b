"""What production is expected to show, scored once it has shown it, and the record of all such forecasts."""

from collections.abc import Sequence

from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest, Forecast, RatePrecision
from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.feedback import Feedback, ForecastRecord, ForecastScore, ProductionReport
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


def score(
    predicted: Quantity, observed: Quantity, items: Sequence[Feedback], topic: str | None = None
) -> ForecastScore | None:
    """Whether the prediction for as many conversations as came holds what was observed; None: none was predicted.

    predicted: the rate as it was known before. Each user counts once among those that came.
    """
    from assay.statistics.forecast import brier

    if not isinstance(predicted, Estimate):
        return None
    rated = [item for item in items if item.negative is not None]
    users = {item.user or item.conversation_id or item.feedback_id for item in rated}
    for_these = expected(predicted, max(1, len(users)))
    assert isinstance(for_these, Estimate)  # noqa: S101, an estimate stays one
    covered = None
    if isinstance(observed, Estimate):
        covered = for_these.low <= observed.value <= for_these.high
    outcomes = [float(not item.negative) for item in rated]
    return ForecastScore(
        topic=topic,
        predicted=for_these,
        observed=observed,
        covered=covered,
        brier=brier([predicted.value] * len(outcomes), outcomes),
    )


def scores_by_topic(
    report: AnalyticsReport, items: Sequence[Feedback], observed: dict[str, Quantity]
) -> tuple[ForecastScore, ...]:
    """Of every topic that was forecast and has feedback."""
    rates = {rate.value: rate.pass_rate for rate in report.slices if rate.dimension == "topic"}
    found = []
    for topic, seen in observed.items():
        if topic in rates:
            inside = [item for item in items if item.topic == topic]
            if (scored := score(rates[topic], seen, inside, topic)) is not None:
                found.append(scored)
    return tuple(found)


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
