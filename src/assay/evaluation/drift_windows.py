"""Conversations cut into windows of time, each held against the first."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from assay.contracts.conversation import Conversation
from assay.contracts.drift import DriftReport, DriftWindow, FeatureDrift
from assay.errors import BadInput
from assay.evaluation.measures import LATENCY, TURNS
from assay.evaluation.similarity import latent

ALPHA = 0.05


def drift_report(
    conversations: Sequence[Conversation], *, project: str, source: str, days: float, seed: int = 0
) -> DriftReport:
    """Each window of so many days against the first, by its words, lengths, turns, speed and tools.

    p of each feature by permutation, by Holm over the features of a window, against the window's share of the level
    (`spend`). Raises BadInput where there is no second window.
    """
    from assay.statistics.drift import spend

    ordered = sorted(conversations, key=lambda conversation: conversation.started_at)
    if not ordered:
        raise BadInput(f"{source}: holds no conversation")
    width = timedelta(days=days)
    first = ordered[0].started_at
    cut: dict[int, list[Conversation]] = {}
    for conversation in ordered:
        cut.setdefault(int((conversation.started_at - first) / width), []).append(conversation)
    reference = cut.pop(0)
    if not cut:
        raise BadInput(f"days: all {len(ordered)} conversations lie within {days:g} days: choose shorter windows")
    windows = [
        DriftWindow(
            start=first + place * width,
            end=first + (place + 1) * width,
            conversations=len(inside),
            level=spend(number, ALPHA),
            features=_features(reference, inside, spend(number, ALPHA), seed),
        )
        for number, (place, inside) in enumerate(sorted(cut.items()), start=1)
    ]
    return DriftReport(
        project=project, source=source, days=days, reference_conversations=len(reference), windows=tuple(windows)
    )


def _features(
    reference: Sequence[Conversation], current: Sequence[Conversation], level: float, seed: int
) -> tuple[FeatureDrift, ...]:
    from assay.statistics.drift import (
        Drift,
        drift_over,
        kolmogorov_smirnov,
        maximum_mean_discrepancy,
        population_stability,
    )

    both = latent([_said(conversation) for conversation in (*reference, *current)])
    # the smallest p that so many draws can give must lie under the level of a late window
    draws = max(1_000, int(len(METHODS) * 2 / level))
    options: Any = {"draws": draws, "seed": seed}
    found = drift_over(
        {
            "words": maximum_mean_discrepancy(both[: len(reference)], both[len(reference) :], **options),
            "user_letters": kolmogorov_smirnov(_letters(reference), _letters(current), **options),
            "agent_turns": kolmogorov_smirnov(_values(TURNS, reference), _values(TURNS, current), **options),
            "latency_s": kolmogorov_smirnov(_values(LATENCY, reference), _values(LATENCY, current), **options),
            "tools": population_stability(_tools(reference), _tools(current), **options),
        }
    )
    return tuple(
        FeatureDrift.model_validate(
            {
                "feature": name,
                "method": METHODS[name],
                "statistic": drift.statistic if isinstance(drift, Drift) else None,
                "p": None if p is None else min(1.0, p),
                "changed": p is not None and p <= level,
                "words": _words(drift.statistic, p, p <= level, METHODS[name])
                if isinstance(drift, Drift) and p is not None
                else getattr(drift, "reason", "too little data"),
            }
        )
        for name, (drift, p) in found.items()
    )


METHODS = {"words": "MMD", "user_letters": "KS", "agent_turns": "KS", "latency_s": "KS", "tools": "PSI"}


def _words(statistic: float, p: float, changed: bool, method: str) -> str:
    return f"{'has changed' if changed else 'shows no change beyond chance'} ({method} {statistic:.3f}, p = {p:.2g})"


def _said(conversation: Conversation) -> str:
    return "\n".join(turn.text for turn in conversation.turns if turn.role == "user")


def _letters(conversations: Sequence[Conversation]) -> list[float]:
    """Mean length of what the user says."""
    lengths = [[len(t.text) for t in c.turns if t.role == "user"] for c in conversations]
    return [sum(own) / len(own) for own in lengths if own]


def _values(measure: Any, conversations: Sequence[Conversation]) -> list[float]:
    return [value for conversation in conversations if (value := measure.of(conversation)) is not None]


def _tools(conversations: Sequence[Conversation]) -> list[str]:
    return [
        ", ".join(sorted({call.name for turn in c.turns for call in turn.tool_calls})) or "none" for c in conversations
    ]
