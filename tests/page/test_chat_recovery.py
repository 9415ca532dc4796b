"""A server that dies while an agent answers: the chat is there again, and so is the answer."""

import json

import httpx
from playwright.sync_api import Page, expect

from tests.conftest import PATIENCE_S, SHOP
from tests.page.conftest import Server
from tests.page.test_recovery import finish
from tests.stub_llm import StubLLM

SLOW_S = 4.0


def test_an_answer_comes_though_the_server_was_killed_while_the_agent_thought(page: Page, fresh: Server):
    register(fresh)
    with StubLLM(latency_s=SLOW_S) as stub:
        fresh.stop()
        fresh.more = {"ASSAY_MODEL": "openai:stub", "OPENAI_BASE_URL": stub.base_url}
        fresh.start()
        page.goto(f"{fresh.url}/p/shop/datasets")
        box = page.get_by_label("Say something to the Dataset Builder")
        box.fill("What would you test?")
        box.press("Enter")
        log = page.get_by_role("log")
        expect(log.get_by_text("at work…")).to_be_visible()
        fresh.kill()
        expect(page.get_by_text("server gone, trying again")).to_be_visible()
        fresh.start()
        expect(page.get_by_text("server gone, trying again")).to_be_hidden()
        expect(log.get_by_text("at work…")).to_be_hidden()
        expect(log).not_to_contain_text("a fault of Assay")
    (chat,) = httpx.get(f"{fresh.url}/api/v1/projects/shop/chats").json()["items"]
    messages = httpx.get(f"{fresh.url}/api/v1/chats/{chat['chat_id']}").json()["messages"]
    assert [(message["role"], message["state"]) for message in messages] == [("person", "done"), ("agent", "done")]
    assert "resumed" in [step["kind"] for step in messages[1]["steps"]]
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("What would you test?")


def register(server: Server) -> None:
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=PATIENCE_S) as client:
        client.post("/projects", json={"project": "shop"}).raise_for_status()
        card = json.loads((SHOP / "v2.json").read_text())
        asked = {"project": "shop", "card": card, "card_dir": str(SHOP), "probe": False}
        finish(client, client.post("/projects/shop/agents", json=asked))
