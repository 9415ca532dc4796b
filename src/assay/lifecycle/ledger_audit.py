"""The ledger held against all that keeps a part of it: its copies, its head, signatures, and what is deployed."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from assay.contracts.gate import GateDecision, LedgerCheck
from assay.contracts.rollout import RegistryStage
from assay.errors import NotFound, Refused
from assay.lifecycle import ledger
from assay.settings import Settings
from assay.stages.context import Context

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CATCH_UP_S = 2.0
HEAD = "ledger.head"
"""Tag of the project: how many decisions there are, and the hash of the last."""


async def audit(context: Context, project: str, *, deciding: bool = False) -> LedgerCheck:
    """Whether the ledger is what was written, wherever a part of it is kept, and whether what is deployed has its
    approval there. Raises NotFound for an unknown project.

    deciding: asked before a line is added. A file that has not caught up with the database does not count then, since
    somebody may be writing it, and what is deployed is left out.
    """
    check = await _audit(context, project, deciding)
    if not check.intact and check.first_bad_line is None and not deciding:
        await asyncio.sleep(CATCH_UP_S)  # whoever decides right now has written the database and not yet the file
        check = await _audit(context, project, deciding)
    return check


async def _audit(context: Context, project: str, deciding: bool) -> LedgerCheck:
    from assay.tracking import ledger_copies, read_project_tags

    t = context.tracking
    try:
        tags = await asyncio.to_thread(read_project_tags, t, project)
    except NotFound:
        if not deciding:
            raise
        tags = {}  # its first decision makes it
    copies = await asyncio.to_thread(ledger_copies, t, project)
    lines = copies.lines
    check = ledger.verify(project, lines, keys=checking_keys(context.settings))
    # Behind a server each database of jobs may hold only what was decided with it.
    rows = () if t.is_server and lines is copies.file else copies.rows
    file = copies.file
    if deciding and rows[: len(file or ())] == (file or ()):
        file = rows
    check = ledger.compare_copies(check, lines, rows=rows, file=file, head=tags.get(HEAD))
    if deciding:
        return check
    found = await asyncio.to_thread(_unapproved, context, project, ledger.decisions(lines))
    return check.replace(unapproved=tuple(found))


def broken(project: str, check: LedgerCheck) -> str:
    """What is wrong with the ledger, and what to do."""
    where = f"at line {check.first_bad_line}" if check.first_bad_line else "outside of Assay"
    return (
        f"the ledger of {project} was changed {where}: {check.problem}. Find out who changed it and restore it from a "
        "backup (`assay gate verify` shows what is wrong; `assay gate restore` writes gates/ledger.jsonl again where "
        "the database is intact)"
    )


async def restore_file(context: Context, project: str) -> LedgerCheck:
    """Writes gates/ledger.jsonl again from the database and keeps what it held under another name.

    Raises Refused where the database itself is not intact.
    """
    from assay.tracking import ledger_copies, restore_ledger_file

    copies = await asyncio.to_thread(ledger_copies, context.tracking, project)
    check = ledger.verify(project, copies.rows, keys=checking_keys(context.settings))
    if not check.intact or not copies.rows:
        problem = check.problem or "it holds no decisions"
        raise Refused(f"the ledger of {project} in the database is not intact either: {problem}: restore a backup")
    await asyncio.to_thread(restore_ledger_file, context.tracking, project)
    return await audit(context, project)


def signing_key(settings: Settings) -> "Ed25519PrivateKey | None":
    return ledger.private_key(settings.ledger_key) if settings.ledger_key else None


def checking_keys(settings: Settings) -> "Sequence[Ed25519PublicKey]":
    if settings.ledger_public_keys:
        return ledger.public_keys(settings.ledger_public_keys)
    return [ledger.private_key(settings.ledger_key).public_key()] if settings.ledger_key else ()


def _unapproved(context: Context, project: str, decisions: Sequence[GateDecision]) -> list[str]:
    from assay.tracking import list_agents, transitions

    t, last = context.tracking, {decision.subject_id: decision.decision for decision in decisions}
    found = []
    for row in list_agents(t, project):
        if row.stage in (RegistryStage.STAGING, RegistryStage.PRODUCTION):
            moves = transitions(t, row.registered_model, row.registry_version)
            evidence = moves[-1].evidence if moves else {}
            if problem := _missing_approval(evidence, last):
                found.append(f"{row.agent} is in {row.stage.value}: {problem}")
        elif "production" in row.aliases or "champion" in row.aliases:
            found.append(f"{row.agent} bears the alias of Production, but Assay did not move it there")
    return found


def _missing_approval(evidence: Mapping[str, str], last: Mapping[str, str]) -> str:
    """Empty: the approval is there."""
    comparison, rollout = evidence.get("comparison"), evidence.get("rollout")
    if comparison is not None:
        if last.get(comparison) == "approve":
            return ""
        state = "is rejected" if comparison in last else "is not in the ledger"
        return f"the approval of {comparison}, which it was deployed with, {state}"
    if rollout is not None:
        known = any(subject == rollout or subject.startswith(f"{rollout}.") for subject in last)
        return "" if known else f"the ledger has no decision on {rollout}, which moved it there"
    return "nothing says which comparison it was deployed with"
