"""assay feedback"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import InOut, Model, Output, answer, asked, in_context, rows_of, say, settings, table
from assay.cli.dataset import load_dataset_file
from assay.cli.references import agent_ref, dataset_ref, the_only, the_only_dataset
from assay.cli.stage import list_stage, run_and_answer
from assay.contracts.complaint import Complaints
from assay.contracts.dataset import DatasetResult, Origin
from assay.contracts.drift import DriftReport
from assay.contracts.feedback import FeedbackRequest, ProductionReport
from assay.contracts.stage import Stage
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay feedback", help="Ingest production feedback and find what to test next (stage 8).")


@app.command
def ingest(
    file: Annotated[Path | None, Parameter(help="Feedback as JSONL, JSON, CSV or Excel.")] = None,
    *,
    dates: Annotated[
        Literal["day-first", "month-first"] | None, Parameter(help="How to read dates such as 03/02/2026.")
    ] = None,
    agent: Annotated[str | None, Parameter(help="agent_id@version that the feedback is about.")] = None,
    analytics: Annotated[str | None, Parameter(help="ID of the analytics report whose forecast to score.")] = None,
    observed: Annotated[
        str | None,
        Parameter(
            help="ID of the analytics report on a judged random sample of production, to score the forecast with."
        ),
    ] = None,
    model: Model = None,
    io: InOut = InOut(),
) -> None:
    """Store feedback on its traces, and report satisfaction, complaints, the forecast and scenarios to add."""
    from assay.evaluation.exchange import feedback_of

    items = None
    if file is not None:
        with rows_of(file) as rows:
            items = feedback_of(rows, dates=dates)
    request = asked(
        FeedbackRequest,
        io,
        agent=agent_ref(agent) if agent else None,
        items=items,
        analytics_id=analytics,
        observed_id=observed,
        model=model,
    )
    result = run_and_answer(request, io)
    assert isinstance(result, ProductionReport)  # noqa: S101, the request's stage says so
    if not io.json:
        say("", result.narrative.text)


@app.command
def chat(
    question: Annotated[str | None, Parameter(help="One question; omit it to start a chat.")] = None,
    *,
    production: Annotated[str | None, Parameter(help="Production report ID; required if there are several.")] = None,
    model: Model = None,
    io: Output = Output(),
) -> None:
    """Ask the Feedback Analyst."""
    from assay.cli.chats import feedback_chat

    async def work(context: "Context") -> None:
        await feedback_chat(context, io, production, question, model)

    in_context(work, quiet=True)


@app.command
def send(
    gateway: Annotated[str, Parameter(help="The gateway's address, such as http://host:8080.")],
    *,
    conversation: Annotated[
        str, Parameter(help="The answer's x-assay-receipt, or its x-assay-conversation with a token.")
    ],
    feedback_id: Annotated[str, Parameter(name="--id", help="ID of the item; the same ID is the same item.")],
    thumbs: Annotated[Literal["up", "down"] | None, Parameter(help="Thumbs up or down.")] = None,
    rating: Annotated[int | None, Parameter(help="Rating from 1 to 5.")] = None,
    comment: Annotated[str | None, Parameter(help="The user's comment.")] = None,
    user: Annotated[str | None, Parameter(help="Pseudonym of the user.")] = None,
) -> None:
    """Send one user's feedback to a gateway, as an application does. The token comes from ASSAY_FEEDBACK_TOKEN."""
    from assay.rollout.client import send_feedback

    token = settings().feedback_token
    send_feedback(
        gateway,
        feedback_id=feedback_id,
        conversation_id=conversation,
        thumbs=thumbs,
        rating=rating,
        comment=comment,
        user=user,
        token=token.get_secret_value() if token else None,
    )
    say("accepted")


@app.command
def issue(
    *,
    production: Annotated[str | None, Parameter(help="Production report ID; required if there are several.")] = None,
    io: Output = Output(),
) -> None:
    """Open a GitHub issue with the findings from production (GITHUB_TOKEN, GITHUB_REPOSITORY, GITHUB_SHA)."""
    from assay.integrations.github import Place, open_issue

    async def work(context: "Context") -> ProductionReport:
        from assay.lifecycle.gates import load_subject

        found = await load_subject(context, io.name, production or await the_only(context, io.name, Stage.FEEDBACK))
        if not isinstance(found, ProductionReport):
            raise BadInput(f"production: {production} is not a production report")
        return found

    place = Place.here()
    say(f"issue: {open_issue(in_context(work, quiet=True), place)}")


@app.command
def propose(
    *,
    production: Annotated[str | None, Parameter(help="Production report ID; required if there are several.")] = None,
    dataset: Annotated[str | None, Parameter(help="name@version to extend; required if there are several.")] = None,
    agent: Annotated[
        str | None, Parameter(help="agent_id@version that the dataset tests (default: the report's).")
    ] = None,
    scenarios: Annotated[
        Path | None, Parameter(help="Your edited version of the proposed scenarios, as JSONL.")
    ] = None,
    io: InOut = InOut(),
) -> None:
    """Add the scenarios proposed from complaints to a new version of the dataset."""

    async def work(context: "Context") -> DatasetResult:
        from assay.lifecycle.complaints import propose as taken
        from assay.lifecycle.gates import load_subject

        chosen = production or await the_only(context, io.name, Stage.FEEDBACK)
        report = await load_subject(context, io.name, chosen)
        ref = dataset_ref(dataset) if dataset else await the_only_dataset(context, io.name)
        tested = agent_ref(agent) if agent else getattr(report, "agent", None)
        if tested is None:
            raise BadInput(f"production: {chosen} is not a production report")
        edited = load_dataset_file(scenarios, None).scenarios if scenarios else None
        return await taken(context, io.name, chosen, ref, tested, scenarios=edited, gated=bool(io.gated))

    found = in_context(work, quiet=io.json)
    added = [s.scenario_id for s in found.dataset.scenarios if s.origin is Origin.FEEDBACK]
    answer(found, io, (f"dataset {found.dataset.ref}: {len(added)} scenarios from feedback", *added))


@app.command
def complaints(
    *,
    k: Annotated[int, Parameter(help="Number of trials that must all pass to close a complaint.")] = 3,
    io: Output = Output(),
) -> None:
    """Show the state of each complaint: proposed, tested, closed or reopened."""

    async def work(context: "Context") -> Complaints:
        from assay.lifecycle.complaints import complaints as found

        return await found(context, io.name, k=k)

    found = in_context(work, quiet=io.json)
    answer(found, io, ())
    if not io.as_json:
        rows = [(c.scenario.scenario_id, c.state, len(c.feedback_ids), c.said[:60], c.words) for c in found.complaints]
        table("", ("complaint", "state", "items", "example", "explanation"), rows)


@app.command
def drift(
    *,
    source: Annotated[str, Parameter(help="`production` or a simulation ID.")] = "production",
    days: Annotated[float, Parameter(help="Length of a window; the others are compared with the first.")] = 7.0,
    io: Output = Output(),
) -> None:
    """Test for drift in users' words, message lengths, turns, tools and speed, window by window."""

    async def work(context: "Context") -> DriftReport:
        from assay.evaluation.drift_windows import drift_report
        from assay.tracking import read_conversations

        found = await asyncio.to_thread(read_conversations, context.tracking, io.name, source)
        return drift_report(found, project=io.name, source=source, days=days)

    found = in_context(work, quiet=io.json)
    answer(found, io, ())
    if not io.as_json:
        rows = [
            (window.start.date().isoformat(), window.conversations, feature.feature.replace("_", " "), feature.words)
            for window in found.windows
            for feature in window.features
        ]
        table(f"compared with the first {days:g} days", ("from", "conversations", "feature", "result"), rows)
        changed = [window.start.date().isoformat() for window in found.windows if window.changed]
        say(f"drift in the windows from {', '.join(changed)}" if changed else "no significant drift in any window")


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the production reports of a project, newest first."""
    list_stage(Stage.FEEDBACK, io)
