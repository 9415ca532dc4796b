import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.stage import AgentRef, DatasetRef, Stage, StageResult
from assay.errors import CallError, NotFound
from assay.tracking import (
    Tracking,
    artifact_uri,
    ensure_project,
    evaluation_run,
    find_result,
    list_artifacts,
    list_results,
    load_result,
    read_bytes,
    read_json,
    read_text,
    stage_run,
)

HASH = "ab" * 32
AGENT = AgentRef(agent_id="shop-bot", version="v1")
DATASET = DatasetRef(name="shop", version="0123456789abcdef")
STANDARD = {
    "project_id",
    "agent_id",
    "agent_version",
    "dataset_version",
    "stage",
    "git_sha",
    "config_hash",
    "assay_version",
    "gated",
    "subject_id",
}


def simulate(t: Tracking, subject_id: str = "sim-1", request_hash: str = HASH, **changes: Any) -> str:
    fields: dict[str, Any] = {"agent": AGENT, "dataset": DATASET, "gated": True, **changes}
    with stage_run(t, "shop", Stage.SIMULATE, request_hash=request_hash, **fields) as run:
        run.finish(StageResult(project="shop", gated=True, stage=Stage.SIMULATE, subject_id=subject_id))
    return run.run_id


def test_every_run_has_the_standard_tags(t: Tracking) -> None:
    tags = t.client.get_run(simulate(t, tags={"job_id": "j1"})).data.tags
    assert tags.keys() >= STANDARD
    assert (tags["agent_id"], tags["agent_version"], tags["dataset_version"]) == ("shop-bot", "v1", DATASET.version)
    assert (tags["config_hash"], tags["gated"], tags["subject_id"], tags["job_id"]) == (HASH, "true", "sim-1", "j1")


def test_the_revision_is_that_of_the_working_directory(
    t: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert t.client.get_run(simulate(t)).data.tags["git_sha"] == "unknown"
    repo = tmp_path / "repo"
    who = {f"GIT_{role}_{what}": "x@y" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for command in (["init", "-q", str(repo)], ["-C", str(repo), "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *command], check=True, env={**os.environ, **who})
    monkeypatch.chdir(repo)
    sha = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    tags = t.client.get_run(simulate(t, request_hash="cd" * 32)).data.tags
    assert tags["git_sha"] == tags["mlflow.source.git.commit"] == sha


def test_a_stage_is_a_child_of_its_evaluation(t: Tracking) -> None:
    parent = evaluation_run(t, "shop", AGENT, DATASET.version)
    assert evaluation_run(t, "shop", AGENT, DATASET.version) == parent
    assert evaluation_run(t, "shop", AGENT, None) != parent
    child = simulate(t, parent_run_id=parent)
    assert t.client.get_run(child).data.tags["mlflow.parentRunId"] == parent
    assert t.client.get_run(parent).data.tags.keys() >= STANDARD


def test_what_was_logged_is_read_back(t: Tracking) -> None:
    with stage_run(t, "shop", Stage.ANALYZE, request_hash=HASH, gated=False, params={"k": 3, "x": {"a": [1]}}) as run:
        run.log_params({"model": "offline", "k": 3, "odd@key": True})
        run.log_metrics({"pass_rate": 0.5, "latency.p95": 1.25})
        run.log_json("reports/report.json", {"é": [1, None]})
        run.log_text("reports/report.html", "<p>ü</p>")
        run.log_bytes("reports/report.pdf", b"%PDF\x00\xff")
        run.finish(StageResult(project="shop", gated=False, stage=Stage.ANALYZE, subject_id="analytics-1"))
    data = t.client.get_run(run.run_id).data
    assert data.params == {"k": "3", "x": '{"a": [1]}', "model": "offline", "odd_key": "true"}
    assert data.metrics == {"pass_rate": 0.5, "latency.p95": 1.25}
    assert read_json(t, run.run_id, "reports/report.json") == {"é": [1, None]}
    assert read_text(t, run.run_id, "reports/report.html") == "<p>ü</p>"
    assert read_bytes(t, run.run_id, "reports/report.pdf") == b"%PDF\x00\xff"
    names = ["reports/report.html", "reports/report.json", "reports/report.pdf"]
    assert sorted(list_artifacts(t, run.run_id, "reports")) == names
    assert artifact_uri(t, run.run_id, "reports/report.pdf").endswith(f"{run.run_id}/artifacts/reports/report.pdf")


def test_a_missing_artifact_is_named(t: Tracking) -> None:
    run_id = simulate(t)
    with pytest.raises(NotFound, match=f"run {run_id} has no artifact simulation/x.jsonl"):
        read_text(t, run_id, "simulation/x.jsonl")
    with pytest.raises(NotFound, match=f"run {'0' * 32} is not in"):
        read_text(t, "0" * 32, "x")


def test_a_finished_request_is_found_and_an_unfinished_one_is_not(t: Tracking) -> None:
    ensure_project(t, "shop")
    assert find_result(t, "shop", Stage.SIMULATE, HASH) is None
    assert find_result(t, "nowhere", Stage.SIMULATE, HASH) is None
    simulate(t)
    found = find_result(t, "shop", Stage.SIMULATE, HASH)
    assert found is not None
    assert found.content["subject_id"] == "sim-1"
    assert find_result(t, "shop", Stage.JUDGE, HASH) is None
    assert find_result(t, "shop", Stage.SIMULATE, "cd" * 32) is None


def test_a_failed_run_is_taken_up_under_its_own_id(t: Tracking) -> None:
    with (
        pytest.raises(RuntimeError),
        stage_run(t, "shop", Stage.SIMULATE, request_hash=HASH, gated=True, params={"k": 1}) as run,
    ):
        run.log_metrics({"conversations": 3})
        raise RuntimeError("the agent said api_key=abcdef123")
    failed = t.client.get_run(run.run_id)
    assert failed.info.status == "FAILED"
    assert failed.data.tags["error_cause"] == "RuntimeError"
    assert failed.data.tags["error_message"] == "the agent said api_key=***"
    assert find_result(t, "shop", Stage.SIMULATE, HASH) is None

    assert simulate(t, params={"k": 1}) == run.run_id
    done = t.client.get_run(run.run_id)
    assert done.info.status == "FINISHED"
    assert "error_cause" not in done.data.tags


def test_a_failed_call_names_its_cause(t: Tracking) -> None:
    failed = CallFailed(cause=FailureCause.RATE_LIMIT, detail="429 for a minute")
    with pytest.raises(CallError), stage_run(t, "shop", Stage.JUDGE, request_hash=HASH, gated=False) as run:
        raise CallError(failed)
    tags = t.client.get_run(run.run_id).data.tags
    assert (tags["error_cause"], tags["error_message"]) == ("rate_limit", "rate_limit: 429 for a minute")


@pytest.mark.parametrize("stopped", [asyncio.CancelledError, KeyboardInterrupt])
def test_a_cancelled_run_is_killed_and_taken_up_again(t: Tracking, stopped: type[BaseException]) -> None:
    with pytest.raises(stopped), stage_run(t, "shop", Stage.SIMULATE, request_hash=HASH, gated=True) as run:
        raise stopped
    assert t.client.get_run(run.run_id).info.status == "KILLED"
    assert simulate(t) == run.run_id


def test_a_run_without_a_result_is_failed(t: Tracking) -> None:
    with stage_run(t, "shop", Stage.SIMULATE, request_hash=HASH, gated=True) as run:
        pass
    assert t.client.get_run(run.run_id).info.status == "FAILED"


def test_a_result_is_loaded_by_its_subject(t: Tracking) -> None:
    simulate(t, "sim-1")
    assert load_result(t, "shop", Stage.SIMULATE, "sim-1")["stage"] == "simulate"
    with pytest.raises(NotFound, match=r"simulate sim-2 is not in project shop of sqlite.*: there is sim-1"):
        load_result(t, "shop", Stage.SIMULATE, "sim-2")
    with pytest.raises(NotFound, match="there is no finished judge yet"):
        load_result(t, "shop", Stage.JUDGE, "judging-1")
    with pytest.raises(NotFound, match="project shap is not in"):
        load_result(t, "shap", Stage.JUDGE, "judging-1")


def test_results_come_newest_first_and_by_agent(t: Tracking) -> None:
    other = AgentRef(agent_id="shop-bot", version="v2")
    for number, agent in enumerate((AGENT, other, AGENT)):
        simulate(t, f"sim-{number}", f"{number:064}", agent=agent)
    assert [run.subject_id for run in list_results(t, "shop", Stage.SIMULATE)] == ["sim-2", "sim-1", "sim-0"]
    assert [run.subject_id for run in list_results(t, "shop", Stage.SIMULATE, agent=AGENT)] == ["sim-2", "sim-0"]
    assert [run.subject_id for run in list_results(t, "shop", Stage.SIMULATE, limit=1)] == ["sim-2"]
    newest = list_results(t, "shop", Stage.SIMULATE)[0]
    assert (newest.agent, newest.dataset_version, newest.gated) == (AGENT, DATASET.version, True)
    assert list_results(t, "nowhere", Stage.SIMULATE) == []
