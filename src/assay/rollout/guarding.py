"""What a rollout's guardrails say of production so far, and what follows. Pure: observations in, an evaluation out."""

from collections.abc import Sequence
from datetime import datetime

from assay.contracts.calibration import JudgeCertificate
from assay.contracts.rollout import RolloutState
from assay.contracts.traffic import Guardrail, GuardrailState, Observation, RolloutEvaluation, Traffic
from assay.statistics.sequential import Watched

SPLIT_ALPHA = 0.01
NAMES = {
    "quality": "judged quality",
    "feedback": "users' feedback",
    "errors": "errors",
    "slow": "slow answers",
    "cost_usd": "cost",
}
LOWER_IS_BETTER = ("errors", "slow", "cost_usd")


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

    low, high = 0.0, 1.0
    if rail.measure == "cost_usd":
        high = rail.limit
    elif rail.measure == "quality":
        low, high = _reach(certificate)
    known = [(float(row.challenger), value) for row in rows if (value := _value(rail, row, certificate)) is not None]
    found = watch(
        [arm for arm, _ in known],
        [value for _, value in known],
        margin=min(rail.margin, high - low),
        confidence=confidence,
        low=low,
        high=high,
        lower_is_better=rail.measure in LOWER_IS_BETTER,
    )
    return GuardrailState(
        measure=rail.measure,
        call=found.call,
        value=found.value,
        low=found.low,
        high=found.high,
        champion=found.champion,
        challenger=found.challenger,
        words=_words(rail, found),
    )


def _value(rail: Guardrail, row: Observation, certificate: JudgeCertificate | None) -> float | None:
    match rail.measure:
        case "errors":
            return row.errors
        case "feedback":
            return row.feedback
        case "slow":
            return None if row.slowest_s is None else float(row.slowest_s > rail.limit)
        case "cost_usd":
            return None if row.cost_usd is None else min(row.cost_usd, rail.limit)
        case "quality":
            if row.quality is None:
                return None
            apart = _apart(certificate)
            return row.quality if apart is None else (row.quality + apart[1] - 1) / (apart[0] + apart[1] - 1)


def _apart(certificate: JudgeCertificate | None) -> tuple[float, float] | None:
    """Sensitivity and specificity; None: nothing corrects."""
    if certificate is None or not certificate.admitted:
        return None
    sensitivity, specificity = certificate.sensitivity, certificate.specificity
    if sensitivity.kind != "estimate" or specificity.kind != "estimate":
        return None
    return sensitivity.value, specificity.value


def _reach(certificate: JudgeCertificate | None) -> tuple[float, float]:
    """Between what corrected quality can lie."""
    apart = _apart(certificate)
    if apart is None:
        return 0.0, 1.0
    told = apart[0] + apart[1] - 1
    return (apart[1] - 1) / told, apart[1] / told


def _words(rail: Guardrail, found: Watched) -> str:
    name = NAMES[rail.measure]
    if found.value is None or found.low is None or found.high is None:
        side = (
            "either side"
            if not found.champion and not found.challenger
            else ("the champion" if not found.champion else "the challenger")
        )
        return f"{name}: nothing was measured on {side} yet"
    if rail.measure == "cost_usd":
        shown = f"{found.value:+.4f} USD ({found.low:+.4f} to {found.high:+.4f})"
        margin = f"{rail.margin:g} USD"
    else:
        shown = f"{100 * found.value:+.1f} points ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
        margin = f"{100 * rail.margin:g} points"
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
