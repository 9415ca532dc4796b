"""Every reader and writer of the store gives the same over SQLite, PostgreSQL and an MLflow server."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.contracts.agent import AgentCard
from assay.contracts.calibration import JudgeCertificate
from assay.contracts.conversation import Conversation, SimulatorFaultKind, StopReason, Turn
from assay.contracts.dataset import Dataset, DatasetReport
from assay.contracts.exchange import Exchange
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Judgment, Ruling, TraceQuery, Verdict
from assay.contracts.rollout import RegistryStage
from assay.contracts.stage import AgentRef, Stage, StageResult
from assay.errors import BadInput, NotFound, Refused
from assay.tracking import (
    ConversationFilter,
    RunFilter,
    Tracking,
    agent_card,
    append_exchanges,
    append_ledger,
    connect,
    count_runs,
    delete_conversations,
    ensure_project,
    evaluation_run,
    failed_conversations,
    find_answer,
    find_certificate,
    find_result,
    finished,
    gated_results,
    gateway_conversations,
    import_traces,
    judged,
    keep_answer,
    keep_certificate,
    last_change,
    ledger_copies,
    list_agents,
    list_certificates,
    list_datasets,
    list_projects,
    list_results,
    load_dataset,
    log_artifacts,
    page_conversations,
    page_runs,
    production_version,
    project_run,
    prompt,
    read_bytes,
    read_conversations,
    read_exchanges,
    read_feedback,
    read_human_labels,
    read_judgments,
    read_kept,
    read_ledger,
    read_project_tags,
    register_agent,
    save_dataset,
    set_project_tag,
    stage_of,
    stage_run,
    stages_reached,
    transition,
    transitions,
    whole_conversation,
    whole_run,
    write_conversations,
    write_feedback,
    write_human_labels,
    write_judgments,
    write_kept,
)
from tests.stores.conftest import Store, conversation, failure, scenario

Report = Callable[[Dataset], DatasetReport]
AGENT = AgentRef(agent_id="shop-bot", version="v1")


def verdict(**changes: object) -> Verdict:
    fields = {"expectation_id": "refunds", "rationale": "It did.", "ruling": Ruling.MET, "confidence": 1.0}
    return Verdict.model_validate({**fields, "source": "llm_judge", "judge": "openai:gpt-5-mini", **changes})


def judgment(of: Conversation, passed: bool | None = True, **changes: object) -> Judgment:
    fields = {
        "conversation_id": of.conversation_id,
        "scenario_id": of.scenario_id,
        "trial": of.trial,
        "verdicts": (verdict(),),
        "score": None if passed is None else float(passed),
        "passed": passed,
        "rationale": "All met.",
    }
    return Judgment.model_validate({**fields, **changes})


def store_conversations(t: Tracking, project: str, *conversations: Conversation, simulation_id: str = "sim-1") -> None:
    rows = [(one, scenario()) for one in conversations]
    write_conversations(t, project, rows, simulation_id=simulation_id, run_id=None, dataset=None)


def finished_run(t: Tracking, project: str, stage: Stage, subject_id: str, *, gated: bool = True, **more) -> str:
    request_hash = f"{abs(hash((stage, subject_id))):064x}"
    with stage_run(t, project, stage, request_hash=request_hash, gated=gated, **more) as run:
        run.finish(StageResult(project=project, gated=gated, stage=stage, subject_id=subject_id))
    return run.run_id


def test_projects_and_their_tags(t: Tracking, project: str) -> None:
    ensure_project(t, project)
    set_project_tag(t, project, "policy", "{}")
    assert read_project_tags(t, project) == {"policy": "{}"}
    assert project in [row.project for row in list_projects(t)]


def test_a_stage_is_run_found_and_resumed(t: Tracking, project: str) -> None:
    parent = evaluation_run(t, project, AGENT, None)
    assert evaluation_run(t, project, AGENT, None) == parent
    asked = {"request_hash": "ab" * 32, "gated": True, "agent": AGENT, "parent_run_id": parent}
    with pytest.raises(ValueError, match="broken"), stage_run(t, project, Stage.SIMULATE, **asked) as first:
        raise ValueError("broken")
    with stage_run(t, project, Stage.SIMULATE, **asked, params={"trials": 3}) as run:
        run.log_metrics({"n": 1.0})
        run.log_bytes("reports/a.pdf", b"%PDF\x00")
        run.finish(StageResult(project=project, gated=True, stage=Stage.SIMULATE, subject_id="sim-1"))
    assert run.run_id == first.run_id
    stored = find_result(t, project, Stage.SIMULATE, "ab" * 32)
    assert stored is not None and stored.content["subject_id"] == "sim-1"
    assert [row.subject_id for row in list_results(t, project, Stage.SIMULATE, agent=AGENT)] == ["sim-1"]
    assert read_bytes(t, run.run_id, "reports/a.pdf") == b"%PDF\x00"
    with pytest.raises(NotFound, match="has no artifact reports/b"):
        read_bytes(t, run.run_id, "reports/b.pdf")
    whole = whole_run(t, project, run.run_id)
    assert whole.params["trials"] == "3" and "reports/a.pdf" in {file.path for file in whole.files}


def test_conversations_are_read_back_whole(t: Tracking, project: str) -> None:
    written = [conversation(0), conversation(1), failure(2)]
    for name in (project, project, f"{project}-b"):
        store_conversations(t, name, *written)
    for name in (project, f"{project}-b"):
        assert read_conversations(t, name, "sim-1") == written
        assert finished(t, name, "sim-1") == {one.conversation_id for one in written[:2]}
        assert failed_conversations(t, name, "sim-1") == written[2:]
    info = t.client.get_trace(whole_conversation(t, project, written[0].conversation_id).trace_id, display=False).info
    assert info.token_usage == {"input_tokens": 250, "output_tokens": 25, "total_tokens": 275}
    assert info.tags["scenario_id"] == "late-refund"
    assert write_conversations(
        t, project, [(written[0], None)], simulation_id="sim-1", run_id=None, dataset=None, only_new=True
    ) in (set(), {written[0].conversation_id})
    assert whole_conversation(t, project, written[0].conversation_id).conversation == written[0]


def test_judgments_labels_and_feedback(t: Tracking, project: str) -> None:
    written = [conversation(0), conversation(1), failure(2)]
    store_conversations(t, project, *written)
    judgments = [judgment(one) for one in written]
    for _ in range(2):
        write_judgments(t, project, "judging-1", judgments, run_id=None)
    assert read_judgments(t, project, "judging-1") == judgments
    assert judged(t, project, "judging-1") == {one.conversation_id for one in written}
    name = written[0].conversation_id
    item = Feedback(feedback_id="f-1", conversation_id=name, thumbs="up", at=datetime(2026, 3, 2, tzinfo=UTC))
    for _ in range(2):
        assert write_feedback(t, project, [item]) == 1
    assert read_feedback(t, project, [name]) == {name: [item]}
    label = verdict(source="human", judge="ann")
    for _ in range(2):
        write_human_labels(t, project, {name: [label]})
    assert read_human_labels(t, project, [name]) == {name: [label]}
    whole = whole_conversation(t, project, name)
    assert [(judging, one.passed) for judging, one in whole.judgments] == [("judging-1", True)]
    assert sorted(import_traces(t, TraceQuery(experiment=project)).conversations, key=lambda one: one.trial) == written


def test_labels_of_several_raters_in_several_writes_are_all_kept(t: Tracking, project: str) -> None:
    written = [conversation(number) for number in range(3)]
    store_conversations(t, project, *written)
    a, b, c = (one.conversation_id for one in written)

    def label(rater: str, ruling: Ruling = Ruling.MET) -> Verdict:
        return verdict(source="human", judge=rater, ruling=ruling)

    write_human_labels(t, project, {a: [label("bob")], b: [label("bob")]})
    write_human_labels(t, project, {a: [label("ada")], c: [label("bob")]})
    write_human_labels(t, project, {a: [label("Bob"), label("ada", Ruling.NOT_MET)]})
    stored = {
        (name, row.judge, row.ruling)
        for name, labels in read_human_labels(t, project, [a, b, c]).items()
        for row in labels
    }
    assert stored == {
        (a, "bob", Ruling.MET),
        (a, "Bob", Ruling.MET),
        (a, "ada", Ruling.NOT_MET),
        (b, "bob", Ruling.MET),
        (c, "bob", Ruling.MET),
    }


def test_feedback_with_its_own_turns_becomes_a_production_conversation(t: Tracking, project: str) -> None:
    turns = (Turn(role="user", text="Hi"), Turn(role="agent", text="No."))
    item = Feedback(feedback_id=f"f-{project}", thumbs="down", turns=turns, agent=AGENT, at=datetime.now(UTC))
    assert write_feedback(t, project, [item]) == 1
    (stored,) = read_conversations(t, project, "production")
    assert stored.turns == turns
    old = conversation(0, started_at=datetime(2020, 1, 1, tzinfo=UTC))
    store_conversations(t, project, old, simulation_id="production")
    assert delete_conversations(t, project, before=datetime(2021, 1, 1, tzinfo=UTC)) == 1
    assert read_conversations(t, project, "production") == [stored]


def exchange(number: int, conversation_id: str, said: str) -> Exchange:
    return Exchange.model_validate(
        {
            "exchange_id": f"{number:016x}",
            "told": conversation_id,
            "agent": AGENT,
            "started_at": 1_772_366_400.0 + number,
            "latency_s": 0.5,
            "asked": (f"q{number}",),
            "answered": f"a{number}",
            "messages": {f"q{number}": {"role": "user", "content": said}, f"a{number}": {"content": "No."}},
        }
    )


def assembled(conversation_id: str, exchanges: Sequence[Exchange]) -> Conversation:
    words = [str(one.messages.get(one.asked[0], {}).get("content", "?")) for one in exchanges]
    return conversation(0, turns=[Turn(role="user", text=text) for text in words]).replace(
        conversation_id=conversation_id
    )


def test_requests_through_the_gateway_are_appended(store: Store, t: Tracking, project: str) -> None:
    name = uuid.uuid4().hex
    first, second, third = (exchange(number, name, said) for number, said in enumerate(("Hi", "And?", "So?")))
    tags = {name: {"origin": "gateway", "rollout_id": "rollout-1"}}
    for handle, new in ((t, [first]), (store.connect(), [second, third]), (t, [second])):
        append_exchanges(handle, project, {name: new}, assembled, simulation_id="production", tags=tags)
        write_judgments(t, project, "judging-1", [judgment(assembled(name, [first]))], run_id=None)
    assert [row.exchange_id for row in read_exchanges(t, project, [name])[name]] == [
        one.exchange_id for one in (first, second, third)
    ]
    (stored,) = gateway_conversations(t, project, "rollout-1", kind="production")
    assert [turn.text for turn in stored.turns] == ["Hi", "And?", "So?"]
    assert gateway_conversations(t, project, "rollout-2", kind="production") == []


def test_a_dataset_is_used_in_two_projects(t: Tracking, project: str, dataset: Dataset, report: Report) -> None:
    for name in (project, f"{project}-b"):
        with stage_run(t, name, Stage.DATASET, request_hash="ef" * 32, gated=False) as run:
            for _ in range(2):
                save_dataset(t, name, dataset, report(dataset), run)
            run.finish(StageResult(project=name, gated=False, stage=Stage.DATASET, subject_id="dataset-1"))
    for name in (project, f"{project}-b"):
        assert load_dataset(t, name, dataset.ref) == dataset
        assert [(row.ref, row.scenarios) for row in list_datasets(t, name)] == [(dataset.ref, 3)]
        shown = t.client.search_datasets([ensure_project(t, name)])
        assert [row.name for row in shown] == [str(dataset.ref)]  # in MLflow's own list as well


def test_a_dataset_is_found_where_mlflow_cannot_list_it(
    t: Tracking, project: str, dataset: Dataset, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a server of MLflow 3.17 on PostgreSQL with psycopg 3, where the call that lists it fails."""
    from mlflow.exceptions import MlflowException

    def fails(*_: object) -> None:
        raise MlflowException("(psycopg.errors.UndefinedFunction) operator does not exist: integer = character varying")

    monkeypatch.setattr(t.client, "add_dataset_to_experiments", fails)
    for name in (project, f"{project}-b"):
        with stage_run(t, name, Stage.DATASET, request_hash="ef" * 32, gated=False) as run:
            save_dataset(t, name, dataset, report(dataset), run)
            run.finish(StageResult(project=name, gated=False, stage=Stage.DATASET, subject_id="dataset-1"))
        assert load_dataset(t, name, dataset.ref) == dataset
        assert [row.ref for row in list_datasets(t, name)] == [dataset.ref]


def test_agents_and_their_way_to_production(t: Tracking, project: str, card: AgentCard, tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("Be kind.")
    with stage_run(t, project, Stage.DEVELOP, request_hash="cd" * 32, gated=False) as run:
        name, version, model_id = register_agent(t, project, card, card_dir=tmp_path, run=run)
        assert register_agent(t, project, card, card_dir=tmp_path, run=run)[:2] == (name, version)
        with pytest.raises(BadInput, match="registered with other content"):
            register_agent(t, project, card.replace(description="Other."), card_dir=tmp_path, run=run)
        run.finish(StageResult(project=project, gated=False, stage=Stage.DEVELOP, subject_id="agent-1"))
    assert agent_card(t, project, card.ref) == card
    for _ in range(2):
        with (
            pytest.raises(ValueError),
            stage_run(  # an unfinished run is taken up again
                t, project, Stage.SIMULATE, request_hash="ce" * 32, gated=False, agent=card.ref
            ) as simulated,
        ):
            raise ValueError
    inputs = t.client.get_run(simulated.run_id).inputs.model_inputs
    assert [row.model_id for row in inputs] == [model_id]
    moves = [
        transition(t, name, version, to, by="ann", reason="better", evidence={})
        for to in (RegistryStage.STAGING, RegistryStage.PRODUCTION)
    ]
    assert transitions(t, name, version) == tuple(moves)
    assert stage_of(t, name, version) is RegistryStage.PRODUCTION
    assert production_version(t, project, "support") == card.ref
    assert [(str(row.agent), row.aliases) for row in list_agents(t, project)] == [
        ("support@v1", ("champion", "production"))
    ]


def test_prompts_and_answers(t: Tracking, project: str) -> None:
    name = f"assay.{project}"
    assert prompt(t, name, "Rule.") == prompt(t, name, "Rule.")
    assert prompt(t, name, "Another rule.").version == 2
    assert find_answer(t, project, "judge", "ab" * 32) is None
    answer = StageResult(project=project, gated=False, stage=Stage.JUDGE, subject_id="judging-1")
    keep_answer(t, project, "judge", "ab" * 32, answer, params={"model": "m"})
    assert (find_answer(t, project, "judge", "ab" * 32) or {})["subject_id"] == "judging-1"


def certificate(project: str, number: int) -> JudgeCertificate:
    missing = {"kind": "insufficient", "reason": "too few labels", "n": 0}
    return JudgeCertificate.model_validate(
        {
            "project": project,
            "certificate_id": f"certificate-{number}",
            "judge": "openai:gpt-5-mini",
            "rubric_hash": "a" * 64,
            "judge_key": "b" * 64,
            "judging_ids": ("judging-1",),
            "made_at": datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number),
            "by": "ann",
            "level": 0.8,
            "admitted": False,
            "reason": "Too few labels.",
            "sensitivity": missing,
            "specificity": missing,
            "accuracy": missing,
            "confusion": {
                "judge_met_human_met": 0,
                "judge_not_met_human_met": 0,
                "judge_met_human_not_met": 0,
                "judge_not_met_human_not_met": 0,
            },
            "reliability": (),
            "raters": ("ann",),
            "rulings": 0,
            "split": 0,
            "agreement": missing,
            "too_noisy": False,
            "design": "All of them.",
            "drawn": 0,
            "unlabelled": 0,
            "volunteered": 0,
            "missing": "Not known.",
            "missing_at_random": None,
            "labelled": (),
        }
    )


def test_certificates(t: Tracking, project: str) -> None:
    first, second = certificate(project, 1), certificate(project, 2)
    kept = keep_certificate(t, first)
    assert keep_certificate(t, first) == kept
    keep_certificate(t, second)
    newest = find_certificate(t, project, "b" * 64)
    assert newest is not None and newest.certificate_id == "certificate-2"
    assert [row.certificate_id for row in list_certificates(t, project)] == ["certificate-2", "certificate-1"]


def test_documents_and_the_ledger(store: Store, t: Tracking, project: str) -> None:
    for name in ("rollout/traffic", "rollout/looks", "schedules/schedules"):
        assert read_kept(t, project, name) is None
        write_kept(t, project, name, '{"a": 1}', before=None, number=1)
        write_kept(t, project, name, '{"a": 2}', before='{"a": 1}')
        with pytest.raises(Refused, match="changed by somebody else"):
            write_kept(t, project, name, '{"a": 3}', before='{"a": 1}')
        with pytest.raises(Refused, match="changed by somebody else"):
            write_kept(t, project, name, '{"a": 3}', before=None)
        assert read_kept(store.connect(), project, name) == '{"a": 2}'
    assert read_ledger(t, project) == []
    append_ledger(t, project, "one", expected_lines=0)
    append_ledger(t, project, "two \u2028 three \x85 four", expected_lines=1)
    with pytest.raises(Refused, match="somebody decided meanwhile"):
        append_ledger(t, project, "three", expected_lines=1)
    assert read_ledger(store.connect(), project) == ["one", "two \u2028 three \x85 four"]


def test_documents_and_a_ledger_from_before_there_were_rows(store: Store, t: Tracking, project: str) -> None:
    ensure_project(t, project)
    log_artifacts(t, project_run(t, project, "schedules"), {"schedules/schedules.json": b'{"a": 1}'})
    log_artifacts(t, project_run(t, project, "ledger"), {"gates/ledger.jsonl": b"one\ntwo\n"})
    for handle in (store.connect(), t):
        assert read_kept(handle, project, "schedules/schedules") == '{"a": 1}'
        assert read_ledger(handle, project) == ["one", "two"]
    with pytest.raises(Refused):
        write_kept(t, project, "schedules/schedules", "{}", before=None)
    write_kept(t, project, "schedules/schedules", '{"a": 2}', before='{"a": 1}')
    append_ledger(t, project, "three", expected_lines=2)
    assert read_kept(store.connect(), project, "schedules/schedules") == '{"a": 2}'
    copies = ledger_copies(store.connect(), project)
    assert copies.rows == copies.file == ("one", "two", "three")


def test_a_database_of_jobs_that_was_lost_takes_nothing_along(mlflow_server: str, tmp_path: Path) -> None:
    """Behind a server it keeps documents and ledger, and MLflow the copies."""
    first, second = (connect(mlflow_server, jobs_url=f"sqlite:///{tmp_path}/{name}.db") for name in ("a", "b"))
    project = f"p-{uuid.uuid4().hex[:10]}"
    write_kept(first, project, "rollout/traffic", "1", before=None)
    write_kept(first, project, "rollout/traffic", "2", before="1")
    append_ledger(first, project, "one", expected_lines=0)
    assert read_kept(second, project, "rollout/traffic") == "2"
    write_kept(second, project, "rollout/traffic", "3", before="2")
    append_ledger(second, project, "two", expected_lines=1)
    assert read_kept(first, project, "rollout/traffic") == "3"  # the greater number counts
    assert read_ledger(first, project) == ["one", "two"]
    write_kept(first, project, "rollout/traffic", "4", before="3")
    append_ledger(first, project, "three", expected_lines=2)
    assert read_kept(second, project, "rollout/traffic") == "4"
    assert read_ledger(second, project) == ["one", "two", "three"]
    with pytest.raises(BadInput, match="ASSAY_JOBS_URL"):
        read_ledger(connect(mlflow_server), project)


def test_pages_of_runs_and_every_filter_of_them(t: Tracking, project: str) -> None:
    simulated = finished_run(t, project, Stage.SIMULATE, "sim-1", agent=AGENT)
    judged_run = finished_run(t, project, Stage.JUDGE, "judging-1", gated=False, agent=AGENT.replace(version="v2"))
    with (
        pytest.raises(ValueError, match="broken"),
        stage_run(t, project, Stage.ANALYZE, request_hash="1" * 64, gated=True) as failed,
    ):
        raise ValueError("broken")
    write_kept(t, project, "schedules/schedules", "{}", before=None)  # a run of no stage

    def found(wanted: RunFilter, limit: int = 50) -> list[str]:
        ids, cursor = [], None
        while True:
            page = page_runs(t, project, wanted, limit=limit, cursor=cursor)
            assert len(page.rows) <= limit
            ids += [row.run_id for row in page.rows]
            if (cursor := page.next_cursor) is None:
                return ids

    everything = [failed.run_id, judged_run, simulated]
    assert found(RunFilter()) == everything
    assert found(RunFilter(), limit=1) == everything
    assert found(RunFilter(stage=Stage.JUDGE)) == [judged_run]
    assert found(RunFilter(agent=AGENT)) == [simulated]
    assert found(RunFilter(gated=True)) == [failed.run_id, simulated]
    assert found(RunFilter(gated=False)) == [judged_run]
    assert found(RunFilter(status="FAILED")) == [failed.run_id]
    assert found(RunFilter(status="FAILED", with_result=True)) == []
    assert found(RunFilter(with_result=True)) == [judged_run, simulated]
    assert found(RunFilter(dataset_version="0" * 16)) == []
    assert found(RunFilter(words="SIMULATE")) == found(RunFilter(words="sim-1")) == [simulated]
    assert found(RunFilter(words="judging-1"), limit=1) == [judged_run]
    for odd in ("%", "_", "'", "\\", "\x00"):
        assert found(RunFilter(words=odd)) == []
    assert count_runs(t, project) == {
        ("simulate", "FINISHED"): 1,
        ("judge", "FINISHED"): 1,
        ("analyze", "FAILED"): 1,
    }
    assert stages_reached(t, project) == {"shop-bot@v1": {Stage.SIMULATE}, "shop-bot@v2": {Stage.JUDGE}}
    assert [row.subject_id for row in gated_results(t, project)] == ["sim-1"]
    before = last_change(t, project)
    assert last_change(t, project) == before
    finished_run(t, project, Stage.FEEDBACK, "production-1")
    assert last_change(t, project) != before


def test_all_runs_are_counted_where_there_are_more_than_a_page(
    t: Tracking, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server gives pages of at most a thousand; smaller pages stand for it."""
    for number in range(5):
        agent = AgentRef(agent_id="shop-bot", version=f"v{number}")
        finished_run(t, project, Stage.SIMULATE, f"sim-{number}", agent=agent)
    search = t.client.search_runs
    monkeypatch.setattr(t.client, "search_runs", lambda *a, **k: search(*a, **{**k, "max_results": 2}))
    assert len(stages_reached(t, project)) == 5
    assert sum(count_runs(t, project).values()) == 5
    assert len(gated_results(t, project)) == 5


def test_pages_of_conversations_and_every_filter_of_them(t: Tracking, project: str) -> None:
    one = conversation(0, started_at=datetime(2026, 3, 1, tzinfo=UTC))
    faulty = failure(1).replace(started_at=datetime(2026, 3, 2, tzinfo=UTC))
    other = conversation(
        0,
        scenario_id="lost-parcel",
        stop_reason=StopReason.TIMEOUT,
        agent=AGENT.replace(version="v2"),
        started_at=datetime(2026, 3, 3, tzinfo=UTC),
    )
    store_conversations(t, project, one, faulty)
    store_conversations(t, project, other, simulation_id="sim-2")
    write_judgments(t, project, "judging-1", [judgment(one), judgment(faulty, False)], run_id=None)

    def found(limit: int = 50, **wanted: object) -> list[str]:
        ids, cursor = [], None
        while True:
            page = page_conversations(t, project, ConversationFilter(**wanted), limit=limit, cursor=cursor)
            assert len(page.rows) <= limit
            ids += [row.conversation_id for row in page.rows]
            if (cursor := page.next_cursor) is None:
                return ids

    a, b, c = one.conversation_id, faulty.conversation_id, other.conversation_id
    assert found() == found(limit=1) == [c, b, a]
    assert found(simulation_id="sim-1") == [b, a]
    assert found(simulation_id="sim-3") == []
    assert found(judging_id="judging-1") == [b, a]
    assert found(judging_id="judging-1", outcome="failed") == [b]
    assert found(judging_id="judging-1", outcome="unjudged") == []
    assert found(scenario_id="lost-parcel") == [c]
    assert found(stop_reason=StopReason.AGENT_ERROR) == [b]
    assert found(fault=SimulatorFaultKind.LEFT_PERSONA) == [b]
    assert found(fault=next(kind for kind in SimulatorFaultKind if kind is not SimulatorFaultKind.LEFT_PERSONA)) == []
    assert found(any_fault=True) == [b]
    assert found(any_fault=False) == [c, a]
    assert found(agent=AGENT) == [b, a]
    assert found(agent=AGENT, any_fault=False, scenario_id="late-refund") == [a]
    row = page_conversations(t, project, ConversationFilter(judging_id="judging-1"), limit=1).rows[0]
    assert row.outcome == "failed" and row.failed and row.faults == (SimulatorFaultKind.LEFT_PERSONA,)


ODD = "NUL \x00, half an emoji \ud83d, line \u2028 paragraph \u2029 next \x85 end"
NUL = ODD.replace("\ud83d", "\ufffd")  # contracts refuse the half emoji in most fields
STORABLE = ODD.replace("\x00", "\ufffd").replace("\ud83d", "\ufffd")


def test_text_that_a_database_refuses_is_replaced(
    t: Tracking, project: str, dataset: Dataset, report: Report, card: AgentCard, tmp_path: Path
) -> None:
    odd = conversation(0, turns=(Turn(role="user", text=ODD), Turn(role="agent", text=ODD)), outcome={ODD: [ODD]})
    store_conversations(t, project, odd)
    (stored,) = read_conversations(t, project, "sim-1")
    assert [turn.text for turn in stored.turns] == [STORABLE, STORABLE] and stored.outcome == {STORABLE: [STORABLE]}
    name = odd.conversation_id
    write_judgments(
        t, project, "judging-1", [judgment(odd, rationale=NUL, verdicts=(verdict(rationale=NUL),))], run_id=None
    )
    assert [row.rationale for row in read_judgments(t, project, "judging-1")] == [STORABLE]
    write_human_labels(t, project, {name: [verdict(source="human", judge="ann", rationale=NUL)]})
    assert read_human_labels(t, project, [name])[name][0].rationale == STORABLE
    assert write_feedback(t, project, [Feedback(feedback_id="f-1", conversation_id=name, comment=NUL)]) == 1
    assert read_feedback(t, project, [name])[name][0].comment == STORABLE
    odd_dataset = dataset.replace(description=NUL, scenarios=(scenario(goal=NUL, facts={"note": NUL}),))
    (tmp_path / "prompt.md").write_text("Be kind.")
    with stage_run(
        t, project, Stage.DATASET, request_hash="ef" * 32, gated=False, params={"brief": NUL}, tags={"note": NUL}
    ) as run:
        save_dataset(t, project, odd_dataset, report(odd_dataset), run)
        register_agent(t, project, card.replace(description=NUL, system_prompt=NUL), card_dir=tmp_path, run=run)
        run.set_tags({"headline": NUL})
        run.log_text("note.txt", NUL)
        run.finish(StageResult(project=project, gated=False, stage=Stage.DATASET, subject_id="dataset-1"))
    (summary,) = list_datasets(t, project)
    assert load_dataset(t, project, summary.ref).scenarios[0].goal == STORABLE
    assert agent_card(t, project, card.ref).system_prompt == STORABLE
    assert read_bytes(t, run.run_id, "note.txt").decode() == STORABLE
    with (
        pytest.raises(ValueError),
        stage_run(t, project, Stage.ANALYZE, request_hash="1" * 64, gated=False),
    ):
        raise ValueError(NUL)
    failed = page_runs(t, project, RunFilter(stage=Stage.ANALYZE)).rows[0]
    assert failed.status == "FAILED" and failed.error == STORABLE
    set_project_tag(t, project, "note", NUL)
    assert read_project_tags(t, project)["note"] == STORABLE
