"""The page in a real browser, against a real server: `assay up` in a process of its own, Debian's Chromium."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import PATIENCE_S, ROOT, SHOP, copy_store

expect.set_options(timeout=PATIENCE_S * 1000)

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
BUILT = ROOT / "src" / "assay" / "web_dist" / "index.html"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = os.environ.get("PICTURES")
"""A folder that pictures of the pages are written to; none are without it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One browser at a time: two would slow each other into time-outs."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("page"))


@dataclass
class Server:
    """`assay up`, that can be killed and started again on the same port and store."""

    home: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None
    url: str = ""
    log: list[str] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)
    """Variables of its environment."""
    places: dict[str, str] = field(default_factory=dict)
    """Ids of what stands in its store."""

    def start(self) -> None:
        environment = {
            **os.environ,
            "ASSAY_HOME": str(self.home),
            "ASSAY_MODEL": "offline",
            "ASSAY_USER": "ada",
            "PYTHONUNBUFFERED": "1",
            **self.more,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assay.cli", "up", "--port", str(self.port)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port, self.url = int(found[1]), found[0]
                return
        raise AssertionError("assay up ended: " + "".join(self.log))

    def kill(self) -> None:
        """As a machine that loses its power does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file at a time: Playwright's event loop would be in the way of other tests of the same worker."""
    if CHROMIUM is None:
        pytest.skip("the page was not tested: there is no Chromium (Debian: apt-get install chromium)")
    if not BUILT.is_file():
        pytest.skip("the page was not tested: it is not built (make web)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def fresh(template: Path, tmp_path: Path) -> Iterator[Server]:
    """A server with nothing in its store."""
    copy_store(template, tmp_path)
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def lived_in(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose project `shop` has been through the whole lifecycle."""
    home = tmp_path_factory.mktemp("lived-in")
    copy_store(template, home)
    dataset = SHOP / "dataset.jsonl"
    command = [sys.executable, "-m", "assay.cli", "pipeline", "run", "--project", "shop"]
    command += ["--champion", str(SHOP / "v1.json"), "--challenger", str(SHOP / "v2.json"), "--dataset", str(dataset)]
    command += ["--feedback", str(SHOP / "feedback.jsonl"), "--trials", "3", "--approve-all"]
    environment = {**os.environ, "ASSAY_HOME": str(home), "ASSAY_MODEL": "offline", "ASSAY_USER": "ada"}
    for more in ([], ["pipeline", "agents", "--project", "shop"]):
        line = command if not more else [*command[:3], *more]
        done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 4), done.stdout + done.stderr
    server = Server(home)
    server.start()
    server.places = look_around(server.url)
    yield server
    server.stop()


def look_around(url: str) -> dict[str, str]:
    """Draws labels, begins the rollout, lets a gate wait, and says what stands where."""
    with httpx.Client(base_url=f"{url}/api/v1/projects/shop", timeout=PATIENCE_S) as client:

        def newest(resource: str, **query: str) -> dict:
            return client.get(f"/{resource}", params=query).raise_for_status().json()["items"][0]

        judging = newest("judgments")["subject_id"]
        client.post("/labels/draws", json={"judging_id": judging, "count": 10}).raise_for_status()
        arms = {"champion_url": "http://127.0.0.1:9001", "challenger_url": "http://127.0.0.1:9002"}
        begun = {"rollout_id": newest("rollouts")["subject_id"], "reason": "5 % first", **arms}
        client.post("/traffic", json=begun).raise_for_status()
        client.post("/traffic/look").raise_for_status()
        asked = {"judging_id": judging, "horizon": 1000, "gated": True}
        job = client.post("/reports", json=asked).raise_for_status().headers["location"]
        while client.get(f"{url}{job}").json()["status"] in ("CREATED", "RUNNING"):
            time.sleep(0.2)
        dataset = newest("datasets")["dataset"]
        return {
            "run": newest("runs", stage="compare")["run_id"],
            "conversation": newest("conversations", judging=judging, outcome="failed")["conversation_id"],
            "dataset": f"{dataset['name']}/{dataset['version']}",
            "judging": judging,
        }


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that nobody has used. What it says on its console as an error fails the test."""
    context = browser.new_context(viewport={"width": 1360, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    bad = [line for line in said if "Failed to load resource" not in line and "ERR_" not in line]
    assert not bad, bad
