"""A lifecycle over the example shop with a few of its scenarios, offline."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Dataset
from assay.contracts.pipeline import PipelineRequest
from assay.evaluation.exchange import feedback_of, read_file, scenarios_of
from assay.settings import Settings
from assay.stages.context import Context, open_context
from tests.conftest import SHOP


@pytest.fixture
def settings(store_uri: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, tracking_uri=store_uri, model="offline", user="tester")


@pytest.fixture
async def context(settings: Settings) -> AsyncIterator[Context]:
    async with open_context(settings) as opened:
        yield opened


def card(version: str) -> AgentCard:
    return AgentCard.model_validate_json((SHOP / f"{version}.json").read_text())


def few_scenarios(count: int = 8) -> Dataset:
    whole = scenarios_of(read_file(SHOP / "dataset.jsonl"), name="shop")
    return whole.replace(scenarios=whole.scenarios[: count * 4 : 4])


@pytest.fixture
def request_(tmp_path: Path) -> PipelineRequest:
    return PipelineRequest(
        project="shop",
        champion=card("v1"),
        challenger=card("v2"),
        card_dir=str(SHOP),
        dataset=few_scenarios(),
        trials=2,
        feedback=feedback_of(read_file(SHOP / "feedback.jsonl"))[:12],
        by="tester",
    )
