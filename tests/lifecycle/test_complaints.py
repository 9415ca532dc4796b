"""A complaint becomes a scenario, a mended version closes it, and it opens again when it comes back."""

import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from assay.contracts.agent import AgentCard, DevelopRequest, PythonConnector
from assay.contracts.conversation import SimulateRequest, Turn
from assay.contracts.dataset import Dataset, DatasetRequest, Expectation, Persona, SaysCheck, Scenario
from assay.contracts.feedback import Feedback, FeedbackRequest
from assay.contracts.judgment import JudgeRequest
from assay.contracts.stage import AgentRef, DatasetRef
from assay.errors import BadInput
from assay.lifecycle.complaints import complaints, propose
from assay.lifecycle.run import run_stage

AGENT = """
def answer(messages, conversation_id=None, seed=0, mended=False):
    said = messages[-1]["content"].lower()
    if "gift" in said or "card" in said:
        return "Your gift card is refunded." if mended else "I cannot help with gift cards."
    return "Your parcel arrives on Friday."
"""
OLD, NEW = AgentRef(agent_id="desk", version="1"), AgentRef(agent_id="desk", version="2")
SAID = "The agent refused to refund my gift card twice."


def item(name: str, comment: str, agent: AgentRef, *, days: int = 0) -> Feedback:
    at = datetime.now(UTC) + timedelta(days=days)
    return Feedback(feedback_id=name, user=f"user-{name}", thumbs="down", comment=comment, agent=agent, at=at)


@pytest.fixture
async def production(context, tmp_path):
    """Version 1 in production, tested on parcels alone, with a complaint about gift cards."""
    (tmp_path / "gift_desk.py").write_text(textwrap.dedent(AGENT))
    for ref, config in ((OLD, {}), (NEW, {"mended": True})):
        card = AgentCard(
            agent_id=ref.agent_id,
            version=ref.version,
            description="Looks up parcels and refunds.",
            connector=PythonConnector(target="gift_desk:answer", config=config),
        )
        await run_stage(DevelopRequest(card=card, card_dir=str(tmp_path), probe=False), context)
    known = Scenario(
        scenario_id="parcel",
        topic="parcels",
        persona=Persona(name="hurried", description="Short of time."),
        goal="Find out when the parcel arrives.",
        opening="When does my parcel arrive?",
        expectations=(Expectation(expectation_id="day", text="Names the day.", check=SaysCheck(pattern="friday")),),
    )
    dataset = Dataset(name="desk", scenarios=(known,))
    await run_stage(DatasetRequest(agent=OLD, dataset=dataset, reference_attempt=False, threshold=0.0), context)
    await _played(context, OLD, dataset.ref)
    report = await run_stage(FeedbackRequest(agent=OLD, items=(item("f-1", SAID, OLD),)), context)
    return report, dataset.ref


async def _played(context, agent: AgentRef, dataset: DatasetRef, trials: int = 3) -> None:
    played = await run_stage(SimulateRequest(agent=agent, dataset=dataset, trials=trials), context)
    await run_stage(JudgeRequest(simulation_id=played.subject_id), context)


async def _only(context):
    (found,) = (await complaints(context, "default")).complaints
    return found


async def test_complaint_scenario_fixed_version_closed_and_open_again(context, production):
    report, dataset = production
    (proposed,) = report.proposed_scenarios
    assert proposed.origin_ref == "f-1"
    found = await _only(context)
    assert found.state == "proposed" and found.said == SAID and found.feedback_ids == ("f-1",)

    # A person sharpens what the Feedback Analyst proposed, and takes it into the dataset.
    check = Expectation(expectation_id="refunds", text="Refunds the gift card.", check=SaysCheck(pattern="is refunded"))
    sharpened = proposed.replace(expectations=(check,), opening="Please refund my gift card.")
    grown = await propose(context, "default", report.subject_id, dataset, OLD, scenarios=[sharpened])
    assert {s.scenario_id for s in grown.dataset.scenarios} == {"parcel", proposed.scenario_id}
    assert (await _only(context)).state == "tested"

    await _played(context, OLD, grown.dataset.ref)
    found = await _only(context)
    assert found.state == "tested" and "0 of 3 trials passed" in found.words

    await _played(context, NEW, grown.dataset.ref, trials=2)
    assert (await _only(context)).state == "tested"  # two trials are not three
    await _played(context, NEW, grown.dataset.ref)
    found = await _only(context)
    assert found.state == "closed" and found.agent == NEW and "3 of 3 trials passed with desk@2" in found.words

    back = item("f-2", "Again it refused to refund my gift card.", NEW, days=1)
    await run_stage(FeedbackRequest(agent=NEW, items=(back,)), context)
    found = await _only(context)
    assert found.state == "reopened" and set(found.feedback_ids) == {"f-1", "f-2"}
    assert [event.what for event in found.events if event.what in ("passed", "said")][-2:] == ["passed", "said"]


async def test_what_was_not_proposed_is_not_taken(context, production):
    report, dataset = production
    other = report.proposed_scenarios[0].replace(scenario_id="made-up")
    with pytest.raises(BadInput, match="made-up is none of the proposed"):
        await propose(context, "default", report.subject_id, dataset, OLD, scenarios=[other])


async def _played_with(context, agent: AgentRef, dataset, expectation: Expectation, report) -> None:
    (proposed,) = report.proposed_scenarios
    scenario = proposed.replace(expectations=(expectation,), opening="Please refund my gift card.")
    grown = await propose(context, "default", report.subject_id, dataset, OLD, scenarios=[scenario])
    await _played(context, agent, grown.dataset.ref)


async def test_a_judge_that_nobody_admitted_closes_no_complaint(context, production):
    report, dataset = production
    words = Expectation(expectation_id="refunds", text="The agent says that the gift card is refunded.")
    await _played_with(context, NEW, dataset, words, report)
    found = await _only(context)
    assert found.state == "tested" and "3 more are not decided" in found.words
    assert [event.what for event in found.events][-1] == "undecided"


async def test_the_version_complained_of_closes_nothing(context, production):
    report, dataset = production
    lenient = Expectation(expectation_id="answers", text="Answers.", check=SaysCheck(pattern="gift"))
    await _played_with(context, OLD, dataset, lenient, report)
    found = await _only(context)
    assert found.state == "tested" and "the version complained of" in found.words


async def test_the_transcript_complained_of_closes_nothing(context, production):
    report, dataset = production
    turns = (Turn(role="user", text=SAID), Turn(role="agent", text="Your gift\u00a0card is refunded."))
    said = item("f-9", SAID, OLD).replace(turns=turns)
    await run_stage(FeedbackRequest(agent=OLD, items=(said,)), context)
    check = Expectation(expectation_id="refunds", text="Refunds it.", check=SaysCheck(pattern="is refunded"))
    await _played_with(context, NEW, dataset, check, report)
    states = {found.state for found in (await complaints(context, "default")).complaints}
    assert "tested" in states and "closed" not in states
