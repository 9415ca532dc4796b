"""assay analytics"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import InOut, Model, Output, asked, in_context, read_text, say, table
from assay.cli.references import agent_ref, only, trial_numbers
from assay.cli.stage import list_stage, run_and_answer
from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest
from assay.contracts.stage import Stage

if TYPE_CHECKING:
    pass

app = App(name="assay analytics", help="Report on results and forecast production (stage 5).")

Judging = Annotated[str | None, Parameter(help="Judging ID; required if there are several.")]


@app.command
def report(
    *,
    judging: Judging = None,
    agent: Annotated[str | None, Parameter(help="Use the judging of this agent_id@version.")] = None,
    trials: Annotated[str | None, Parameter(help="Only these trials, such as 0,1 or 0-3.")] = None,
    narrative: Annotated[Path | None, Parameter(help="File with your own text; write numbers as {fact_id}.")] = None,
    model: Model = None,
    io: InOut = InOut(),
) -> None:
    """Report rates with intervals, slices, failure clusters and cost, with a draft by the Analyst."""
    request = asked(
        AnalyzeRequest,
        io,
        judging_id=judging if io.input else judging_meant(judging, io.name, agent),
        trials=trial_numbers(trials),
        narrative=read_text(narrative)[1] if narrative else None,
        model=model,
    )
    result = run_and_answer(request, io)
    assert isinstance(result, AnalyticsReport)  # noqa: S101, the request's stage says so
    if not io.json:
        from assay.evaluation.facts import show

        shown = [fact for fact in result.facts if not fact.fact_id.startswith(("slice.", "cluster_"))]
        table("", ("what", "value"), [(fact.label, show(fact)) for fact in shown])
        say("", result.narrative.text)


@app.command
def chat(
    question: Annotated[str | None, Parameter(help="One question; omit it to start a chat.")] = None,
    *,
    judging: Judging = None,
    model: Model = None,
    io: Output = Output(),
) -> None:
    """Ask the Analyst, who answers with read-only queries on the results."""
    from assay.cli.chats import analyst_chat

    chosen = judging_meant(judging, io.name)
    in_context(lambda context: analyst_chat(context, io, chosen, question, model), quiet=True)


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the analytics reports of a project, newest first."""
    list_stage(Stage.ANALYZE, io)


def judging_meant(judging: str | None, project: str, agent: str | None = None) -> str:
    """The given judging ID, otherwise the only one. Raises BadInput if there are several."""
    return judging or only(project, Stage.JUDGE, agent_ref(agent) if agent else None)
