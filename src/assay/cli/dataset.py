"""assay dataset"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import (
    InOut,
    Model,
    Output,
    Seed,
    answer,
    answer_table,
    asked,
    in_context,
    rows_of,
    say,
    settings,
    table,
)
from assay.cli.references import agent_ref, dataset_ref, the_only_dataset
from assay.cli.stage import run_and_answer
from assay.contracts.dataset import Dataset, DatasetRequest, DatasetResult
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay dataset", help="Build and validate datasets: scenarios with expectations (stage 2).")

Agent = Annotated[str | None, Parameter(help="agent_id@version that the dataset tests.")]
Name = Annotated[str | None, Parameter(help="Name of the dataset (default: the file name or the agent ID).")]


@app.command
def build(
    file: Annotated[Path | None, Parameter(help="Scenarios as JSONL, JSON, CSV or Excel, instead of a brief.")] = None,
    *,
    agent: Agent = None,
    brief: Annotated[str | None, Parameter(help="What to cover; the Dataset Builder drafts the scenarios.")] = None,
    name: Name = None,
    size: Annotated[int | None, Parameter(help="Number of scenarios to draft.")] = None,
    seed: Seed = None,
    threshold: Annotated[float | None, Parameter(help="Validation score that the dataset must reach.")] = None,
    reference_attempt: Annotated[
        bool | None, Parameter(help="Play each scenario once to check that it can be solved.")
    ] = None,
    model: Model = None,
    exception: Annotated[
        str | None, Parameter(help="Reason for a threshold below the project's; shown in the report.")
    ] = None,
    io: InOut = InOut(),
) -> int:
    """Draft a dataset from a brief or read one from a file, validate it, and save it in MLflow."""
    given = load_dataset_file(file, name) if file else None
    request = asked(
        DatasetRequest,
        io,
        agent=agent_ref(agent) if agent else None,
        dataset=given,
        brief=brief,
        name=name,
        size=size,
        seed=seed,
        threshold=threshold,
        reference_attempt=reference_attempt,
        model=model,
        exception={"by": settings().person, "reason": exception} if exception else None,
    )
    result = run_and_answer(request, io)
    assert isinstance(result, DatasetResult)  # noqa: S101, the request's stage says so
    if not io.json:
        show_findings(result)
    return 0


@app.command
def validate(
    file: Annotated[Path, Parameter(help="Scenarios as JSONL, JSON, CSV or Excel.")],
    *,
    card: Annotated[Path | None, Parameter(help="Agent card, to check tools and topics against.")] = None,
    threshold: Annotated[float, Parameter(help="Validation score that the dataset must reach.")] = 0.8,
    io: Output = Output(),
) -> int:
    """Check scenarios without storing them: schema, duplicates, coverage, vague or leaking expectations.

    Exits with 4 if the score is below the threshold.
    """
    from assay.cli.console import STOPPED, load_as
    from assay.contracts.agent import AgentCard
    from assay.evaluation.validation import validate as check
    from assay.statistics import detectable_difference

    given = load_dataset_file(file, None)
    loaded = load_as(AgentCard, card) if card else None
    detectable = detectable_difference(len(given.scenarios))
    report = check(
        given,
        loaded,
        threshold=threshold,
        detectable_difference=detectable.difference,
        detectable_how=detectable.how,
    )
    answer(report, io, (f"{given.ref}: {report.verdict}",))
    if not io.json:
        _findings_table(report.findings)
    return 0 if report.passed else STOPPED


@app.command(name="import")
def import_(
    file: Annotated[Path, Parameter(help="Scenarios as JSONL, JSON, CSV or Excel.")],
    *,
    agent: Agent = None,
    name: Name = None,
    io: InOut = InOut(),
) -> None:
    """Import scenarios from a file. The same as `build FILE`."""
    request = asked(
        DatasetRequest, io, agent=agent_ref(agent) if agent else None, dataset=load_dataset_file(file, name)
    )
    run_and_answer(request, io)


@app.command
def export(
    dataset: Annotated[str | None, Parameter(help="name@version; required if there are several.")] = None,
    *,
    to: Annotated[Literal["jsonl", "csv"], Parameter(help="File format.")] = "jsonl",
    io: Output = Output(),
) -> None:
    """Write a dataset's scenarios as JSONL or CSV."""
    from assay.evaluation.exchange import to_csv, to_jsonl
    from assay.tracking import load_dataset

    async def work(context: "Context") -> Dataset:
        ref = dataset_ref(dataset) if dataset else await the_only_dataset(context, io.name)
        return await asyncio.to_thread(load_dataset, context.tracking, io.name, ref)

    found = in_context(work)
    text = to_jsonl(found) if to == "jsonl" else to_csv(found)
    if io.output is None or str(io.output) == "-":
        import sys

        sys.stdout.write(text)
    else:
        io.output.write_text(text, encoding="utf-8")


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the dataset versions of a project."""
    from assay.tracking import list_datasets

    async def work(context: "Context"):
        return await asyncio.to_thread(list_datasets, context.tracking, io.name)

    datasets = in_context(work, quiet=True)
    rows = [(str(dataset.ref), dataset.scenarios) for dataset in datasets]
    answer_table(datasets, io, f"Datasets in project {io.name}", ("dataset", "scenarios"), rows)


@app.command
def chat(
    *,
    agent: Agent = None,
    resume: Annotated[Path | None, Parameter(help="File of a saved chat to continue.")] = None,
    model: Model = None,
    io: InOut = InOut(),
) -> None:
    """Build a dataset in a chat with the Dataset Builder. `done` saves the accepted scenarios."""
    from assay.cli.chats import builder_chat

    if agent is None:
        raise BadInput("--agent is required: give the version that the dataset tests, as agent_id@version")
    accepted = in_context(lambda context: builder_chat(context, io.name, agent_ref(agent), resume, model), quiet=True)
    if accepted is None:
        return
    run_and_answer(asked(DatasetRequest, io, agent=agent_ref(agent), dataset=accepted), io)


def load_dataset_file(file: Path, name: str | None) -> Dataset:
    """Scenarios from JSONL, JSON, CSV or Excel."""
    from assay.evaluation.exchange import scenarios_of
    from assay.evaluation.slugs import slug

    with rows_of(file) as rows:
        return scenarios_of(rows, name=name or slug(file.stem, "dataset"))


def show_findings(result: DatasetResult) -> None:
    say(f"  detectable difference: {result.report.detectable_how or 'unknown: too few scenarios'}")
    _findings_table(result.report.findings)


def _findings_table(findings) -> None:
    if findings:
        rows = [(f.severity, f.rule, ", ".join(f.scenario_ids[:3]), f.message, f.fix) for f in findings]
        table("Findings", ("severity", "rule", "scenarios", "finding", "fix"), rows)
