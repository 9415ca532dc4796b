"""A narrative may not claim what the verdict does not."""

import pytest

from assay.agents.comparator.contradictions import against_verdict
from assay.contracts.comparison import Recommendation

CHAMPION, CHALLENGER = "eliza@0.1.0", "eliza@0.2.0"


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("INCONCLUSIVE", "The challenger eliza@0.2.0 is **significantly better** than the champion."),
        ("INCONCLUSIVE", "All in all `eliza@0.2.0` improves on `eliza@0.1.0`."),
        ("INCONCLUSIVE", "The champion outperforms the challenger."),
        ("INCONCLUSIVE", "The verdict is PROMOTE."),
        ("PROMOTE", "The challenger is worse."),
        ("PROMOTE", "The champion does better than the challenger."),
        ("REJECT", "The challenger is better than the champion."),
    ],
)
def test_a_claim_against_the_verdict_is_found(verdict, text):
    assert against_verdict(f"So it is. {text}", Recommendation(verdict), CHAMPION, CHALLENGER)


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("INCONCLUSIVE", "Whether the challenger is better cannot be said."),
        ("INCONCLUSIVE", "The challenger is not significantly better."),
        ("INCONCLUSIVE", "There is no evidence that eliza@0.2.0 is worse than the champion."),
        ("INCONCLUSIVE", "In the topic `returns` the challenger does better."),
        ("INCONCLUSIVE", "The verdict is INCONCLUSIVE, so do not read it as PROMOTE."),
        ("PROMOTE", "The challenger is better than the champion."),
        ("PROMOTE", "The challenger is worse in topic `gift-cards`."),
        ("REJECT", "The champion is better."),
    ],
)
def test_what_the_verdict_bears_may_be_said(verdict, text):
    assert against_verdict(text, Recommendation(verdict), CHAMPION, CHALLENGER) is None
