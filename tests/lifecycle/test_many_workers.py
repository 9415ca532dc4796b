"""Several workers on real Postgres, which holds MLflow's store and the jobs."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from assay.contracts.job import JobRequest, JobStatus, OtherJob
from assay.lifecycle.jobs import open_jobs
from assay.settings import Settings
from tests.conftest import PATIENCE_S
from tests.lifecycle.conversing import converse, ready
from tests.lifecycle.workers import worker
from tests.stub_llm import StubLLM

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.timeout(1200)]

LIMIT_S = 8.0


@pytest.fixture
def database(postgres: str, tmp_path: Path) -> Iterator[str]:
    """One of its own for each test."""
    name = f"assay_{abs(hash(tmp_path.name)) % 10**8}"
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield str(sa.make_url(postgres).set(database=name).render_as_string(hide_password=False))
    engine.dispose()


@pytest.fixture
async def stub():
    async with StubLLM(converse, latency_s=0.2, keep_requests=False) as server:
        yield server


@pytest.fixture
def settings(database: str, tmp_path: Path, stub: StubLLM) -> Settings:
    return Settings(
        home=tmp_path,
        tracking_uri=database,
        openai_base_url=stub.base_url,
        openai_api_key="k",
        openai_model="stub",
        heartbeat_limit_s=LIMIT_S,
    )


def stored(database: str) -> tuple[int, int, int]:
    """(conversations, root spans, judgments), each counted row by row."""
    engine = sa.create_engine(database)
    with engine.connect() as connection:
        found = [
            connection.execute(sa.text(f"SELECT count(*) FROM {what}")).scalar_one()
            for what in (
                "trace_tags WHERE key LIKE 'sim-%' AND value = 'stored'",
                "spans WHERE parent_span_id IS NULL",
                "assessments WHERE name = 'passed'",
            )
        ]
    engine.dispose()
    return tuple(found)


async def calls_reach(stub: StubLLM, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while stub.calls < count:
            await asyncio.sleep(0.02)


async def most_calls_at_a_time(settings: Settings, stub: StubLLM, workers: int, seed: int) -> int:
    request = await ready(settings, stub.base_url, scenarios=48, turns=2, concurrency=8, seed=seed)
    stub.max_in_flight = 0
    async with open_jobs(settings) as jobs:
        with contextlib.ExitStack() as stack:
            for _ in range(workers):
                stack.enter_context(worker(settings, stub.env()))
            # the first part warms the workers up: they import MLflow
            for asked in (request.replace(seed=seed + 1000), request):
                job = await jobs.submit(JobRequest(kind=OtherJob.EVALUATE, request=asked.model_dump(mode="json")))
                done = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), PATIENCE_S)
                assert done.status is JobStatus.SUCCEEDED
                assert done.result["judging"]["passed"] == 48
    return stub.max_in_flight


async def test_two_workers_share_one_job(settings, stub):
    """How much faster that is stands in benchmarks/workers.py: a ratio of times is no test on a busy machine."""
    assert await most_calls_at_a_time(settings, stub, 1, seed=1) <= 8
    assert await most_calls_at_a_time(settings, stub, 2, seed=2) > 8


async def test_a_killed_workers_part_is_finished_by_the_other_within_the_limit(settings, stub, database):
    request = await ready(settings, stub.base_url, scenarios=60, turns=3, concurrency=5)
    async with open_jobs(settings) as jobs:
        with worker(settings, stub.env()) as first, worker(settings, stub.env()):
            job = await jobs.submit(JobRequest(kind=OtherJob.EVALUATE, request=request.model_dump(mode="json")))
            await calls_reach(stub, 100)
            first.kill()
            first.wait()
            async with asyncio.timeout(PATIENCE_S):
                while await _has_work(jobs, first.pid):
                    await asyncio.sleep(0.1)
            done = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), PATIENCE_S)
    assert done.status is JobStatus.SUCCEEDED
    assert done.result["judging"]["passed"] == 60
    assert stored(database) == (60, 60, 60)
    assert stub.calls <= 60 * 7 + 5


async def test_a_worker_that_was_wrongly_taken_for_dead_writes_nothing_twice(settings, stub, database):
    """It is stopped for longer than the limit, and then goes on as if nothing had happened."""
    request = await ready(settings, stub.base_url, scenarios=30, turns=3, concurrency=5)
    async with open_jobs(settings) as jobs:
        with worker(settings, stub.env()) as first:
            job = await jobs.submit(JobRequest(kind=OtherJob.EVALUATE, request=request.model_dump(mode="json")))
            await calls_reach(stub, 40)
            first.send_signal(signal.SIGSTOP)
            with worker(settings, stub.env()):
                await calls_reach(stub, 80)
                first.send_signal(signal.SIGCONT)
                done = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), PATIENCE_S)
                await asyncio.sleep(3)  # what it still had in flight comes to an end
    assert done.status is JobStatus.SUCCEEDED
    assert done.result["judging"]["passed"] == 30
    assert stored(database) == (30, 30, 30)


async def _has_work(jobs, pid: int) -> bool:
    """Whether anything that is under way is still this process's."""
    rows = await jobs._client.list_workflows_async(status="PENDING", load_input=False)
    return any(f"-{pid}-" in (row.executor_id or "") for row in rows)
