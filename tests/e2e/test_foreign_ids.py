"""Ids of other systems stay whole: imported, judged, reported and found by feedback."""

import json
from pathlib import Path

import pytest

from assay.contracts.stage import Stage
from assay.tracking import connect, list_results, read_conversations, read_feedback

SCENARIOS = ["Ticket #17 / Größe → 'späte' Lieferung", "TICKET #17 / grösse", "x" * 255, "退款"]
TOPICS = ["Order status", "order/status", "Order Status!", "退款"]


@pytest.fixture
def imported(assay, home, tmp_path):
    scenarios = [
        {
            "scenario_id": name,
            "topic": topic,
            "team": "a",
            "persona": {"name": "user", "description": "A user."},
            "goal": f"Goal {place}.",
            "expectations": [
                {"expectation_id": "ok", "text": "It is done.", "check": {"kind": "says", "pattern": "Done"}}
            ],
        }
        for place, (name, topic) in enumerate(zip(SCENARIOS, TOPICS, strict=True))
    ]
    runs = [
        {
            "scenario_id": name,
            "conversation_id": f"Chat {place}/{trial} '#'",
            "model": "m-1",
            "messages": [
                {"role": "user", "content": f"Please {place}."},
                {"role": "assistant", "content": "Done." if place < 3 or trial else "No."},
            ],
        }
        for place, name in enumerate(SCENARIOS)
        for trial in range(2)
    ]
    (tmp_path / "scenarios.jsonl").write_text("\n".join(map(json.dumps, scenarios)))
    (tmp_path / "runs.jsonl").write_text("\n".join(map(json.dumps, runs)))
    files = (str(tmp_path / "runs.jsonl"), "--dataset", str(tmp_path / "scenarios.jsonl"), "--agent", "a@1")
    done = assay("simulate", "import", *files)
    assert "8 conversations of a@1: 7 passed, 1 failed" in done.stdout
    assert "scenarios.jsonl: fields kept as metadata: team" in done.stderr
    assert "runs.jsonl: fields kept as metadata: model" in done.stderr
    return tmp_path


def stored(home: Path):
    t = connect(f"sqlite:///{home}/mlflow.db")
    (run,) = list_results(t, "default", Stage.SIMULATE)
    return t, read_conversations(t, "default", run.subject_id)


def test_they_are_kept_whole_and_shown_in_the_trace(assay, home, imported):
    t, conversations = stored(home)
    assert {c.scenario_id for c in conversations} == set(SCENARIOS)
    one = next(c for c in conversations if c.source_id == "Chat 0/0 '#'")
    trace = t.client.get_trace(f"tr-{one.conversation_id}", display=False)
    assert trace.info.tags["scenario_id"] == SCENARIOS[0]
    assert trace.info.tags["topic"] == "Order status"
    assert trace.info.tags["assay.source_id"] == one.source_id
    assert json.loads(json.dumps(trace.data.spans[0].attributes["metadata"])) in ({"model": "m-1"}, '{"model": "m-1"}')


def test_each_topic_is_a_slice_of_its_own_in_reports(assay, home, imported):
    report = json.loads(assay("analytics", "report", "--json").stdout)
    slices = {rate["value"]: rate for rate in report["slices"] if rate["dimension"] == "topic"}
    assert set(slices) == set(TOPICS)
    facts = [fact["fact_id"] for fact in report["facts"]]
    assert len(facts) == len(set(facts))


def test_feedback_finds_a_conversation_by_the_id_of_its_source(assay, home, imported):
    rows = [
        {"feedback_id": "F/1 ä", "conversation_id": "Chat 3/0 '#'", "thumbs": "down", "topic": "ORDER-STATUS"},
        {"conversation_id": "Chat 3/1 '#'"},
        {"conversation_id": "Chat 9/9 '#'", "rating": "4/5", "topic": "order status"},
    ]
    (imported / "feedback.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report = json.loads(
        assay("feedback", "ingest", str(imported / "feedback.jsonl"), "--agent", "a@1", "--json").stdout
    )
    assert (report["items"], report["unrated"], report["linked"]) == (2, 1, 1)
    assert list(report["by_topic"]) == ["Order status"]
    t, conversations = stored(home)
    said = read_feedback(t, "default", [c.conversation_id for c in conversations])
    ((name, (item,)),) = said.items()
    assert item.feedback_id == "F/1 ä"
    assert next(c for c in conversations if c.conversation_id == name).source_id == "Chat 3/0 '#'"


def test_a_table_of_results_is_compared(assay, home, tmp_path):
    lines = ["task,version,success,latency_s,cost_usd"]
    lines += [f"Task {n} / EU,{v},{(n + (v == 'v2')) % 4 > 0},{n / 10},0.01" for n in range(12) for v in ("v1", "v2")]
    (tmp_path / "results.csv").write_text("\n".join(lines))
    done = assay("simulate", "import", str(tmp_path / "results.csv"), "--format", "table", "--agent", "support")
    assert "12 conversations of support@v1: 9 passed, 3 failed" in done.stdout
    assert "12 conversations of support@v2: 9 passed, 3 failed" in done.stdout
    again = ("simulate", "import", str(tmp_path / "results.csv"), "--format", "table", "--agent", "support")
    refused = assay(*again, "--dataset", "scenarios.jsonl", code=2)
    assert "a table contains its own tasks" in refused.stderr
    judgings = json.loads(assay(*again, "--json").stdout)
    assert [(j["agent"]["version"], j["passed"]) for j in judgings] == [("v1", 9), ("v2", 9)]
