"""The chat by rules: a few plain words, each of which does one thing and says what it did."""

import pytest

from assay.agents.dataset_builder import BuilderChat, dataset_builder
from assay.agents.dataset_builder.chat import Accept, Check, Coverage, DraftMore, Drop, Edit, Plan, Show
from assay.agents.dataset_builder.commands import HELP, understood
from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Scenario
from tests.conftest import SHOP

CARD = AgentCard.model_validate_json((SHOP / "v2.json").read_text())
SCENARIO = Scenario.model_validate(
    {
        "scenario_id": "returns-1",
        "topic": "returns",
        "persona": {"name": "polite-user", "description": "Friendly."},
        "goal": "Send the boots back.",
        "opening": "Hello.",
        "facts": {"order number": "J4101"},
        "expectations": [
            {"expectation_id": "e1", "text": "The agent refunds.", "check": {"kind": "calls", "tool": "issue_refund"}}
        ],
    }
)
BEGUN = BuilderChat(card=CARD, drafts=(SCENARIO,))


async def say(chat: BuilderChat, *messages: str) -> tuple[BuilderChat, str]:
    reply = ""
    for message in messages:
        chat, reply = await dataset_builder(None).say(chat, message)
    return chat, reply


UNDERSTOOD = {
    "coverage?": Coverage(),
    "What is covered?": Coverage(),
    "plan": Plan(size=40),
    "propose a plan 12": Plan(size=12),
    "propose coverage": Plan(size=40),
    "draft": DraftMore(count=5),
    "Draft 10 about refunds.": DraftMore(count=10, about="refunds"),
    "please draft me 3 more scenarios on damaged goods": DraftMore(count=3, about="damaged goods"),
    "draft 999": DraftMore(count=50),
    "show": Show(),
    "show returns-1": Show(scenario_id="returns-1"),
    "edit returns-1 goal: Get it: now!": Edit(scenario_id="returns-1", field="goal", value="Get it: now!"),
    "EDIT returns-1 must not: The agent shouts": Edit(
        scenario_id="returns-1", field="must_not", value="The agent shouts"
    ),
    "edit returns-1 fact Order number: J1": Edit(scenario_id="returns-1", field="fact Order number", value="J1"),
    "edit returns-1 opening:": Edit(scenario_id="returns-1", field="opening", value=""),
    "drop returns-1": Drop(scenario_id="returns-1"),
    "accept": Accept(),
    "accept all": Accept(),
    "accept returns-1": Accept(scenario_id="returns-1"),
    "check": Check(),
    "done": Check(),
}


@pytest.mark.parametrize("message", UNDERSTOOD)
def test_plain_words_are_understood(message: str):
    assert understood(message) == UNDERSTOOD[message]


@pytest.mark.parametrize("message", ["help", "hello", "make it nice", "edit returns-1 colour: red", "", "drop"])
async def test_other_words_are_answered_with_what_it_understands_and_that_it_goes_by_rules(message: str):
    chat, reply = await say(BEGUN, message)
    assert reply == HELP
    assert "by rules, without a language model" in reply
    assert chat.drafts == BEGUN.drafts


async def test_a_dataset_is_worked_out_from_plan_to_acceptance():
    chat, reply = await say(BuilderChat(card=CARD), "coverage")
    assert "Nothing is drafted yet" in reply
    chat, reply = await say(chat, "plan 18")
    assert reply.startswith("The plan is 18 scenarios:")
    assert sum(planned.scenarios for planned in chat.plan) == 18
    chat, reply = await say(chat, "draft 12")
    assert len(chat.drafts) == 12
    assert "invented" in reply
    chat, reply = await say(chat, "coverage")
    assert "The plan still lacks: " in reply
    chat, _ = await say(chat, "draft 6")
    chat, reply = await say(chat, "coverage")
    assert "The plan is filled." in reply
    chat, reply = await say(chat, "accept")
    assert reply == "Accepted the drafts (18); accepted in all: 18."
    chat, reply = await say(chat, "done")
    assert "Scenarios: 18, accepted 18. Score 1.00." in reply
    assert len({scenario.scenario_id for scenario in chat.accepted}) == 18


async def test_drafts_about_something_are_about_it_and_unlike_those_that_are_there():
    chat, _ = await say(BuilderChat(card=CARD), "draft 4 about refunds", "draft 4 about refunds")
    assert {scenario.topic for scenario in chat.drafts} == {"returns"}
    assert len({scenario.scenario_id for scenario in chat.drafts}) == 8


async def test_a_chat_that_was_left_is_taken_up_again():
    chat, _ = await say(BuilderChat(card=CARD), "plan 10", "draft 3", "accept")
    again = BuilderChat.model_validate_json(chat.model_dump_json())
    assert again == chat
    assert [said.role for said in again.history] == ["person", "builder"] * 3
    assert (await say(again, "draft 2")) == (await say(chat, "draft 2"))


EDITS = {
    "goal: Get the money back.": lambda s: s.goal == "Get the money back.",
    "opening: Hi there": lambda s: s.opening == "Hi there",
    "opening:": lambda s: s.opening is None,
    "topic: Late returns": lambda s: s.topic == "Late returns",
    "difficulty: Hard": lambda s: s.difficulty == "hard",
    "max turns: 3": lambda s: s.max_turns == 3,
    "persona: Grumpy man": lambda s: (s.persona.name, s.persona.description) == ("grumpy-man", "Grumpy man"),
    "fact e-mail: a@b.example": lambda s: s.facts == {"order number": "J4101", "e-mail": "a@b.example"},
    "fact order number: J2": lambda s: s.facts == {"order number": "J2"},
    "fact order number:": lambda s: s.facts == {},
    "must: The agent says when": lambda s: s.expectations[1].text == "The agent says when",
    "must not: The agent shouts": lambda s: (
        (s.expectations[1].kind, s.expectations[1].expectation_id) == ("must_not", "e2")
    ),
    "expectation e1: The agent pays": lambda s: (
        (s.expectations[0].text, s.expectations[0].check) == ("The agent pays", None)
    ),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edit_changes_its_field_and_no_other(edit: str):
    chat, reply = await say(BEGUN, f"edit returns-1 {edit}")
    (scenario,) = chat.drafts
    assert EDITS[edit](scenario)
    assert reply.startswith("returns-1: ")
    changed = {name for name in Scenario.model_fields if getattr(scenario, name) != getattr(SCENARIO, name)}
    assert len(changed) == 1


async def test_an_accepted_scenario_can_still_be_edited_and_dropped():
    chat, _ = await say(BEGUN, "accept", "edit returns-1 goal: Other")
    assert chat.accepted[0].goal == "Other"
    chat, reply = await say(chat, "drop ret")
    assert (chat.accepted, reply) == ((), "Dropped returns-1.")


REFUSED = {
    "edit returns-1 difficulty: extreme": "returns-1: difficulty: difficulty: ",
    "edit returns-1 max_turns: many": "returns-1: max_turns: max_turns: ",
    "edit returns-1 goal:": "returns-1: goal: goal: ",
    "edit returns-1 must:": "returns-1: must: text: ",
    "edit returns-1 expectation e9: x": "expectation e9: returns-1 has none of that id: use one of e1",
    "edit returns-1 expectation e1:": "returns-1: expectation e1: expectations: ",
    "edit nobody goal: x": "nobody: there is no such scenario: `show` lists them",
    "drop nobody": "nobody: there is no such scenario",
    "accept nobody": "nobody: there is no such scenario",
    "show nobody": "nobody: there is no such scenario",
}


@pytest.mark.parametrize("message", REFUSED)
async def test_what_does_not_fit_changes_nothing_and_says_why(message: str):
    chat, reply = await say(BEGUN, message)
    assert REFUSED[message] in reply
    assert (chat.drafts, chat.accepted) == (BEGUN.drafts, BEGUN.accepted)


async def test_a_beginning_that_several_ids_share_asks_for_more_of_it():
    chat = BEGUN.replace(drafts=(SCENARIO, SCENARIO.replace(scenario_id="returns-2")))
    _, reply = await say(chat, "drop returns")
    assert reply == "returns: returns-1, returns-2 begin so: write more of it"


async def test_show_tells_one_scenario_whole():
    _, reply = await say(BEGUN, "show returns-1")
    assert reply.splitlines() == [
        "returns-1 (returns, medium, 12 turns)",
        "  persona: polite-user, en: Friendly.",
        "  goal: Send the boots back.",
        "  opening: Hello.",
        "  fact order number: J4101",
        "  must e1: The agent refunds. [by code: calls]",
    ]


async def test_check_tells_what_validation_finds():
    chat, _ = await say(BEGUN, "edit returns-1 must: The agent responds appropriately")
    _, reply = await say(chat, "check")
    assert "Scenarios: 1, accepted 0. Score 0.00." in reply
    assert "warning vague: returns-1: e2: 'appropriately' means something else to everyone." in reply
    assert (await say(BuilderChat(card=CARD), "check"))[1] == "There is nothing to check yet."
