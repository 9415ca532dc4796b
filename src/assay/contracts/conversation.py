"""Stage 3: conversations between a simulated user and the agent."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from assay.contracts.base import Contract, Document, JsonObject, Metadata, Name, Seconds, Usd
from assay.contracts.estimate import Quantity
from assay.contracts.stage import AgentRef, DatasetRef, ModelName, Stage, StageRequest, StageResult, Usage


class FailureCause(StrEnum):
    """Why a call gave no answer."""

    TIMEOUT = "timeout"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    REFUSED = "refused"
    """The server could not be reached."""
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    BAD_ANSWER = "bad_answer"
    """It answered, and what it said could not be read even after retries."""
    AGENT_EXCEPTION = "agent_exception"
    BUDGET = "budget"


class CallFailed(Contract):
    """A call that was not answered. Counted apart: never a zero score, never dropped."""

    cause: FailureCause
    detail: str
    attempts: int = Field(default=1, ge=1)


class Failures(Contract):
    """Conversations in which a call failed for the same reason."""

    side: Literal["agent", "user_simulator", "judge", "conversation"]
    """Whose call it was; conversation: the whole took too long."""
    cause: FailureCause
    count: int = Field(ge=1)
    detail: str
    """What the first of them said."""


class ToolCall(Contract):
    name: str
    arguments: JsonObject = Field(default_factory=dict)
    result: JsonValue = None
    error: str | None = None
    """None: the call went well, as far as is known."""


class FinishReason(StrEnum):
    """Why an agent's answer ended, in the same words for every server."""

    STOP = "stop"
    LENGTH = "length"
    """Cut at a limit of tokens."""
    CONTENT_FILTER = "content_filter"
    """Cut or withheld by the provider's filter."""
    REFUSAL = "refusal"
    TOOL_CALLS = "tool_calls"
    """It waits for the results of its tool calls."""
    ERROR = "error"
    UNKNOWN = "unknown"
    """The server gave a reason that Assay does not know."""


class Turn(Contract):
    role: Literal["user", "agent"]
    text: str
    """What was said. An image, a file or another part that is no text leaves a mark such as `[image]`."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: Annotated[FinishReason | None, Field(exclude_if=lambda value: value is None)] = None
    """None: not known, as of every user's turn."""
    refusal: Annotated[str | None, Field(exclude_if=lambda value: value is None)] = None
    """The model's refusal where the server marks it as one; `text` holds these words too. None: it marked none."""
    reasoning: Annotated[str | None, Field(exclude_if=lambda value: value is None)] = None
    """What the model thought, apart from what it said; never held against the agent. None: it showed nothing."""
    latency_s: Seconds | None = None
    """None: not measured, as in an imported transcript."""
    first_token_s: Seconds | None = None
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    cost_usd: Usd | None = None
    """None: the price of this model is not known."""


class StopReason(StrEnum):
    GOAL_REACHED = "goal_reached"
    GAVE_UP = "gave_up"
    MAX_TURNS = "max_turns"
    AGENT_ERROR = "agent_error"
    SIMULATOR_ERROR = "simulator_error"
    TIMEOUT = "timeout"
    IMPORTED = "imported"
    """Not simulated here: why it ended is not known."""


class SimulatorFaultKind(StrEnum):
    LEFT_PERSONA = "left_persona"
    LEAKED_EXPECTATION = "leaked_expectation"
    ENDED_EARLY = "ended_early"
    SPOKE_AS_AGENT = "spoke_as_agent"
    ECHOED_AGENT = "echoed_agent"
    """Said the agent's own words."""
    WITHHELD_FACT = "withheld_fact"
    """Was asked for something that it knows, and denied it."""
    INVENTED_FACT = "invented_fact"
    """Gave a number or an address that nobody told it."""
    REPEATED_ITSELF = "repeated_itself"


class SimulatorFault(Contract):
    """The user simulator's own mistake, so that the agent is not blamed for it."""

    kind: SimulatorFaultKind
    turn: int = Field(ge=0)
    """Index into the conversation's turns."""
    detail: str


class Conversation(Document):
    """One trial of one scenario, whole. One MLflow trace."""

    conversation_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Also the W3C trace id, so that the agent's own spans join this trace."""
    scenario_id: Name
    trial: int = Field(ge=0)
    seed: int
    agent: AgentRef
    turns: tuple[Turn, ...]
    stop_reason: StopReason
    error: CallFailed | None = None
    """None: nothing failed. Set with agent_error, simulator_error and timeout."""
    simulator_faults: tuple[SimulatorFault, ...] = ()
    outcome: JsonObject | None = None
    """The world that the agent left behind, as far as it shows it; None: it shows none."""
    started_at: datetime
    duration_s: Seconds | None = None
    simulator_usage: Usage = Usage()
    reruns: int = Field(default=0, ge=0)
    """How often it was played anew because the user simulator had erred."""
    rerun_faults: tuple[SimulatorFault, ...] = ()
    """Faults of the attempts that were given up: counted, so that none is dropped in silence."""
    replayed: bool = False
    """True: the agent's answers came from a recording, so this is no independent trial."""
    source_id: Annotated[Name | None, Field(exclude_if=lambda value: value is None)] = None
    """The id that it has where it was imported from; feedback may name the conversation by it."""
    metadata: Metadata = Field(default_factory=dict)


Occasion = Annotated[str | None, Field(min_length=1, max_length=100)]
"""Plays again what was played before: requests that differ in it alone are different work, such as the ticks of a
schedule. None: the same request is the same result."""


class SimulateRequest(StageRequest):
    agent: AgentRef
    dataset: DatasetRef
    trials: int = Field(default=3, ge=1, le=100)
    """Independent repeats of each scenario."""
    seed: int = 0
    max_turns: int | None = Field(default=None, ge=1, le=200)
    """Caps every scenario's own limit; None: no cap."""
    conversation_timeout_s: Seconds = 600.0
    """Of a conversation, without the time that the user simulator's moves take."""
    fault_limit: int = Field(default=0, ge=0)
    """Faults of the user simulator that a conversation may have before it is played again."""
    reruns: int = Field(default=1, ge=0, le=5)
    """How often at the most; what is still faulty then stays, marked."""
    concurrency: int = Field(default=16, ge=1, le=1000)
    """Conversations in flight. Does not change the result, so it is not in the simulation's id."""
    model: ModelName | None = None
    """Of the user simulator. None: the model of the settings."""
    occasion: Occasion = None


class Simulation(StageResult):
    """What was played. The conversations are traces in MLflow tagged with `subject_id`, `sim-<hash>`."""

    stage: Literal[Stage.SIMULATE] = Stage.SIMULATE
    agent: AgentRef
    dataset: DatasetRef
    trials: int
    conversations: int
    stop_reasons: dict[StopReason, int]
    simulator_faults: dict[SimulatorFaultKind, int]
    """Conversations with at least one fault of the kind."""
    fault_rates: dict[SimulatorFaultKind, Quantity] = Field(default_factory=dict)
    """Share of conversations with the fault, clustered by scenario."""
    faulty: Quantity | None = None
    """Share of conversations with any fault; None: not simulated here."""
    played_again: int = 0
    """Conversations that were played anew because of faults."""
    rerun_faults: dict[SimulatorFaultKind, int] = Field(default_factory=dict)
    """Faults of the attempts that were given up, by kind."""
    first_attempts_at_fault: int = 0
    """Conversations whose first attempt the user simulator spoilt, whether a second one went well or not."""
    errors: dict[FailureCause, int]
    finish_reasons: dict[FinishReason, int] = Field(default_factory=dict)
    """The agent's turns by how they ended, of those whose server says so."""
    silent_turns: int = Field(default=0, ge=0)
    """The agent's turns without a word and without a call."""
    failures: tuple[Failures, ...] = ()
    """The same errors with whose they are and what was said."""
    agent_usage: Usage
    simulator_usage: Usage
    simulator_model: ModelName
