"""What is asked of a ninth stage. `tests/stages/test_ninth_stage.py` runs this over a copy of Assay that has it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import assay
from assay.api.access import KINDS, ROUTES, Need
from assay.cli import main
from assay.contracts.stage import AgentRef, Stage
from assay.settings import Settings
from assay.stages import STAGES, headline, stage_of
from tests.api.conftest import Served, finished, serving
from tests.conftest import ROOT, SHOP, copy_store

AGENT = {"agent_id": "shop-support", "version": "v2"}
Command = Callable[..., str]


@pytest.fixture(scope="module")
def home(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    copy_store(template, folder)
    return folder


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """An `assay` command; what it printed."""

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setenv("ASSAY_HOME", str(home))
        monkeypatch.setenv("ASSAY_USER", "ada")
        monkeypatch.setenv("ASSAY_MODEL", "offline")
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        out, err = capfd.readouterr()
        assert stop.value.code == code, out + err
        return " ".join((out + err).split())

    return run


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    file = tmp_path / "review.json"
    file.write_text(json.dumps({"agent": AGENT, "reviewer": "bob"}))
    return str(file)


def of_stage(listed: str, stage: str) -> str:
    """The id of the one result in a JSON list."""
    return next(row["subject_id"] for row in json.loads(listed) if row["stage"] == stage)


def test_the_copy_is_what_is_tested() -> None:
    assert not Path(assay.__file__).is_relative_to(ROOT)
    assert list(STAGES) == list(Stage)
    assert [stage.value for stage in Stage][-1] == "review"


def test_the_gate_of_its_parent_is_asked_and_its_own_is_decided(command: Command, request_file: str) -> None:
    command("agent", "register", str(SHOP / "v2.json"), "--no-probe", "--gated")
    assert "is not approved yet" in command("stage", "run", "review", "--gated", "--input", request_file, code=2)
    agent_id = of_stage(command("gate", "list", "--json"), "develop")
    command("gate", "approve", agent_id, "--reason", "It is ours.")

    said = command("stage", "run", "review", "--gated", "--input", request_file)
    assert "shop-support@v2: bob counted" in said
    assert "reports/review.html" in said
    review_id = of_stage(command("gate", "list", "--json"), "review")
    assert review_id.startswith("review-")
    assert "next: assay agent list (all that can be reviewed)" in said
    assert stage_of(review_id) is Stage.REVIEW

    command("gate", "approve", review_id, "--reason", "Few words.")
    states = {gate["subject_id"]: gate["state"] for gate in json.loads(command("gate", "list", "--json"))}
    assert states == {agent_id: "approved", review_id: "approved"}
    assert "2 decisions: intact" in command("gate", "verify")
    assert review_id in command("stage", "list", "review")


def test_it_has_a_schema_and_roles(command: Command) -> None:
    assert "reviewer" in json.loads(command("schema", "show", "ReviewRequest"))["properties"]
    assert KINDS[Stage.REVIEW] is Need.DECIDE
    assert ROUTES["POST /projects/{project}/reviews"].need is Need.DECIDE
    assert ROUTES["GET /projects/{project}/reviews/{subject_id}/report"].need is Need.SEE


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    with serving(Settings(home=home, model="offline", user="ada"), worker=True) as server:
        yield server


def test_the_server_does_it_as_a_job_and_shows_its_report(served: Served) -> None:
    with served.client() as client:
        document = client.get("/openapi.json").json()
        assert document["paths"]["/api/v1/projects/{project}/reviews"]["post"]["operationId"] == "start_review"
        assert "review" in document["components"]["schemas"]["Stage"]["enum"]

        started = client.post("/projects/default/reviews", json={"agent": AGENT, "reviewer": "cleo"})
        job = finished(client, started)
        assert (job["kind"], job["status"]) == ("review", "SUCCEEDED"), job
        review_id = job["result"]["subject_id"]
        listed = client.get("/projects/default/reviews").json()["items"]
        assert {row["subject_id"] for row in listed} >= {review_id}
        assert client.get(f"/projects/default/reviews/{review_id}").json()["reviewer"] == "cleo"
        report = client.get(f"/projects/default/reviews/{review_id}/report").json()
        assert report["title"] == "Review of shop-support@v2"
        page = client.get(f"/projects/default/reviews/{review_id}/report", params={"format": "html"})
        assert "cleo counted" in page.text

        decided = client.post(
            f"/projects/default/gates/review/{review_id}", json={"decision": "reject", "reason": "By nobody we know."}
        )
        assert (decided.status_code, decided.json()["stage"]) == (201, "review")
        job = finished(client, client.post("/jobs", json={"kind": "review", "request": {"agent": AGENT}}))
        assert job["result"]["reviewer"] == "nobody"


def test_the_client_reads_it(served: Served) -> None:
    from assay.client import Client

    with Client(served.url) as client:
        reviews = client.results(STAGES[Stage.REVIEW])
        newest = next(reviews.list("default", agent=AgentRef(**AGENT)))
        review = reviews.show("default", newest.subject_id)
        assert headline(review) == newest.headline
        assert reviews.report("default", newest.subject_id).provenance
