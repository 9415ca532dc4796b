"""Any text is stored and read as it was cleaned; any body that the API is sent is answered without a 5xx."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.api import Role
from assay.contracts.conversation import Conversation, StopReason, ToolCall, Turn
from assay.contracts.feedback import Feedback
from assay.contracts.stage import AgentRef
from assay.contracts.text import clean_json
from assay.settings import Settings
from assay.tracking import Tracking, connect, read_conversations, write_conversations, write_feedback
from tests.api.conftest import Served, serving
from tests.conftest import ROOT, copy_store
from tests.fuzz.conftest import some, tried
from tests.fuzz.strategies import as_json, bytes_near, texts, values


@pytest.fixture(scope="module")
def store(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    return connect(copy_store(template, tmp_path_factory.mktemp("fuzz-store")))


NUMBER = iter(range(1, 10**9))


@some
@given(st.lists(st.tuples(texts, texts, values, texts), min_size=1, max_size=3))
def test_a_conversation_of_any_text_is_stored(store, turns):
    tried("stored conversations")
    number = next(NUMBER)
    written = Conversation(
        conversation_id=f"{number:032x}",
        scenario_id="s",
        trial=0,
        seed=0,
        agent=AgentRef(agent_id="a", version="1"),
        turns=tuple(
            turn
            for asked, answered, result, error in turns
            for turn in (
                Turn(role="user", text=asked),
                Turn(
                    role="agent",
                    text=answered,
                    tool_calls=(
                        ToolCall(name="f", result=clean_json(json.loads(json.dumps(str(result)))), error=error),
                    ),
                ),
            )
        ),
        stop_reason=StopReason.GOAL_REACHED,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    name = f"sim-{number:016x}"
    write_conversations(store, "fuzz", [(written, None)], simulation_id=name, run_id=None, dataset=None)
    (stored,) = read_conversations(store, "fuzz", name)
    assert stored.model_dump(mode="json") == clean_json(written.model_dump(mode="json"))


@some
@given(texts.filter(lambda text: bool(text.strip())), st.one_of(st.none(), texts), st.one_of(st.none(), st.datetimes()))
def test_feedback_of_any_text_is_stored(store, comment, user, at):
    tried("stored feedback")
    item = Feedback(feedback_id=f"f{next(NUMBER)}", comment=comment, user=user, at=at, rating=1)
    assert write_feedback(store, "fuzz", [item]) in (0, 1)


@pytest.fixture(scope="module")
def served(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, httpx.Client]]:
    home = tmp_path_factory.mktemp("fuzz-api")
    copy_store(template, home)
    settings = Settings(home=home, model="offline", user="ada", auth="on")
    with serving(settings) as server, server.client(server.token(Role.ADMIN)) as client:
        client.post("/projects", json={"project": "shop"}).raise_for_status()
        yield server, client


DOCUMENT = json.loads((ROOT / "schemas" / "openapi.json").read_text())
WRITES = sorted(
    (method, path.removeprefix("/api/v1"))
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if method in ("post", "put", "patch") and not path.endswith("/say")
)
names = st.one_of(st.just("shop"), st.text(min_size=1, max_size=12).filter(lambda text: "/" not in text))


@some
@given(
    st.sampled_from(WRITES),
    names,
    st.one_of(bytes_near(values.map(as_json)), st.binary(max_size=100), st.just(b"[" * 50_000)),
    st.sampled_from(["application/json", "text/plain", "application/json; charset=utf-16", ""]),
)
def test_no_body_is_an_error_of_the_server(served, route, name, body, content_type):
    tried("API bodies")
    _, client = served
    method, path = route
    for part in [part for part in path.split("/") if part.startswith("{")]:
        path = path.replace(part, httpx.QueryParams({"x": name if part == "{project}" else "x"}).__str__()[2:], 1)
    answer = client.request(method, path, content=body, headers={"content-type": content_type})
    assert answer.status_code < 500, (method, path, answer.text[:500])
    if answer.status_code >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json")
