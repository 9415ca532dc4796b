"""Guardrails: a loss rolls back, an equal challenger does not, an unfair split stops, and what is missing is said."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from assay.contracts.rollout import RolloutState, RolloutStep
from assay.contracts.traffic import Guardrail, Observation, RolloutPolicy, Traffic
from assay.errors import BadInput
from assay.rollout.guarding import evaluate, require_watchable
from tests.rollout.test_split import traffic

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
STEPS = (RolloutStep(share=0.5, min_duration_s=3600, min_conversations=100), RolloutStep(share=1.0))


def running(share: float = 0.5, **policy) -> Traffic:
    return traffic(
        share,
        state=RolloutState.RUNNING,
        step=0,
        steps=STEPS,
        started_at=BEGAN,
        step_at=BEGAN,
        shares=((BEGAN, share),),
        policy=RolloutPolicy(**policy),
    )


def came(count: int, *, share: float = 0.5, seed: int = 0, feedback=(0.8, 0.8), errors=(0.01, 0.01), slow=(0.02, 0.02)):
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(count):
        arm = int(rng.random() < share)
        rows.append(
            Observation(
                conversation_id=f"{n:032x}",
                challenger=bool(arm),
                at=BEGAN + timedelta(seconds=10 * n),
                values={
                    "feedback": float(rng.random() < feedback[arm]),
                    "errors": float(rng.random() < errors[arm]),
                    "slow": 20.0 if rng.random() < slow[arm] else 1.0,
                    "cost_usd": float(rng.gamma(2, 0.01)),
                },
            )
        )
    return rows


def at(count: int) -> datetime:
    return BEGAN + timedelta(seconds=10 * count)


def test_a_loss_rolls_back_whatever_it_is_in():
    for changes, word in (
        ({"feedback": (0.85, 0.5)}, "users' feedback: worse"),
        ({"errors": (0.01, 0.2)}, "errors: worse"),
        ({"slow": (0.02, 0.5)}, "slow answers: worse"),
    ):
        found = evaluate(running(), came(1500, **changes), now=at(1500))
        assert found.action == "roll_back" and word in found.words, word


def test_an_equal_challenger_is_rolled_back_in_at_most_five_of_a_hundred():
    backs = sum(evaluate(running(), came(800, seed=n), now=at(800)).action == "roll_back" for n in range(100))
    assert backs <= 5


def test_a_worse_one_is_rolled_back_before_a_stated_number_of_conversations():
    """A loss of 30 points in feedback, half of the traffic: within 600 conversations, 19 times of 20."""
    rows = [came(600, seed=n, feedback=(0.85, 0.55)) for n in range(40)]
    backs = sum(evaluate(running(), found, now=at(600)).action == "roll_back" for found in rows)
    assert backs >= 38


def test_all_good_asks_a_person_or_goes_on_by_itself():
    rails = (Guardrail(measure="errors", margin=0.1), Guardrail(measure="slow", margin=0.2))
    rows = came(2000)
    asked = evaluate(running(guardrails=rails), rows, now=at(2000))
    assert asked.action == "ask" and "a person may open 100 % of traffic" in asked.words
    alone = evaluate(running(guardrails=rails, advance="automatic"), rows, now=at(2000))
    assert alone.action == "advance"
    last = running(guardrails=rails).replace(step=1, step_at=BEGAN)
    assert evaluate(last, rows, now=at(2000)).action == "done"


def test_what_is_missing_is_said():
    found = evaluate(running(), came(20), now=at(20))
    assert found.action == "wait"
    assert any("more conversations with the challenger" in words for words in found.missing)
    assert any("the step lasts 3400 s more" in words for words in found.missing)
    nothing = evaluate(running(), [], now=BEGAN)
    assert nothing.action == "wait" and nothing.split_p is None
    assert "errors: nothing was measured on either side yet" in nothing.missing


def test_traffic_that_is_not_split_as_planned_stops():
    found = evaluate(running(), came(1500, share=0.4), now=at(1500))
    assert found.action == "stop" and "not split as planned" in found.words


def test_a_share_that_grew_on_the_way_is_no_mismatch():
    changed = BEGAN + timedelta(seconds=10 * 1000)
    plan = running(0.5).replace(shares=((BEGAN, 0.05), (changed, 0.5)))
    later = [
        row.replace(at=row.at + timedelta(seconds=10_000), conversation_id=f"{n:032x}")
        for n, row in enumerate(came(1000, seed=2), start=5000)
    ]
    found = evaluate(plan, [*came(1000, share=0.05, seed=5), *later], now=at(2000))
    assert found.split_p is not None and found.split_p > 0.05


def test_looking_again_and_again_changes_no_verdict_of_before():
    rows = came(1500, feedback=(0.85, 0.5))
    actions = [evaluate(running(), rows[:n], now=at(n)).action for n in range(100, 1500, 100)]
    assert "roll_back" in actions
    assert set(actions[actions.index("roll_back") :]) == {"roll_back"}


def test_nothing_is_watched_that_is_not_running():
    paused = running().replace(state=RolloutState.PAUSED)
    assert evaluate(paused, came(500, errors=(0.0, 1.0)), now=at(500)).action == "none"


def test_quality_needs_expectations():
    with pytest.raises(BadInput, match="policy.expectations: a guardrail of judged quality needs what conversations"):
        require_watchable(RolloutPolicy(guardrails=(Guardrail(measure="quality"),)), "policy")


def test_in_the_shadow_nothing_goes_on_by_itself():
    shadow = running(0.0, advance="automatic").replace(step=-1, shadow=True)
    found = evaluate(shadow, came(500, share=0.0), now=at(500))
    assert found.action == "wait" and found.missing == ("a person opens the first step: `assay rollout advance`",)
