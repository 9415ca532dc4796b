"""What a stage needs besides its request, and the one way in which it does its work once."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog
from pydantic import JsonValue

from assay.contracts.agent import AgentVersion
from assay.contracts.agents_report import PlatformAgent, PlatformCall
from assay.contracts.base import content_hash
from assay.contracts.stage import AgentRef, DatasetRef, Stage, StageRequest, StageResult, Usage
from assay.errors import CallError, NotFound
from assay.models.asking import ModelCallError
from assay.models.usage import add_usage
from assay.settings import Settings

if TYPE_CHECKING:
    from assay.models.chat import ChatModel
    from assay.tracking import StageRun, Tracking

log = structlog.get_logger("assay")
R = TypeVar("R", bound=StageResult)
T = TypeVar("T")


class Progress(Protocol):
    """Told how far a stage has come."""

    def __call__(self, stage: Stage, done: int, total: int) -> None: ...


def silent(stage: Stage, done: int, total: int) -> None:
    """Progress that nobody watches."""
    del stage, done, total


def utc_now() -> datetime:
    return datetime.now(UTC)


CALLS = "platform_calls.json"
"""The artifact that holds what the platform's agents did in a stage."""


class Calls:
    """What the platform's own agents did in one stage: the raw material of the Agents Report."""

    def __init__(self) -> None:
        self.made: list[PlatformCall] = []

    async def of(self, agent: PlatformAgent, model: str, work: Awaitable[T], usage: Callable[[T], Usage]) -> T:
        """Awaits the work and keeps what it took, also when it fails."""
        began = time.perf_counter()
        try:
            done = await work
        except CallError as error:
            took = error.usage if isinstance(error, ModelCallError) else Usage(calls=1, failed_calls=1)
            self._keep(agent, model, began, took, ok=False)
            raise
        self._keep(agent, model, began, usage(done), ok=True)
        return done

    def _keep(self, agent: PlatformAgent, model: str, began: float, usage: Usage, *, ok: bool) -> None:
        self.made.append(
            PlatformCall(agent=agent, model=model, latency_s=time.perf_counter() - began, ok=ok, usage=usage)
        )


@dataclass(frozen=True)
class Context:
    """The store, the settings and the clock; models are opened when first asked for and closed at the end."""

    tracking: "Tracking"
    settings: Settings
    progress: Progress = silent
    now: Callable[[], datetime] = utc_now
    job_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _models: "dict[str, ChatModel]" = field(default_factory=dict)

    def model_name(self, asked: str | None) -> str:
        """The model in force: what was asked for, else what the settings say."""
        return asked or self.settings.model_name

    def chat_model(self, name: str) -> "ChatModel | None":
        """None: `offline`, so the agents go by their rules."""
        if name == "offline":
            return None
        if name not in self._models:
            from assay.models import open_model

            key = self.settings.openai_api_key
            self._models[name] = open_model(
                name,
                base_url=self.settings.openai_base_url,
                api_key=key.get_secret_value() if key else None,
            )
        return self._models[name]

    async def prompt(self, agent: PlatformAgent, packaged: str) -> str:
        """The prompt in force: the registry's production version, else the packaged text, which is kept there."""
        from assay.tracking import prompt

        return (await asyncio.to_thread(prompt, self.tracking, f"assay.{agent}", packaged)).text

    async def agent_version(self, project: str, agent: AgentRef, *, gated: bool = False) -> AgentVersion:
        """The registered version; with `gated` the one of the lifecycle, where there is one.

        Raises NotFound with the command that registers it.
        """
        from assay.tracking import list_results, load_result

        found = await asyncio.to_thread(list_results, self.tracking, project, Stage.DEVELOP, agent=agent)
        if not found:
            raise NotFound(f"agent {agent} is not registered in project {project}: run `assay agent register CARD`")
        chosen = next((run for run in found if run.gated == gated), found[0])
        loaded = await asyncio.to_thread(load_result, self.tracking, project, Stage.DEVELOP, chosen.subject_id)
        return AgentVersion.model_validate(loaded)

    async def once(
        self,
        request: StageRequest,
        result: type[R],
        work: "Callable[[StageRun], Awaitable[R]]",
        *,
        stage: Stage,
        key: JsonValue,
        agent: AgentRef | None = None,
        dataset: DatasetRef | None = None,
        params: dict[str, JsonValue] | None = None,
    ) -> R:
        """Does the work in its MLflow run, or reads what came of it when the same work was done before.

        `key` holds all that changes the result. A run that did not finish is taken up again.
        """
        from assay.tracking import ensure_project, evaluation_run, find_result, stage_run

        t, project = self.tracking, request.project
        await asyncio.to_thread(ensure_project, t, project)
        request_hash = content_hash([stage, request.gated, key])
        if found := await asyncio.to_thread(find_result, t, project, stage, request_hash):
            log.info("stage reused", stage=stage, subject=found["subject_id"], job=self.job_id)
            return result.model_validate(found)
        parent = None
        if agent is not None and stage in EVALUATED:
            version = dataset.version if dataset else None
            parent = await asyncio.to_thread(evaluation_run, t, project, agent, version)
        began = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(stage=stage, job=self.job_id, project=project),
            stage_run(
                t,
                project,
                stage,
                request_hash=request_hash,
                parent_run_id=parent,
                agent=agent,
                dataset=dataset,
                gated=request.gated,
                params=params or {},
                tags={"job_id": self.job_id},
            ) as run,
        ):
            log.info("stage started", run=run.run_id)
            done = await work(run)
            duration_s = time.perf_counter() - began
            await asyncio.to_thread(run.log_metrics, {"duration_s": duration_s})
            await asyncio.to_thread(run.finish, done)
            log.info("stage finished", subject=done.subject_id, duration_s=round(duration_s, 3))
        return done

    async def keep_calls(self, run: "StageRun", calls: Calls) -> None:
        """Stores what the platform's agents did, and its totals as metrics."""
        if not calls.made:
            return
        usage = add_usage(*(call.usage for call in calls.made))
        metrics = {
            "platform_calls": float(len(calls.made)),
            "platform_failed_calls": float(sum(not call.ok for call in calls.made)),
            "platform_latency_s": sum(call.latency_s for call in calls.made),
            "platform_input_tokens": float(usage.input_tokens or 0),
            "platform_output_tokens": float(usage.output_tokens or 0),
        }
        if usage.cost_usd is not None:
            metrics["platform_cost_usd"] = float(usage.cost_usd)
        await asyncio.to_thread(run.log_metrics, metrics)
        rows: list[JsonValue] = [call.model_dump(mode="json") for call in calls.made]
        await asyncio.to_thread(run.log_json, CALLS, rows)


EVALUATED = (Stage.DATASET, Stage.SIMULATE, Stage.JUDGE, Stage.ANALYZE, Stage.COMPARE)
"""The stages of one evaluation: children of its parent run."""


@asynccontextmanager
async def open_context(settings: Settings | None = None, progress: Progress = silent) -> AsyncIterator[Context]:
    """A context on the store of the settings. Raises TrackingUnavailable where MLflow does not answer."""
    from assay.tracking import connect

    settings = settings or Settings()
    tracking = await asyncio.to_thread(connect, settings.store)
    context = Context(tracking=tracking, settings=settings, progress=progress)
    async with AsyncExitStack() as stack:
        try:
            yield context
        finally:
            for model in context._models.values():
                stack.push_async_callback(model.aclose)
