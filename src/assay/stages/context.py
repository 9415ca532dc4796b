"""What a stage needs besides its request, and the one way in which it does its work once."""

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import structlog
from pydantic import JsonValue

from assay.contracts.agent import AgentVersion
from assay.contracts.agents_report import PlatformAgent, PlatformCalls
from assay.contracts.base import content_hash
from assay.contracts.notification import Notification, NotificationKind
from assay.contracts.stage import AgentRef, DatasetRef, Stage, StageRequest, StageResult, Usage
from assay.errors import BadInput, CallError, NotFound
from assay.evaluation.quantiles import bucket
from assay.models.asking import ModelCallError
from assay.models.usage import UsageSum, add_usage, token_metrics
from assay.settings import Settings

if TYPE_CHECKING:
    from assay.connectors import Connector
    from assay.models.budget import Budget
    from assay.models.chat import ChatModel
    from assay.models.replay import Recording
    from assay.tracking import StageRun, Tracking

log = structlog.get_logger("assay")
R = TypeVar("R", bound=StageResult)
T = TypeVar("T")


class Progress(Protocol):
    """Told how far a stage has come."""

    def __call__(self, stage: Stage, done: int, total: int, spent: Usage | None = None) -> None:
        """`spent`: the running total of all paid calls; None: it is not counted."""
        ...


def silent(stage: Stage, done: int, total: int, spent: Usage | None = None) -> None:
    """Progress that nobody watches."""
    del stage, done, total, spent


def unheard(told: Notification) -> None:
    """Notifications that nobody gets."""
    del told


def utc_now() -> datetime:
    return datetime.now(UTC)


CALLS = "platform_calls.json"
"""The artifact that holds what the platform's agents did in a stage."""


class Calls:
    """What the platform's own agents did in one stage, added up: the raw material of the Agents Report."""

    def __init__(self) -> None:
        self._made: dict[tuple[PlatformAgent, str], _Made] = {}

    async def of(self, agent: PlatformAgent, model: str, work: Awaitable[T], usage: Callable[[T], Usage]) -> T:
        """Awaits the work and keeps what it took, also when it fails."""
        began = time.perf_counter()
        try:
            done = await work
        except CallError as error:
            self._keep(agent, model, began, usage_of(error), ok=False)
            raise
        self._keep(agent, model, began, usage(done), ok=True)
        return done

    @property
    def made(self) -> list[PlatformCalls]:
        return [
            PlatformCalls(
                agent=agent,
                model=model,
                calls=made.calls,
                failed=made.failed,
                usage=made.usage.total,
                latency_s=made.latency_s,
                latencies=dict(sorted(made.latencies.items())),
            )
            for (agent, model), made in self._made.items()
        ]

    def _keep(self, agent: PlatformAgent, model: str, began: float, usage: Usage, *, ok: bool) -> None:
        latency_s = time.perf_counter() - began
        made = self._made.setdefault((agent, model), _Made())
        made.calls += 1
        made.failed += not ok
        made.usage.add(usage)
        made.latency_s += latency_s
        made.latencies[bucket(latency_s)] += 1


def usage_of(error: CallError) -> Usage:
    """What a failed call took."""
    return error.usage if isinstance(error, ModelCallError) else Usage(calls=1, failed_calls=1)


class _Made:
    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        self.usage = UsageSum()
        self.latency_s = 0.0
        self.latencies: Counter[int] = Counter()


@dataclass(frozen=True)
class Work(Generic[R]):
    """A piece of work that is done once. `key` holds all that changes its result."""

    result: type[R]
    request: StageRequest
    stage: Stage
    key: JsonValue = field(kw_only=True)
    agent: AgentRef | None = field(default=None, kw_only=True)
    dataset: DatasetRef | None = field(default=None, kw_only=True)
    params: dict[str, JsonValue] = field(default_factory=dict, kw_only=True)
    of_an_evaluation: bool = field(default=True, kw_only=True)
    """Whether its run is a child of the parent run that an agent version has with a dataset."""
    left: Callable[[R], bool] = field(default=lambda result: False, kw_only=True)
    """Whether a stored result holds calls that failed, so that the same request has something to do."""
    parents: Callable[[R], Sequence[str]] = field(default=lambda result: (), kw_only=True)
    """The ids of the results that it was made from."""

    @property
    def request_hash(self) -> str:
        return content_hash([self.stage, self.request.gated, self.key])


@dataclass(frozen=True)
class Context:
    """The store, the settings and the clock; models are opened when first asked for and closed at the end."""

    tracking: "Tracking"
    settings: Settings
    progress: Progress = silent
    now: Callable[[], datetime] = utc_now
    job_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    announce: Callable[[Notification], None] = unheard
    """Told what people outside should know; it comes back at once, whatever becomes of it."""
    budget: "Budget | None" = None
    """What all model and agent calls together may take; None: no limit."""
    by: str = ""
    """Who asked for the work, where that is not the person of the settings."""
    read_back: dict[str, datetime] = field(default_factory=dict)
    """Results that were stored before and taken as they are: subject to when they were finished."""
    _models: "dict[str, ChatModel]" = field(default_factory=dict)
    _recordings: "dict[Path, Recording]" = field(default_factory=dict)

    def model_name(self, asked: str | None) -> str:
        """The model in force: what was asked for, else what was recorded, else what the settings say."""
        if asked is None and self.settings.replay is not None and self.settings.model is None:
            return self.recording.model_name or self.settings.model_name
        return asked or self.settings.model_name

    @property
    def person(self) -> str:
        """Who runs this, as recorded with each run."""
        return self.by or self.settings.person

    @property
    def recording(self) -> "Recording":
        """Of the settings' `replay` or `record`. Raises BadInput where a replay's file is not there or is none."""
        from assay.models.replay import Recording

        file = self.settings.replay or self.settings.record
        assert file is not None  # noqa: S101, the callers looked
        if file not in self._recordings:
            if self.settings.replay is not None and not file.exists():
                raise BadInput(f"ASSAY_REPLAY: {file} is not there: record a run with ASSAY_RECORD first")
            self._recordings[file] = Recording(file)
            if self.settings.replay is None:
                self._recordings[file].keep_model_name(self.settings.model_name)
        return self._recordings[file]

    def connector(self, version: AgentVersion) -> "Connector":
        """How the agent is reached, or what is recorded of it."""
        from assay.connectors import RecordedAgent, connect
        from assay.tracking import load_pyfunc

        settings = self.settings
        inner = None
        if settings.replay is None:
            inner = connect(version.card, card_dir=Path(version.card_dir), load_model=load_pyfunc, settings=settings)
            if settings.record is None:
                return inner
        return RecordedAgent(version.card_hash, self.recording, inner)

    def chat_model(self, name: str) -> "ChatModel | None":
        """None: `offline`, so the agents go by their rules."""
        if name == "offline":
            return None
        if name not in self._models:
            from assay.models import Patience, open_model

            settings = self.settings
            key = self.settings.openai_api_key
            self._models[name] = open_model(
                name,
                base_url=self.settings.openai_base_url,
                api_key=key.get_secret_value() if key else None,
                budget=self.budget,
                recording=self.recording if self.settings.record or self.settings.replay else None,
                replay=self.settings.replay is not None,
                hedge_after_s=self.settings.hedge_after_s,
                patience=Patience(
                    timeout_s=settings.model_timeout_s,
                    long_timeout_s=settings.model_long_timeout_s,
                    away_s=settings.model_wait_s,
                ),
            )
        return self._models[name]

    def notify(self, kind: NotificationKind, project: str, title: str, body: str = "", subject_id: str = "") -> None:
        """Tells people outside, through whatever was set up."""
        self.announce(
            Notification(kind=kind, project=project, title=title, body=body, subject_id=subject_id, at=self.now())
        )

    def tell(self, stage: Stage, done: int, total: int) -> None:
        """How far the stage has come, with what was spent so far."""
        self.progress(stage, done, total, self.budget.spent if self.budget else None)

    async def aclose(self) -> None:
        """Closes the models that it opened."""
        async with AsyncExitStack() as stack:
            for model in self._models.values():
                stack.push_async_callback(model.aclose)

    async def prompt(self, agent: PlatformAgent, packaged: str) -> str:
        """The prompt in force: the registry's production version, else the packaged text, which is kept there."""
        from assay.tracking import prompt

        return (await asyncio.to_thread(prompt, self.tracking, f"assay.{agent}", packaged)).text

    async def prompts(self, agent: PlatformAgent, packaged: Mapping[str, str], model_name: str) -> dict[str, str]:
        """All prompts of an agent: the main one as `assay.AGENT`, the others as `assay.AGENT.PART`.

        Without a model only the main one, so that it can be looked at.
        """
        from assay.tracking import prompt

        chosen = {part: text for part, text in packaged.items() if not part or model_name != "offline"}
        for part, text in chosen.items():
            name = f"assay.{agent}.{part}".rstrip(".")
            chosen[part] = (await asyncio.to_thread(prompt, self.tracking, name, text)).text
        return chosen

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

    async def find(self, work: "Work[R]") -> R | None:
        """What came of the same work when it was done before; None: it was not, or calls failed that can be made
        again. An approved result is taken as it is: a person accepted it with its failures.

        Raises BadInput where the settings ask for a recording, since nothing would be asked that could be recorded.
        """
        from assay.tracking import find_result

        request = work.request
        stored = await asyncio.to_thread(find_result, self.tracking, request.project, work.stage, work.request_hash)
        if stored is None:
            return None
        found = work.result.model_validate(stored.content)
        if work.left(found) and not await self.approved(request.project, found.subject_id):
            return None
        if self.settings.record is not None and work.stage in PLAYED and len(self.recording) <= 1:
            raise BadInput(
                f"record: {found.subject_id} is stored since {stored.ended_at:%Y-%m-%d %H:%M} UTC, so nobody would be "
                "asked and nothing recorded: record where it was not run yet (another ASSAY_HOME), or with --fresh"
            )
        self.read_back[found.subject_id] = stored.ended_at
        return found

    async def approved(self, project: str, subject_id: str) -> bool:
        """Whether the last decision on the result approves it."""
        from assay.tracking import read_ledger

        for line in reversed(await asyncio.to_thread(read_ledger, self.tracking, project)):
            with suppress(ValueError):  # a line that was tampered with: `assay gate verify` names it
                decision = json.loads(line)
                if decision["subject_id"] == subject_id:
                    return decision["decision"] == "approve"
        return False

    async def begin(self, work: "Work[Any]") -> "StageRun":
        """The run of the work, begun or taken up again, and left open: somebody else ends it with `once`."""
        from assay.tracking import begin_run

        return await asyncio.to_thread(begin_run, self.tracking, **await self._run_of(work))

    async def once(self, work: "Work[R]", do: "Callable[[StageRun], Awaitable[R]]") -> R:
        """Does the work in its MLflow run, or reads what came of it when the same work was done before.

        A run that did not finish, or whose result holds failed calls, is taken up again under its own id: the work
        does what is missing, and the result takes the place of the one before.
        """
        from assay.tracking import stage_run

        if (found := await self.find(work)) is not None:
            log.info("stage reused", stage=work.stage, subject=found.subject_id, job=self.job_id)
            return found
        began = time.perf_counter()
        arguments = await self._run_of(work)
        with structlog.contextvars.bound_contextvars(stage=work.stage, job=self.job_id, project=work.request.project):
            async with in_thread(stage_run(self.tracking, **arguments)) as run:
                log.info("stage started", run=run.run_id)
                done = await do(run)
                if run.had_result:
                    done = await self._revised(work, done)
                duration_s = time.perf_counter() - began
                await asyncio.to_thread(run.log_metrics, {"duration_s": duration_s})
                await asyncio.to_thread(run.finish, done, work.parents(done))
                self.read_back.pop(done.subject_id, None)
                log.info("stage finished", subject=done.subject_id, duration_s=round(duration_s, 3))
        return done

    async def _revised(self, work: "Work[R]", done: R) -> R:
        """The completed result with its number: what was made from an earlier one is not taken for this one's."""
        from assay.tracking import find_result

        stored = await asyncio.to_thread(
            find_result, self.tracking, work.request.project, work.stage, work.request_hash
        )
        before = work.result.model_validate(stored.content) if stored else done
        return done.replace(revision=before.revision + (before.evidence != done.evidence))

    async def _run_of(self, work: "Work[Any]") -> dict[str, Any]:
        """What its run is begun with; the parent run is made where there is none yet."""
        from assay.tracking import ensure_project, evaluation_run

        project = work.request.project
        await asyncio.to_thread(ensure_project, self.tracking, project)
        parent = None
        if work.agent is not None and work.of_an_evaluation:
            version = work.dataset.version if work.dataset else None
            parent = await asyncio.to_thread(evaluation_run, self.tracking, project, work.agent, version)
        return {
            "project": project,
            "stage": work.stage,
            "request_hash": work.request_hash,
            "parent_run_id": parent,
            "agent": work.agent,
            "dataset": work.dataset,
            "gated": work.request.gated,
            "params": work.params,
            "tags": {"job_id": self.job_id, "by": self.person},
        }

    async def keep_calls(self, run: "StageRun", calls: Calls) -> None:
        """Stores what the platform's agents did, and its totals as metrics."""
        made = calls.made
        if not made:
            return
        usage = add_usage(*(calls.usage for calls in made))
        metrics = {
            "platform_calls": float(sum(calls.calls for calls in made)),
            "platform_failed_calls": float(sum(calls.failed for calls in made)),
            "platform_latency_s": sum(calls.latency_s for calls in made),
            **token_metrics("platform", usage),
        }
        if usage.cost_usd is not None:
            metrics["platform_cost_usd"] = float(usage.cost_usd)
        await asyncio.to_thread(run.log_metrics, metrics)
        rows: list[JsonValue] = [calls.model_dump(mode="json") for calls in made]
        await asyncio.to_thread(run.log_json, CALLS, rows)


@asynccontextmanager
async def in_thread(entered: AbstractContextManager[T]) -> AsyncIterator[T]:
    """A blocking context in an asynchronous one: MLflow's calls do not hold up the conversations in flight."""
    entering = asyncio.ensure_future(asyncio.to_thread(entered.__enter__))
    try:
        value = await asyncio.shield(entering)
    except asyncio.CancelledError as error:
        # stopped while it was being entered: what the thread opens meanwhile is closed
        await entering
        await asyncio.to_thread(entered.__exit__, type(error), error, error.__traceback__)
        raise
    try:
        yield value
    except BaseException as error:
        if not await asyncio.to_thread(entered.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await asyncio.to_thread(entered.__exit__, None, None, None)


PLAYED = (Stage.SIMULATE, Stage.JUDGE)
"""The stages whose calls a recording is made of."""


@asynccontextmanager
async def open_context(
    settings: Settings | None = None,
    progress: Progress = silent,
    announce: Callable[[Notification], None] = unheard,
) -> AsyncIterator[Context]:
    """A context on the store of the settings. Raises TrackingUnavailable where MLflow does not answer."""
    from assay.tracking import connect

    settings = settings or Settings()
    tracking = await asyncio.to_thread(connect, settings.store, jobs_url=settings.jobs_store)
    context = Context(tracking=tracking, settings=settings, progress=progress, announce=announce)
    try:
        yield context
    finally:
        await context.aclose()
