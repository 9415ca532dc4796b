"""assay gate"""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import BAD_INPUT, Output, answer, answer_table, in_context, settings
from assay.cli.server import asked_server, decide_there
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.contracts.gate import LedgerCheck
    from assay.stages.context import Context

app = App(name="assay gate", help="List gates, decide on them, and verify the ledger of decisions.")

Subjects = Annotated[tuple[str, ...], Parameter(help="IDs of the results, such as sim-3f9a….")]
Reason = Annotated[str, Parameter(help="Reason, recorded in the ledger.")]


@app.command(name="list")
def list_(
    *, waiting: Annotated[bool, Parameter(negative="", help="List only waiting gates.")] = False, io: Output = Output()
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


Overrule = Annotated[bool, Parameter(negative="", help="Replace an existing decision.")]


@app.command
def approve(subjects: Subjects, /, *, reason: Reason, overrule: Overrule = False, io: Output = Output()) -> None:
    """Approve results, so that the next stage can start."""
    for subject in subjects:
        _decide(subject, "approve", reason, overrule, io)


@app.command
def reject(subjects: Subjects, /, *, reason: Reason, overrule: Overrule = False, io: Output = Output()) -> None:
    """Reject results, so that nothing can depend on them."""
    for subject in subjects:
        _decide(subject, "reject", reason, overrule, io)


async def _wake_jobs(context: "Context", project: str) -> None:
    """Resumes jobs that wait at this gate. Does nothing if no job was ever queued."""
    if context.settings.jobs_store.startswith("sqlite") and not (context.settings.home / "jobs.db").exists():
        return
    from assay.lifecycle.jobs import open_jobs

    async with open_jobs(context.settings) as jobs:
        await jobs.gate_decided(project)


def _decide(subject: str, decision: Literal["approve", "reject"], reason: str, overrule: bool, io: Output) -> None:
    from assay.lifecycle.gates import ANY_DECISION, decide

    if not reason.strip():
        raise BadInput("--reason is empty: give the reason for the decision, it is recorded in the ledger")

    async def work(context: "Context"):
        overrules = ANY_DECISION if overrule else None
        by = settings().person
        written = await decide(context, io.name, subject, decision, by=by, reason=reason, overrules=overrules)
        await _wake_jobs(context, io.name)
        return written

    if client := asked_server():
        written = decide_there(client, io.name, subject, decision, reason, overrule=overrule)
    else:
        written = in_context(work)
    done = "approved" if decision == "approve" else "rejected"
    answer(written, io, (f"{done}: {subject} by {written.by}", f"ledger head {written.hash}"))


@app.command
def verify(*, io: Output = Output()) -> int:
    """Check the ledger against its copies, its head and its signatures, and deployed versions against the ledger.

    Approved results are read again and compared with the hashes in their approvals. Exits with 2 on any mismatch.
    """
    from assay.lifecycle.gates import verify as check_ledger

    if client := asked_server():
        check = client.gates.ledger(io.name, evidence=True).check
    else:
        check = in_context(lambda context: check_ledger(context, io.name))
    return _answer_check(check, io)


@app.command
def restore(*, io: Output = Output()) -> int:
    """Rewrite gates/ledger.jsonl from the database, and keep a copy of the old file."""
    from assay.lifecycle.ledger_audit import restore_file

    if asked_server():
        raise BadInput("--server: this command needs the store itself: run it on the machine that has the store")
    return _answer_check(in_context(lambda context: restore_file(context, io.name)), io)


def _answer_check(check: "LedgerCheck", io: Output) -> int:
    at = f"changed at line {check.first_bad_line}: " if check.first_bad_line else "not intact: "
    lines = [f"ledger of {io.name}, {check.decisions} decisions: " + ("intact" if check.intact else at + check.problem)]
    if check.head:
        lines.append(f"head {check.head}" + (f", {check.signed} signed" if check.signed else ""))
    lines += check.unapproved + check.changed
    answer(check, io, lines)
    return BAD_INPUT if check.unapproved or check.changed or not check.intact else 0


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
