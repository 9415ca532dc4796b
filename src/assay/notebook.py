"""The lifecycle in a notebook: the same stages, one method each, without `await`."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from assay.contracts.agent import AgentCard, AgentVersion, DevelopRequest
from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest
from assay.contracts.comparison import ComparePolicy, CompareRequest, ComparisonReport, Side
from assay.contracts.conversation import Conversation, SimulateRequest, Simulation
from assay.contracts.dataset import Dataset, DatasetRequest, DatasetResult
from assay.contracts.feedback import Feedback, FeedbackRequest, ProductionReport
from assay.contracts.gate import GateDecision
from assay.contracts.judgment import JudgeRequest, JudgeSpec, Judging, Judgment
from assay.contracts.pipeline import PipelineRequest, PipelineResult
from assay.contracts.rollout import DeployRequest, RegistryStage, Rollout
from assay.contracts.stage import AgentRef, StageRequest, StageResult
from assay.settings import Settings
from assay.stages.context import Context, open_context

T = TypeVar("T")
R = TypeVar("R", bound=StageResult)


class Project:
    """A project in MLflow, and its lifecycle.

    >>> shop = Project("shop")
    >>> version = shop.register("examples/shop/v2.json")
    >>> dataset = shop.build(version, load_dataset("examples/shop/dataset.jsonl"))
    >>> judging = shop.judge(shop.simulate(version, dataset))
    >>> shop.analyze(judging).pass_rate
    """

    def __init__(self, name: str = "default", *, gated: bool = False, settings: Settings | None = None) -> None:
        self.name = name
        self.gated = gated
        self.settings = settings or Settings()

    def register(self, card: AgentCard | str | Path, *, probe: bool = True, card_dir: str | Path = ".") -> AgentVersion:
        """Stage 1. A path reads the card from a file, with its folder as card_dir."""
        if not isinstance(card, AgentCard):
            card_dir = Path(card).parent
            card = AgentCard.model_validate_json(Path(card).read_text(encoding="utf-8"))
        request = DevelopRequest(project=self.name, gated=self.gated, card=card, card_dir=str(card_dir), probe=probe)
        return self._stage(request, AgentVersion)

    def build(self, agent: AgentVersion | AgentRef, source: Dataset | str, **more: Any) -> DatasetResult:
        """Stage 2. `source` is a dataset, or a brief to have one drafted; more: size, seed, threshold, model."""
        given = {"dataset": source} if isinstance(source, Dataset) else {"brief": source}
        request = DatasetRequest(project=self.name, gated=self.gated, agent=_ref(agent), **given, **more)
        return self._stage(request, DatasetResult)

    def simulate(self, agent: AgentVersion | AgentRef, dataset: DatasetResult, **more: Any) -> Simulation:
        """Stage 3. more: trials, seed, max_turns, concurrency, model."""
        request = SimulateRequest(
            project=self.name, gated=self.gated, agent=_ref(agent), dataset=dataset.dataset.ref, **more
        )
        return self._stage(request, Simulation)

    def judge(
        self,
        conversations: Simulation | Sequence[Conversation],
        *,
        judges: Sequence[JudgeSpec] = (JudgeSpec(),),
        **more: Any,
    ) -> Judging:
        """Stage 4. more: dataset, expectations, rubric, concurrency."""
        source: dict[str, Any] = (
            {"simulation_id": conversations.subject_id}
            if isinstance(conversations, Simulation)
            else {"conversations": tuple(conversations)}
        )
        request = JudgeRequest(project=self.name, gated=self.gated, judges=tuple(judges), **source, **more)
        return self._stage(request, Judging)

    def analyze(self, judging: Judging, **more: Any) -> AnalyticsReport:
        """Stage 5. more: slices, trials, narrative, model."""
        request = AnalyzeRequest(project=self.name, gated=self.gated, judging_id=judging.subject_id, **more)
        return self._stage(request, AnalyticsReport)

    def compare(
        self, champion: Judging, challenger: Judging, *, policy: ComparePolicy = ComparePolicy(), **more: Any
    ) -> ComparisonReport:
        """Stage 6. more: slices, narrative, model."""
        request = CompareRequest(
            project=self.name,
            gated=self.gated,
            champion=Side(judging_id=champion.subject_id),
            challenger=Side(judging_id=challenger.subject_id),
            policy=policy,
            **more,
        )
        return self._stage(request, ComparisonReport)

    def deploy(
        self, comparison: ComparisonReport, *, reason: str, to_stage: RegistryStage = RegistryStage.STAGING, **more: Any
    ) -> Rollout:
        """Stage 7, gated always. more: steps, despite."""
        request = DeployRequest.model_validate(
            {
                "project": self.name,
                "gated": True,
                "comparison_id": comparison.subject_id,
                "to_stage": to_stage,
                "by": self.settings.person,
                "reason": reason,
                **more,
            }
        )
        return self._stage(request, Rollout)

    def feedback(self, agent: AgentVersion | AgentRef, items: Sequence[Feedback], **more: Any) -> ProductionReport:
        """Stage 8. more: rollout_id, analytics_id, narrative, model."""
        request = FeedbackRequest(project=self.name, gated=self.gated, agent=_ref(agent), items=tuple(items), **more)
        return self._stage(request, ProductionReport)

    def approve(self, result: StageResult, reason: str) -> GateDecision:
        """Opens the gate behind a result, in the ledger under the settings' user."""
        from assay.lifecycle.gates import decide

        return self._run(
            lambda context: decide(
                context, self.name, result.subject_id, "approve", by=self.settings.person, reason=reason
            )
        )

    def run(self, request: PipelineRequest, *, approve_all: bool = False) -> PipelineResult:
        """All eight stages; without `approve_all` until the first gate that waits."""
        from assay.lifecycle import pipeline

        ask = pipeline.approve_all(self.settings.person) if approve_all else pipeline.nobody
        return self._run(lambda context: pipeline.run_pipeline(request, context, ask))

    def conversations(self, simulation: Simulation) -> list[Conversation]:
        from assay.tracking import read_conversations

        return self._run(_in_thread(read_conversations, self.name, simulation.subject_id))

    def judgments(self, judging: Judging) -> list[Judgment]:
        from assay.tracking import read_judgments

        return self._run(_in_thread(read_judgments, self.name, judging.subject_id))

    def _stage(self, request: StageRequest, result: type[R]) -> R:
        from assay.lifecycle.run import run_stage

        return result.model_validate(self._run(lambda context: run_stage(request, context)))

    def _run(self, work: Callable[[Context], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with open_context(self.settings) as context:
                return await work(context)

        return _outside_any_loop(opened())


def load_dataset(path: str | Path, name: str | None = None) -> Dataset:
    """Scenarios from a JSONL, JSON, CSV or Excel file."""
    from assay.evaluation.exchange import read_file, scenarios_of
    from assay.evaluation.slugs import slug

    return scenarios_of(read_file(path), name=name or slug(Path(path).stem, "dataset"))


def _ref(agent: AgentVersion | AgentRef) -> AgentRef:
    return agent.card.ref if isinstance(agent, AgentVersion) else agent


def _in_thread(function: Callable[..., T], *arguments: Any) -> Callable[[Context], Awaitable[T]]:
    return lambda context: asyncio.to_thread(function, context.tracking, *arguments)


def _outside_any_loop(work: Coroutine[Any, Any, T]) -> T:
    """Notebooks have a loop running already, which cannot be waited for: a thread has one of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    done: list[T] = []
    failed: list[BaseException] = []

    def alone() -> None:
        try:
            done.append(asyncio.run(work))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=alone)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
