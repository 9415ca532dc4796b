"""Runs from elsewhere: numbered, kept whole, and the same again when the file is imported again."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.dataset import Dataset
from assay.contracts.stage import AgentRef
from assay.errors import BadInput
from assay.evaluation.exchange import Rows
from assay.integrations.importers import read_results_table
from assay.integrations.importers.openai_messages import conversations_of
from assay.integrations.importers.results_table import NOT_RECORDED
from assay.integrations.importers.runs import RunIds, trials_of
from tests.evaluation.test_file_formats import workbook

AGENT = AgentRef(agent_id="support", version="1")
SCENARIO = "Ticket #17 / Größe → späte Lieferung"
DATASET = Dataset.model_validate(
    {
        "name": "d",
        "scenarios": [
            {
                "scenario_id": name,
                "topic": "Order status",
                "persona": {"name": "user", "description": "A user."},
                "goal": "Know where it is.",
                "expectations": [{"expectation_id": "e", "text": "Says when."}],
            }
            for name in ("a", SCENARIO)
        ],
    }
)


def read(*rows: dict[str, Any]):
    return conversations_of(Rows("\n".join(map(json.dumps, rows)), "t.jsonl"), AGENT, DATASET, "d.jsonl")


def run(scenario_id: str = "a", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}]
    return {"scenario_id": scenario_id, "messages": messages, **more}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(0, 4)), max_size=12))
def test_trials_are_kept_where_they_are_given_and_free_ones_are_taken_in_order(
    rows: list[tuple[str, int | None]],
) -> None:
    placed = [(scenario, trial, f"f:{place}") for place, (scenario, trial) in enumerate(rows, start=1)]
    given_ = [(scenario, trial) for scenario, trial in rows if trial is not None]
    if len(set(given_)) < len(given_):
        with pytest.raises(BadInput, match=r"f:\d+: trial: scenario \w, trial \d is in line \d+ already"):
            trials_of(placed)
        return
    trials = trials_of(placed)
    assert len({(scenario, trial) for (scenario, _), trial in zip(rows, trials, strict=True)}) == len(rows)
    assert all(wanted in (None, trial) for (_, wanted), trial in zip(rows, trials, strict=True))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["x", "y", "z"]), max_size=8))
def test_equal_contents_have_different_ids_and_the_same_ones_again(contents: list[str]) -> None:
    def ids() -> list[str]:
        numbered = RunIds()
        return [numbered.next(content) for content in contents]

    assert len(set(ids())) == len(contents)
    assert ids() == ids()


def test_runs_that_read_the_same_are_different_runs() -> None:
    runs = read(run(), run(SCENARIO), run(), run(trial=1), run())
    assert [(c.scenario_id, c.trial) for c in runs] == [("a", 0), (SCENARIO, 0), ("a", 2), ("a", 1), ("a", 3)]
    assert len({c.conversation_id for c in runs}) == 5
    assert read(run(), run(SCENARIO), run(), run(trial=1), run()) == runs


def test_a_trial_with_a_name_is_numbered_and_keeps_its_name() -> None:
    runs = read(run(trial="run-a"), run(trial="run-b"), run(trial="7"))
    assert [(c.trial, c.metadata) for c in runs] == [(0, {"trial": "run-a"}), (1, {"trial": "run-b"}), (7, {})]


def test_all_lines_that_do_not_fit_are_named_at_once() -> None:
    rows = [
        run("nowhere"),
        run(messages=[]),
        run(messages=[{"role": "robot", "content": "x"}]),
        run(started_at="soon"),
        run(started_at="2026-03-02 10:15"),
    ]
    with pytest.raises(BadInput) as refused:
        read(*rows)
    lines = str(refused.value).split("\n")
    assert [line.split(":")[1] for line in lines] == ["1", "2", "3", "4"]
    assert "scenario_id: nowhere is not in d.jsonl: add it there" in lines[0]
    assert "'robot' is no role" in lines[2]


def test_other_fields_and_the_id_of_the_source_are_kept() -> None:
    (one,) = read(run(conversation_id="Chat 2026/03/02 #4", model="m-1", tags=["x"], started_at="2026-03-02 10:15"))
    assert one.source_id == "Chat 2026/03/02 #4"
    assert one.metadata == {"model": "m-1", "tags": ["x"]}
    assert one.started_at.isoformat() == "2026-03-02T10:15:00+00:00"
    (one,) = read(run(conversation_id="3F2504E0-4F89-11D3-9A0C-0305E82C3301"))
    assert one.source_id == "3f2504e04f8911d39a0c0305e82c3301"
    (plain,) = read(run())
    assert not {"source_id", "metadata"} & plain.model_dump().keys()


TABLE = """Task;Version;Trial;Success;Latency ms;Cost;Team
Refund / EU;v1;;yes;1200;0,012;billing
Refund / EU;v1;;no;1400;0,011;billing
Refund / EU;v2;0;1;800;;billing
Login;v1;;TRUE;;;
"""


def test_a_table_of_results_is_runs_of_each_version(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(TABLE, encoding="utf-8-sig")
    first, second = read_results_table(tmp_path / "results.csv", "support", None)
    assert (str(first.agent), str(second.agent)) == ("support@v1", "support@v2")
    assert first.dataset == second.dataset
    assert [s.scenario_id for s in first.dataset.scenarios] == ["Refund / EU", "Login"]
    assert [(c.scenario_id, c.trial, c.outcome) for c in first.conversations] == [
        ("Refund / EU", 0, {"success": True}),
        ("Refund / EU", 1, {"success": False}),
        ("Login", 0, {"success": True}),
    ]
    turn = first.conversations[0].turns[0]
    assert (turn.text, turn.latency_s, str(turn.cost_usd)) == (NOT_RECORDED, 1.2, "0.012")
    assert first.conversations[0].metadata == {"team": "billing"}
    assert first.notes == (f"{tmp_path / 'results.csv'}: fields kept as metadata: team",)


def test_a_table_may_be_an_excel_sheet_and_leave_the_version_to_the_command(tmp_path: Path) -> None:
    sheet = [["task", "passed", "latency"], ["a", True, 1.5], ["a", True, 1.5], [17, 0, None]]
    (tmp_path / "results.xlsx").write_bytes(workbook(("R", sheet)))
    (imported,) = read_results_table(tmp_path / "results.xlsx", "support", "v3")
    assert [(c.scenario_id, c.trial, c.duration_s) for c in imported.conversations] == [
        ("a", 0, 1.5),
        ("a", 1, 1.5),
        ("17", 0, None),
    ]


def test_all_cells_of_a_table_that_do_not_fit_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("task,success,latency_s,version\na,maybe,1,v1\n,yes,-1,v1\nb,yes,1,\n")
    with pytest.raises(BadInput) as refused:
        read_results_table(tmp_path / "r.csv", "support", None)
    told = [line.removeprefix(f"{tmp_path}/").split(": ")[:2] for line in str(refused.value).split("\n")]
    assert told == [["r.csv:2", "success"], ["r.csv:3", "task"], ["r.csv:3", "latency_s"], ["r.csv:4", "version"]]
    (tmp_path / "r.csv").write_text("task,success,version,trial\na,yes,v1,0\na,no,v1,0\na,no,v2,0\n")
    with pytest.raises(BadInput, match=r"r\.csv:3: trial: scenario a, trial 0 is in line 2 already"):
        read_results_table(tmp_path / "r.csv", "support", None)
