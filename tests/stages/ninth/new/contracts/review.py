"""Stage 9: how an agent version is described."""

from typing import Literal

from assay.contracts.base import Text
from assay.contracts.stage import AgentRef, Stage, StageRequest, StageResult


class ReviewRequest(StageRequest):
    agent: AgentRef
    reviewer: Text = "nobody"


class Review(StageResult):
    """`subject_id` is `review-<hash>`."""

    stage: Literal[Stage.REVIEW] = Stage.REVIEW
    agent: AgentRef
    reviewer: str
    words: int
    """Of the card's description."""
