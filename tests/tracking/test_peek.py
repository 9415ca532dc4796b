"""Looking into a SQLite store without MLflow finds what MLflow finds."""

import subprocess
import sys

import pytest

from assay.contracts.stage import Stage
from assay.errors import NotFound
from assay.settings import Settings
from assay.stages.context import open_context
from assay.stages.dataset import dataset as run_dataset
from assay.stages.develop import develop
from assay.stages.simulate import simulate
from assay.tracking import (
    append_ledger,
    connect,
    failed_conversations,
    find_result,
    finished,
    ledger_copies,
    list_agents,
    list_datasets,
    list_results,
    load_dataset,
    load_result,
    prompt,
    read_kept,
    read_ledger,
    read_project_tags,
    transitions,
    write_kept,
)
from tests.conftest import PATIENCE_S
from tests.stages.test_simulate import agent, asked, scenarios  # noqa: F401, a fixture

pytestmark = pytest.mark.xdist_group("peek")


@pytest.fixture
async def played(store_uri, tmp_path, agent):  # noqa: F811
    from assay.contracts.agent import DevelopRequest
    from assay.contracts.dataset import DatasetRequest

    few = scenarios("Fix my lamp.", "Fix my chair.")
    settings = Settings(home=tmp_path, tracking_uri=store_uri, model="offline", user="t")
    async with open_context(settings) as context:
        await develop(DevelopRequest(card=agent, card_dir=str(tmp_path), probe=False), context)
        await run_dataset(DatasetRequest(agent=agent.ref, dataset=few, reference_attempt=False), context)
        return few, await simulate(asked(agent, few), context)


async def test_both_ways_find_the_same(played, store_uri, agent):  # noqa: F811
    few, simulation = played
    questions = [
        lambda t: list_results(t, "default", Stage.DEVELOP, agent=agent.ref),
        lambda t: list_results(t, "default", Stage.SIMULATE),
        lambda t: list_results(t, "default", Stage.JUDGE),
        lambda t: load_result(t, "default", Stage.SIMULATE, simulation.subject_id),
        lambda t: find_result(t, "default", Stage.SIMULATE, "0" * 64),
        lambda t: load_dataset(t, "default", few.ref),
        lambda t: finished(t, "default", simulation.subject_id),
        lambda t: list_agents(t, "default"),
        lambda t: list_datasets(t, "default"),
        lambda t: transitions(t, "default.counting", "1"),
        lambda t: read_project_tags(t, "default"),
        lambda t: read_ledger(t, "default"),
        lambda t: ledger_copies(t, "default"),
        lambda t: read_kept(t, "default", "rollout/traffic"),
        lambda t: read_kept(t, "default", "schedules/schedules"),
        lambda t: failed_conversations(t, "default", simulation.subject_id),
    ]
    closed, opened = connect(store_uri), connect(store_uri)
    append_ledger(opened, "default", "one\u2028two", expected_lines=0)
    write_kept(opened, "default", "schedules/schedules", "{}", before=None)
    assert opened.client
    for ask in questions:
        assert ask(closed) == ask(opened)
    assert prompt(opened, "assay.judge", "Judge.") == prompt(closed, "assay.judge", "Judge.")
    assert not closed.is_open


async def test_what_is_not_there_is_left_to_mlflow_and_its_words(played, store_uri):
    t = connect(store_uri)
    with pytest.raises(NotFound, match="there is sim-"):
        load_result(t, "default", Stage.SIMULATE, "sim-0000000000000000")
    assert t.is_open


async def test_a_new_text_of_a_prompt_is_registered_by_mlflow(played, store_uri):
    t = connect(store_uri)
    assert prompt(t, "assay.other", "Judge.").version == 1
    assert t.is_open
    again = connect(store_uri)
    assert prompt(again, "assay.other", "Judge well.").version == 2


LISTS = """
import asyncio, sys
from assay.lifecycle.gates import gate_states, verify
from assay.settings import Settings
from assay.stages.context import open_context
from assay.contracts.stage import Stage
from assay.tracking import list_agents, list_datasets, list_results

async def look():
    async with open_context(Settings(tracking_uri=sys.argv[1], model="offline")) as context:
        await gate_states(context, "default")
        assert (await verify(context, "default")).intact
        assert list_agents(context.tracking, "default") and list_datasets(context.tracking, "default")
        assert list_results(context.tracking, "default", Stage.SIMULATE)

asyncio.run(look())
assert "mlflow" not in sys.modules
"""


async def test_lists_and_the_ledgers_check_do_not_import_mlflow(played, store_uri):
    subprocess.run([sys.executable, "-c", LISTS, store_uri], check=True, timeout=PATIENCE_S)
