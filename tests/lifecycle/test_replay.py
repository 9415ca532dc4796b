"""A recorded run gives the same verdict again, with no server, no key and an empty store."""

import pytest

from assay.contracts.agent import DevelopRequest
from assay.contracts.comparison import CompareRequest, Side
from assay.errors import BadInput, NotFound
from assay.evaluation.verdict import verdict_hash
from assay.lifecycle.evaluate import evaluate
from assay.settings import Settings
from assay.stages.compare import compare
from assay.stages.context import open_context
from assay.stages.develop import develop
from assay.tracking import connect, read_conversations
from tests.conftest import copy_store
from tests.lifecycle.conversing import card_at, converse, ready, role_of
from tests.stub_llm import Reply, StubLLM


def differs(asked, nth):
    """The second version finds every second parcel only."""
    said = converse(asked, nth)
    if role_of(asked) == "judge" and "nowhere to be found" in str(asked["messages"][-1]["content"]):
        said.content["opinions"][0] |= {
            "ruling": "not_met",
            "evidence": [{"turn": 1, "quote": "nowhere to be found"}],
        }
    if role_of(asked) == "agent" and asked["model"] == "worse" and "parcel 1" in str(asked["messages"][0]["content"]):
        return Reply("It is nowhere to be found.")
    return said


def words(side):
    return [[(turn.role, turn.text, turn.input_tokens) for turn in conversation.turns] for conversation in side]


async def verdict(settings: Settings, base_url: str) -> tuple[str, list]:
    """The verdict's hash, and the conversations of both sides."""
    request = await ready(settings, base_url, scenarios=12, turns=2, trials=2)
    better = card_at(base_url)
    worse = better.replace(version="2", connector=better.connector.replace(model="worse"))
    async with open_context(settings) as context:
        await develop(DevelopRequest(card=worse, card_dir=str(settings.home), probe=False), context)
        sides = [await evaluate(request.replace(agent=card.ref), context) for card in (better, worse)]
        report = await compare(
            CompareRequest(
                champion=Side(judging_id=sides[0].judging.subject_id),
                challenger=Side(judging_id=sides[1].judging.subject_id),
                model="offline",
            ),
            context,
        )
    t = connect(settings.store)
    return verdict_hash(report), [read_conversations(t, "default", side.simulation.subject_id) for side in sides]


async def test_a_replay_gives_the_same_verdict_with_nobody_there_to_ask(template, tmp_path):
    recording = tmp_path / "run.jsonl"
    homes = [tmp_path / "recorded", tmp_path / "replayed"]
    for home in homes:
        home.mkdir()
    async with StubLLM(differs) as stub:
        recorded = Settings(
            home=homes[0],
            tracking_uri=copy_store(template, homes[0]),
            openai_base_url=stub.base_url,
            openai_api_key="sk-secret-of-the-recording",
            openai_model="stub",
            record=recording,
        )
        first, sides = await verdict(recorded, stub.base_url)
        base_url = stub.base_url
    assert "sk-secret" not in recording.read_text()
    replayed = Settings(home=homes[1], tracking_uri=copy_store(template, homes[1]), replay=recording)
    second, again = await verdict(replayed, base_url)
    assert second == first
    assert [words(side) for side in again] == [words(side) for side in sides]
    assert all(c.replayed for side in again for c in side)
    assert not any(c.replayed for side in sides for c in side)
    with pytest.raises(NotFound, match="record it anew"):
        request = await ready(replayed, base_url, scenarios=12, turns=2, trials=3)
        async with open_context(replayed) as context:
            await evaluate(request, context)


async def test_no_trial_ever_gets_another_ones_answer(template, tmp_path):
    """The agent's answers all differ; two trials of a scenario say the same, and get answers of their own."""
    tmp_path.joinpath("h").mkdir()

    def counts(asked, nth):
        return Reply(f"Answer number {nth}.") if role_of(asked) == "agent" else converse(asked, nth)

    async with StubLLM(counts) as stub:
        settings = Settings(
            home=tmp_path / "h",
            tracking_uri=copy_store(template, tmp_path / "h"),
            openai_base_url=stub.base_url,
            openai_api_key="k",
            record=tmp_path / "run.jsonl",
        )
        request = await ready(settings, stub.base_url, scenarios=3, turns=2, trials=4)
        async with open_context(settings) as context:
            done = await evaluate(request, context)
    said = [
        turn.text
        for conversation in read_conversations(connect(settings.store), "default", done.simulation.subject_id)
        for turn in conversation.turns
        if turn.role == "agent"
    ]
    assert len(said) == len(set(said)) == 24


async def test_a_recording_that_is_not_there_is_said_so(store_uri, tmp_path):
    settings = Settings(home=tmp_path, tracking_uri=store_uri, replay=tmp_path / "none.jsonl")
    async with open_context(settings) as context:
        with pytest.raises(BadInput, match="is not there"):
            context.model_name(None)
