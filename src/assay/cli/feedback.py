"""assay feedback"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import InOut, asked, in_context, read_text, say
from assay.cli.references import agent_ref
from assay.cli.simulate import list_stage
from assay.cli.stage import run_and_answer
from assay.contracts.feedback import FeedbackRequest, ProductionReport
from assay.contracts.stage import Stage

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay feedback", help="What production says, and what to test next (stage 8).")


@app.command
def ingest(
    file: Annotated[Path | None, Parameter(help="Feedback as JSONL or CSV.")] = None,
    *,
    agent: Annotated[str | None, Parameter(help="agent_id@version that it is on.")] = None,
    analytics: Annotated[str | None, Parameter(help="The report whose forecast is scored.")] = None,
    model: str | None = None,
    io: InOut = InOut(),
) -> None:
    """Store feedback on its traces and report: satisfaction, complaints, the forecast, scenarios to add."""
    from assay.evaluation.exchange import feedback_from_csv, feedback_from_jsonl

    items = None
    if file is not None:
        where, text = read_text(file)
        read = feedback_from_csv if file.suffix.lower() == ".csv" else feedback_from_jsonl
        items = read(text, where=where)
    request = asked(
        FeedbackRequest,
        io,
        agent=agent_ref(agent) if agent else None,
        items=items,
        analytics_id=analytics,
        model=model,
    )
    result = run_and_answer(request, io)
    assert isinstance(result, ProductionReport)  # noqa: S101, the request's stage says so
    if not io.json:
        say("", result.narrative.text)


@app.command
def chat(
    question: Annotated[str | None, Parameter(help="One question; a conversation if left out.")] = None,
    *,
    production: Annotated[str | None, Parameter(help="The report's id; the newest if left out.")] = None,
    model: str | None = None,
    io: InOut = InOut(),
) -> None:
    """Ask the Feedback Analyst."""
    from assay.cli.chats import feedback_chat

    async def work(context: "Context") -> None:
        await feedback_chat(context, io, production, question, model)

    in_context(work, quiet=True)


@app.command(name="list")
def list_(*, io: InOut = InOut()) -> None:
    """List the production reports of a project, newest first."""
    list_stage(Stage.FEEDBACK, io)
