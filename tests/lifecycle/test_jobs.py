"""Jobs on SQLite: queued, done by a worker in another process, cancelled, tried again, waiting at gates."""

import asyncio
import signal
from pathlib import Path

import pytest

from assay.contracts.evaluation import Limits
from assay.contracts.job import JobRequest, JobStatus, OtherJob
from assay.contracts.judgment import JudgeRequest
from assay.contracts.pipeline import PipelineRequest
from assay.contracts.stage import Stage
from assay.errors import BadInput, NotFound, Refused
from assay.lifecycle.gates import decide
from assay.lifecycle.jobs import Jobs, open_jobs
from assay.lifecycle.workers import MOST_CRASHES
from assay.settings import Settings
from assay.stages.context import open_context
from tests.conftest import PATIENCE_S
from tests.lifecycle.conversing import card_at, converse, ready, some
from tests.lifecycle.workers import worker
from tests.stub_llm import StubLLM

pytestmark = pytest.mark.xdist_group("jobs")


@pytest.fixture
async def stub():
    async with StubLLM(converse, latency_s=0.005, keep_requests=False) as server:
        yield server


@pytest.fixture
def settings(store_uri: str, tmp_path: Path, stub: StubLLM) -> Settings:
    return Settings(
        home=tmp_path,
        tracking_uri=store_uri,
        openai_base_url=stub.base_url,
        openai_api_key="k",
        openai_model="stub",
        heartbeat_limit_s=3.0,
    )


@pytest.fixture
async def jobs(settings: Settings):
    async with open_jobs(settings) as opened:
        yield opened


async def until(jobs: Jobs, job_id: str, *statuses: JobStatus, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while (await jobs.show(job_id)).status not in statuses:
            await asyncio.sleep(0.1)


async def test_a_job_is_queued_done_and_tells_of_its_progress(settings, jobs, stub):
    request = await ready(settings, stub.base_url, scenarios=12, turns=2, concurrency=3)
    asked = JobRequest(kind=OtherJob.EVALUATE, request=request.model_dump(mode="json"), key="nightly", by="ada")
    queued = await jobs.submit(asked)
    assert (queued.status, queued.project, queued.by) == (JobStatus.CREATED, "default", "ada")
    assert (await jobs.submit(asked)).job_id == queued.job_id
    heard = []
    with worker(settings, stub.env()):
        done = await asyncio.wait_for(jobs.wait(queued.job_id, heard.append, poll_s=0.1), PATIENCE_S)
    assert done.status is JobStatus.SUCCEEDED
    assert done.result["judging"]["passed"] == 12
    assert done.progress.spent.calls == 60
    assert stub.calls == 60
    assert {job.status for job in heard} >= {JobStatus.RUNNING, JobStatus.SUCCEEDED}
    assert [job.job_id for job in await jobs.list(project="default")] == [queued.job_id]
    assert await jobs.list(project="other") == []
    assert (await jobs.submit(asked)).status is JobStatus.SUCCEEDED


async def test_cancel_stops_within_a_turn_and_retry_does_only_what_is_missing(settings, jobs, stub):
    request = await ready(settings, stub.base_url, scenarios=40, turns=4, concurrency=4)
    stub.latency_s = 0.05
    job = await jobs.submit(JobRequest(kind=OtherJob.EVALUATE, request=request.model_dump(mode="json")))
    with worker(settings, stub.env()):
        async with asyncio.timeout(PATIENCE_S):
            while stub.calls < 100:
                await asyncio.sleep(0.02)
        assert (await jobs.cancel(job.job_id)).status is JobStatus.CANCELLED
        await asyncio.sleep(2.5)
        stopped_at = stub.calls
        await asyncio.sleep(0.5)
        assert stub.calls == stopped_at
        assert stopped_at < 360
        stub.latency_s = 0.0
        await jobs.retry(job.job_id)
        done = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), PATIENCE_S)
    assert done.status is JobStatus.SUCCEEDED
    assert done.result["judging"]["passed"] == 40
    assert stub.calls <= 360 + 8
    with pytest.raises(Refused, match="SUCCEEDED"):
        await jobs.retry(job.job_id)
    assert (await jobs.cancel(job.job_id)).status is JobStatus.SUCCEEDED


async def test_a_failed_job_says_why_and_a_higher_limit_goes_on(settings, jobs, stub):
    request = await ready(settings, stub.base_url, scenarios=10, turns=2, concurrency=2)
    limited = request.replace(limits=Limits(calls=20))
    job = await jobs.submit(JobRequest(kind=OtherJob.EVALUATE, request=limited.model_dump(mode="json")))
    with worker(settings, stub.env()):
        failed = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), PATIENCE_S)
        assert failed.status is JobStatus.FAILED
        assert failed.error.cause == "OverBudget"
        assert "raise the limit" in failed.error.message
        spent = stub.calls
        assert spent <= 20 + 4
        again = await jobs.submit(JobRequest(kind=OtherJob.EVALUATE, request=request.model_dump(mode="json")))
        done = await asyncio.wait_for(jobs.wait(again.job_id, poll_s=0.1), PATIENCE_S)
    assert done.status is JobStatus.SUCCEEDED
    assert stub.calls <= 50 + 4


async def test_a_worker_that_is_killed_leaves_nothing_undone(settings, jobs, stub):
    request = await ready(settings, stub.base_url, scenarios=40, turns=2, concurrency=4)
    stub.latency_s = 0.03
    job = await jobs.submit(JobRequest(kind=OtherJob.EVALUATE, request=request.model_dump(mode="json")))
    with worker(settings, stub.env()) as first:
        async with asyncio.timeout(PATIENCE_S):
            while stub.calls < 60:
                await asyncio.sleep(0.02)
        first.kill()
    with worker(settings, stub.env()):
        done = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), PATIENCE_S)
    assert done.status is JobStatus.SUCCEEDED
    assert done.result["judging"]["passed"] == 40
    assert stub.calls <= 200 + 4


async def test_a_pipeline_waits_at_a_gate_through_a_restart_and_goes_on_when_it_is_decided(settings, jobs, stub):
    request = PipelineRequest(
        project="gated", challenger=card_at(stub.base_url), dataset=some(3, 1), card_dir=str(settings.home), threshold=0
    )
    job = await jobs.submit(JobRequest(kind=OtherJob.PIPELINE, request=request.model_dump(mode="json")))
    with worker(settings, stub.env()) as first:
        waits = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), PATIENCE_S)
        assert waits.progress.waiting_for.startswith("agent-")
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE_S) == 0
    with worker(settings, stub.env()):
        async with open_context(settings) as context:
            await decide(context, "gated", waits.progress.waiting_for, "approve", by="ada", reason="Looks right.")
        await jobs.gate_decided("gated")
        async with asyncio.timeout(PATIENCE_S):
            while not str((await jobs.show(job.job_id)).progress.waiting_for).startswith("dataset-"):
                await asyncio.sleep(0.1)
        assert (await jobs.show(job.job_id)).status is JobStatus.RUNNING


async def test_bad_requests_are_refused_before_they_are_queued(jobs):
    with pytest.raises(BadInput, match="job evaluate: request: dataset: is required"):
        await jobs.submit(JobRequest(kind=OtherJob.EVALUATE, request={"agent": {"agent_id": "a", "version": "1"}}))
    with pytest.raises(NotFound, match="assay job list"):
        await jobs.show("job-nowhere")
    assert await jobs.list() == []


async def test_a_stage_is_a_job_and_its_error_is_told(settings, jobs, stub):
    asked = JudgeRequest(simulation_id="sim-0000000000000000")
    job = await jobs.submit(JobRequest(kind=Stage.JUDGE, request=asked.model_dump(mode="json")))
    with worker(settings, stub.env()):
        failed = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), PATIENCE_S)
    assert (failed.status, failed.error.cause) == (JobStatus.FAILED, "NotFound")


async def test_a_job_that_kills_its_workers_fails_with_its_cause(settings, jobs, tmp_path):
    """Three of them; a worker that is stopped in order does not count, and a retry starts afresh."""
    (tmp_path / "deadly.py").write_text("import os\n\n\ndef reply(messages):\n    os._exit(9)\n")
    card = {
        "agent_id": "deadly",
        "version": "1",
        "description": "Ends the process that asks it.",
        "connector": {"kind": "python", "target": "deadly:reply"},
    }
    request = {"project": "default", "card": card, "card_dir": str(tmp_path)}
    job = await jobs.submit(JobRequest(kind=Stage.DEVELOP, request=request))
    for attempt in range(MOST_CRASHES):
        with worker(settings, {}) as process:
            assert await asyncio.to_thread(process.wait, 120) == 9, attempt
    with worker(settings, {}) as process:
        await until(jobs, job.job_id, JobStatus.FAILED)
        assert process.poll() is None
    failed = await jobs.show(job.job_id)
    assert failed.error.cause == "Crashed" and f"{MOST_CRASHES} workers died" in failed.error.message
    (tmp_path / "deadly.py").write_text("def reply(messages):\n    return 'All is well.'\n")
    await jobs.retry(job.job_id)
    with worker(settings, {}):
        await until(jobs, job.job_id, JobStatus.SUCCEEDED)
