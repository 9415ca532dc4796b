from collections.abc import Callable
from typing import Any

import pytest

from assay.contracts.conversation import CallFailed, Conversation, FailureCause
from assay.contracts.judgment import Evidence, Judgment, Ruling, Verdict
from assay.contracts.stage import Stage, Usage
from assay.errors import NotFound
from assay.tracking import (
    Tracking,
    assessments,
    ensure_project,
    judged,
    read_conversations,
    read_judgments,
    stage_run,
    write_conversations,
    write_judgments,
)

JUDGING = "judging-0123456789abcdef"
New = Callable[..., Any]


def verdict(expectation_id: str, ruling: Ruling, **changes: Any) -> Verdict:
    fields: dict[str, Any] = {
        "expectation_id": expectation_id,
        "rationale": "It said so – 'twice'.",
        "evidence": (Evidence(turn=1, quote='Let me "look".'),),
        "ruling": ruling,
        "confidence": 0.75,
        "source": "llm_judge",
        "judge": "openai:gpt-5-mini",
        "votes": {Ruling.MET: 2, Ruling.NOT_MET: 1},
        **changes,
    }
    return Verdict.model_validate(fields)


def judgment(conversation: Conversation, passed: bool | None = False, **changes: Any) -> Judgment:
    fields: dict[str, Any] = {
        "conversation_id": conversation.conversation_id,
        "scenario_id": conversation.scenario_id,
        "trial": conversation.trial,
        "verdicts": (
            verdict("refunds", Ruling.MET, source="code", judge="says", votes={}),
            verdict("no-promise", Ruling.NOT_MET),
            verdict("polite", Ruling.ABSTAINED, source="offline_judge", judge="offline"),
        ),
        "score": 0.5,
        "passed": passed,
        "rationale": "One of two.",
        "usage": Usage(calls=3, input_tokens=10),
        **changes,
    }
    return Judgment.model_validate(fields)


@pytest.fixture(params=["rows", "store"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "store":
        monkeypatch.setattr("assay.tracking.judgments.write_groups", assessments.write_through_store)
    return request.param


@pytest.fixture
def played(t: Tracking, new_conversation: New) -> list[Conversation]:
    conversations = [new_conversation(number) for number in range(3)]
    rows = [(conversation, None) for conversation in conversations]
    write_conversations(t, "shop", rows, simulation_id="sim-1", run_id=None, dataset=None)
    return conversations


@pytest.fixture
def judge_run(t: Tracking) -> str:
    with stage_run(t, "shop", Stage.JUDGE, request_hash="ab" * 32, gated=False) as run:
        return run.run_id


def test_judgments_come_back_whole(t: Tracking, route: str, judge_run: str, played: list[Conversation]) -> None:
    written = [judgment(played[0]), judgment(played[1], passed=True), judgment(played[2], passed=None, score=None)]
    write_judgments(t, "shop", JUDGING, written[::-1], run_id=judge_run)
    assert read_judgments(t, "shop", JUDGING) == written
    assert judged(t, "shop", JUDGING) == {row.conversation_id for row in played}
    assert read_judgments(t, "shop", "judging-other") == read_judgments(t, "nowhere", JUDGING) == []


def test_mlflow_shows_every_verdict_with_its_source(
    t: Tracking, route: str, judge_run: str, played: list[Conversation]
) -> None:
    write_judgments(t, "shop", JUDGING, [judgment(played[0])], run_id=judge_run)
    info = t.client.get_trace(f"tr-{played[0].conversation_id}", display=False).info
    assert info.tags[JUDGING] == "failed"
    shown = {row.name: row for row in info.assessments}
    assert {name: (row.value, row.source.source_type, row.source.source_id) for name, row in shown.items()} == {
        "refunds": ("yes", "CODE", "says"),
        "no-promise": ("no", "LLM_JUDGE", "openai:gpt-5-mini"),
        "polite": ("abstained", "CODE", "offline"),
        "score": (0.5, "LLM_JUDGE", "says, openai:gpt-5-mini, offline"),
        "passed": ("no", "LLM_JUDGE", "says, openai:gpt-5-mini, offline"),
    }
    assert shown["no-promise"].rationale == "It said so – 'twice'."
    assert shown["no-promise"].run_id == judge_run
    assert shown["no-promise"].metadata["judging_id"] == JUDGING
    assert shown["no-promise"].metadata["evidence"] == '[{"turn": 1, "quote": "Let me \\"look\\"."}]'
    assert shown["no-promise"].metadata["confidence"] == "0.75"


def test_a_judge_that_failed_is_an_error_and_no_score(t: Tracking, route: str, played: list[Conversation]) -> None:
    failed = CallFailed(cause=FailureCause.TIMEOUT, detail="60 s", attempts=3)
    written = judgment(played[0], passed=None, score=None, verdicts=(), error=failed)
    write_judgments(t, "shop", JUDGING, [written], run_id=None)
    info = t.client.get_trace(f"tr-{played[0].conversation_id}", display=False).info
    (only,) = info.assessments
    assert (only.name, only.error.error_code, only.error.error_message) == ("passed", "timeout", "60 s")
    assert info.tags[JUDGING] == "unjudged"
    assert read_judgments(t, "shop", JUDGING) == [written]


def test_judging_twice_leaves_the_later_judgment(t: Tracking, route: str, played: list[Conversation]) -> None:
    write_judgments(t, "shop", JUDGING, [judgment(row) for row in played], run_id=None)
    better = judgment(played[0], passed=True, verdicts=(verdict("refunds", Ruling.MET),), score=1.0)
    write_judgments(t, "shop", JUDGING, [better], run_id=None)
    assert read_judgments(t, "shop", JUDGING) == [better, judgment(played[1]), judgment(played[2])]
    info = t.client.get_trace(f"tr-{played[0].conversation_id}", display=False).info
    assert sorted(row.name for row in info.assessments) == ["passed", "refunds", "score"]
    assert info.tags[JUDGING] == "passed"


def test_judgings_stand_beside_each_other(t: Tracking, route: str, played: list[Conversation]) -> None:
    other = judgment(played[0], passed=True)
    write_judgments(t, "shop", JUDGING, [judgment(played[0])], run_id=None)
    write_judgments(t, "shop", "judging-2", [other], run_id=None)
    assert read_judgments(t, "shop", JUDGING) == [judgment(played[0])]
    assert read_judgments(t, "shop", "judging-2") == [other]


def test_an_expectation_may_be_called_passed(t: Tracking, route: str, played: list[Conversation]) -> None:
    written = judgment(played[0], verdicts=(verdict("passed", Ruling.MET), verdict("score", Ruling.MET)))
    write_judgments(t, "shop", JUDGING, [written], run_id=None)
    assert read_judgments(t, "shop", JUDGING) == [written]


def test_a_conversation_that_is_not_stored_is_named(t: Tracking, new_conversation: New) -> None:
    ensure_project(t, "shop")
    conversation = new_conversation()
    with pytest.raises(NotFound, match=f"conversation {conversation.conversation_id} is not in project shop"):
        write_judgments(t, "shop", JUDGING, [judgment(conversation)], run_id=None)


def test_both_routes_store_the_same(
    t: Tracking, judge_run: str, played: list[Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stored() -> list[dict[str, Any]]:
        info = t.client.get_trace(f"tr-{played[0].conversation_id}", display=False).info
        rows = sorted((row.to_dictionary() for row in info.assessments), key=lambda row: row["assessment_name"])
        return [{name: row[name] for name in row if not name.endswith("_time")} for row in rows]

    write_judgments(t, "shop", JUDGING, [judgment(played[0])], run_id=judge_run)
    fast = stored()
    monkeypatch.setattr("assay.tracking.judgments.write_groups", assessments.write_through_store)
    write_judgments(t, "shop", JUDGING, [judgment(played[0])], run_id=judge_run)
    assert stored() == fast


def test_judgments_outlive_a_conversation_written_again(t: Tracking, played: list[Conversation]) -> None:
    write_judgments(t, "shop", JUDGING, [judgment(played[0])], run_id=None)
    write_conversations(t, "shop", [(played[0], None)], simulation_id="sim-1", run_id=None, dataset=None)
    assert read_judgments(t, "shop", JUDGING) == [judgment(played[0])]
    assert read_conversations(t, "shop", "sim-1") == played


def test_a_judging_is_an_evaluation_run_of_its_traces(t: Tracking, judge_run: str, played: list[Conversation]) -> None:
    for _ in range(2):
        write_judgments(t, "shop", JUDGING, [judgment(row) for row in played], run_id=judge_run)
    assert t.client.get_run(judge_run).data.tags["mlflow.runType"] == "genai_evaluate"
    linked = t.client.search_traces(locations=[ensure_project(t, "shop")], run_id=judge_run, include_spans=False)
    assert {trace.info.trace_id for trace in linked} == {f"tr-{row.conversation_id}" for row in played}
