"""An evaluator of one project against another project: reading, writing, and taking its names."""

import pytest

from assay.contracts.api import Role
from assay.contracts.feedback import Feedback
from assay.tracking import ensure_project, read_conversations
from tests.attacks.conftest import Attacked, conversation, ended, judging

SECRET = "The refund of account 4711 is 300."


@pytest.fixture(scope="module")
def of_shop(attacked: Attacked) -> str:
    """Id of a conversation that shop keeps to itself."""
    kept = conversation(SECRET)
    with attacked.evaluator("shop") as shop:
        job = ended(shop, shop.post("/api/v1/projects/shop/judgments", json=judging(kept)))
    assert job["status"] == "SUCCEEDED", job
    return kept["conversation_id"]


def test_traces_of_another_project_are_not_read(attacked: Attacked, of_shop: str):
    own_id = ensure_project(attacked.store, "shop")
    with attacked.evaluator("bank") as bank:
        for name in ("shop", own_id):
            asked = {**judging(), "traces": {"experiment": name}}
            del asked["conversations"]
            for path, body in (
                ("/api/v1/projects/bank/judgments", asked),
                ("/api/v1/jobs", {"kind": "judge", "request": {**asked, "project": "bank"}}),
            ):
                answer = bank.post(path, json=body)
                assert answer.status_code == 404, answer.text
        assert bank.get("/api/v1/projects/shop/conversations").status_code == 403
        assert bank.get(f"/api/v1/projects/bank/conversations/{of_shop}").status_code == 404
        assert SECRET not in bank.get("/api/v1/projects/bank/conversations").text


def test_an_experiment_that_an_admin_linked_is_read_until_it_is_unlinked(attacked: Attacked, of_shop: str):
    path = "/api/v1/projects/bank/experiments"
    asked = {**judging(), "traces": {"experiment": "shop"}}
    del asked["conversations"]
    with attacked.evaluator("bank") as bank, attacked.admin() as admin:
        assert bank.post(path, json={"experiment": "shop"}).status_code == 403
        assert admin.post(path, json={"experiment": "shop"}).status_code == 201
        assert [row["name"] for row in bank.get(path).json()["items"]] == ["shop"]
        job = ended(bank, bank.post("/api/v1/projects/bank/judgments", json=asked))
        assert job["status"] == "SUCCEEDED", job["error"]
        assert admin.delete(f"{path}/shop").status_code == 204
        assert bank.post("/api/v1/projects/bank/judgments", json=asked).status_code == 404


def test_errors_name_no_other_project_and_no_place_in_the_store(attacked: Attacked, of_shop: str):
    nowhere = attacked.token(Role.EVALUATOR, "nowhere")
    ours = {"experiment": "no-such-experiment"}
    asked = {**judging(), "traces": ours}
    del asked["conversations"]
    with attacked.client(nowhere) as stranger, attacked.evaluator("bank") as bank:
        answers = [
            stranger.get("/api/v1/projects/nowhere/runs"),
            stranger.get("/api/v1/projects/nowhere"),
            stranger.get("/api/v1/projects/nowhere/judgments/judging-1"),
            bank.post("/api/v1/projects/bank/judgments", json=asked),
            bank.get("/api/v1/projects/bank/judgments/judging-1"),
            bank.get("/api/v1/projects/bank/agents/support@9"),
            bank.get(f"/api/v1/projects/bank/runs/{'0' * 32}"),
            bank.get(f"/api/v1/projects/bank/conversations/{'0' * 32}"),
        ]
    for answer in answers:
        assert answer.status_code == 404, answer.text
        assert "shop" not in answer.text and str(attacked.home) not in answer.text and "sqlite" not in answer.text


def test_a_conversation_with_the_id_of_anothers_leaves_theirs_as_it_is(attacked: Attacked, of_shop: str):
    before = attacked.store.client.get_trace(f"tr-{of_shop}", display=False).info
    with attacked.evaluator("bank") as bank:
        forged = conversation("There is no refund.", of_shop)
        assert ended(bank, bank.post("/api/v1/projects/bank/judgments", json=judging(forged)))["status"] == "SUCCEEDED"
        told = Feedback(feedback_id="f-1", conversation_id=of_shop, thumbs="down", comment="forged")
        sent = {"agent": {"agent_id": "support", "version": "1"}, "items": [told.model_dump(mode="json")]}
        ended(bank, bank.post("/api/v1/projects/bank/feedback", json=sent))
    after = attacked.store.client.get_trace(f"tr-{of_shop}", display=False).info
    assert after.experiment_id == before.experiment_id == ensure_project(attacked.store, "shop")
    assert [row.assessment_id for row in after.assessments] == [row.assessment_id for row in before.assessments]
    turns = [row.turns[-1].text for row in read_conversations(attacked.store, "shop", before.tags["simulation_id"])]
    assert SECRET in turns


def test_feedback_does_not_reach_a_trace_that_another_tool_sent_to_another_project(attacked: Attacked):
    import mlflow
    from mlflow.entities.trace_location import MlflowExperimentLocation

    mlflow.set_tracking_uri(attacked.store.uri)
    shop = ensure_project(attacked.store, "shop")
    with mlflow.start_span("theirs", trace_destination=MlflowExperimentLocation(shop)) as span:
        span.set_outputs("mine")
    told = {"feedback_id": "f-2", "conversation_id": span.trace_id.removeprefix("tr-"), "thumbs": "down"}
    with attacked.evaluator("bank") as bank:
        sent = {"agent": {"agent_id": "support", "version": "1"}, "items": [told]}
        ended(bank, bank.post("/api/v1/projects/bank/feedback", json=sent))
    assert attacked.store.client.get_trace(span.trace_id, display=False).info.assessments == []


def test_projects_and_agents_whose_names_run_together_stay_apart(attacked: Attacked):
    """shop with agent b.c, and shop.b with agent c; project assay with an agent named as one of Assay's prompts."""

    def card(agent_id: str, version: str) -> dict:
        connector = {"kind": "http", "url": "https://agent.example.org/chat"}
        return {"agent_id": agent_id, "version": version, "description": "Answers.", "connector": connector}

    with attacked.admin() as admin:
        for project, agent_id in (("shop.b", "c"), ("shop", "b.c"), ("assay", "comparator")):
            for version in ("1", "2"):
                asked = {"card": card(agent_id, version), "probe": False}
                job = ended(admin, admin.post(f"/api/v1/projects/{project}/agents", json=asked))
                assert job["status"] == "SUCCEEDED", job["error"]
        for project, agent_id in (("shop.b", "c"), ("shop", "b.c"), ("assay", "comparator")):
            listed = admin.get(f"/api/v1/projects/{project}/agents").json()["items"]
            names = {(row["agent"]["agent_id"], row["agent"]["version"]) for row in listed}
            assert {(agent_id, "1"), (agent_id, "2")} <= names
            others = {"c", "b.c", "comparator"} - {agent_id}
            assert not [name for name, _ in names if name in others], (project, names)
    names = {row.name for row in attacked.store.client.search_registered_models()}
    assert {"shop.b.c", "shop.b~c", "assay~comparator"} <= names and "assay.comparator" not in names


def test_a_key_of_one_token_answers_no_other(attacked: Attacked):
    """Two tokens that one admin gave the same name."""
    shop = attacked.token(Role.EVALUATOR, "shop", "nightly")
    bank = attacked.token(Role.EVALUATOR, "bank", "nightly")
    body = {"kind": "judge", "request": {**judging(conversation()), "project": "shop"}}
    headers = {"Idempotency-Key": "one-key-for-two"}
    with attacked.client(shop, headers=headers) as one, attacked.client(bank, headers=headers) as other:
        first = one.post("/api/v1/jobs", json=body)
        assert first.status_code == 202
        assert one.post("/api/v1/jobs", json=body).json()["job_id"] == first.json()["job_id"]
        assert other.post("/api/v1/jobs", json=body).status_code == 403


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)+$", "(" * 5000 + "a" + ")" * 5000, "x" * 501, "(?:a{1,500}){1,500}{1,500}"]
)
def test_no_pattern_stops_the_server(attacked: Attacked, pattern: str):
    """Nested quantifiers run in linear time; what is too long or too deep is refused with its field."""
    asked = judging(conversation("a" * 60 + "!"), pattern=pattern)
    with attacked.evaluator("bank") as bank:
        answer = bank.post("/api/v1/projects/bank/judgments", json=asked)
        if answer.status_code == 202:
            assert ended(bank, answer)["status"] == "SUCCEEDED"
        else:
            assert answer.status_code == 422 and "pattern" in answer.text, answer.text[:500]
        assert bank.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize("path", ["[" * 2000, "|".join(["[message,message]"] * 30) + "|" + "a." * 600 + "b"])
def test_no_path_stops_the_server(attacked: Attacked, path: str):
    check = {"kind": "outcome", "path": path, "equals": 1}
    asked = {"conversations": [conversation()], "expectations": [{"expectation_id": "x", "text": "x", "check": check}]}
    with attacked.evaluator("bank") as bank:
        answer = bank.post("/api/v1/projects/bank/judgments", json=asked)
    assert answer.status_code == 422 and "path" in answer.text, answer.text[:500]


def test_a_schedule_reaches_no_other_project(attacked: Attacked, of_shop: str):
    asked = {"project": "shop", "traces": {"experiment": "bank"}, "expectations": judging()["expectations"]}
    admin_of_bank = attacked.token(Role.ADMIN, "bank")
    with attacked.client(admin_of_bank) as bank:
        for kind, request in (("judge_online", asked), ("analyze", {"project": "shop"}), ("look", {"project": "shop"})):
            answer = bank.put(
                "/api/v1/projects/bank/schedules/far",
                json={"cron": "* * * * *", "kind": kind, "request": request},
            )
            assert answer.status_code == 422, answer.text
        assert bank.get("/api/v1/projects/bank/schedules").json()["schedules"] == []
