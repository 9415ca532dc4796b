"""The ledger of decisions: append-only, each line sealed with the hash of the one before."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from pydantic import ValidationError

from assay.contracts.base import content_hash
from assay.contracts.gate import GateDecision, LedgerCheck
from assay.contracts.stage import Stage

GENESIS = "0" * 64
"""What stands before the first line."""


def seal(
    previous: str,
    *,
    project: str,
    stage: Stage,
    subject_id: str,
    decision: Literal["approve", "reject"],
    by: str,
    at: datetime,
    reason: str,
    mode: Literal["person", "approve_all", "policy"],
    evidence: dict[str, str],
) -> GateDecision:
    """The decision with its place in the chain."""
    unsealed = GateDecision(
        project=project,
        stage=stage,
        subject_id=subject_id,
        decision=decision,
        by=by,
        at=at,
        reason=reason,
        mode=mode,
        evidence=evidence,
        previous=previous,
        hash=GENESIS,
    )
    return unsealed.replace(hash=seal_of(unsealed))


def seal_of(decision: GateDecision) -> str:
    """SHA-256 over all of a decision but its own hash."""
    return content_hash(decision.model_dump(mode="json", exclude={"hash"}))


def decisions(lines: Iterable[str]) -> list[GateDecision]:
    """The ledger's lines, read. Raises ValidationError for a line that is none."""
    return [GateDecision.model_validate_json(line) for line in lines]


def verify(project: str, lines: Sequence[str]) -> LedgerCheck:
    """Whether every line is what was written: its own hash holds, and it names the line before."""
    previous = GENESIS
    for number, line in enumerate(lines, start=1):
        if problem := _problem(line, project, previous):
            return LedgerCheck(
                project=project, decisions=len(lines), intact=False, first_bad_line=number, problem=problem
            )
        previous = GateDecision.model_validate_json(line).hash
    return LedgerCheck(project=project, decisions=len(lines), intact=True)


def _problem(line: str, project: str, previous: str) -> str:
    try:
        decision = GateDecision.model_validate_json(line)
    except ValidationError as error:
        return f"not a decision: {error.errors()[0]['msg']}"
    if seal_of(decision) != decision.hash:
        return f"the decision on {decision.subject_id} was changed after it was written"
    if decision.previous != previous:
        return f"the line before the decision on {decision.subject_id} was changed, taken out or put in"
    if decision.project != project:
        return f"the decision belongs to project {decision.project}"
    return ""
