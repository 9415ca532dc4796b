"""No silly finding in datasets that people made."""

import json
from typing import Any

import pytest

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Dataset, DatasetRule, Scenario
from assay.contracts.stage import AgentRef
from assay.evaluation.exchange import read_file, scenarios_of
from assay.evaluation.validation import validate
from assay.integrations.importers import tau_bench
from assay.statistics import detectable_difference
from tests.conftest import DATA, ROOT
from tests.evaluation.validation.planted import CARD, calls, says, scenario


@pytest.mark.parametrize(("dataset", "card"), [("shop", "v1"), ("shop", "v2"), ("eliza", "card")])
def test_the_examples_pass_with_nothing_but_fair_remarks(dataset: str, card: str):
    folder = ROOT / "examples" / dataset
    given_ = scenarios_of(read_file(folder / "dataset.jsonl"), name=dataset)
    size = detectable_difference(len(given_.scenarios)).difference
    agent = AgentCard.model_validate_json((folder / f"{card}.json").read_text())
    seen = validate(given_, agent, threshold=1.0, detectable_difference=size)
    assert seen.passed
    assert len(seen.findings) <= 1


@pytest.mark.skipif(not (DATA / "tau-bench-airline").is_dir(), reason="../shared/data/tau-bench-airline is not there")
class TestTauBench:
    def test_the_imported_tasks_have_one_persona_and_no_other_fault(self):
        agent = AgentRef(agent_id="airline", version="1")
        dataset, _, _ = tau_bench.read(DATA / "tau-bench-airline", agent)
        seen = validate(dataset, None, threshold=1.0, detectable_difference=0.2)
        assert seen.score == 1.0
        assert [(f.rule, f.severity) for f in seen.findings] == [(DatasetRule.COVERAGE, "warning")]

    def test_tasks_with_their_gold_calls_as_expectations_raise_nothing(self):
        folder = DATA / "tau-bench-airline"
        rows = [json.loads(line) for line in (folder / "scenarios.jsonl").read_text().splitlines()]
        tools = {action["name"] for row in rows for action in row["expected_actions"]} | {"get_user_details"}
        card = CARD.replace(
            tools=tuple({"name": name} for name in sorted(tools)),
            topics=(),
            system_prompt=(folder / "policy.md").read_text(),
        )
        scenarios = tuple(_gold(number, row) for number, row in enumerate(rows))
        seen = validate(Dataset(name="gold", scenarios=scenarios), card, threshold=1, detectable_difference=0.2)
        assert seen.findings == ()


def _gold(number: int, row: dict[str, Any]) -> Scenario:
    actions = [
        {
            "text": f"The agent calls {action['name']} with {json.dumps(action['kwargs'])}.",
            "check": calls(action["name"], **action["kwargs"]),
        }
        for action in row["expected_actions"]
    ]
    said = [{"text": f"The agent says {output}.", "check": says(output)} for output in row["expected_outputs"]]
    nothing = {"kind": "must_not", "text": "The agent changes any reservation."}
    return scenario(number, *(actions + said or [nothing]), goal=row["user_instruction"], opening=None)
