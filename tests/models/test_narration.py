"""A model that makes numbers up is told so, and in the end refused: what it made up is never passed on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from assay.contracts.conversation import FailureCause
from assay.contracts.report import Fact
from assay.errors import BadInput, CallError
from assay.models import open_model
from assay.models.asking import ModelCallError
from assay.models.chat import ChatModel
from assay.models.narration import ATTEMPTS, narrate_with, narrated_offline, refer
from tests.stub_llm import Answer, Raw, Reply, Status, StubLLM, always, in_order

FACTS = (Fact(fact_id="pass_rate", label="Conversations that pass", value=0.625, unit="share"),)
GOOD = Reply({"text": "It passes {pass_rate} of the time."})
CONTEXT = "Clusters:\n- `says that the 30 days are over`: It said that 60 days are fine."


@asynccontextmanager
async def asked(*answers: Answer, always_: Answer | None = None) -> AsyncIterator[tuple[StubLLM, ChatModel]]:
    responder = always(always_) if always_ else in_order(*answers)
    async with StubLLM(responder) as stub:
        model = open_model("openai:stub", base_url=stub.base_url, api_key="k")
        yield stub, model
        await model.aclose()


async def test_references_are_replaced_and_the_author_is_the_model():
    async with asked(GOOD) as (stub, model):
        narrated = await narrate_with(model, "You narrate.", FACTS, CONTEXT)
    assert narrated.narrative.text == "It passes 62.5 % of the time."
    assert narrated.narrative.author == "openai:stub"
    assert narrated.usage.calls == 1
    told = stub.requests[0]["messages"][1]["content"]
    assert told.startswith(f"{CONTEXT}\n\nFacts:\n{{pass_rate}}: Conversations that pass = 62.5 %\n")


@pytest.mark.parametrize(
    "text",
    [
        "It passes 62.4 % of the time.",
        "It passes about two thirds of the time.",
        "It passes `62.5 %` of the time.",
        "It passes {pass_rat} of the time.",
        "It passes {pass_rate}, so 37.5 % fail.",
    ],
)
async def test_a_made_up_number_is_told_to_the_model_which_writes_again(text: str):
    async with asked(Reply({"text": text}), GOOD) as (stub, model):
        narrated = await narrate_with(model, "You narrate.", FACTS, CONTEXT)
    assert narrated.narrative.text == "It passes 62.5 % of the time."
    assert narrated.usage.calls == 2
    refusal = stub.requests[1]["messages"][-1]["content"]
    assert refusal.startswith("Refused: narrative: ")
    assert "{pass_rate}" in refusal


async def test_a_model_that_never_stops_making_numbers_up_is_refused_with_the_number():
    async with asked(always_=Reply({"text": "It passes 99 % of the time."})) as (stub, model):
        with pytest.raises(CallError, match="99 %") as refused:
            await narrate_with(model, "You narrate.", FACTS, CONTEXT)
    assert refused.value.failed.cause is FailureCause.BAD_ANSWER
    assert stub.calls == refused.value.failed.attempts == ATTEMPTS


async def test_names_may_hold_digits_and_the_context_may_be_quoted():
    text = "Most fail at `says that the 30 days are over`: “60 days are fine”. Scenario `12` does not."
    async with asked(Reply({"text": text})) as (_, model):
        names = {"says that the 30 days are over", "12"}
        assert (await narrate_with(model, "You narrate.", FACTS, CONTEXT, names=names)).narrative.text == text


async def test_bad_json_is_asked_again_and_a_server_error_has_its_cause():
    async with asked(Raw("no json at all"), Reply("{'text': 1"), GOOD) as (stub, model):
        assert (await narrate_with(model, "You narrate.", FACTS, CONTEXT)).narrative.text.startswith("It passes")
        assert stub.calls > 1
    async with asked(always_=Status(401)) as (stub, model):
        with pytest.raises(CallError) as refused:
            await narrate_with(model, "You narrate.", FACTS, CONTEXT)
    assert refused.value.failed.cause is FailureCause.UNAUTHORIZED


def test_rules_keep_to_the_same_rule():
    assert narrated_offline("It passes {pass_rate}.", FACTS).narrative.author == "offline"
    with pytest.raises(BadInput, match="5 is no computed number"):
        narrated_offline("It passes 5 times.", FACTS)


async def test_digits_that_are_exactly_one_facts_become_a_reference_to_it():
    async with asked(Reply({"text": "It passes 62.5% of the time, in words 62.5 percent."})) as (stub, model):
        narrated = await narrate_with(model, "You narrate.", FACTS, CONTEXT)
        assert stub.calls == 1
    assert narrated.narrative.text == "It passes 62.5 % of the time, in words 62.5 %."


@pytest.mark.parametrize(
    ("text", "referred"),
    [
        ("12 of 3", "{n} of 3"),
        ("1,204 tokens and 1204", "{tokens} tokens and {tokens}"),
        ("62.5 % and 62.5", "{rate} and 62.5"),
        ("40 is two facts'", "40 is two facts'"),
        ("v62.5 and 62.55 %", "v62.5 and 62.55 %"),
        ("{n} stays, `12` too", "{n} stays, `12` too"),
    ],
)
def test_a_number_is_referred_to_only_where_it_is_one_facts(text, referred):
    facts = [
        Fact(fact_id="rate", label="r", value=0.625, unit="share"),
        Fact(fact_id="n", label="n", value=12),
        Fact(fact_id="tokens", label="t", value=1204),
        Fact(fact_id="a", label="a", value=40),
        Fact(fact_id="b", label="b", value=40),
    ]
    assert refer(text, facts) == referred


async def test_what_is_refused_for_another_reason_is_told_too():
    async with asked(GOOD, Reply({"text": "So it goes."})) as (stub, model):
        narrated = await narrate_with(
            model, "You narrate.", FACTS, CONTEXT, refuse=lambda text: "say less" if "passes" in text else None
        )
        assert "Refused: narrative: say less" in stub.requests[1]["messages"][-1]["content"]
    assert narrated.narrative.text == "So it goes."


async def test_a_failed_narrative_says_what_it_took():
    async with asked(always_=Reply({"text": "It passes 99 % of the time."}, usage=(10, 2))) as (_, model):
        with pytest.raises(ModelCallError) as refused:
            await narrate_with(model, "You narrate.", FACTS, CONTEXT)
    assert (refused.value.usage.calls, refused.value.usage.input_tokens) == (ATTEMPTS, 10 * ATTEMPTS)
