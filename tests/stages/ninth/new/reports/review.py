"""The report on a review."""

from datetime import datetime

from assay.contracts.review import Review

from assay.contracts.report import Report, Section, TextBlock
from assay.reports.parts import provenance


def lay_out_review(review: Review, *, made_at: datetime) -> Report:
    counted = TextBlock(text=f"{review.reviewer} counted {review.words} words.")
    return Report(
        title=f"Review of {review.agent}",
        headline=f"The description has {review.words} words.",
        tone="plain",
        made_at=made_at,
        provenance=provenance(review, {"Agent": review.agent}),
        sections=(Section(title="Words", blocks=(counted,)),),
    )
