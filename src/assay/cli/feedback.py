"""assay feedback"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import InOut, Output, answer, asked, in_context, rows_of, say, settings, table
from assay.cli.dataset import load_dataset_file
from assay.cli.references import agent_ref, dataset_ref, the_only, the_only_dataset
from assay.cli.simulate import list_stage
from assay.cli.stage import run_and_answer
from assay.contracts.complaint import Complaints
from assay.contracts.dataset import DatasetResult, Origin
from assay.contracts.drift import DriftReport
from assay.contracts.feedback import FeedbackRequest, ProductionReport
from assay.contracts.stage import Stage
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay feedback", help="What production says, and what to test next (stage 8).")


@app.command
def ingest(
    file: Annotated[Path | None, Parameter(help="Feedback as JSONL, JSON, CSV or Excel.")] = None,
    *,
    dates: Annotated[
        Literal["day-first", "month-first"] | None, Parameter(help="How dates such as 03/02/2026 are read.")
    ] = None,
    agent: Annotated[str | None, Parameter(help="agent_id@version that it is on.")] = None,
    analytics: Annotated[str | None, Parameter(help="Analytics report whose forecast is scored.")] = None,
    observed: Annotated[
        str | None, Parameter(help="Analytics report on a judged random sample of production, to score it on.")
    ] = None,
    model: str | None = None,
    io: InOut = InOut(),
) -> None:
    """Store feedback on its traces and report: satisfaction, complaints, the forecast, scenarios to add."""
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
    question: Annotated[str | None, Parameter(help="One question; a conversation if left out.")] = None,
    *,
    production: Annotated[str | None, Parameter(help="The report's id; needed where there are several.")] = None,
    model: str | None = None,
    io: Output = Output(),
) -> None:
    """Ask the Feedback Analyst."""
    from assay.cli.chats import feedback_chat

    async def work(context: "Context") -> None:
        await feedback_chat(context, io, production, question, model)

    in_context(work, quiet=True)


@app.command
def send(
    gateway: Annotated[str, Parameter(help="Its address, as in http://host:8080.")],
    *,
    conversation: Annotated[str, Parameter(help="The answer's x-assay-receipt, or its conversation with a token.")],
    feedback_id: Annotated[str, Parameter(name="--id", help="The same again is the same item.")],
    thumbs: Literal["up", "down"] | None = None,
    rating: int | None = None,
    comment: str | None = None,
    user: str | None = None,
) -> None:
    """Send one user's feedback to a gateway, as an application does. The token is that of ASSAY_FEEDBACK_TOKEN."""
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
    say("taken")


@app.command
def issue(
    *,
    production: Annotated[str | None, Parameter(help="The report's id; needed where there are several.")] = None,
    io: Output = Output(),
) -> None:
    """Open an issue on GitHub that says what production taught (GITHUB_TOKEN, GITHUB_REPOSITORY, GITHUB_SHA)."""
    from assay.integrations.github import Place, open_issue

    async def work(context: "Context") -> ProductionReport:
        from assay.lifecycle.gates import load_subject

        found = await load_subject(context, io.name, production or await the_only(context, io.name, Stage.FEEDBACK))
        if not isinstance(found, ProductionReport):
            raise BadInput(f"production: {production} is no production report")
        return found

    place = Place.here()
    say(f"issue: {open_issue(in_context(work, quiet=True), place)}")


@app.command
def propose(
    *,
    production: Annotated[str | None, Parameter(help="The report's id; needed where there are several.")] = None,
    dataset: Annotated[str | None, Parameter(help="name@version that grows; needed where there are several.")] = None,
    agent: Annotated[str | None, Parameter(help="agent_id@version that it tests; the report's if left out.")] = None,
    scenarios: Annotated[Path | None, Parameter(help="What you made of the proposals, as JSONL.")] = None,
    io: InOut = InOut(),
) -> None:
    """Take the scenarios that complaints ask for into a new version of the dataset."""

    async def work(context: "Context") -> DatasetResult:
        from assay.lifecycle.complaints import propose as taken
        from assay.lifecycle.gates import load_subject

        chosen = production or await the_only(context, io.name, Stage.FEEDBACK)
        report = await load_subject(context, io.name, chosen)
        ref = dataset_ref(dataset) if dataset else await the_only_dataset(context, io.name)
        tested = agent_ref(agent) if agent else getattr(report, "agent", None)
        if tested is None:
            raise BadInput(f"production: {chosen} is no production report")
        edited = load_dataset_file(scenarios, None).scenarios if scenarios else None
        return await taken(context, io.name, chosen, ref, tested, scenarios=edited, gated=bool(io.gated))

    found = in_context(work, quiet=io.json)
    added = [s.scenario_id for s in found.dataset.scenarios if s.origin is Origin.FEEDBACK]
    answer(found, io, (f"dataset {found.dataset.ref}: {len(added)} scenarios come from feedback", *added))


@app.command
def complaints(
    *,
    k: Annotated[int, Parameter(help="Trials that must all pass before a complaint is closed.")] = 3,
    io: Output = Output(),
) -> None:
    """What became of each complaint: proposed, tested, closed, or open again."""

    async def work(context: "Context") -> Complaints:
        from assay.lifecycle.complaints import complaints as found

        return await found(context, io.name, k=k)

    found = in_context(work, quiet=io.json)
    answer(found, io, ())
    if not io.as_json:
        rows = [(c.scenario.scenario_id, c.state, len(c.feedback_ids), c.said[:60], c.words) for c in found.complaints]
        table("", ("complaint", "", "said by", "in a user's words", "where it stands"), rows)


@app.command
def drift(
    *,
    source: Annotated[str, Parameter(help="`production`, or a simulation's id.")] = "production",
    days: Annotated[float, Parameter(help="Length of a window; the first is what the others are held against.")] = 7.0,
    io: Output = Output(),
) -> None:
    """Whether what users bring has changed: their words, lengths, turns, tools and the speed, window by window."""

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
        table(f"against the first {days:g} days", ("from", "conversations", "feature", "what is found"), rows)
        changed = [window.start.date().isoformat() for window in found.windows if window.changed]
        say(f"changed in the windows from {', '.join(changed)}" if changed else "no window has changed beyond chance")


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the production reports of a project, newest first."""
    list_stage(Stage.FEEDBACK, io)
