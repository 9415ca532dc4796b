"""What a rollout's guardrails say of production so far, and what follows. Pure: observations in, an evaluation out."""

from collections.abc import Sequence
from datetime import datetime

from assay.contracts.calibration import JudgeCertificate
from assay.contracts.rollout import RolloutState
from assay.contracts.traffic import (
    Guardrail,
    GuardrailState,
    Observation,
    RolloutEvaluation,
    RolloutPolicy,
    Traffic,
)
from assay.errors import BadInput
from assay.evaluation.facts import UNITS
from assay.evaluation.measures import Measure, measure_named
from assay.statistics.sequential import Watched

SPLIT_ALPHA = 0.01


def require_watchable(policy: RolloutPolicy, field: str) -> None:
    """Raises BadInput for a guardrail of a measure that there is not, or that nothing is judged for."""
    for place, rail in enumerate(policy.guardrails):
        measure = measure_named(rail.measure, f"{field}.guardrails.{place}.measure")
        if measure.judged and not policy.expectations:
            raise BadInput(
                f"{field}.expectations: a guardrail of {measure.prose} needs what conversations are held against"
            )


def evaluate(
    traffic: Traffic,
    observations: Sequence[Observation],
    *,
    now: datetime,
    certificate: JudgeCertificate | None = None,
) -> RolloutEvaluation:
    """One look. A guardrail that is surely worse than its margin rolls back; a split that is not as planned stops;
    all good and the step's least time and conversations reached: the next step, or asking for it.

    certificate: of the judge, whose mistakes are taken out of quality; None: quality is as the judge sees it. The
    chance of a false rollback is at most 1 - confidence for the whole rollout, whenever and however often one looks.
    """
    rows = sorted(observations, key=lambda row: (row.at, row.conversation_id))
    each = 1 - (1 - traffic.policy.confidence) / len(traffic.policy.guardrails)
    states = tuple(_state(rail, rows, each, certificate) for rail in traffic.policy.guardrails)
    split_p = _split(traffic, rows)
    counts = sum(not row.challenger for row in rows), sum(row.challenger for row in rows)
    action, words, missing = _decided(traffic, rows, states, split_p, now)
    return RolloutEvaluation.model_validate(
        {
            "project": traffic.project,
            "rollout_id": traffic.rollout_id,
            "at": now,
            "step": traffic.step,
            "share": traffic.share,
            "guardrails": states,
            "split_p": split_p,
            "champion": counts[0],
            "challenger": counts[1],
            "action": action,
            "words": words,
            "missing": missing,
        }
    )


def _state(
    rail: Guardrail, rows: Sequence[Observation], confidence: float, certificate: JudgeCertificate | None
) -> GuardrailState:
    from assay.statistics.sequential import watch

    measure = measure_named(rail.measure, "guardrails.measure")
    limit = measure.limit if rail.limit is None else rail.limit
    low, high = _reach(measure, limit, certificate)
    seen = ((float(row.challenger), _value(measure, limit, row, certificate)) for row in rows)
    known = [(arm, min(max(value, low), high)) for arm, value in seen if value is not None]
    found = watch(
        [arm for arm, _ in known],
        [value for _, value in known],
        margin=min(rail.margin, high - low),
        confidence=confidence,
        low=low,
        high=high,
        lower_is_better=measure.better == "lower",
    )
    return GuardrailState(
        measure=rail.measure,
        call=found.call,
        value=found.value,
        low=found.low,
        high=found.high,
        champion=found.champion,
        challenger=found.challenger,
        words=_words(rail, measure, found),
    )


def _value(
    measure: Measure, limit: float | None, row: Observation, certificate: JudgeCertificate | None
) -> float | None:
    """What the conversation counts for, as yet not held between the bounds; None: it was not measured."""
    value = row.values.get(measure.name)
    if value is None:
        return None
    if measure.judged:
        apart = _apart(certificate)
        return value if apart is None else (value + apart[1] - 1) / (apart[0] + apart[1] - 1)
    if measure.over_limit and limit is not None:
        return float(value > limit)
    return value


def _apart(certificate: JudgeCertificate | None) -> tuple[float, float] | None:
    """Sensitivity and specificity; None: nothing corrects."""
    if certificate is None or not certificate.admitted:
        return None
    sensitivity, specificity = certificate.sensitivity, certificate.specificity
    if sensitivity.kind != "estimate" or specificity.kind != "estimate":
        return None
    return sensitivity.value, specificity.value


def _reach(measure: Measure, limit: float | None, certificate: JudgeCertificate | None) -> tuple[float, float]:
    """Between what a conversation's value can lie."""
    if measure.unit not in ("share", "score") and limit is not None:
        return 0.0, limit
    apart = _apart(certificate) if measure.judged else None
    if apart is None:
        return 0.0, 1.0
    told = apart[0] + apart[1] - 1
    return (apart[1] - 1) / told, apart[1] / told


def _words(rail: Guardrail, measure: Measure, found: Watched) -> str:
    name = measure.prose
    if found.value is None or found.low is None or found.high is None:
        side = (
            "either side"
            if not found.champion and not found.challenger
            else ("the champion" if not found.champion else "the challenger")
        )
        return f"{name}: nothing was measured on {side} yet"
    if measure.unit == "share":
        shown = f"{100 * found.value:+.1f} points ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
        margin = f"{100 * rail.margin:g} points"
    else:
        word, digits = UNITS.get(measure.unit, ""), 4 if measure.unit == "usd" else 2
        shown = f"{found.value:+.{digits}f}{word} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"
        margin = f"{rail.margin:g}{word}"
    said = {
        "worse": f"worse by more than {margin}",
        "good": f"not worse by more than {margin}",
        "undecided": f"not clear whether worse by more than {margin}",
    }[found.call]
    return f"{name}: {said}: {shown}, {found.champion} and {found.challenger} conversations"


def _split(traffic: Traffic, rows: Sequence[Observation]) -> float | None:
    """Always-valid p of the planned split; None: there is nothing to hold against it."""
    import numpy as np

    from assay.statistics.sequential import sample_ratio_mismatch

    planned = [(row, share) for row in rows if 0 < (share := _share_at(traffic, row)) < 1]
    if not planned:
        return None
    shares = np.array([[1 - share, share] for _, share in planned])
    return float(sample_ratio_mismatch([float(row.challenger) for row, _ in planned], shares)[-1])


def _share_at(traffic: Traffic, row: Observation) -> float:
    share = 0.0
    for since, planned in traffic.shares:
        if since <= row.at:
            share = planned
    return share


def _decided(
    traffic: Traffic,
    rows: Sequence[Observation],
    states: Sequence[GuardrailState],
    split_p: float | None,
    now: datetime,
) -> tuple[str, str, tuple[str, ...]]:
    if traffic.state is not RolloutState.RUNNING or traffic.step_at is None:
        return "none", f"the rollout is {traffic.state.value.replace('_', ' ')}: nothing is watched", ()
    if worse := [state.words for state in states if state.call == "worse"]:
        return "roll_back", "; ".join(worse), ()
    if split_p is not None and split_p < SPLIT_ALPHA:
        words = f"traffic is not split as planned (p = {split_p:.2g}): who gets which arm may depend on something else"
        return "stop", words, ()
    if traffic.step < 0:
        return (
            "wait",
            "the challenger answers in the shadow, and nobody is told",
            ("a person opens the first step: `assay rollout advance`",),
        )
    step = traffic.steps[traffic.step]
    missing = [state.words for state in states if state.call == "undecided"]
    lasted = (now - traffic.step_at).total_seconds()
    if lasted < step.min_duration_s:
        missing.append(f"the step lasts {step.min_duration_s - lasted:.0f} s more")
    came = sum(row.challenger and row.at >= traffic.step_at for row in rows)
    if came < step.min_conversations:
        missing.append(f"{step.min_conversations - came} more conversations with the challenger in this step")
    if missing:
        words = "not all is known yet"
        if traffic.step + 1 >= len(traffic.steps):
            words += "; the challenger has all traffic, and `assay rollout complete` ends the rollout by hand"
        return "wait", words, tuple(missing)
    if traffic.step + 1 >= len(traffic.steps):
        return "done", "the challenger has all traffic and every guardrail is good", ()
    share = traffic.steps[traffic.step + 1].share
    if traffic.policy.advance == "automatic":
        return "advance", f"every guardrail is good: on to {100 * share:g} % of traffic", ()
    return (
        "ask",
        f"every guardrail is good: a person may open {100 * share:g} % of traffic (`assay rollout advance`)",
        (),
    )
