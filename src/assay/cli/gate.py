"""assay gate"""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import BAD_INPUT, Output, answer, answer_table, in_context, settings
from assay.cli.server import asked_server, decide_there
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay gate", help="What waits for a decision, and the ledger of those taken.")

Subject = Annotated[str, Parameter(help="The id of what is decided on, such as sim-3f9a….")]
Reason = Annotated[str, Parameter(help="Why; recorded in the ledger.")]


@app.command(name="list")
def list_(
    *, waiting: Annotated[bool, Parameter(negative="", help="Only what waits.")] = False, io: Output = Output()
) -> None:
    """List every gated result with its decision."""
    from assay.lifecycle.gates import gate_states

    client = asked_server()
    states = client.gates.list(io.name) if client else in_context(lambda context: gate_states(context, io.name))
    gates = [gate for gate in states if gate.state == "waiting" or not waiting]
    rows = [
        (
            gate.stage,
            gate.subject_id,
            gate.state,
            gate.decision and gate.decision.by,
            gate.decision and gate.decision.reason,
        )
        for gate in gates
    ]
    answer_table(gates, io, f"Gates in project {io.name}", ("stage", "id", "state", "who", "why"), rows)


@app.command
def approve(subject: Subject, *, reason: Reason, io: Output = Output()) -> None:
    """Approve a result, so that the next stage may start."""
    _decide(subject, "approve", reason, io)


@app.command
def reject(subject: Subject, *, reason: Reason, io: Output = Output()) -> None:
    """Reject a result: nothing may stand on it."""
    _decide(subject, "reject", reason, io)


async def _wake_jobs(context: "Context", project: str) -> None:
    """Those that wait at this gate; where no job was ever queued there is nothing to open."""
    if context.settings.jobs_store.startswith("sqlite") and not (context.settings.home / "jobs.db").exists():
        return
    from assay.lifecycle.jobs import open_jobs

    async with open_jobs(context.settings) as jobs:
        await jobs.gate_decided(project)


def _decide(subject: str, decision: Literal["approve", "reject"], reason: str, io: Output) -> None:
    from assay.lifecycle.gates import decide

    if not reason.strip():
        raise BadInput("reason: is empty: say why, it is what the ledger is for")

    async def work(context: "Context"):
        written = await decide(context, io.name, subject, decision, by=settings().person, reason=reason)
        await _wake_jobs(context, io.name)
        return written

    client = asked_server()
    written = decide_there(client, io.name, subject, decision, reason) if client else in_context(work)
    answer(written, io, (f"{decision}d: {subject} by {written.by} (ledger {written.hash[:12]})",))


@app.command
def verify(*, io: Output = Output()) -> int:
    """Check that no line of the ledger was changed. Ends 2 where one was."""
    from assay.lifecycle.gates import verify as check_ledger

    client = asked_server()
    check = client.gates.ledger(io.name).check if client else in_context(lambda context: check_ledger(context, io.name))
    found = "intact" if check.intact else f"changed at line {check.first_bad_line}: {check.problem}"
    answer(check, io, (f"the ledger of {io.name}, {check.decisions} decisions: {found}",))
    return 0 if check.intact else BAD_INPUT


@app.command
def ledger(*, io: Output = Output()) -> None:
    """Print the ledger."""
    from assay.lifecycle.gates import read_decisions

    if client := asked_server():
        decisions = client.gates.ledger(io.name).decisions[::-1]
    else:
        decisions = in_context(lambda context: read_decisions(context, io.name))
    rows = [(d.at.isoformat(timespec="seconds"), d.decision, d.subject_id, d.by, d.mode, d.reason) for d in decisions]
    columns = ("when", "decision", "on", "who", "mode", "why")
    answer_table(decisions, io, f"Ledger of project {io.name}", columns, rows)
