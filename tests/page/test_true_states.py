"""What the page says is so: decisions, drafts, labels, jobs, sessions and a server that is gone."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import PATIENCE_S, ROOT, SHOP, copy_store
from tests.page.conftest import Server
from tests.page.test_recovery import finish

ROWS = (SHOP / "dataset.jsonl").read_text().splitlines()
RULED = [row for row in ROWS if any("check" not in one for one in json.loads(row)["expectations"])]
FEW = [json.loads(row) for row in dict.fromkeys([*ROWS[:3], *RULED[:9]])]
"""Scenarios of which a judge rules on some."""
AGENT = {"agent_id": "shop-support", "version": "v2"}


@pytest.fixture(scope="module")
def served(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose project `shop` has been through stages 1 to 5 with one version."""
    home = tmp_path_factory.mktemp("true-states")
    copy_store(template, home)
    dataset = home / "few.jsonl"
    dataset.write_text("\n".join(map(json.dumps, FEW)))
    command = ["pipeline", "run", "--project", "shop", "--challenger", str(SHOP / "v2.json")]
    done = assay(home, *command, "--dataset", str(dataset), "--trials", "2", "--approve-all")
    assert done.returncode in (0, 4), done.stdout + done.stderr
    server = Server(home)
    server.start()
    yield server
    server.stop()


def assay(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ASSAY_HOME": str(home), "ASSAY_MODEL": "offline", "ASSAY_USER": "ada"}
    line = [sys.executable, "-m", "assay.cli", *words]
    return subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def shop(served: Server) -> Iterator[httpx.Client]:
    """The project's API."""
    with httpx.Client(base_url=f"{served.url}/api/v1/projects/shop", timeout=PATIENCE_S) as client:
        yield client


def new_gate(server: Server, name: str) -> str:
    """The subject of a gated dataset that waits for a decision."""
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=PATIENCE_S) as client:
        scenarios = [{**row, "scenario_id": f"{name}-{row['scenario_id']}"} for row in FEW[:3]]
        asked = {"project": "shop", "agent": AGENT, "dataset": {"name": name, "scenarios": scenarios}, "gated": True}
        return finish(client, client.post("/projects/shop/datasets", json=asked))["subject_id"]


def decisions(shop: httpx.Client, subject: str) -> list[tuple[str, str]]:
    """(decision, reason), the first one first."""
    lines = shop.get("/ledger").raise_for_status().json()["decisions"]
    return [(line["decision"], line["reason"]) for line in lines[::-1] if line["subject_id"] == subject]


def reject(shop: httpx.Client, subject: str, reason: str) -> None:
    shop.post(f"/gates/dataset/{subject}", json={"decision": "reject", "reason": reason}).raise_for_status()


def newest(shop: httpx.Client, resource: str) -> dict[str, Any]:
    return shop.get(f"/{resource}").raise_for_status().json()["items"][0]


def test_a_decision_on_what_somebody_else_decided_is_refused_and_keeps_the_reason(
    page: Page, served: Server, shop: httpx.Client
):
    subject = new_gate(served, "raced")
    # as slow as a network can be: the page does not hear of the other decision
    page.route(re.compile(r"/api/v1/events"), lambda route: route.abort())
    page.goto(f"{served.url}/p/shop/gates?subject={subject}")
    form = page.get_by_role("form", name=f"Decide on {subject}")
    form.get_by_label("Reason").fill("looks fine to me")
    reject(shop, subject, "the goals contradict the policy")
    form.get_by_role("button", name="Approve").click()
    expect(form.get_by_role("alert").filter(has_text="rejected this on")).to_contain_text(
        "the goals contradict the policy"
    )
    expect(form.get_by_label("Reason")).to_have_value("looks fine to me")
    assert decisions(shop, subject) == [("reject", "the goals contradict the policy")]
    form.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("recorded in the ledger under your name")).to_be_visible()
    assert decisions(shop, subject)[1:] == [("approve", "looks fine to me")]


def test_a_reason_stays_when_somebody_else_decides_while_it_is_typed(page: Page, served: Server, shop: httpx.Client):
    subject = new_gate(served, "typed")
    page.goto(f"{served.url}/p/shop/gates")
    form = page.get_by_role("form", name=f"Decide on {subject}")
    form.get_by_label("Reason").fill("half a thou")
    reject(shop, subject, "too easy")
    expect(form.get_by_role("alert").filter(has_text="rejected this on")).to_contain_text("too easy")
    expect(form.get_by_label("Reason")).to_have_value("half a thou")
    page.reload()
    page.goto(f"{served.url}/p/shop/gates?subject={subject}")
    expect(form.get_by_label("Reason")).to_have_value("half a thou")


def test_a_rejected_result_looks_rejected_and_can_be_decided_again(page: Page, served: Server, shop: httpx.Client):
    subject = new_gate(served, "refused")
    reject(shop, subject, "no hard scenario")
    page.goto(f"{served.url}/p/shop")
    stage = page.get_by_role("listitem").filter(has_text="Dataset")
    expect(stage).to_have_attribute("data-standing", "rejected")
    expect(stage).to_contain_text("newest result rejected")
    page.goto(f"{served.url}/p/shop/gates")
    page.get_by_role("tab", name="Decided").click()
    page.get_by_role("button", name=f"Decide again on {subject}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("no hard scenario")
    dialog.get_by_label("Reason").fill("easy ones are what we need now")
    dialog.get_by_role("button", name="Approve").click()
    expect(dialog).to_be_hidden()
    assert [decision for decision, _ in decisions(shop, subject)] == ["reject", "approve"]
    page.goto(f"{served.url}/p/shop")
    expect(stage).to_have_attribute("data-standing", "done")


def test_a_lifecycle_that_a_rejection_stopped_does_not_say_done(page: Page, served: Server, shop: httpx.Client):
    subject = new_gate(served, "stopping")
    reject(shop, subject, "not these")
    dataset = shop.get("/datasets").json()["items"][0]["dataset"]
    whole = shop.get(f"/datasets/{dataset['name']}@{dataset['version']}").json()["dataset"]
    asked = {
        "project": "shop",
        "challenger": json.loads((SHOP / "v2.json").read_text()),
        "card_dir": str(SHOP),
        "dataset": whole,
    }
    job = shop.post("/pipelines", json=asked).raise_for_status().json()["job_id"]
    page.goto(f"{served.url}/p/shop/jobs/{job}")
    expect(page.get_by_text("at a rejected gate")).to_be_visible()
    expect(page.get_by_text("succeeded", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Decide again").click()
    expect(page.get_by_role("button", name=f"Decide again on {subject}")).to_be_visible()


def test_labels_lead_to_a_certificate_and_a_report_that_uses_it(page: Page, served: Server, shop: httpx.Client):
    judging = newest(shop, "judgments")["subject_id"]
    shop.post("/labels/draws", json={"judging_id": judging, "count": 30}).raise_for_status()
    tasks = shop.get("/labels/queue", params={"judging": judging}).json()["tasks"]
    for task in tasks:
        for ask in task["asks"]:
            ask["ruling"] = "met"
    shop.post("/labels", json={"tasks": tasks}).raise_for_status()
    before = newest(shop, "reports")["subject_id"]
    page.goto(f"{served.url}/p/shop/labelling?judging={judging}")
    expect(page.get_by_text("All done: nothing is left to label")).to_be_visible()
    page.get_by_role("button", name="Validate the judge with these labels").click()
    expect(page.get_by_text(re.compile(r"The judge is (not yet )?validated by human labels"))).to_be_visible()
    (certificate,) = shop.get("/certificates").json()["items"]
    assert certificate["rulings"] > 0
    page.get_by_role("button", name="Create a report with them").click()
    dialog = page.get_by_role("dialog", name="The report is ready")
    dialog.get_by_role("link", name="Open the result").click()
    expect(page).to_have_url(re.compile("/analytics"))
    after = newest(shop, "reports")["subject_id"]
    assert after != before
    report = shop.get(f"/reports/{after}").json()
    assert report["judge"]["certificate_id"] == certificate["certificate_id"]
    expect(page.get_by_role("heading", name="Analytics", level=1)).to_be_visible()
    expect(page.get_by_text("No person has labelled")).to_have_count(0)


def test_judged_conversations_say_so_without_a_filter(page: Page, served: Server, shop: httpx.Client):
    assert {row["outcome"] for row in shop.get("/conversations").json()["items"]} <= {"passed", "failed", "unjudged"}
    page.goto(f"{served.url}/p/shop/conversations")
    rows = page.get_by_role("region", name="Conversations")
    expect(rows.get_by_text("passed").first).to_be_visible()
    expect(rows.get_by_text("not judged")).to_have_count(0)
    page.get_by_placeholder("Any outcome").click()
    page.get_by_role("option", name="passed").click()
    expect(page).to_have_url(re.compile(r"judging=judging-.*outcome=passed|outcome=passed.*judging=judging-"))


def test_a_saved_dataset_is_no_longer_said_to_be_unsaved(page: Page, served: Server, shop: httpx.Client):
    dataset = shop.get("/datasets").json()["items"][-1]["dataset"]
    old = f"{served.url}/p/shop/datasets/{dataset['name']}/{dataset['version']}"
    page.goto(old)
    page.get_by_role("button", name=f"Remove {FEW[0]['scenario_id']}").click()
    unsaved = page.get_by_text("Not saved: 1 removed")
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep them").click()
    expect(unsaved).to_be_visible()
    page.get_by_role("button", name="Save as a new version").click()
    expect(page).not_to_have_url(old)
    expect(page.get_by_text(f"{len(FEW) - 1} scenarios,")).to_be_visible()
    expect(unsaved).to_be_hidden()
    page.goto(old)
    expect(page.get_by_role("button", name=f"Remove {FEW[0]['scenario_id']}")).to_be_visible()
    expect(unsaved).to_be_hidden()


def test_a_title_never_claims_what_failed_and_a_problem_is_said_once(page: Page, served: Server):
    page.goto(f"{served.url}/p/shop/agents")
    page.get_by_role("button", name="Register a version").click()
    form = page.get_by_role("dialog", name="Register an agent version")
    form.get_by_label("Card", exact=True).fill('{"version": "v9", "description": "x"}')
    form.get_by_role("button", name="Register").click()
    failed = page.get_by_role("dialog", name="The version was not registered")
    expect(failed.get_by_text("card.agent_id")).to_have_count(1)
    expect(page.get_by_text("The version is registered")).to_have_count(0)


def test_the_first_click_after_a_card_was_pasted_registers_it(page: Page, served: Server):
    card = {**json.loads((SHOP / "v2.json").read_text()), "version": "v7"}
    page.goto(f"{served.url}/p/shop/agents")
    page.get_by_role("button", name="Register a version").click()
    form = page.get_by_role("dialog", name="Register an agent version")
    form.get_by_label("Folder on the server").fill(str(SHOP))
    form.get_by_label("Card", exact=True).fill(json.dumps(card))
    box = form.get_by_role("button", name="Register").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(200)
    page.mouse.up()
    expect(page.get_by_role("dialog", name="The version is registered")).to_be_visible()


def test_what_the_server_refuses_in_a_draft_is_said_where_it_was_typed(page: Page, served: Server):
    page.goto(f"{served.url}/p/shop/datasets")
    page.get_by_label("Say something to the Dataset Builder").fill("Draft 1 scenario about returns")
    page.keyboard.press("Enter")
    draft = page.get_by_role("region", name="Drafts").get_by_role("article").first
    draft.get_by_role("button", name="Change").click()
    editor = page.get_by_role("dialog")
    editor.get_by_label("Who rules on expectation 1").first.click()
    page.get_by_role("option", name="Code: it says").click()
    editor.get_by_label("Pattern of expectation 1").fill("(")
    editor.get_by_role("button", name="Save").click()
    expect(editor.get_by_role("alert")).to_contain_text("pattern")
    expect(editor.get_by_role("alert")).not_to_contain_text("Tuple should have")
    expect(page.get_by_role("alert")).to_have_count(1)
    editor.get_by_label("Pattern of expectation 1").fill("refund")
    editor.get_by_role("button", name="Save").click()
    expect(editor).to_be_hidden()


def test_scenarios_and_feedback_come_as_csv(page: Page, served: Server, shop: httpx.Client, tmp_path: Path):
    scenarios, feedback = tmp_path / "scenarios.csv", tmp_path / "feedback.csv"
    write(scenarios, [["topic", "goal", "must"], ["returns", "Send the boots back.", "It offers a refund."]])
    write(feedback, [["rating", "comment"], ["5", "quick, and friendly"], ["1", "no answer"]])
    page.goto(f"{served.url}/p/shop/datasets")
    page.get_by_role("button", name="New dataset").click()
    form = page.get_by_role("dialog", name="New dataset")
    form.get_by_label("Name").fill("from-csv")
    form.locator("input[type=file]").set_input_files(scenarios)
    form.get_by_role("button", name="Create dataset").click()
    expect(page.get_by_role("dialog", name="The dataset is ready")).to_be_visible()
    assert "from-csv" in [row["dataset"]["name"] for row in shop.get("/datasets").json()["items"]]
    page.goto(f"{served.url}/p/shop/feedback")
    page.get_by_role("button", name="Import feedback").first.click()
    form = page.get_by_role("dialog", name="Import feedback")
    form.locator("input[type=file]").set_input_files(feedback)
    form.get_by_role("button", name="Create report").click()
    expect(page.get_by_role("dialog", name="The production report is ready")).to_be_visible()
    assert newest(shop, "feedback")["stage"] == "feedback"


def write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_a_view_that_was_not_opened_before_waits_for_a_server_that_is_gone(page: Page, served: Server):
    page.goto(f"{served.url}/p/shop/gates")
    expect(page.get_by_role("heading", name="Gates", level=1)).to_be_visible()
    served.kill()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("server gone, trying again")).to_be_visible()
    page.wait_for_timeout(2_000)
    expect(page.get_by_role("link", name="Compare")).to_be_visible()
    served.start()
    expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible()


def test_a_viewer_sees_why_and_a_revoked_token_says_that_the_session_ended(browser: Browser, served: Server):
    """With authentication on: the last test of this file, since it starts the server again."""
    served.stop()
    made = assay(served.home, "token", "create", "a viewer", "--role", "viewer", "--project", "shop", "--json")
    token = json.loads(made.stdout)
    served.more = {"ASSAY_AUTH": "on"}
    served.start()
    headers = {"Authorization": f"Bearer {token['token']}"}
    context = browser.new_context(extra_http_headers=headers, viewport={"width": 1360, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    try:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method) if request.method != "GET" else None)
        for view, button in (
            ("", "Start the lifecycle"),
            ("agents", "Register a version"),
            ("datasets", "New dataset"),
            ("compare", "New comparison"),
            ("feedback", "Import feedback"),
        ):
            page.goto(f"{served.url}/p/shop/{view}")
            found = page.get_by_role("button", name=button).first
            expect(found).to_have_attribute("aria-disabled", "true")
            found.hover()
            expect(page.get_by_role("tooltip")).to_contain_text("needs the role evaluator or admin")
            found.click(force=True)
            expect(page.get_by_role("dialog")).to_have_count(0)
        page.goto(f"{served.url}/p/shop/datasets")
        expect(page.get_by_label("Say something to the Dataset Builder")).to_be_disabled()
        assert asked == []
        page.goto(f"{served.url}/p/shop/gates")
        expect(page.get_by_role("tab", name="Waiting")).to_be_visible()
        revoked = assay(served.home, "token", "revoke", token["item"]["token_id"])
        assert revoked.returncode == 0, revoked.stderr
        page.get_by_role("tab", name="Ledger").click()
        expect(page.get_by_role("dialog", name="Your session has ended")).to_be_visible()
        expect(page.get_by_text("server gone, trying again")).to_have_count(0)
    finally:
        context.close()
