"""Killed again and again: nothing is lost, nothing is there twice, nothing finished is paid for again."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

from assay.settings import Settings
from tests.conftest import PATIENCE_S
from tests.lifecycle.conversing import converse, ready
from tests.stub_llm import StubLLM

KILLS = 20
SCENARIOS, TURNS, IN_FLIGHT = 300, 2, 12
NEEDED = SCENARIOS * (2 * TURNS + 1)


async def test_twenty_kills_lose_nothing_and_pay_for_nothing_twice(store_uri, tmp_path):
    chance = random.Random(20)
    with StubLLM(converse, latency_s=0.02, keep_requests=False) as stub:
        settings = Settings(home=tmp_path, tracking_uri=store_uri, openai_base_url=stub.base_url, openai_api_key="k")
        request = await ready(settings, stub.base_url, scenarios=SCENARIOS, turns=TURNS)
        command = [sys.executable, "-m", "assay.cli", "evaluate", "--agent", str(request.agent)]
        command += ["--dataset", str(request.dataset), "--trials", "1", "--concurrency", str(IN_FLIGHT)]
        env = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")},
            **{"ASSAY_HOME": str(tmp_path), "ASSAY_TRACKING_URI": store_uri, **stub.env()},
        }
        killed = 0
        while killed < KILLS:
            before = stub.calls
            # some die while MLflow is still being opened, some in the middle of writing to it
            most = before + chance.choice((chance.randint(1, 40), chance.randint(40, 100)))
            with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
                until = time.monotonic() + PATIENCE_S
                while process.poll() is None and stub.calls < most and time.monotonic() < until:
                    time.sleep(0.002)
                time.sleep(chance.random() * 0.1)
                process.send_signal(signal.SIGKILL)
            killed += 1
            assert stub.calls > before, "a life in which nothing was asked shows nothing"
        assert stub.calls < NEEDED, "all was done before the last kill"
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr[-2000:]
        assert stub.calls <= NEEDED + killed * IN_FLIGHT, (stub.calls, NEEDED, killed)
    tables = sqlite3.connect(tmp_path / "mlflow.db")
    stored = tables.execute("SELECT request_id FROM trace_tags WHERE key LIKE 'sim-%' AND value = 'stored'").fetchall()
    assert len(stored) == len(set(stored)) == SCENARIOS
    judged = tables.execute("SELECT trace_id FROM assessments WHERE name = 'passed'").fetchall()
    assert len(judged) == len(set(judged)) == SCENARIOS
    roots = tables.execute("SELECT count(*) FROM spans WHERE parent_span_id IS NULL").fetchone()
    assert roots == (SCENARIOS,)
    assert not list((tmp_path / "journal").glob("*"))
