"""A person takes an agent through its lifecycle, in the page alone."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.conftest import SHOP
from tests.page.conftest import Server


def test_a_person_runs_the_lifecycle_talks_to_the_agents_labels_and_decides(page: Page, fresh: Server):
    page.goto(fresh.url)
    make_a_project(page, "shop")
    start_the_lifecycle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("The whole lifecycle")
    job = page.url

    # stages 1 to 5 of both versions, each behind its gate
    for gate in range(9):
        approve_the_gate(page, f"looked at gate {gate}")
    expect(gate_of(page, "6 Compare")).to_be_visible()
    open_an_artifact(page)
    talk_with_the_dataset_builder(page)
    talk_with_the_analyst(page)
    label_conversations(page)

    # the comparison's gate is decided on the page of gates, with its evidence
    page.get_by_role("link", name="Gates").click()
    evidence = page.get_by_role("region", name="Evidence")
    expect(evidence).to_contain_text("PROMOTE")
    page.get_by_label("Reason").fill("better on every topic")
    with page.expect_response(lambda answer: answer.request.method == "POST" and "/gates/" in answer.url):
        page.get_by_role("button", name="Approve").click()
    page.get_by_role("tab", name="Ledger").click()
    expect(page.get_by_text("The chain is intact")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="better on every topic")).to_contain_text("ada")

    page.goto(job)
    for gate in ("staging", "production"):
        approve_the_gate(page, f"into {gate}")
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("PROMOTE")
    expect(page.get_by_text("succeeded")).to_be_visible()
    verdict.get_by_role("link", name="Open the comparison").click()
    expect(page.get_by_role("region", name="Verdict", exact=True)).to_contain_text(
        "shop-support@v2 against shop-support@v1"
    )
    page.get_by_role("tab", name="Flips").click()
    page.get_by_role("button", name="trial").first.click()
    expect(page.get_by_role("region", name="Both conversations, turn beside turn")).to_be_visible()


def make_a_project(page: Page, name: str) -> None:
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def start_the_lifecycle(page: Page) -> None:
    page.get_by_role("link", name="Start the lifecycle").first.click()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("Choose the challenger")).to_be_visible()
    give(page, "Challenger's card", SHOP / "v2.json")
    champion = page.get_by_role("radiogroup", name="Where the champion comes from")
    champion.get_by_text("From a card").click()
    give(page, "Champion's card", SHOP / "v1.json")
    page.get_by_label("Folder on the server for files the card names").fill(str(SHOP))
    give(page, "Scenarios", SHOP / "dataset.jsonl")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/jobs/*")


def give(page: Page, button: str, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).click()
    chooser.value.set_files(path)


def gate_of(page: Page, stage: str):
    return page.get_by_role("region", name="The gate that waits").filter(has_text=stage)


def approve_the_gate(page: Page, reason: str) -> None:
    gate = page.get_by_role("region", name="The gate that waits")
    expect(gate).to_be_visible()
    form = gate.get_by_role("form")
    subject = form.get_attribute("aria-label")
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("form", name=str(subject))).to_be_hidden()


def open_an_artifact(page: Page) -> None:
    back = page.url
    page.get_by_role("link", name="Artifacts of analyze").last.click()
    artifacts = page.get_by_role("region", name="Artifacts")
    report = artifacts.frame_locator("iframe")
    expect(report.get_by_role("heading", level=1)).to_be_visible()
    artifacts.get_by_role("button", name="result.json").click()
    expect(page.get_by_label("Content of result.json")).to_contain_text("pass_rate")
    page.goto(back)


def talk_with_the_dataset_builder(page: Page) -> None:
    page.get_by_role("link", name="Datasets").click()
    say(page, "Dataset Builder", "Draft 3 scenarios about returns")
    drafts = page.get_by_role("region", name="Drafts")
    expect(drafts.get_by_role("article")).to_have_count(3)
    first, second, third = (drafts.get_by_role("article").nth(place) for place in range(3))
    first.get_by_role("button", name="Accept").click()
    expect(first).to_contain_text("accepted")
    second.get_by_role("button", name="Discard").click()
    expect(second).to_contain_text("discarded")
    third.get_by_role("button", name="Change").click()
    editor = page.get_by_role("dialog")
    editor.get_by_label("Goal").fill("Get the money for the kettle back.")
    editor.get_by_role("button", name="Save").click()
    expect(third).to_contain_text("Get the money for the kettle back.")
    page.reload()
    expect(page.get_by_role("region", name="Drafts")).to_contain_text("1 accepted")


def talk_with_the_analyst(page: Page) -> None:
    page.get_by_role("link", name="Analytics").click()
    expect(page.get_by_text("Conversations that meet every expectation").first).to_be_visible()
    say(page, "Analyst", "Which topic fails most?")
    expect(page.get_by_role("log")).to_contain_text("The scenarios that pass least often")


def say(page: Page, agent: str, words: str) -> None:
    box = page.get_by_label(f"Say something to the {agent}")
    box.fill(words)
    box.press("Enter")
    log = page.get_by_role("log")
    expect(log).to_contain_text(words)
    expect(log.get_by_text("at work…")).to_be_hidden()


def label_conversations(page: Page) -> None:
    """With the keyboard alone, from the drawing on."""
    page.get_by_role("link", name="Labelling").press("Enter")
    expect(page.get_by_label("Conversations", exact=True)).to_have_value("10")
    page.get_by_role("button", name="Get 10 conversations").press("Enter")
    status = page.get_by_role("status").filter(has_text="Conversation")
    expect(status).to_contain_text("Conversation 1 of ")
    # up to ten: those on which the judge, here by rules, gave a ruling
    total = int((status.text_content() or "").rsplit(" ", 1)[1])
    assert 5 <= total <= 10
    rulings = 0
    for done in range(total):
        expect(status).to_contain_text(f"Conversation {done + 1} of {total}")
        judge = page.get_by_text(re.compile("the judge ruled (as you did|otherwise)"))
        expect(judge).to_have_count(1 if done else 0)
        asks = page.get_by_label("Your ruling").count()
        rulings += asks
        for _ in range(asks):
            page.keyboard.press("m" if done % 3 else "n")
        page.keyboard.press("Enter")
    expect(page.get_by_text("All done: nothing is left to label")).to_be_visible()
    expect(page.get_by_role("region", name="Agreement")).to_contain_text(f"{rulings} rulings by ada")
