"""The real server on loopback, over a store in which project `shop` has been through the lifecycle."""

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from assay.api.accounts import Accounts
from assay.api.front import front
from assay.api.worker_process import working
from assay.contracts.api import EVERYWHERE, NewToken, Role
from assay.lifecycle.jobs import prepare_database
from assay.lifecycle.pipeline import approve_all, run_pipeline
from assay.settings import Settings
from assay.stages.context import open_context
from tests.conftest import PATIENCE_S, SHOP, copy_store

SCENARIOS = 8


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One store for the folder: it is made once, by one of pytest's workers."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("api"))


def shop_request(**changes: Any) -> dict[str, Any]:
    """The pipeline's request for the example shop, with a few of its scenarios."""
    rows = (SHOP / "dataset.jsonl").read_text().splitlines()
    return {
        "project": "shop",
        "champion": json.loads((SHOP / "v1.json").read_text()),
        "challenger": json.loads((SHOP / "v2.json").read_text()),
        "card_dir": str(SHOP),
        # ones that a judge rules on are among them
        "dataset": {"name": "few", "scenarios": [json.loads(row) for row in [*rows[:SCENARIOS], *judged(rows)]]},
        "feedback": [json.loads(row) for row in (SHOP / "feedback.jsonl").read_text().splitlines()[:30]],
        "trials": 2,
        "policy": {"judge": "any"},
        **changes,
    }


def judged(rows: list[str]) -> list[str]:
    return [row for row in rows[SCENARIOS:] if any("check" not in one for one in json.loads(row)["expectations"])][:3]


@pytest.fixture(scope="session")
def lived_in(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the store; tests copy it, or use it and leave no trace that matters."""
    import asyncio

    from assay.contracts.pipeline import PipelineRequest

    home = tmp_path_factory.mktemp("api")
    copy_store(template, home)

    async def live() -> None:
        settings = Settings(home=home, model="offline", user="ada")
        async with open_context(settings) as context:
            asked = PipelineRequest.model_validate(shop_request())
            result = await run_pipeline(asked, context, approve_all("ada"))
            assert result.state == "finished", result.reason

    asyncio.run(live())
    return home


@dataclass
class Served:
    url: str
    settings: Settings
    accounts: Accounts

    def token(self, *roles: Role, project: str = EVERYWHERE) -> str:
        asked = NewToken(name="a test", roles={project: roles})
        return self.accounts.create_token(asked, "tests")[0]

    def client(self, token: str | None = None, **more: Any) -> httpx.Client:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=PATIENCE_S, **more)


@contextlib.contextmanager
def serving(settings: Settings, *, worker: bool = False) -> Iterator[Served]:
    """The whole server but MLflow's pages, in a thread."""
    whole = front(settings, mlflow_page=False)
    config = uvicorn.Config(whole, host="127.0.0.1", port=0, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    prepare_database(settings.jobs_store)
    with working(settings) if worker else contextlib.nullcontext():
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        ends = time.monotonic() + PATIENCE_S
        while not server.started and thread.is_alive() and time.monotonic() < ends:
            time.sleep(0.02)
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        accounts = Accounts(settings.jobs_store)
        try:
            yield Served(f"http://127.0.0.1:{port}", settings, accounts)
        finally:
            accounts.close()
            whole.app.state.server.stopping.set()
            server.should_exit = True
            thread.join(30)


def home_of(lived_in: Path, folder: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(lived_in, folder / "home"))


@pytest.fixture(scope="module")
def guarded(lived_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With authentication, and nobody who works."""
    home = home_of(lived_in, tmp_path_factory.mktemp("guarded"))
    with serving(Settings(home=home, model="offline", auth="on", roles={"ann": {"*": (Role.ADMIN,)}})) as served:
        yield served


@pytest.fixture(scope="module")
def open_to_all(lived_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Without authentication, with a worker."""
    home = home_of(lived_in, tmp_path_factory.mktemp("open"))
    with serving(Settings(home=home, model="offline", user="ada"), worker=True) as served:
        yield served


def followed(client: httpx.Client, path: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(id, event, data) of a stream until it ends."""
    events, now = [], {}
    with client.stream("GET", path) as answer:
        assert answer.status_code == 200, answer.read()
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line == "" and "data" in now:
                events.append((now.get("id", ""), now.get("event", ""), json.loads(now["data"])))
                now = {}
            elif name in ("id", "event", "data"):
                now[name] = value
    return events


def finished(client: httpx.Client, started: httpx.Response) -> dict[str, Any]:
    """The job, once it has ended."""
    assert started.status_code == 202, started.text
    return followed(client, f"/jobs/{started.json()['job_id']}/events")[-1][2]
