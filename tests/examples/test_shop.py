"""The example agent: its cards, its dataset, and what its two versions do."""

import collections
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import jmespath
import pytest

from assay.agents.judge import judge
from assay.agents.user_simulator import user_simulator
from assay.connectors import ConversationStart, connect, converse
from assay.contracts.agent import AgentCard
from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.dataset import Dataset, OutcomeCheck, Scenario, ToolCheck
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Ruling, Verdict
from assay.contracts.stage import AgentRef
from assay.evaluation.checks import check_verdict
from assay.evaluation.validation import validate
from tests.conftest import PATIENCE_S

SHOP = Path(__file__).parents[2] / "examples" / "shop"
SCENARIOS = [Scenario.model_validate_json(line) for line in (SHOP / "dataset.jsonl").read_text().splitlines()]


def shop_card(version: str) -> AgentCard:
    return AgentCard.model_validate_json((SHOP / f"{version}.json").read_text())


async def say(version: str, state: dict, *texts: str, seed: int = 1) -> list:
    connector = connect(shop_card(version), card_dir=SHOP)
    async with converse(connector, ConversationStart("0" * 32, "s", seed, state)) as dialogue:
        return [await dialogue.reply(text) for text in texts]


def an_order(**changes: object) -> dict:
    order = {
        "email": "mara@example.com",
        "name": "Mara",
        "status": "delivered",
        "delivered_on": "2026-03-02",
        "address": "Storgatan 4, 11455 Stockholm",
        "items": [{"name": "Summit boots", "price": 149.0}],
        "refunded": 0.0,
    }
    return {"orders": {"J4101": {**order, **changes}}}


async def test_version_2_refunds_within_the_window_to_the_customer_alone():
    texts = "I want to return the boots for a refund.", "It is J4101.", "mara@example.com"
    replies = await say("v2", an_order(), *texts)
    assert replies[-1].state["orders"]["J4101"]["refunded"] == 149.0
    late = await say("v2", an_order(delivered_on="2026-01-02"), *texts)
    assert late[-1].state["orders"]["J4101"]["refunded"] == 0.0
    assert "30 days" in late[-1].text
    stranger = await say("v2", an_order(), *texts[:2], "eve@example.com", "J4101 and eve@example.com")
    assert stranger[-1].state["orders"]["J4101"]["refunded"] == 0.0
    assert [ticket["reason"] for ticket in stranger[-1].state["tickets"]] == ["verification"]


async def test_version_1_has_flaws_that_show():
    """In most conversations, since each flaw is a chance."""
    shown = collections.Counter()
    for seed in range(40):
        texts = "I want to return the boots for a refund.", "It is J4101.", "mara@example.com", "J4101"
        late = (await say("v1", an_order(delivered_on="2025-12-01"), *texts, seed=seed))[-1]
        shown["late refund"] += late.state["orders"]["J4101"]["refunded"] > 0
        human = await say("v1", {}, "I want to talk to a real person.", seed=seed)
        shown["keeps cases"] += not human[-1].state["tickets"]
        stock = await say("v1", {}, "Is the Trail backpack 40 in stock?", seed=seed)
        shown["invents stock"] += "ships tomorrow" in stock[-1].text
    assert all(10 <= count <= 34 for count in shown.values()), shown
    assert len(shown) == 3


async def test_the_same_seed_gives_the_same_conversation_and_another_may_not():
    texts = ("Is the Ridge tent 4 in stock?", "And do you have a discount for me?")
    again = [[reply.text for reply in await say("v1", {}, *texts, seed=5)] for _ in range(2)]
    assert again[0] == again[1]
    assert len({tuple(reply.text for reply in await say("v1", {}, *texts, seed=seed)) for seed in range(20)}) > 1


async def test_conversations_do_not_share_their_shop():
    connector = connect(shop_card("v2"), card_dir=SHOP)
    start = ConversationStart("0" * 32, "s", 1, an_order())
    for _ in range(2):
        async with converse(connector, start) as dialogue:
            for text in ("Refund for the boots please", "J4101"):
                await dialogue.reply(text)
            done = await dialogue.reply("mara@example.com")
        assert "I have refunded 149.00 EUR" in done.text


def test_the_dataset_covers_topics_personas_and_difficulties():
    assert len(SCENARIOS) >= 48
    assert {scenario.topic for scenario in SCENARIOS} == set(shop_card("v2").topics)
    topics = collections.Counter(scenario.topic for scenario in SCENARIOS)
    personas = collections.Counter(scenario.persona.name for scenario in SCENARIOS)
    assert min(topics.values()) >= 5
    assert len(personas) == 6 and min(personas.values()) >= 4
    assert {scenario.difficulty.value for scenario in SCENARIOS} == {"easy", "medium", "hard"}
    assert all(2 <= len(scenario.expectations) <= 4 for scenario in SCENARIOS)


def test_validation_finds_nothing_to_mend():
    report = validate(
        Dataset(name="shop", scenarios=tuple(SCENARIOS)), shop_card("v2"), threshold=0.8, detectable_difference=0.15
    )
    assert [finding for finding in report.findings if finding.severity != "note"] == []
    assert report.passed and report.checked_by_code > 0.9


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.scenario_id)
def test_checks_name_tools_and_paths_that_the_shop_has(scenario):
    tools = {tool.name for tool in shop_card("v2").tools}
    for expectation in scenario.expectations:
        match expectation.check:
            case ToolCheck() as check:
                assert check.tool in tools
            case OutcomeCheck() as check:
                orders = (scenario.initial_state or {}).get("orders", {})
                world = {"orders": orders, "tickets": []}
                named = {
                    word for word in check.path.replace(".", " ").split() if word[:1] == "J" and word[1:].isdigit()
                }
                assert named <= orders.keys()
                jmespath.search(check.path, world)


async def played(version: str, trials: int) -> dict[str, list[bool | None]]:
    """Whether each trial of each scenario passes, played and judged by rules."""
    connector, user, ruler = connect(shop_card(version), card_dir=SHOP), user_simulator(None), judge(None)
    passed: dict[str, list[bool | None]] = {}
    for scenario in SCENARIOS:
        for trial in range(trials):
            seed = int(content_hash([0, scenario.scenario_id, trial])[:8], 16)
            conversation = await play(connector, user, scenario, seed)
            verdicts: list[Verdict] = []
            for expectation in scenario.expectations:
                verdict = check_verdict(expectation, conversation)
                if verdict is None:
                    ruled = await ruler.rule(
                        conversation, [expectation], scenario=scenario, rubric="", votes=1, seed=seed
                    )
                    verdict = ruled.verdicts[0]
                verdicts.append(verdict)
            rulings = {verdict.ruling for verdict in verdicts}
            failed = Ruling.NOT_MET in rulings
            passed.setdefault(scenario.scenario_id, []).append(
                False if failed else None if Ruling.ABSTAINED in rulings else True
            )
    return passed


async def play(connector, user, scenario: Scenario, seed: int) -> Conversation:
    start = ConversationStart("0" * 32, scenario.scenario_id, seed, scenario.initial_state)
    turns: list[Turn] = []
    outcome, stop = None, None
    async with converse(connector, start) as dialogue:
        for _ in range(scenario.max_turns):
            move = await user.next_move(scenario, turns, seed=seed)
            if move.text is not None:
                turns.append(Turn(role="user", text=move.text))
            if (stop := move.stop) is not None:
                break
            reply = await dialogue.reply(move.text)
            turns.append(Turn(role="agent", text=reply.text, tool_calls=reply.tool_calls))
            outcome = reply.state
    return Conversation(
        conversation_id="0" * 32,
        scenario_id=scenario.scenario_id,
        trial=0,
        seed=seed,
        agent=AgentRef(agent_id="shop-support", version="v1"),
        turns=tuple(turns),
        stop_reason=stop or StopReason.MAX_TURNS,
        outcome=outcome,
        started_at=datetime(2026, 3, 16, tzinfo=UTC),
    )


async def test_version_2_is_clearly_better_and_neither_is_perfect():
    rates = {}
    for version in ("v1", "v2"):
        trials = await played(version, trials=3)
        known = [passed for row in trials.values() for passed in row if passed is not None]
        rates[version] = sum(known) / len(known)
        assert len(known) > 0.94 * 3 * len(SCENARIOS), "nearly everything is decided without a model"
        mixed = [name for name, row in trials.items() if len(set(row)) > 1]
        assert mixed, "trials of one scenario differ"
    assert 0.4 < rates["v1"] < 0.65
    assert 0.85 < rates["v2"] < 0.95


def test_the_feedback_speaks_also_of_what_the_dataset_does_not_cover():
    items = [Feedback.model_validate_json(line) for line in (SHOP / "feedback.jsonl").read_text().splitlines()]
    assert len(items) >= 60
    assert len({item.feedback_id for item in items}) == len(items)
    unknown = {item.topic for item in items if item.topic} - {scenario.topic for scenario in SCENARIOS}
    assert unknown == {"invoices", "gift-cards"}
    assert sum(item.negative is True for item in items) > 20
    assert sum(item.negative is False for item in items) > 20


@pytest.fixture
def shop_server() -> Iterator[str]:
    """The example's own server, in a process of its own."""
    import socket
    import subprocess
    import time

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, str(SHOP / "http_server.py"), "--port", str(port)], stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


async def test_the_same_agent_says_the_same_over_python_http_and_chat_completions(shop_server):
    http = json.loads((SHOP / "v2-http.json").read_text())
    http["connector"]["url"] = f"{shop_server}/reply"
    chat = {
        "kind": "openai",
        "base_url": f"{shop_server}/v1",
        "model": "shop",
        "api_key_env": None,
        "send_seed": True,
        "stream": True,
    }
    cards = [
        shop_card("v2"),
        AgentCard.model_validate(http),
        AgentCard.model_validate({**http, "connector": chat}),
    ]
    texts = ("Is the Drizzle rain jacket in stock?", "And the Ridge tent 4?", "I want to talk to a person.")
    said = []
    for card in cards:
        async with converse(connect(card, card_dir=SHOP), ConversationStart("0" * 32, "s", 0)) as dialogue:
            replies = [await dialogue.reply(text) for text in texts]
        said.append([(reply.text, [call.name for call in reply.tool_calls]) for reply in replies])
    assert said[0] == said[1] == said[2]
    assert [names for _, names in said[0]] == [["check_stock"], ["check_stock"], ["open_ticket"]]


def test_eliza_has_scenarios_that_validation_accepts():
    folder = SHOP.parent / "eliza"
    card = AgentCard.model_validate_json((folder / "card.json").read_text())
    scenarios = [Scenario.model_validate_json(line) for line in (folder / "dataset.jsonl").read_text().splitlines()]
    report = validate(Dataset(name="eliza", scenarios=tuple(scenarios)), card, threshold=0.8, detectable_difference=0.3)
    assert len(scenarios) == 12
    assert report.passed
    assert {scenario.topic for scenario in scenarios} == set(card.topics)
