"""Sentences that a report's own numbers contradict, for prose that rules write."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assay.contracts.analytics import AnalyticsReport
from assay.contracts.comparison import ComparisonReport, Recommendation
from assay.contracts.estimate import Estimate
from assay.evaluation.verdict import hangs_on_set_apart
from assay.evaluation.weak_slices import low_and_few, weak_slices


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that holds `words` is true only where `holds` of the report."""

    words: re.Pattern[str]
    holds: Callable[[Any], bool]


def _claims(*rows: tuple[str, Callable[[Any], bool]]) -> tuple[Claim, ...]:
    return tuple(Claim(re.compile(words, re.IGNORECASE), holds) for words, holds in rows)


def unsteady(report: AnalyticsReport) -> bool:
    """Whether trials of one scenario come out differently: pass^k lies below pass^1."""
    first, last = (report.pass_hat_k[0], report.pass_hat_k[-1]) if report.pass_hat_k else (None, None)
    return isinstance(first, Estimate) and isinstance(last, Estimate) and last.value < first.value - 1e-9


def _failed(report: AnalyticsReport) -> bool:
    return bool(report.clusters) or bool(report.expectations_failed)


ANALYTICS = _claims(
    (r"does not do the same every time", unsteady),
    (r"comes out the same in all of its trials", lambda report: len(report.pass_hat_k) > 1 and not unsteady(report)),
    (
        r"no slice is clearly weaker",
        lambda report: not weak_slices(report.slices, report.pass_rate) and not low_and_few(report),
    ),
    (r"it is weak in", lambda report: bool(weak_slices(report.slices, report.pass_rate))),
    (r"no conversation failed", lambda report: not _failed(report)),
    (
        r"all failures are put down to the agent itself",
        lambda report: not any(a.conversations for a in report.attributions if a.blamed != "agent"),
    ),
    (r"too little data to say what to expect", lambda report: not isinstance(report.expected, Estimate)),
    (r"no human labels calibrate the judge", lambda report: not report.calibrated),
)


def _worse(report: ComparisonReport) -> bool:
    return any(difference.worse for difference in report.slices)


def _moved(report: ComparisonReport) -> bool:
    known = [cost.difference for cost in report.costs if isinstance(cost.difference, Estimate)]
    return any(difference.low > 0 or difference.high < 0 for difference in known)


COMPARISON = _claims(
    (r"^promote ", lambda report: report.recommendation is Recommendation.PROMOTE),
    (r"^keep `", lambda report: report.recommendation is Recommendation.REJECT),
    (r"^(?:the data does not decide|there is no verdict)", lambda r: r.recommendation is Recommendation.INCONCLUSIVE),
    (r"the verdict hangs on", hangs_on_set_apart),
    (r"no slice got worse", lambda report: not _worse(report)),
    (r"^it got worse in", _worse),
    (r"no trial that could be matched came out differently", lambda report: not report.flips),
    (r"nothing differs beyond chance", lambda report: not _moved(report)),
    (r"approve the comparison's gate", lambda report: report.recommendation is Recommendation.PROMOTE),
    (r"keep the champion", lambda report: report.recommendation is Recommendation.REJECT),
)

SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s|$)[^.!?\n]*)*[.!?]?[ \t]*")


def contradictions(text: str, report: object) -> tuple[str, ...]:
    """The sentences of the text that the report's numbers contradict; none for other kinds of reports."""
    claims = ANALYTICS if isinstance(report, AnalyticsReport) else COMPARISON
    if not isinstance(report, AnalyticsReport | ComparisonReport):
        return ()
    return tuple(
        sentence
        for sentence in SENTENCE.findall(text)
        if any(claim.words.search(sentence.strip()) and not claim.holds(report) for claim in claims)
    )


def without_contradictions(text: str, report: object) -> str:
    """The text without these sentences."""
    for sentence in contradictions(text, report):
        text = text.replace(sentence, "")
    return re.sub(r"\n{3,}", "\n\n", text).strip()
