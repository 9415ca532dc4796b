"""What users bring is held window against window: a change that is planted is found where it is."""

import random
from datetime import timedelta

import pytest

from assay.contracts.conversation import ToolCall, Turn
from assay.errors import BadInput
from assay.evaluation.drift_windows import drift_report
from tests.evaluation.make import WHEN, conversation
from tests.evaluation.themes import planted


def talks(window: int, count: int, themes: set[str], tool: str = "find"):
    rng = random.Random(window)
    items = [item for theme, item in planted(count * 8, seed=window) if theme in themes][:count]
    for number, item in enumerate(items):
        began = WHEN + timedelta(days=7 * window + rng.random() * 6.9)
        turns = (
            Turn(role="user", text=item.comment or ""),
            Turn(role="agent", text="I see.", latency_s=0.5 + rng.random(), tool_calls=(ToolCall(name=tool),)),
        )
        yield conversation(scenario_id=f"s{number}", trial=window, started_at=began).replace(turns=turns)


def test_new_words_and_new_tools_are_found_in_their_window_and_nothing_else_is():
    old = {"refund", "delivery", "login"}
    rows = [*talks(0, 60, old), *talks(1, 60, old), *talks(2, 60, {"voucher", "invoice"}, tool="mend")]
    report = drift_report(rows, project="p", source="production", days=7)
    assert report.reference_conversations == 60
    same, other = report.windows
    assert not same.changed
    assert {feature.feature for feature in other.features if feature.changed} >= {"words", "tools"}
    assert not next(feature for feature in other.features if feature.feature == "latency_s").changed
    assert same.level > other.level


def test_one_window_alone_has_nothing_to_be_held_against():
    with pytest.raises(BadInput, match="choose shorter windows"):
        drift_report([*talks(0, 10, {"refund"})], project="p", source="production", days=7)
    with pytest.raises(BadInput, match="holds no conversation"):
        drift_report([], project="p", source="production", days=7)
