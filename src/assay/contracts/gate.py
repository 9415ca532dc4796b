"""Decisions between stages, and the ledger that keeps them."""

from datetime import datetime
from typing import Literal

from assay.contracts.base import Contract, Document, Hash, Slug, Text
from assay.contracts.stage import Stage


class GateDecision(Document):
    """One line of a project's ledger. Its hash covers all of it and the line before, so no line can change unseen."""

    project: Slug
    stage: Stage
    """The stage whose result was decided on."""
    subject_id: Slug
    decision: Literal["approve", "reject"]
    by: Text
    at: datetime
    reason: Text
    mode: Literal["person", "approve_all", "policy"] = "person"
    """approve_all: nobody looked, as in demos and CI. policy: the project's written policy decided."""
    evidence: dict[str, Hash]
    """What was looked at: artifact name to SHA-256."""
    previous: Hash
    """The hash of the line before; 64 zeros in the first."""
    hash: Hash
    signature: str | None = None
    """Ed25519 over the hash, in base64. None: no key was set when it was written."""


class GateState(Contract):
    """A result that a person has decided on, or that waits for one."""

    stage: Stage
    subject_id: Slug
    state: Literal["waiting", "approved", "rejected"]
    decision: GateDecision | None = None
    """None while it waits."""
    summary: str = ""


class LedgerCheck(Document):
    """What `assay gate verify` found."""

    project: Slug
    decisions: int
    intact: bool
    first_bad_line: int | None = None
    """1 is the first line; None: all are intact."""
    problem: str = ""
    """Why it is not intact: a changed line, or copies of the ledger that do not agree."""
    head: Hash | None = None
    """The hash of the last line; None: nothing was decided, or the last line cannot be read."""
    signed: int = 0
    """Lines with a signature that a known key made."""
    unapproved: tuple[str, ...] = ()
    """Deployed versions without the approval that their deployment needs, in words."""
    changed: tuple[str, ...] = ()
    """Approved results that are no longer what was approved, each with what changed; found only where it was asked
    for."""
