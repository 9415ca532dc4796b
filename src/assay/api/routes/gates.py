"""Gates: what waits, who decides, and the ledger that keeps it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path

from assay.api.guard import GuardedRoute
from assay.api.server import Cursor, Here, Limit, Project, SubjectId, Who
from assay.api.standing import gates_page
from assay.contracts.api import GateAnswer, GatePage, Ledger
from assay.contracts.gate import GateDecision
from assay.contracts.stage import Stage
from assay.errors import BadInput

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute, tags=["gates"])


@router.get("/gates", operation_id="list_gates")
async def list_(
    server: Here,
    project: Project,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Literal["waiting", "approved", "rejected"] | None = None,
) -> GatePage:
    """Lists gated results with their decisions, newest first."""
    found, more = await gates_page(server, project, state=state, limit=limit, cursor=cursor, words=True)
    return GatePage(items=tuple(found), next_cursor=more)


@router.post("/gates/{stage}/{subject_id}", operation_id="decide_gate", status_code=201)
async def decide_gate(
    server: Here,
    who: Who,
    project: Project,
    stage: Annotated[Stage, Path(description="The stage of the result.")],
    subject_id: SubjectId,
    asked: GateAnswer,
) -> GateDecision:
    """Approves or rejects a result and records your decision in the ledger. Jobs that wait for it continue.

    If there is already a decision, `overrules` must be its hash; otherwise the response is 409 and contains the
    existing decision.
    """
    from assay.lifecycle.gates import decide, load_subject

    result = await load_subject(server.context, project, subject_id)
    if result.stage is not stage:
        raise BadInput(f"stage: {subject_id} is a result of {result.stage}, not of {stage}")
    decision = await decide(
        server.context,
        project,
        subject_id,
        asked.decision,
        by=who.name,
        reason=asked.reason,
        overrules=asked.overrules,
    )
    await server.jobs.gate_decided(project)
    return decision


@router.get("/ledger", operation_id="show_ledger")
async def ledger(server: Here, project: Project, evidence: bool = False) -> Ledger:
    """Returns the decisions, newest first, up to the first changed line, and whether the ledger is intact.

    With `evidence=true`, approved results are also read again and compared with the hashes in their approvals.
    """
    from assay.api.routes.projects import item_of
    from assay.lifecycle.gates import read_decisions, verify

    await item_of(server, project)
    check = await verify(server.context, project, evidence=evidence)
    decisions = await read_decisions(server.context, project)
    return Ledger(decisions=tuple(decisions[::-1]), check=check)
