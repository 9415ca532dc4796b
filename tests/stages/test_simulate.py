"""Simulation: what is played, what is stored, and what happens when something breaks in the middle."""

import asyncio
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assay.contracts.agent import AgentCard, DevelopRequest, PythonConnector
from assay.contracts.conversation import FailureCause, SimulateRequest, StopReason
from assay.contracts.dataset import Dataset, DatasetRequest, Expectation, Persona, SaysCheck, Scenario
from assay.contracts.judgment import JudgeRequest
from assay.errors import BadInput
from assay.settings import Settings
from assay.stages.context import Context, open_context
from assay.stages.dataset import dataset as run_dataset
from assay.stages.develop import develop
from assay.stages.judge import judge
from assay.stages.simulate import simulate
from assay.tracking import read_conversations, read_judgments

AGENT = """
import pathlib
CALLS = pathlib.Path(__file__).with_name("calls.txt")

def answer(messages, conversation_id=None, seed=0):
    with CALLS.open("a") as file:
        file.write(conversation_id + "\\n")
    said = messages[-1]["content"]
    if "break" in said:
        raise ValueError("the agent broke")
    if "hang" in said:
        import time; time.sleep(3)
    return "Done: that is taken care of."
"""


@pytest.fixture
async def context(store_uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(Settings(home=tmp_path, tracking_uri=store_uri, model="offline", user="t")) as opened:
        yield opened


@pytest.fixture
def agent(tmp_path: Path) -> AgentCard:
    name = f"agent_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(AGENT))
    return AgentCard(
        agent_id="counting",
        version="1",
        description="Counts how often it is asked.",
        connector=PythonConnector(target=f"{name}:answer", timeout_s=1.0),
    )


def scenarios(*goals: str) -> Dataset:
    return Dataset(
        name="few",
        scenarios=tuple(
            Scenario(
                scenario_id=f"s{place}",
                topic="things",
                persona=Persona(name="polite", description="Friendly."),
                goal=goal,
                expectations=(Expectation(expectation_id="done", text="Says done.", check=SaysCheck(pattern="done")),),
            )
            for place, goal in enumerate(goals)
        ),
    )


async def prepare(context: Context, agent: AgentCard, dataset: Dataset, tmp_path: Path) -> None:
    await develop(DevelopRequest(card=agent, card_dir=str(tmp_path), probe=False), context)
    await run_dataset(DatasetRequest(agent=agent.ref, dataset=dataset, reference_attempt=False), context)


def asked(agent: AgentCard, dataset: Dataset, **changes: object) -> SimulateRequest:
    return SimulateRequest.model_validate({"agent": agent.ref, "dataset": dataset.ref, "trials": 2, **changes})


def calls(tmp_path: Path) -> list[str]:
    file = tmp_path / "calls.txt"
    return file.read_text().split() if file.exists() else []


async def test_every_trial_of_every_scenario_is_played_and_stored(context, agent, tmp_path):
    dataset = scenarios("Fix my lamp.", "Fix my chair.", "Fix my bike.")
    await prepare(context, agent, dataset, tmp_path)
    done = await simulate(asked(agent, dataset), context)
    assert done.conversations == 6
    assert done.stop_reasons == {StopReason.GOAL_REACHED: 6}
    stored = read_conversations(context.tracking, "default", done.subject_id)
    assert {(c.scenario_id, c.trial) for c in stored} == {(f"s{s}", t) for s in range(3) for t in range(2)}
    assert all(c.turns[1].latency_s is not None for c in stored)


async def test_the_same_simulation_again_asks_the_agent_nothing(context, agent, tmp_path):
    dataset = scenarios("Fix my lamp.")
    await prepare(context, agent, dataset, tmp_path)
    first = await simulate(asked(agent, dataset), context)
    count = len(calls(tmp_path))
    again = await simulate(asked(agent, dataset, concurrency=1), context)
    assert again == first
    assert len(calls(tmp_path)) == count


async def test_a_broken_conversation_is_an_error_with_its_cause_and_the_others_go_on(context, agent, tmp_path):
    dataset = scenarios("Fix my lamp.", "Please break.", "Please hang.")
    await prepare(context, agent, dataset, tmp_path)
    done = await simulate(asked(agent, dataset, trials=1), context)
    assert done.errors == {FailureCause.AGENT_EXCEPTION: 1, FailureCause.TIMEOUT: 1}
    assert done.conversations == 3
    judged = await judge(JudgeRequest(simulation_id=done.subject_id), context)
    assert (judged.passed, judged.failed, judged.unjudged) == (1, 0, 2)
    broken = [j for j in read_judgments(context.tracking, "default", judged.subject_id) if j.passed is None]
    assert all(judgment.score is None for judgment in broken)
    assert {judgment.error.cause for judgment in broken} == {FailureCause.AGENT_EXCEPTION, FailureCause.TIMEOUT}


async def test_a_cancelled_simulation_goes_on_where_it_stopped(context, agent, tmp_path):
    """Conversations that were finished before the cancel are not played again."""
    dataset = scenarios(*(f"Fix thing {place}." for place in range(150)))
    await prepare(context, agent, dataset, tmp_path)
    enough = asyncio.Event()

    def watch(stage: object, done: int, total: int, spent: object = None) -> None:
        if done >= 60:
            enough.set()

    watched = Context(tracking=context.tracking, settings=context.settings, progress=watch)
    task = asyncio.create_task(simulate(asked(agent, dataset, concurrency=4), watched))
    await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = len(set(calls(tmp_path)))
    assert kept < 300
    done = await simulate(asked(agent, dataset), context)
    assert done.conversations == 300
    repeated = len(calls(tmp_path)) - 300
    assert repeated <= 4  # at most those that were in flight
    stored = read_conversations(context.tracking, "default", done.subject_id)
    assert len({c.conversation_id for c in stored}) == len(stored) == 300


async def test_both_sides_of_a_comparison_meet_the_same_users(context, agent, tmp_path):
    dataset = scenarios("Fix my lamp.", "Fix my chair.")
    await prepare(context, agent, dataset, tmp_path)
    other = agent.replace(version="2")
    await develop(DevelopRequest(card=other, card_dir=str(tmp_path), probe=False), context)
    seeds = []
    for side in (agent, other):
        done = await simulate(asked(side, dataset), context)
        stored = read_conversations(context.tracking, "default", done.subject_id)
        seeds.append({(c.scenario_id, c.trial): c.seed for c in stored})
    assert seeds[0] == seeds[1]


async def test_a_changed_file_under_the_same_version_is_refused(context, agent, tmp_path):
    (tmp_path / "policy.md").write_text("Be kind.")
    card = agent.replace(files=("policy.md",))
    await develop(DevelopRequest(card=card, card_dir=str(tmp_path), probe=False), context)
    (tmp_path / "policy.md").write_text("Be rude.")
    with pytest.raises(BadInput, match="new version"):
        await develop(DevelopRequest(card=card, card_dir=str(tmp_path), probe=False), context)
