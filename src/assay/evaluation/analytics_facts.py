"""The numbers that an analytics report may speak of, each with the conversations behind it."""

from collections.abc import Iterable, Sequence

from assay.contracts.analytics import AnalyticsReport
from assay.contracts.report import Fact
from assay.evaluation.facts import slice_fact_id
from assay.evaluation.measures import Measure, agent_turns, reported
from assay.evaluation.results import TrialResult, passes, quantity
from assay.evaluation.weak_slices import low_and_few

BEHIND = 50
"""Conversations named behind one fact, at most."""


def analytics_facts(report: AnalyticsReport, results: Sequence[TrialResult]) -> tuple[Fact, ...]:
    """Rates, counts, speed, tokens and cost, in the order in which a reader wants them."""
    failing = [result for result in results if result.judgment.passed is False]
    counted = "" if report.corrected_pass_rate is None else ", as the judge counts"
    return (
        *(
            (
                Fact(
                    fact_id="corrected_pass_rate",
                    label="Conversations that meet every expectation, corrected by people's labels",
                    value=report.corrected_pass_rate,
                    unit="share",
                ),
            )
            if report.corrected_pass_rate is not None
            else ()
        ),
        Fact(
            fact_id="pass_rate",
            label=f"Conversations that meet every expectation{counted}",
            value=report.pass_rate,
            unit="share",
            conversation_ids=_ids(failing),
        ),
        Fact(fact_id="mean_score", label="Expectations met", value=report.mean_score, unit="score"),
        Fact(fact_id="scenarios", label="Scenarios", value=report.scenarios),
        Fact(fact_id="conversations", label="Conversations", value=report.conversations),
        Fact(fact_id="judged", label="Conversations that were judged", value=report.judged),
        Fact(
            fact_id="unjudged",
            label="Conversations without a verdict",
            value=report.conversations - report.judged,
            conversation_ids=_ids(result for result in results if not result.judged),
        ),
        *_pass_bounds(results),
        Fact(fact_id="failed", label="Conversations that failed", value=len(failing), conversation_ids=_ids(failing)),
        *_sound(results),
        *_precision(report),
        *_stability(report),
        *(
            Fact(
                fact_id=slice_fact_id(rate.dimension, rate.value),
                label=f"Pass rate, {rate.dimension} {rate.value}",
                value=rate.pass_rate,
                unit="share",
            )
            for rate in report.slices
        ),
        *(
            Fact(
                fact_id=f"{slice_fact_id(rate.dimension, rate.value)}.passed",
                label=f"Passes, {rate.dimension} {rate.value}",
                value=f"{rate.passed} of {rate.judged}",
                unit="text",
            )
            for rate in low_and_few(report)
        ),
        *(
            Fact(
                fact_id=f"cluster_{place}",
                label=f"Failures: {cluster.name}",
                value=cluster.conversations,
                conversation_ids=cluster.conversation_ids,
            )
            for place, cluster in enumerate(report.clusters, start=1)
        ),
        *(
            Fact(
                fact_id=f"blamed.{attribution.blamed}",
                label=f"Put down to the {attribution.blamed.replace('_', ' ')}",
                value=attribution.share,
                unit="share",
                conversation_ids=attribution.conversation_ids,
            )
            for attribution in report.attributions
        ),
        *_work(results),
    )


def _pass_bounds(results: Sequence[TrialResult]) -> Iterable[Fact]:
    """Where conversations have no verdict: a judge abstains on some outcomes more than on others, so the rest is no
    random part of all."""
    judged = [result for result in results if result.judged]
    if not judged or len(judged) == len(results):
        return
    passed = sum(result.judgment.passed is True for result in judged)
    low, high = (100 * count / len(results) for count in (passed, passed + len(results) - len(judged)))
    yield Fact(
        fact_id="pass_bounds",
        label="Share that passes, were all without a verdict failed, or passed",
        value=f"{low:.1f} to {high:.1f} %",
        unit="text",
    )


def _stability(report: AnalyticsReport) -> Iterable[Fact]:
    """From k = 2 on: pass^1 is the pass rate, and a second interval around it would only raise questions."""
    counted = ", as the judge counts" if report.corrected_pass_hat_k else ""
    for k, rate in enumerate(report.corrected_pass_hat_k, start=1):
        if k > 1:
            label = f"All of {k} trials pass (pass^{k}), corrected by people's labels"
            yield Fact(fact_id=f"corrected_pass_hat_{k}", label=label, value=rate, unit="share")
    for k, rate in enumerate(report.pass_hat_k, start=1):
        if k > 1:
            label = f"All of {k} trials pass (pass^{k}){counted}"
            yield Fact(fact_id=f"pass_hat_{k}", label=label, value=rate, unit="share")
    for k, rate in enumerate(report.pass_at_k, start=1):
        if k > 1:
            label = f"One of {k} trials passes (pass@{k}){counted}"
            yield Fact(fact_id=f"pass_at_{k}", label=label, value=rate, unit="share")


def _work(results: Sequence[TrialResult]) -> Iterable[Fact]:
    """Latency, tokens, turns and cost, where they are known."""
    import numpy as np

    from assay.statistics import clustered_mean

    turns = [turn for result in results for turn in agent_turns(result.conversation)]
    latencies = [turn.latency_s for turn in turns if turn.latency_s is not None]
    if latencies:
        p50, p95 = np.quantile(latencies, (0.5, 0.95))
        yield Fact(fact_id="latency_p50", label="Median answer time", value=float(p50), unit="seconds")
        yield Fact(fact_id="latency_p95", label="95th percentile of the answer time", value=float(p95), unit="seconds")
    scenarios = np.array([result.judgment.scenario_id for result in results], dtype=object)
    for measure in reported():
        values = [measure.of(result.conversation) for result in results]
        known = np.array([value is not None for value in values])
        if known.any():
            mean = clustered_mean(np.array([v for v in values if v is not None], dtype=float), scenarios[known])
            yield Fact.model_validate(
                {"fact_id": fact_of(measure), "label": measure.label, "value": quantity(mean), "unit": measure.unit}
            )


def fact_of(measure: Measure) -> str:
    """The id of the fact that holds its mean."""
    return {"agent_turns": "turns", "cost_usd": "cost"}.get(measure.name, measure.name)


def _precision(report: AnalyticsReport) -> Iterable[Fact]:
    """How sure the rate is, and how sure it would look to who takes every conversation for independent."""
    found = report.precision
    if found is not None:
        errors = (
            ("se_clustered", "Standard error of the pass rate, clustered by scenario", found.se_clustered_cr1),
            ("se_naive", "The same as if all conversations were independent", found.se_naive),
            ("design_effect", "How many times larger clustering makes the variance", found.design_effect),
        )
        yield from (Fact(fact_id=name, label=label, value=value, unit="score") for name, label, value in errors)
        yield Fact(
            fact_id="naive_pass_rate", label="Pass rate as if all were independent", value=found.naive, unit="share"
        )
    if report.as_scored is not None:
        label = "Pass rate with broken conversations as they were scored"
        yield Fact(fact_id="as_scored", label=label, value=report.as_scored, unit="share")
    if report.forecast is not None:
        label = f"Forecast for {report.forecast.conversations:,} conversations to come"
        yield Fact(fact_id="forecast", label=label, value=report.forecast.pass_rate, unit="share")


def _ids(results: Iterable[TrialResult]) -> tuple[str, ...]:
    return tuple(result.conversation.conversation_id for result in results)[:BEHIND]


def _sound(results: Sequence[TrialResult]) -> tuple[Fact, ...]:
    """The pass rate where the user simulator made no mistake; nothing where it made none at all."""
    from assay.statistics import clustered_mean

    spoilt = [result for result in results if result.judged and result.conversation.simulator_faults]
    if not spoilt:
        return ()
    sound = [result for result in results if not result.conversation.simulator_faults]
    return (
        Fact(
            fact_id="sound_pass_rate",
            label="Conversations that meet every expectation, of those without a fault of the user simulator",
            value=quantity(clustered_mean(*passes(sound))),
            unit="share",
        ),
        Fact(
            fact_id="spoilt",
            label="Judged conversations with a fault of the user simulator",
            value=len(spoilt),
            conversation_ids=_ids(spoilt),
        ),
    )
