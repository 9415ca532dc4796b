"""How well the rules find the user simulator's faults, on conversations of a small model that a reader labelled.

The conversations are in tests/model/conversations.json, with where they come from in docs/models.md.
"""

import json

import pytest

from assay.agents.user_simulator import find_faults, user_simulator
from assay.contracts.conversation import StopReason, Turn
from assay.contracts.dataset import Scenario
from tests.conftest import ROOT, SHOP

ROWS = json.loads((ROOT / "tests/model/conversations.json").read_text(encoding="utf-8"))
SCENARIOS = {
    scenario.scenario_id: scenario
    for name in ("shop", "eliza")
    for line in (ROOT / "examples" / name / "dataset.jsonl").read_text(encoding="utf-8").splitlines()
    for scenario in [Scenario.model_validate_json(line)]
}


def marked(row) -> bool:
    turns = [Turn(**turn) for turn in row["turns"]]
    return bool(find_faults(SCENARIOS[row["scenario_id"]], turns, StopReason(row["stop_reason"])))


def test_four_of_five_faulty_conversations_are_found_and_nine_of_ten_marks_are_right():
    faulty = [row for row in ROWS if row["faulty"]]
    found = [row for row in ROWS if marked(row)]
    assert len(faulty) >= 20
    recall = sum(row["faulty"] for row in found) / len(faulty)
    precision = sum(row["faulty"] for row in found) / len(found)
    assert recall >= 0.8
    assert precision >= 0.9


@pytest.mark.parametrize("card", ["v1", "v2"])
async def test_users_played_by_rules_are_not_accused(card):
    """236 conversations whose users do what they should."""
    from datetime import UTC, datetime

    from assay.connectors import connect
    from assay.contracts.agent import AgentCard
    from assay.stages.context import Calls
    from assay.stages.play import Player, Trial
    from assay.tracking import load_pyfunc

    agent = AgentCard.model_validate_json((SHOP / f"{card}.json").read_text(encoding="utf-8"))
    player = Player(
        agent=agent.ref,
        connector=connect(agent, card_dir=SHOP, load_model=load_pyfunc),
        user=user_simulator(None),
        calls=Calls(),
        now=lambda: datetime.now(UTC),
        timeout_s=600,
    )
    for place, scenario in enumerate(SCENARIOS.values()):
        if scenario.initial_state is None:
            continue
        for trial in range(2):
            played = await player.play(Trial(scenario, trial, place + trial, f"{2 * place + trial:032x}"))
            assert played.simulator_faults == (), f"{scenario.scenario_id}: {played.simulator_faults}"
