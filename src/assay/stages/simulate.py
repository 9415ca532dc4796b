"""Stage 3, simulation: a simulated user plays each scenario against the agent, several trials each."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from assay.contracts.agent import AgentVersion
from assay.contracts.base import content_hash, short_id
from assay.contracts.conversation import Conversation, SimulateRequest, Simulation
from assay.contracts.dataset import Dataset
from assay.contracts.judgment import Judgment
from assay.contracts.stage import Stage
from assay.stages.agent_files import refuse_changed
from assay.stages.context import Calls, Context, Work
from assay.stages.evidence import CONVERSATIONS
from assay.stages.flow import Flow
from assay.stages.journal import Journal
from assay.stages.play import Player, Trial
from assay.stages.spec import StageSpec, agent_parent, dataset_parent
from assay.stages.streak import SIDES, Streak
from assay.stages.tallies import ConversationTally, not_whole

if TYPE_CHECKING:
    from assay.agents.user_simulator import UserSimulator
    from assay.contracts.report import Report
    from assay.tracking import StageRun

LINES = "simulation/conversations.jsonl"
"""The artifact that holds all conversations."""

IN_PROCESS = ("python", "mlflow")
"""Connectors of agents that run in this process."""


@dataclass(frozen=True, slots=True)
class Setup:
    """All that decides what is played. Nothing was asked of anybody yet."""

    request: SimulateRequest
    version: AgentVersion
    dataset: Dataset
    user: "UserSimulator"
    model_name: str

    @property
    def key(self) -> list[Any]:
        request = self.request
        return [
            self.version.card_hash,
            request.dataset.version,
            request.trials,
            request.seed,
            request.max_turns,
            request.conversation_timeout_s,
            [request.fault_limit, request.reruns],
            self.model_name,
            self.user.prompt_hash,
            *([self.version.files] if self.version.files else []),
            *([request.occasion] if request.occasion else []),
        ]

    @property
    def simulation_id(self) -> str:
        return short_id("sim", self.key, self.request.gated)

    @property
    def conversations(self) -> int:
        return len(self.dataset.scenarios) * self.request.trials

    @property
    def work(self) -> Work[Simulation]:
        request = self.request
        return Work(
            Simulation,
            request,
            Stage.SIMULATE,
            key=self.key,
            agent=request.agent,
            dataset=request.dataset,
            params={
                "trials": request.trials,
                "seed": request.seed,
                "max_turns": request.max_turns,
                "connector": self.version.card.connector.kind,
                "user_simulator": self.model_name,
                "prompt_hash": self.user.prompt_hash,
                **({"occasion": request.occasion} if request.occasion else {}),
            },
            left=lambda simulation: bool(simulation.errors),
        )


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is done with each conversation as soon as it ends, while others are still being played."""

    judge: Callable[[Conversation], Awaitable[Judgment]]
    keep: Callable[[Sequence[Judgment]], Awaitable[None]]
    """Of conversations that are stored."""
    judged: Callable[[], Awaitable[set[str]]]
    """Conversations whose judgment is stored."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of so many equal parts of a simulation: what one worker plays."""

    number: int = 0
    of: int = 1

    def holds(self, place: int) -> bool:
        return place % self.of == self.number


WHOLE = Part()


async def set_up(request: SimulateRequest, context: Context) -> Setup:
    """Raises NotFound for an agent or a dataset version that is not there, BadInput where the agent's code changed."""
    from assay.agents.user_simulator import PROMPT, user_simulator
    from assay.tracking import load_dataset

    version = await context.agent_version(request.project, request.agent, gated=request.gated)
    if context.settings.replay is None:
        await asyncio.to_thread(refuse_changed, version)
    dataset = await asyncio.to_thread(load_dataset, context.tracking, request.project, request.dataset)
    model_name = context.model_name(request.model)
    user = user_simulator(context.chat_model(model_name), await context.prompt("user_simulator", PROMPT))
    return Setup(request, version, dataset, user, model_name)


async def simulate(request: SimulateRequest, context: Context) -> Simulation:
    """Plays what is not yet played or ended in an error, and stores each conversation as a trace.

    A failing agent or simulator ends that conversation with its cause; the others go on. Raises NotFound for an
    agent or a dataset version that is not there, OverBudget where a limit of the context is reached, Stopped where
    one conversation after another fails for the same reason.
    """
    return await play_all(await set_up(request, context), context)


async def play_all(setup: Setup, context: Context, afterwards: Afterwards | None = None) -> Simulation:
    """The simulation that was set up; with `afterwards` each conversation is also judged as soon as it ends."""
    calls = Calls()

    async def work(run: "StageRun") -> Simulation:
        await playing.kept(run.run_id)
        tally = ConversationTally()
        await asyncio.to_thread(_add_up, setup, context, run, tally)
        await asyncio.to_thread(run.log_metrics, tally.metrics())
        await context.keep_calls(run, calls)
        playing.journal.discard()
        for of_a_part in _journals(context).glob(f"{setup.simulation_id}.*"):
            of_a_part.unlink(missing_ok=True)  # of workers that were here and died
        return _result(setup, run.run_id, tally)

    async with Playing(setup, context, calls, afterwards) as playing:
        return await context.once(setup.work, work)


async def play_part(
    setup: Setup, context: Context, run_id: str, part: Part, afterwards: Afterwards | None = None
) -> None:
    """A worker's part, stored under the run that somebody else began and will end."""
    async with Playing(setup, context, Calls(), afterwards, part) as playing:
        await playing.kept(run_id)
        playing.journal.discard()


class Playing:
    """Conversations in flight. The first calls go out when it is entered, while MLflow is still being opened."""

    def __init__(
        self, setup: Setup, context: Context, calls: Calls, afterwards: Afterwards | None, part: Part = WHOLE
    ) -> None:
        self.setup = setup
        self.context = context
        self.calls = calls
        self.afterwards = afterwards
        self.part = part
        self.journal = Journal(None)
        self._flow: Flow[Trial, tuple[Trial, Conversation, Judgment | None]] | None = None
        self._stored: set[str] = set()
        self._left_over: list[Judgment] = []
        self._sound = 0
        self._streak = Streak(0, self._open)

    async def __aenter__(self) -> Self:
        from assay.tracking import failed_conversations, finished

        setup, context = self.setup, self.context
        request, simulation_id = setup.request, setup.simulation_id
        if self.part.of == 1 and await context.find(setup.work) is not None:
            return self  # it is done: nobody is asked anything
        self._stored = await asyncio.to_thread(finished, context.tracking, request.project, simulation_id)
        done = self._stored
        if done and self.afterwards is not None:
            done = done & await self.afterwards.judged()
        name = simulation_id if self.part.of == 1 else f"{simulation_id}.{self.part.number}-of-{self.part.of}"
        file = _journals(context) / f"{name}.jsonl"
        self.journal = await asyncio.to_thread(Journal, file, done)
        failed = await asyncio.to_thread(failed_conversations, context.tracking, request.project, simulation_id)
        for conversation in failed:
            self.journal.failed(conversation)
        self._streak = Streak(context.settings.stop_after_failures, self._open)
        self._left_over = [
            begun.judgment
            for name, begun in self.journal.begun.items()
            if name in self._stored and begun.judgment is not None
        ]
        player = Player(
            agent=request.agent,
            connector=context.connector(setup.version),
            user=setup.user,
            calls=self.calls,
            now=context.now,
            timeout_s=request.conversation_timeout_s,
            max_turns=request.max_turns,
            fault_limit=request.fault_limit,
            reruns=request.reruns,
            journal=self.journal,
            budget=context.budget,
        )

        async def work(trial: Trial) -> tuple[Trial, Conversation, Judgment | None]:
            begun = self.journal.take_up(trial.conversation_id)
            conversation = await player.play(trial, begun)
            judgment = begun.judgment
            if judgment is None and self.afterwards is not None:
                judgment = await self.afterwards.judge(conversation)
                self.journal.judged(judgment)
            self._sound += conversation.error is None
            self._streak.ended(SIDES.get(conversation.stop_reason, ""), conversation.error)
            return trial, conversation, judgment

        if setup.version.card.connector.kind in IN_PROCESS:
            # an agent in this process may speak to MLflow itself, and must find it set up
            await asyncio.to_thread(lambda: context.tracking.client)
        self._flow = Flow(self._left(), work, concurrency=min(request.concurrency, setup.conversations))
        await self._flow.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._flow is not None:
            await self._flow.__aexit__()
        self.journal.close()

    async def kept(self, run_id: str) -> None:
        """Until all is played and stored, under this run."""
        from assay.tracking import write_conversations

        if self._flow is None:
            return
        setup, context, afterwards = self.setup, self.context, self.afterwards
        before = len(self._stored)
        if afterwards is not None and self._left_over:
            await afterwards.keep(self._left_over)

        async def keep(batch: list[tuple[Trial, Conversation, Judgment | None]]) -> None:
            new = await asyncio.to_thread(
                write_conversations,
                context.tracking,
                setup.request.project,
                [(conversation, trial.scenario) for trial, conversation, _ in batch],
                simulation_id=setup.simulation_id,
                run_id=run_id,
                dataset=setup.request.dataset,
                only_new=True,
            )
            if afterwards is not None:
                judgments = [judgment for _, conversation, judgment in batch if conversation.conversation_id in new]
                await afterwards.keep([judgment for judgment in judgments if judgment is not None])
            for trial, _, _ in batch:
                self.journal.begun.pop(trial.conversation_id, None)

        await self._flow.kept_by(keep, lambda count: context.tell(Stage.SIMULATE, before + count, self._total))

    @property
    def _total(self) -> int:
        return sum(self.part.holds(place) for place in range(self.setup.conversations))

    def _open(self) -> int:
        return sum(1 for _ in self._left()) - self._sound

    def _left(self) -> Iterator[Trial]:
        trials = plan(self.setup.dataset, self.setup.request, self.setup.simulation_id)
        for place, trial in enumerate(trials):
            if self.part.holds(place) and trial.conversation_id not in self._stored:
                yield trial


def plan(dataset: Dataset, request: SimulateRequest, simulation_id: str) -> Iterator[Trial]:
    """Every trial of every scenario. The seed is the scenario's and the trial's, so both sides of a comparison
    meet the same users."""
    for scenario in dataset.scenarios:
        for trial in range(request.trials):
            yield Trial(
                scenario=scenario,
                trial=trial,
                seed=int(content_hash([request.seed, scenario.scenario_id, trial])[:8], 16),
                conversation_id=content_hash([request.project, simulation_id, scenario.scenario_id, trial])[:32],
            )


def _journals(context: Context) -> Path:
    return context.settings.home / "journal"


def _add_up(setup: Setup, context: Context, run: "StageRun", tally: ConversationTally) -> None:
    """What the store holds, whoever put it there, counted and written to the artifact in one pass."""
    from assay.tracking import conversation_texts, line_digest

    def lines() -> Iterator[str]:
        for text in conversation_texts(context.tracking, setup.request.project, setup.simulation_id):
            tally.add(Conversation.model_validate_json(text))
            tally.digest.update(line_digest(text))
            yield text

    run.log_lines(LINES, lines())


def _result(setup: Setup, run_id: str, tally: ConversationTally) -> Simulation:
    request = setup.request
    return Simulation(
        project=request.project,
        gated=request.gated,
        subject_id=setup.simulation_id,
        run_id=run_id,
        offline=setup.model_name == "offline",
        agent=request.agent,
        dataset=request.dataset,
        trials=request.trials,
        conversations=tally.conversations,
        stop_reasons=dict(sorted(tally.stop_reasons.items())),
        simulator_faults=dict(sorted(tally.faults.items())),
        fault_rates=tally.fault_rates(),
        faulty=tally.faulty(),
        played_again=tally.played_again,
        rerun_faults=dict(sorted(tally.rerun_faults.items())),
        first_attempts_at_fault=tally.first_attempts_at_fault,
        errors=dict(sorted(tally.errors.items())),
        finish_reasons=dict(sorted(tally.answers.finish_reasons.items())),
        silent_turns=tally.answers.silent,
        failures=tuple(tally.failures),
        evidence={CONVERSATIONS: tally.digest.hexdigest()},
        agent_usage=tally.agent.total,
        simulator_usage=tally.simulator.total,
        simulator_model=setup.model_name,
    )


def _finding(simulation: Simulation) -> str:
    faults = sum(simulation.simulator_faults.values())
    return (
        f"{simulation.conversations} conversations, {sum(simulation.errors.values())} with errors, "
        f"{faults} simulator faults{not_whole(simulation)}"
    )


def spoilt(simulation: Simulation, limit: float) -> str | None:
    """Why a simulation with too many user-simulator faults may not be approved; None: it may.

    limit: the largest share of conversations whose first attempt may be at fault, 0 to 1. First attempts count, and
    not what was left after playing again: who is at fault so often has faults that no rule finds, too.
    """
    faulty, played = simulation.first_attempts_at_fault, simulation.conversations
    if not played or faulty <= limit * played:
        return None
    return (
        f"the user simulator ({simulation.simulator_model}) made a fault in the first attempt of {faulty} of {played} "
        f"conversations, more than {limit:.0%}: simulate again with a better model, or raise "
        "ASSAY_SIMULATOR_FAULT_LIMIT if you know that the faults are none"
    )


async def _lay_out(simulation: Simulation, context: Context) -> "Report":
    from assay.reports.simulation import lay_out_simulation

    return lay_out_simulation(simulation, made_at=context.now())


SPEC = StageSpec(
    stage=Stage.SIMULATE,
    noun="simulation",
    prefix="sim",
    request=SimulateRequest,
    result=Simulation,
    run=simulate,
    subject=lambda simulation: f"{simulation.agent} on {simulation.dataset}",
    finding=_finding,
    lay_out=_lay_out,
    parents=lambda request: (
        agent_parent(request.project, request.agent),
        dataset_parent(request.project, request.dataset),
    ),
    made_from=lambda simulation: (
        agent_parent(simulation.project, simulation.agent),
        dataset_parent(simulation.project, simulation.dataset),
    ),
    refusal=lambda simulation, settings: spoilt(simulation, settings.simulator_fault_limit),
    then=lambda simulation: {"simulation_id": simulation.subject_id},
    next_commands=lambda simulation: ((f"assay judge run --simulation {simulation.subject_id}", ""),),
    resource="simulations",
)
