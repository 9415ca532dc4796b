"""Stage 2, the dataset: drafted from a brief or brought along, validated at once, saved with its report."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from assay.contracts.agent import AgentVersion
from assay.contracts.base import content_hash, short_id
from assay.contracts.conversation import Conversation, Failures
from assay.contracts.dataset import Dataset, DatasetReport, DatasetRequest, DatasetResult
from assay.contracts.stage import Stage
from assay.errors import NotFound
from assay.evaluation.checks import check_verdict
from assay.evaluation.validation import Attempt, validate
from assay.stages.context import Calls, Context, Work
from assay.stages.flow import flow
from assay.stages.play import Player, Trial
from assay.stages.spec import StageSpec, agent_parent
from assay.stages.streak import SIDES, Streak
from assay.stages.tallies import FailureTally, side_of

if TYPE_CHECKING:
    from assay.contracts.report import Report
    from assay.tracking import StageRun

ATTEMPT_TIMEOUT_S = 120.0
DATASET = "dataset/dataset.json"
ATTEMPTS = "dataset/attempts.json"
"""The artifact that holds what reference attempts showed."""
_ATTEMPT = TypeAdapter(Attempt)


async def dataset(request: DatasetRequest, context: Context) -> DatasetResult:
    """Drafts where a brief is given, validates always, and stores the dataset and its report in MLflow.

    A report below the threshold is a result too: its gate does not open. Raises BadInput for a dataset that the
    contract refuses, CallError where the Dataset Builder's model does not answer.
    """
    from assay.agents.dataset_builder import PROMPTS, dataset_builder
    from assay.tracking import save_dataset

    version = await context.agent_version(request.project, request.agent, gated=request.gated)
    model_name = context.model_name(request.model)
    builder = dataset_builder(
        context.chat_model(model_name), await context.prompts("dataset_builder", PROMPTS, model_name)
    )
    if request.dataset is not None:
        source = [request.dataset.name, request.dataset.version]
    else:
        source = [request.brief, request.name, request.size, request.seed, model_name, builder.prompt_hash]
    key = [version.card_hash, source, request.threshold, request.reference_attempt]
    if request.exception is not None:
        key.append(request.exception.model_dump(mode="json"))

    async def work(run: "StageRun") -> DatasetResult:
        calls = Calls()
        made = request.dataset or await _drafted_before(run, context)
        if made is None:
            drafted = await calls.of(
                "dataset_builder",
                builder.name,
                builder.draft(version.card, request.brief or "", size=request.size, seed=request.seed),
                lambda draft: draft.usage,
            )
            made = Dataset(
                name=request.name or version.card.agent_id,
                description=(request.brief or "").strip(),
                scenarios=drafted.scenarios,
            )
            await asyncio.to_thread(run.log_json, DATASET, made)
        attempts = None
        if request.reference_attempt:
            attempts = await attempt(made, version, context, await _attempted_before(run, context))
            rows = {name: _ATTEMPT.dump_python(tried, mode="json") for name, tried in attempts.items()}
            await asyncio.to_thread(run.log_json, ATTEMPTS, rows)
        report = examine(made, version, request.threshold, attempts)
        result = DatasetResult(
            project=request.project,
            gated=request.gated,
            subject_id=short_id("dataset", made.name, made.version, request.gated),
            run_id=run.run_id,
            offline=request.dataset is None and model_name == "offline",
            agent=request.agent,
            dataset=made,
            report=report,
            failures=tuple(_failures(attempts or {})),
            exception=request.exception,
        )
        tags = {"dataset": str(made.ref), "dataset_version": made.version}
        await asyncio.to_thread(run.set_tags, tags)
        await asyncio.to_thread(save_dataset, context.tracking, request.project, made, report, run)
        await asyncio.to_thread(run.log_metrics, _metrics(report))
        await context.keep_calls(run, calls)
        return result

    return await context.once(
        Work(
            DatasetResult,
            request,
            Stage.DATASET,
            key=list(key),
            agent=request.agent,
            dataset=request.dataset.ref if request.dataset else None,
            params={"source": "brief" if request.dataset is None else "given", "threshold": request.threshold},
            left=lambda result: bool(result.failures),
        ),
        work,
    )


def examine(
    made: Dataset, version: AgentVersion, threshold: float, attempts: dict[str, Attempt] | None
) -> DatasetReport:
    """Validation against the agent's card, with what this many scenarios could show."""
    from assay.statistics import detectable_difference

    detectable = detectable_difference(len(made.scenarios))
    return validate(
        made,
        version.card,
        threshold=threshold,
        attempts=attempts,
        detectable_difference=detectable.difference,
        detectable_how=detectable.how,
    )


async def _drafted_before(run: "StageRun", context: Context) -> Dataset | None:
    """What an earlier try of this run drafted: it is not paid for twice."""
    from assay.tracking import read_json

    try:
        return Dataset.model_validate(await asyncio.to_thread(read_json, context.tracking, run.run_id, DATASET))
    except NotFound:
        return None


async def _attempted_before(run: "StageRun", context: Context) -> dict[str, Attempt]:
    """The reference attempts of an earlier try of this run that were answered."""
    from assay.tracking import read_json

    try:
        rows = await asyncio.to_thread(read_json, context.tracking, run.run_id, ATTEMPTS)
    except NotFound:
        return {}
    attempts = {name: _ATTEMPT.validate_python(row) for name, row in rows.items()}
    return {name: tried for name, tried in attempts.items() if not tried.failed}


def _failures(attempts: Mapping[str, Attempt]) -> Iterator[Failures]:
    tally = FailureTally()
    for tried in attempts.values():
        if tried.error is not None:
            tally.add(tried.side, tried.error)
    return iter(tally)


async def attempt(
    made: Dataset, version: AgentVersion, context: Context, before: Mapping[str, Attempt]
) -> dict[str, Attempt]:
    """One reference attempt a scenario, by the registered agent and a rule-based user: what the checks said of it.

    before: attempts that are there already. Raises Stopped where one attempt after another fails for the same reason.
    """
    from assay.agents.user_simulator import user_simulator

    player = Player(
        agent=version.card.ref,
        connector=context.connector(version),
        user=user_simulator(None),
        calls=Calls(),
        now=context.now,
        timeout_s=ATTEMPT_TIMEOUT_S,
    )
    trials = [
        Trial(scenario, 0, seed, content_hash(["reference", version.card_hash, scenario.scenario_id])[:32])
        for seed, scenario in enumerate(made.scenarios)
        if scenario.scenario_id not in before
    ]
    streak = Streak(context.settings.stop_after_failures, what="reference attempts")

    async def play(trial: Trial) -> tuple[str, Attempt]:
        conversation = await player.play(trial)
        streak.ended(SIDES.get(conversation.stop_reason, ""), conversation.error)
        return trial.scenario.scenario_id, _attempt(trial, conversation)

    done = dict(before)

    async def keep(batch: Sequence[tuple[str, Attempt]]) -> None:
        done.update(batch)  # attempts are not results: the report holds what they showed

    await flow(
        trials,
        play,
        keep,
        concurrency=8,
        tell=lambda count: context.tell(Stage.DATASET, count, len(trials)),
    )
    return done


def _attempt(trial: Trial, conversation: Conversation) -> Attempt:
    rulings = {
        expectation.expectation_id: verdict.ruling
        for expectation in trial.scenario.expectations
        if (verdict := check_verdict(expectation, conversation)) is not None
    }
    return Attempt(
        rulings=rulings,
        shows_state=conversation.outcome is not None,
        failed=conversation.error is not None,
        error=conversation.error,
        side=side_of(conversation),
    )


def _metrics(report: DatasetReport) -> dict[str, float]:
    return {
        "scenarios": report.scenarios,
        "expectations": report.expectations,
        "checked_by_code": report.checked_by_code,
        "dataset_score": report.score,
        "errors": sum(finding.severity == "error" for finding in report.findings),
        "warnings": sum(finding.severity == "warning" for finding in report.findings),
    }


def _finding(result: DatasetResult) -> str:
    report = result.report
    count = len(report.findings)
    return (
        f"{report.scenarios} scenarios, {report.expectations} expectations; validation {report.verdict}, "
        f"{count} finding{'s' * (count != 1)}"
    )


def under_threshold(result: DatasetResult) -> str | None:
    """Why a dataset may not be approved; None: it may."""
    report = result.report
    if report.passed:
        return None
    errors = [finding for finding in report.findings if finding.severity == "error"]
    worst = "; ".join(finding.message for finding in (errors or report.findings)[:3])
    short = report.score < report.threshold
    why = f"scores {report.score:.2f}, under its threshold of {report.threshold:.2f}" if short else "does not pass"
    return (
        f"dataset {result.dataset.ref} {why}: {worst}. "
        "Fix the scenarios (`assay dataset validate` lists all) and run the stage again"
    )


async def _complete(fields: dict[str, Any], changes: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The card's description is the brief, unless a dataset is given."""
    return {name: value for name, value in fields.items() if name != "brief" or "dataset" not in changes}


async def _lay_out(result: DatasetResult, context: Context) -> "Report":
    from assay.reports.dataset import lay_out_dataset

    return lay_out_dataset(result, made_at=context.now())


SPEC = StageSpec(
    stage=Stage.DATASET,
    noun="dataset",
    request=DatasetRequest,
    result=DatasetResult,
    run=dataset,
    subject=lambda result: f"{result.dataset.ref} for {result.agent}",
    finding=_finding,
    lay_out=_lay_out,
    parents=lambda request: (agent_parent(request.project, request.agent),),
    made_from=lambda result: (agent_parent(result.project, result.agent),),
    decided_on=("dataset", "report"),  # one dataset may be built for several agents
    refusal=lambda result, settings: under_threshold(result),
    then=lambda result: {"agent": result.agent, "dataset": result.dataset.ref},
    complete=_complete,
    next_commands=lambda result: ((f"assay simulate run --agent {result.agent} --dataset {result.dataset.ref}", ""),),
)
