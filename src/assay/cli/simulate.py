"""assay simulate"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import (
    Concurrency,
    InOut,
    MaxTurns,
    Output,
    Seed,
    answer,
    asked,
    in_context,
    print_notes,
    say,
    write_json,
)
from assay.cli.references import agent_ref, dataset_ref, json_options, only_dataset
from assay.cli.stage import Fresh, Occasion, list_stage, occasion_of, run_and_answer
from assay.contracts.conversation import SimulateRequest
from assay.contracts.stage import Stage
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.contracts.judgment import Judging
    from assay.integrations.importers import Imported
    from assay.stages.context import Context

app = App(name="assay simulate", help="Simulate users who talk to an agent; import conversations (stage 3).")


@app.command
def run(
    *,
    agent: Annotated[str | None, Parameter(help="agent_id@version to test.")] = None,
    dataset: Annotated[str | None, Parameter(help="name@version; required if there are several.")] = None,
    trials: Annotated[int | None, Parameter(help="Trials of each scenario (default: 3).")] = None,
    seed: Seed = None,
    fresh: Fresh = False,
    occasion: Occasion = None,
    max_turns: MaxTurns = None,
    concurrency: Concurrency = None,
    model: Annotated[str | None, Parameter(help="Model of the user simulator; `offline` uses rules.")] = None,
    io: InOut = InOut(),
) -> None:
    """Play every scenario with the agent. If it is stopped, run it again: it plays only what is missing."""
    ref = dataset_ref(dataset) if dataset else None
    if ref is None and io.input is None:
        ref = only_dataset(io.name)
    request = asked(
        SimulateRequest,
        io,
        agent=agent_ref(agent) if agent else None,
        dataset=ref,
        trials=trials,
        seed=seed,
        occasion=occasion_of(fresh, occasion),
        max_turns=max_turns,
        concurrency=concurrency,
        model=model,
    )
    run_and_answer(request, io)


@app.command(name="import")
def import_(
    file: Annotated[
        Path, Parameter(help="Conversations as JSONL, JSON, CSV or Excel; for tau-bench, a result file or folder.")
    ],
    *,
    layout: Annotated[
        str,
        Parameter(
            name="--format",
            help="Format of the file: openai, tau-bench, table (results without transcripts), or the importer of an "
            "installed package (`assay plugin list`).",
        ),
    ] = "openai",
    agent: Annotated[str, Parameter(help="agent_id@version of the agent; only agent_id if the table has versions.")],
    dataset: Annotated[Path | None, Parameter(help="The scenarios, as JSONL, JSON, CSV or Excel.")] = None,
    dates: Annotated[
        Literal["day-first", "month-first"] | None, Parameter(help="How to read a table's dates such as 03/02/2026.")
    ] = None,
    options: Annotated[str | None, Parameter(help="Options of an installed package's importer, as JSON.")] = None,
    as_scored: Annotated[
        bool, Parameter(negative="", help="Keep the file's scores for quota, time-out and server errors.")
    ] = False,
    io: Output = Output(),
) -> None:
    """Import conversations that Assay did not simulate, and judge them with the checks of their scenarios."""
    from assay.integrations.importers import read_conversations_file, read_results_table

    if layout != "table":
        ref = agent_ref(agent)
        given = json_options(options, "--options") if options else None
        imported = [
            read_conversations_file(file, layout=layout, agent=ref, dataset=dataset, as_scored=as_scored, options=given)
        ]
    elif options is not None:
        raise BadInput("options: table has none: leave them out")
    elif dataset is not None:
        raise BadInput("dataset: a table contains its own tasks: omit --dataset")
    else:
        agent_id, _, version = agent.partition("@")
        imported = list(read_results_table(file, agent_id, version or None, dates))
    judged = [_import(one, io) for one in imported]
    if len(judged) == 1:
        judging, lines = judged[0]
        answer(judging, io, lines)
        return
    write_json([judging for judging, _ in judged], io)
    if not io.as_json:
        say(*(line for _, lines in judged for line in lines))


def _import(imported: "Imported", io: Output) -> "tuple[Judging, tuple[str, ...]]":
    """(the judging, the lines to print)"""
    from assay.integrations.importers import broken, import_conversations, signs

    print_notes(imported.notes)

    async def work(context: "Context"):
        judging = await import_conversations(imported, io.name, context)
        return judging, await signs(judging, imported, context)

    judging, found = in_context(work)
    return judging, (
        f"judge {judging.subject_id}",
        f"  {judging.conversations} conversations of {judging.agent}: {judging.passed} passed, {judging.failed} "
        f"failed, {judging.unjudged} without a verdict",
        *(f"  {line}" for line in broken(imported)),
        *(f"  warning: {sign.words}" for sign in found),
        f"  next: assay analytics report --project {io.name}",
    )


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the simulations of a project, newest first."""
    list_stage(Stage.SIMULATE, io)
