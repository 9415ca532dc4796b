"""Real MLflow on SQLite. Its migrations take seconds, so they run once and every test gets a copy."""

import hashlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from assay.contracts.conversation import (
    CallFailed,
    Conversation,
    FailureCause,
    SimulatorFault,
    SimulatorFaultKind,
    StopReason,
    ToolCall,
    Turn,
)
from assay.contracts.dataset import Dataset, Difficulty, Expectation, Persona, SaysCheck, Scenario
from assay.contracts.stage import AgentRef
from assay.tracking import Tracking, connect

AGENT = AgentRef(agent_id="shop-bot", version="v1")
STARTED = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    connect(f"sqlite:///{folder}/mlflow.db").sql.engine.dispose()
    return folder


@pytest.fixture
def store_uri(template: Path, tmp_path: Path) -> str:
    for file in template.glob("mlflow.db*"):
        shutil.copy(file, tmp_path / file.name)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def t(store_uri: str) -> Tracking:
    opened = connect(store_uri)
    assert opened.client  # MLflow's own functions speak to it from here on
    return opened


def make_scenario(scenario_id: str = "late-refund", **changes: object) -> Scenario:
    fields: dict[str, object] = {
        "scenario_id": scenario_id,
        "topic": "refunds",
        "difficulty": Difficulty.HARD,
        "persona": Persona(name="impatient-customer", description="Short of time, writes in fragments."),
        "goal": "Get the money back for order 17.",
        "facts": {"order": "17"},
        "expectations": (
            Expectation(expectation_id="refunds", text="Refunds order 17.", check=SaysCheck(pattern="refund")),
            Expectation(expectation_id="no-promise", kind="must_not", text="Promises a date."),
        ),
        "initial_state": {"orders": {"17": {"paid": True}}},
    }
    return Scenario.model_validate({**fields, **changes})


@pytest.fixture
def dataset() -> Dataset:
    scenarios = tuple(make_scenario(f"scenario-{number:02}", goal=f"Goal {number}.") for number in range(12))
    return Dataset(name="shop", description="What shoppers ask.", scenarios=scenarios)


def make_conversation(number: int = 0, scenario_id: str = "late-refund", **changes: object) -> Conversation:
    """Four turns, one with two tool calls of which one failed; the second user turn was not measured."""
    fields: dict[str, object] = {
        "conversation_id": hashlib.md5(f"{scenario_id}/{number}".encode()).hexdigest(),
        "scenario_id": scenario_id,
        "trial": number,
        "seed": 7 + number,
        "agent": AGENT,
        "turns": (
            Turn(role="user", text='My "order" 17 – wo ist mein Geld? 💶', latency_s=0.25),
            Turn(
                role="agent",
                text="Let me look.",
                tool_calls=(
                    ToolCall(name="find_order", arguments={"id": "17"}, result={"paid": True, "cents": 2**60}),
                    ToolCall(name="refund", arguments={"id": "17"}, error="no such account"),
                ),
                latency_s=1.5,
                first_token_s=0.2,
                input_tokens=100,
                output_tokens=20,
                cost_usd=Decimal("0.0012"),
            ),
            Turn(role="user", text="And now?"),
            Turn(role="agent", text="It is refunded.", latency_s=0.5, input_tokens=150, output_tokens=5),
        ),
        "stop_reason": StopReason.GOAL_REACHED,
        "outcome": {"refunded": ["17"]},
        "started_at": STARTED,
        "duration_s": 3.25,
    }
    return Conversation.model_validate({**fields, **changes})


def failed_conversation(number: int = 0) -> Conversation:
    return make_conversation(
        number,
        turns=(Turn(role="user", text="Hello?", latency_s=0.1),),
        stop_reason=StopReason.AGENT_ERROR,
        error=CallFailed(cause=FailureCause.SERVER_ERROR, detail="500 from the agent", attempts=3),
        simulator_faults=(SimulatorFault(kind=SimulatorFaultKind.LEFT_PERSONA, turn=0, detail="too polite"),),
        outcome=None,
    )


@pytest.fixture
def new_conversation() -> Callable[..., Conversation]:
    return make_conversation


@pytest.fixture
def new_failure() -> Callable[..., Conversation]:
    return failed_conversation


@pytest.fixture
def new_scenario() -> Callable[..., Scenario]:
    return make_scenario
