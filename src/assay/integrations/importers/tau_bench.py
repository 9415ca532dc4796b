"""Trajectories of tau-bench and tau2-bench, the outcome known as a reward.

Three layouts are read: tau-bench's own result files (a JSON list, as in its `historical_trajectories`), the results
of tau2-bench (`{"tasks": [...], "simulations": [...]}`, or a folder with `results.json` and `simulations/`), and a
folder with scenarios.jsonl, traces.jsonl and perhaps policy.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from assay.contracts.base import JsonObject, content_hash
from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason
from assay.contracts.dataset import Dataset, Difficulty, Expectation, Origin, OutcomeCheck, Persona, Scenario
from assay.contracts.feedback import in_utc
from assay.contracts.stage import AgentRef
from assay.errors import BadInput
from assay.evaluation.exchange import read_file
from assay.evaluation.exchange.rows import Row, checked
from assay.evaluation.slugs import slug
from assay.integrations.importers.runs import trials_of
from assay.protocols import UnknownRole, turns_of

UNKNOWN_TIME = datetime(2024, 1, 1, tzinfo=UTC)
"""Where the trajectories do not say when they were played."""
CUSTOMER = Persona(name="tau-user", description="A customer as tau-bench's user simulator plays one.")
FAULTS = {
    "infrastructure_error": FailureCause.SERVER_ERROR,
    "unexpected_error": FailureCause.SERVER_ERROR,
    "context_window_exceeded": FailureCause.BAD_REQUEST,
    "timeout": FailureCause.TIMEOUT,
}
"""Ends of a simulation of tau2-bench that are nobody's answer."""

M = TypeVar("M", bound=BaseModel)
TaskId = int | str


class Action(BaseModel):
    name: str


class FolderTask(BaseModel):
    """A line of scenarios.jsonl."""

    task_id: TaskId
    user_instruction: str
    expected_actions: list[Action]


class FolderTrace(BaseModel):
    """A line of traces.jsonl."""

    trace_id: TaskId
    task_id: TaskId
    trial: int = Field(ge=0)
    reward: float
    messages: list[dict[str, Any]]
    r_actions: Any = None
    r_outputs: Any = None


class Task(BaseModel):
    """A task of tau-bench, as each of its trajectories repeats it."""

    instruction: str
    actions: list[Action]


class TrajectoryInfo(BaseModel):
    task: Task | None = None
    """None: the run broke before it began."""
    error: str | None = None
    reward_info: JsonObject | None = None


class Trajectory(BaseModel):
    """An element of a result file of tau-bench."""

    task_id: TaskId
    trial: int = Field(ge=0)
    reward: float
    traj: list[dict[str, Any]]
    info: TrajectoryInfo


class Instructions(BaseModel):
    reason_for_call: str
    known_info: str | None = None
    unknown_info: str | None = None
    task_instructions: str = ""


class UserScenario(BaseModel):
    persona: str | None = None
    instructions: Instructions | str


class Criteria(BaseModel):
    actions: list[Action] | None = None


class Tau2Task(BaseModel):
    id: TaskId
    user_scenario: UserScenario
    evaluation_criteria: Criteria | None = None


class RewardInfo(BaseModel):
    reward: float
    reward_breakdown: JsonObject | None = None


class Tau2Run(BaseModel):
    id: str
    task_id: TaskId
    trial: int | None = Field(default=None, ge=0)
    messages: list[dict[str, Any]] | None = None
    """None: a spoken simulation, which is kept as ticks of sound."""
    reward_info: RewardInfo | None = None
    """None: it was not evaluated."""
    termination_reason: str = ""
    start_time: Annotated[AwareDatetime, BeforeValidator(in_utc)] | None = None
    duration: float | None = Field(default=None, ge=0)
    agent_cost: float | None = None
    user_cost: float | None = None
    seed: int | None = None


class Run(NamedTuple):
    """A conversation before it has its trial."""

    scenario_id: str
    trial: int | None
    at: str
    key: object
    """What its id is made of."""
    messages: Sequence[Mapping[str, Any]]
    fields: dict[str, Any]
    """More of the conversation's fields."""


def read(path: Path, agent: AgentRef) -> tuple[Dataset, tuple[Conversation, ...], str | None]:
    """(scenarios, conversations, the agent's policy where it is known). The reward is each conversation's outcome.

    Raises BadInput with all that does not fit, by line and field.
    """
    if not path.exists():
        raise BadInput(f"{path}: there is no such file or folder")
    name = slug(path.stem if path.is_file() else path.resolve().name, "tau-bench")
    policy = None
    if path.is_file():
        scenarios, runs = _results(path, name)
    elif (path / "scenarios.jsonl").is_file():
        scenarios, runs = _folder(path, name)
        file = path / "policy.md"
        policy = file.read_text(encoding="utf-8") if file.is_file() else None
    elif (path / "results.json").is_file():
        scenarios, runs = _results(path / "results.json", name)
    else:
        raise BadInput(
            f"{path}: holds neither scenarios.jsonl and traces.jsonl nor results.json: name a result file in it"
        )
    trials = trials_of([(run.scenario_id, run.trial, run.at) for run in runs])
    described = "Recorded customer-service tasks of tau-bench, with the reward as outcome."
    return (
        Dataset(name=name, description=described, scenarios=tuple(scenarios.values())),
        tuple(_conversation(run, trial, agent) for run, trial in zip(runs, trials, strict=True)),
        policy,
    )


def _folder(folder: Path, name: str) -> tuple[dict[str, Scenario], list[Run]]:
    def scenario(row: Row) -> Scenario:
        task = checked(FolderTask, row.fields, row.at)
        return _scenario(_scenario_id(name, task.task_id), task.task_id, task.user_instruction, task.expected_actions)

    scenarios = {made.scenario_id: made for made in read_file(folder / "scenarios.jsonl").each(scenario)}
    if not scenarios:
        raise BadInput(f"{folder / 'scenarios.jsonl'}: holds no scenario")
    seen: dict[str, str] = {}

    def run(row: Row) -> Run:
        trace = checked(FolderTrace, row.fields, row.at)
        scenario_id = _known(_scenario_id(name, trace.task_id), scenarios, row.at)
        if (first := seen.setdefault(str(trace.trace_id), row.at)) != row.at:
            raise BadInput(f"{row.at}: trace_id: {trace.trace_id} is in {first} already: give each run its own")
        outcome = {"reward": trace.reward, "r_actions": trace.r_actions, "r_outputs": trace.r_outputs}
        return Run(scenario_id, trace.trial, row.at, trace.trace_id, trace.messages, {"outcome": outcome})

    runs = read_file(folder / "traces.jsonl").each(run)
    if not runs:
        raise BadInput(f"{folder / 'traces.jsonl'}: holds no conversation")
    return scenarios, runs


def _results(file: Path, name: str) -> tuple[dict[str, Scenario], list[Run]]:
    rows = read_file(file).each(lambda row: row)
    if rows and "traj" in rows[0].fields:
        return _trajectories(rows, name)
    if len(rows) == 1 and "tasks" in rows[0].fields:
        return _tau2(rows[0], file, name)
    raise BadInput(
        f"{file}: is no result file of tau-bench (a list of objects with task_id, traj and reward) or tau2-bench "
        "(an object with tasks and simulations)"
    )


def _trajectories(rows: Sequence[Row], name: str) -> tuple[dict[str, Scenario], list[Run]]:
    read = list(_each(Trajectory, ((row.fields, row.at) for row in rows)))
    scenarios: dict[str, Scenario] = {}
    for one, _ in read:
        if one.info.task is not None:
            scenario_id = _scenario_id(name, one.task_id)
            made = _scenario(scenario_id, one.task_id, one.info.task.instruction, one.info.task.actions)
            scenarios.setdefault(scenario_id, made)
    runs = []
    for one, at in read:
        fields: dict[str, Any] = {"outcome": {"reward": one.reward, **_rewards(one.info.reward_info)}}
        if one.info.error is not None:
            fields["error"] = CallFailed(cause=FailureCause.SERVER_ERROR, detail=one.info.error)
        scenario_id = _known(_scenario_id(name, one.task_id), scenarios, at)
        runs.append(Run(scenario_id, one.trial, at, [scenario_id, one.trial, one.traj], one.traj, fields))
    return scenarios, runs


def _tau2(row: Row, file: Path, name: str) -> tuple[dict[str, Scenario], list[Run]]:
    tasks, simulations = row.fields.get("tasks"), row.fields.get("simulations")
    if not isinstance(tasks, list) or not tasks:
        raise BadInput(f"{row.at}: tasks: a list of tasks is needed")
    scenarios: dict[str, Scenario] = {}
    for task, _ in _each(Tau2Task, ((task, f"{row.at}: tasks.{place}") for place, task in enumerate(tasks))):
        criteria = task.evaluation_criteria or Criteria()
        scenario_id = _scenario_id(name, task.id)
        user = task.user_scenario
        made = _scenario(scenario_id, task.id, _goal(user.instructions), criteria.actions or [])
        if user.persona:
            made = made.replace(persona=Persona(name=CUSTOMER.name, description=user.persona))
        scenarios[scenario_id] = made
    if isinstance(simulations, list) and simulations:
        places = ((one, f"{row.at}: simulations.{place}") for place, one in enumerate(simulations))
    else:
        files = sorted((file.parent / "simulations").glob("*.json"))
        places = ((one.fields, one.at) for path in files for one in read_file(path).each(lambda one: one))
    runs = []
    for one, at in _each(Tau2Run, places):
        if one.messages is None:
            raise BadInput(f"{at}: messages: is missing: simulations by voice cannot be read, only those in text")
        scenario_id = _known(_scenario_id(name, one.task_id), scenarios, at)
        messages, of_user = _tau2_messages(one.messages)
        reward = one.reward_info
        fields: dict[str, Any] = {
            "outcome": {
                "reward": reward.reward if reward else None,
                "reward_breakdown": reward.reward_breakdown if reward else None,
            },
            "duration_s": one.duration,
            "source_id": one.id or None,
            "metadata": {
                name: value
                for name, value in (
                    ("termination_reason", one.termination_reason),
                    ("agent_cost", one.agent_cost),
                    ("user_cost", one.user_cost),
                    ("seed", one.seed),
                    ("user_tool_calls", of_user),
                )
                if value not in (None, "", 0)
            },
        }
        if one.start_time:
            fields["started_at"] = one.start_time
        if cause := FAULTS.get(one.termination_reason):
            fields["error"] = CallFailed(cause=cause, detail=f"the simulation ended with {one.termination_reason}")
        runs.append(Run(scenario_id, one.trial, at, ["tau2", one.id, content_hash(one.messages)], messages, fields))
    if not runs:
        raise BadInput(f"{row.at}: simulations: holds no conversation")
    return scenarios, runs


def _tau2_messages(messages: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """(messages as chat completions have them, the number of tool calls that the user made, which are left out)."""
    read: list[dict[str, Any]] = []
    of_user = 0
    for message in messages:
        inner = message.get("tool_messages")
        for one in inner if isinstance(inner, list) else [message]:
            role = one.get("role")
            if role == "tool":
                if one.get("requestor") != "user":
                    read.append({**one, "tool_call_id": one.get("id"), "is_error": one.get("error") is True})
            elif role == "user" and one.get("tool_calls"):
                of_user += len(one["tool_calls"])
                if one.get("content"):
                    read.append({**one, "tool_calls": None})
            else:
                read.append(dict(one))
    return read, of_user


def _each(model: type[M], rows: Iterable[tuple[Any, str]]) -> Iterator[tuple[M, str]]:
    """The rows as the model. Raises BadInput with all that does not fit."""
    errors, read = [], []
    for fields, at in rows:
        try:
            read.append((checked(model, fields, at), at))
        except BadInput as error:
            errors += str(error).split("\n")
    if errors:
        more = [f"and {len(errors) - 20} more errors"] if len(errors) > 20 else []
        raise BadInput("\n".join([*errors[:20], *more]))
    return iter(read)


def _known(scenario_id: str, scenarios: Mapping[str, Scenario], at: str) -> str:
    if scenario_id not in scenarios:
        raise BadInput(f"{at}: task_id: no task of the file is {scenario_id}")
    return scenario_id


def _scenario(scenario_id: str, task_id: TaskId, goal: str, actions: Sequence[Action]) -> Scenario:
    return Scenario(
        scenario_id=scenario_id,
        topic=_topic(actions),
        difficulty=_difficulty(len(actions)),
        persona=CUSTOMER,
        goal=goal,
        expectations=(
            Expectation(
                expectation_id="outcome",
                text="The database ends as the reference actions leave it, and the required outputs are said.",
                check=OutcomeCheck(path="reward", equals=1.0),
            ),
        ),
        origin=Origin.IMPORTED,
        origin_ref=f"tau-bench task {task_id}",
    )


def _conversation(run: Run, trial: int, agent: AgentRef) -> Conversation:
    try:
        turns = tuple(turns_of(run.messages, strict=True))
    except UnknownRole as error:
        raise BadInput(f"{run.at}: {error}") from error
    fields = {"started_at": UNKNOWN_TIME, "stop_reason": StopReason.IMPORTED, **run.fields}
    if "error" in fields:
        fields["stop_reason"] = StopReason.AGENT_ERROR
    return Conversation(
        conversation_id=content_hash(["tau-bench", str(agent), run.key])[:32],
        scenario_id=run.scenario_id,
        trial=trial,
        seed=trial,
        agent=agent,
        turns=turns,
        **fields,
    )


def _goal(instructions: Instructions | str) -> str:
    if isinstance(instructions, str):
        return instructions
    parts = (
        instructions.reason_for_call,
        instructions.known_info,
        instructions.unknown_info,
        instructions.task_instructions,
    )
    return "\n".join(part.strip() for part in parts if part and part.strip())


def _rewards(info: JsonObject | None) -> JsonObject:
    """What the reward is made of, as far as it is recorded."""
    inner = (info or {}).get("info")
    return (
        {name: inner[name] for name in ("r_actions", "r_outputs") if name in inner} if isinstance(inner, dict) else {}
    )


def _scenario_id(name: str, task_id: TaskId) -> str:
    """Numbers are set behind the name of the file; any other id stays as it is, up to its 255 characters."""
    if isinstance(task_id, int) or task_id.isdecimal():
        return f"{name}-{int(task_id):03d}"
    return task_id if len(task_id) <= 255 else f"{task_id[:238]}-{content_hash(task_id)[:16]}"


def _topic(actions: Sequence[Action]) -> str:
    """What the first reference action that changes something does; `information` where none does."""
    for action in actions:
        if action.name.startswith(("book", "cancel", "update", "send")):
            return action.name.replace("_", "-")
    return "information"


def _difficulty(actions: int) -> Difficulty:
    """By the number of reference actions."""
    if actions <= 1:
        return Difficulty.EASY
    return Difficulty.MEDIUM if actions <= 3 else Difficulty.HARD
