"""The server dies and comes back: whoever sits before the page has nothing to do."""

import json
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.conftest import PATIENCE_S, SHOP
from tests.page.conftest import Server

SLOW_AGENT = """
import time


def reply(messages):
    time.sleep(0.15)
    return "I refunded it. It takes 5 working days."
"""


def test_a_job_goes_on_and_the_page_sees_its_end_though_the_server_was_killed(
    page: Page, fresh: Server, tmp_path: Path
):
    job = begin_slow_job(fresh, tmp_path)
    page.goto(f"{fresh.url}/p/shop/jobs/{job}")
    expect(page.get_by_text("3 Simulation,")).to_be_visible()
    fresh.kill()
    expect(page.get_by_text("server gone, trying again")).to_be_visible()
    fresh.start()
    expect(page.get_by_text("server gone, trying again")).to_be_hidden()
    expect(page.get_by_text("succeeded")).to_be_visible()
    shown = httpx.get(f"{fresh.url}/api/v1/jobs/{job}").json()
    assert shown["status"] == "SUCCEEDED"
    found = httpx.get(f"{fresh.url}/api/v1/projects/shop/conversations", params={"limit": 200}).json()["items"]
    trials = [(row["scenario_id"], row["trial"]) for row in found]
    assert len(trials) == len(set(trials)) == 30, "each trial was played, and none is there twice"


def begin_slow_job(server: Server, folder: Path) -> str:
    """An agent that takes its time, ten scenarios, three trials: long enough to be interrupted."""
    (folder / "slow.py").write_text(SLOW_AGENT)
    card = {
        "agent_id": "slow",
        "version": "v1",
        "description": "Takes its time.",
        "connector": {"kind": "python", "target": "slow:reply"},
    }
    scenarios = [json.loads(line) for line in (SHOP / "dataset.jsonl").read_text().splitlines()[:10]]
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=PATIENCE_S) as client:
        client.post("/projects", json={"project": "shop"}).raise_for_status()
        asked = {"project": "shop", "card": card, "card_dir": str(folder), "probe": False}
        finish(client, client.post("/projects/shop/agents", json=asked))
        asked = {"project": "shop", "agent": {"agent_id": "slow", "version": "v1"}, "reference_attempt": False}
        built = finish(
            client,
            client.post("/projects/shop/datasets", json={**asked, "dataset": {"name": "few", "scenarios": scenarios}}),
        )
        asked = {
            "project": "shop",
            "agent": {"agent_id": "slow", "version": "v1"},
            "dataset": {"name": "few", "version": built["report"]["dataset"]["version"]},
            "trials": 3,
            "concurrency": 2,
        }
        started = client.post("/projects/shop/simulations", json=asked)
        started.raise_for_status()
        return started.json()["job_id"]


def finish(client: httpx.Client, started: httpx.Response) -> dict:
    """The job's result."""
    assert started.status_code == 202, started.text
    with client.stream("GET", f"/jobs/{started.json()['job_id']}/events") as events:
        last = [line for line in events.iter_lines() if line.startswith("data: ")][-1]
    job = json.loads(last.removeprefix("data: "))
    assert job["status"] == "SUCCEEDED", job
    return job["result"]
