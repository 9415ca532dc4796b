"""How often a judge is right by what people say, kept as its certificate, and what that makes of its rates."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.base import Contract, Document, Hash, Name, Share, Slug, Text
from assay.contracts.estimate import Quantity
from assay.contracts.labels import ConversationId


class CertifyRequest(Document):
    """Judgings of one judge (same models, votes, prompt and rubric) whose labels are taken together."""

    project: Slug = "default"
    judging_ids: Annotated[tuple[Slug, ...], Field(min_length=1)]
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.80
    """That the lower bounds of sensitivity and specificity must reach before the judge may gate."""


class LabelledConversation(Contract):
    """What the judge and what people found of one conversation as a whole."""

    judging_id: Slug
    conversation_id: ConversationId
    scenario_id: Name
    judge_passed: bool
    human_passed: bool
    probability: Annotated[float, Field(gt=0, le=1)]
    """The chance with which it came to be labelled."""


class ConfusionCounts(Contract):
    """Of single rulings, not weighted."""

    judge_met_human_met: int
    judge_not_met_human_met: int
    judge_met_human_not_met: int
    judge_not_met_human_not_met: int


class ConfidenceBin(Contract):
    """Rulings of which the judge was about as sure, and how many of them were right."""

    confidence: Share
    right: Quantity
    n: int


class JudgeCertificate(Document):
    """How often a judge is right. It holds for the judge of `judge_key` alone: another model, number of votes, prompt
    or rubric is another judge, and this certificate is void for it."""

    project: Slug
    certificate_id: Slug
    judge: Text
    rubric_hash: Hash
    judge_key: Hash
    judging_ids: tuple[Slug, ...]
    made_at: datetime
    by: Text
    level: float
    admitted: bool
    reason: Text
    """Why it may gate or not, and about how many labels are missing."""
    sensitivity: Quantity
    """Of rulings that people find met, the share that the judge finds met."""
    specificity: Quantity
    accuracy: Quantity
    confusion: ConfusionCounts
    reliability: tuple[ConfidenceBin, ...]
    raters: tuple[str, ...]
    rulings: int
    split: int
    """Rulings on which people had no majority: left out."""
    agreement: Quantity
    """Krippendorff's alpha between people."""
    too_noisy: bool
    """People agree so little (alpha under 0.4) that nothing can be held against them."""
    design: Text
    """How the labelled conversations were chosen."""
    drawn: int
    unlabelled: int
    """Drawn and not labelled."""
    volunteered: int
    """Labelled without having been drawn: left out where others were drawn, since nobody knows their chance."""
    missing: Text
    """Whether what was not labelled is missing at random."""
    missing_at_random: bool | None
    """None: that cannot be asked."""
    labelled: tuple[LabelledConversation, ...]
    run_id: str | None = None


class JudgeStanding(Contract):
    """What a judge's rulings are worth in a report."""

    state: Literal["by_code", "admitted", "not_admitted", "void", "uncalibrated"]
    """by_code: no judge was needed. void: there is a certificate, of another model, prompt or rubric."""
    words: Text
    certificate_id: Slug | None = None

    @property
    def trusted(self) -> bool:
        return self.state in ("by_code", "admitted")


UNCALIBRATED = JudgeStanding(
    state="uncalibrated", words="No person has labelled what the judge ruled, so how often it is wrong is not known."
)
