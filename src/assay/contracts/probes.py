"""Probes of a judge: changes of a conversation that must not change the ruling, and what came of them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.base import Contract, Document, Hash, Slug, Text
from assay.contracts.estimate import Quantity
from assay.contracts.stage import Usage

ProbeKind = Literal["repeat", "position", "length", "self_preference", "sycophancy", "injection"]
"""repeat: nothing is changed, which shows how often the judge contradicts itself anyhow."""


class JudgeProbeRequest(Document):
    """Probes the judge of a judging on conversations that it has ruled on."""

    project: Slug = "default"
    judging_id: Slug
    kinds: Annotated[tuple[ProbeKind, ...], Field(min_length=1)] = (
        "repeat",
        "position",
        "length",
        "self_preference",
        "sycophancy",
        "injection",
    )
    conversations: int = Field(default=40, ge=1, le=10_000)
    """At most; each is ruled on once as it is and once for each kind."""
    seed: int = 0
    concurrency: int = Field(default=16, ge=1, le=1000)


class ProbeResult(Contract):
    """What one kind of probe did to the judge's rulings."""

    kind: ProbeKind
    rulings: int
    flips: Quantity
    """Share of rulings that were otherwise than without the probe, clustered by scenario."""
    beyond_repeat: Quantity
    """The same less how often a plain repeat flips, paired by scenario."""
    as_wanted: int | None
    """Flips to what the probe wanted; None: it wanted nothing."""
    state: Literal["robust", "fooled", "undecided"]
    words: Text


class AttackResult(Contract):
    """One attack that was tried."""

    attack_id: Slug
    language: str
    encoding: str
    place: Literal["agent", "user", "tool"]
    tried: int
    worked: int
    example: str | None = None
    """A conversation in which it worked."""


class JudgeProbeReport(Document):
    project: Slug
    judging_id: Slug
    judge: Text
    rubric_hash: Hash
    made_at: datetime
    conversations: int
    failed: int
    """Calls to the judge that gave no answer: counted apart."""
    results: tuple[ProbeResult, ...]
    attacks: tuple[AttackResult, ...]
    usage: Usage = Usage()
    run_id: str | None = None
