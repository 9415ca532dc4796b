"""A judge's certificate: how often it is right by what people say, and whether it may gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from assay.contracts.base import content_hash, short_id
from assay.contracts.calibration import ConfidenceBin, ConfusionCounts, JudgeCertificate, LabelledConversation
from assay.contracts.estimate import Insufficient
from assay.contracts.judgment import Judging, Ruling
from assay.contracts.labels import LabelDraw
from assay.errors import BadInput
from assay.evaluation.judges.labels import (
    RULED,
    Agreement,
    Rulings,
    agreement,
    chances_of,
    depends_on_judge,
    human_passed,
    judged_verdicts,
    majority,
)
from assay.evaluation.results import TrialResult, quantity

if TYPE_CHECKING:
    from assay.statistics.calibration import OperatingPoint

BINS = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """One judging with what people said of it. `draws` is empty where nobody drew lots."""

    judging: Judging
    results: Sequence[TrialResult]
    labels: Rulings
    draws: Sequence[LabelDraw] = ()


def judge_key(judging: Judging) -> str:
    """The same for the same models, votes, prompt, rubric and expectations given besides; else another judge."""
    return content_hash([judging.judge, judging.rubric_hash])


def certify(sources: Sequence[Labelled], *, level: float, made_at: datetime, by: str) -> JudgeCertificate:
    """The certificate of the one judge that ruled in all of these judgings.

    Raises BadInput where they are of several judges, where no judge was needed, or where nobody has labelled.
    """
    from assay.statistics.calibration import admission

    first = sources[0].judging
    strangers = [s.judging.subject_id for s in sources if judge_key(s.judging) != judge_key(first)]
    if strangers:
        raise BadInput(
            f"judging_ids: {', '.join(strangers)} is of another judge (model, votes, prompt or rubric) than "
            f"{first.subject_id}: a certificate is of one judge"
        )
    samples = [_sample(source) for source in sources]
    rows = [row for sample in samples for row in sample.rows]
    if not rows:
        raise BadInput(
            f"judging_ids: nobody has labelled what {first.judge} ruled in {first.subject_id}: "
            f"`assay label draw --judging {first.subject_id}`, label, and `assay label take`"
        )
    results = [result for source in sources for result in source.results]
    agreed = agreement(results, {name: said for source in sources for name, said in source.labels.items()})
    point = _point(rows)
    decided = admission(point, level)
    admitted, reason = decided.admitted and not agreed.too_noisy, decided.reason
    if agreed.too_noisy:
        reason = f"{agreed.words}; {reason}"
    missing, at_random = _missing(sources, samples)
    labelled = tuple(conversation for sample in samples for conversation in sample.conversations)
    content = [judge_key(first), level, [c.model_dump(mode="json") for c in labelled], [list(row.key) for row in rows]]
    return JudgeCertificate(
        project=first.project,
        certificate_id=short_id("certificate", *content),
        judge=first.judge,
        rubric_hash=first.rubric_hash,
        judge_key=judge_key(first),
        judging_ids=tuple(source.judging.subject_id for source in sources),
        made_at=made_at,
        by=by,
        level=level,
        admitted=admitted,
        reason=reason,
        sensitivity=quantity(point.sensitivity),
        specificity=quantity(point.specificity),
        accuracy=quantity(point.accuracy),
        confusion=ConfusionCounts.model_validate(point),
        reliability=_reliability(rows),
        raters=agreed.raters,
        rulings=agreed.rulings,
        split=agreed.split,
        agreement=_agreed(agreed),
        too_noisy=agreed.too_noisy,
        design=_design(samples),
        drawn=sum(len(draw.drawn) for source in sources for draw in source.draws),
        unlabelled=sum(sample.unlabelled for sample in samples),
        volunteered=sum(sample.volunteered for sample in samples),
        missing=missing,
        missing_at_random=at_random,
        labelled=labelled,
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """One ruling of the judge that people have ruled on too."""

    key: tuple[str, str]
    scenario: str
    judge: float
    human: float
    weight: float
    confidence: float


@dataclass(frozen=True, slots=True)
class _Sample:
    rows: Sequence[_Row]
    conversations: Sequence[LabelledConversation]
    unlabelled: int
    volunteered: int
    by_lot: bool


def _sample(source: Labelled) -> _Sample:
    """What counts of a judging's labels, and the chance that each had.

    Who was drawn and not labelled is taken as missing at random: chances fall by the share that was labelled.
    """
    ruled = {
        name for name, said in source.labels.items() if any(ruling is not None for ruling in majority(said).values())
    }
    open_ones = [result for result in source.results if depends_on_judge(result)]
    inside = [result for result in open_ones if result.conversation.conversation_id in ruled]
    drawn = {name for draw in source.draws for name in draw.drawn}
    chances = chances_of(source.draws)
    if drawn:
        counted = [result for result in inside if result.conversation.conversation_id in drawn]
        answered = len(counted) / len(drawn)
        chance = {name: max(1e-6, chances[name] * answered) for name in drawn}
    else:
        counted = inside
        chance = {r.conversation.conversation_id: len(inside) / len(open_ones) for r in inside}
    rows, conversations = [], []
    for result in counted:
        name = result.conversation.conversation_id
        said = majority(source.labels[name])
        for verdict in judged_verdicts(result):
            ruling = said.get(verdict.expectation_id)
            if ruling is not None and verdict.ruling in RULED:
                rows.append(
                    _Row(
                        key=(name, verdict.expectation_id),
                        scenario=result.judgment.scenario_id,
                        judge=float(verdict.ruling is Ruling.MET),
                        human=float(ruling is Ruling.MET),
                        weight=1 / chance[name],
                        confidence=verdict.confidence,
                    )
                )
        passed = human_passed(result, source.labels[name])
        if passed is not None:
            conversations.append(
                LabelledConversation(
                    judging_id=source.judging.subject_id,
                    conversation_id=name,
                    scenario_id=result.judgment.scenario_id,
                    judge_passed=bool(result.judgment.passed),
                    human_passed=passed,
                    probability=min(1.0, chance[name]),
                )
            )
    return _Sample(
        rows=rows,
        conversations=conversations,
        unlabelled=len(drawn - ruled),
        volunteered=len(inside) - len(counted),
        by_lot=bool(drawn),
    )


def _point(rows: Sequence[_Row]) -> "OperatingPoint":
    import numpy as np

    from assay.statistics.calibration import operating_point

    weights = np.array([row.weight for row in rows])
    return operating_point(
        [row.human for row in rows],
        [row.judge for row in rows],
        np.array([row.scenario for row in rows], dtype=object),
        weights=weights,
    )


def _reliability(rows: Sequence[_Row]) -> tuple[ConfidenceBin, ...]:
    """Rulings by how sure the judge was, in bins of about equally many."""
    import numpy as np

    from assay.statistics import weighted_mean

    ordered = sorted(rows, key=lambda row: row.confidence)
    edges = np.unique([row.confidence for row in ordered])
    parts = [part for part in np.array_split(edges, min(BINS, edges.size)) if part.size]
    bins = []
    for part in parts:
        inside = [row for row in ordered if part[0] <= row.confidence <= part[-1]]
        right = np.array([float(row.judge == row.human) for row in inside])
        weights = np.array([row.weight for row in inside])
        scenarios = np.array([row.scenario for row in inside], dtype=object)
        bins.append(
            ConfidenceBin(
                confidence=float(np.average([row.confidence for row in inside], weights=weights)),
                right=quantity(weighted_mean(right, weights, scenarios)),
                n=len(inside),
            )
        )
    return tuple(bins)


def _agreed(agreed: Agreement):
    if len(agreed.raters) < 2:
        return Insufficient(reason="one person labelled: whether people agree is not known", n=agreed.rulings)
    return quantity(agreed.alpha)


def _design(samples: Sequence[_Sample]) -> str:
    if all(sample.by_lot for sample in samples):
        return "drawn by lot, more often where the judge doubts; every number weighs a label by one over its chance"
    if any(sample.by_lot for sample in samples):
        return "partly drawn by lot; where nobody drew lots, labels are taken for a simple random sample"
    return "nobody drew lots: the labels are taken for a simple random sample, which is true only if nobody chose"


def _missing(sources: Sequence[Labelled], samples: Sequence[_Sample]) -> tuple[str, bool | None]:
    """Whether what people left out goes with what the judge said."""
    import numpy as np

    from assay.statistics.agreement import ALPHA, missing_not_at_random

    verdicts, rated, scenarios = [], [], []
    for source, sample in zip(sources, samples, strict=True):
        drawn = {name for draw in source.draws for name in draw.drawn}
        labelled = {conversation.conversation_id for conversation in sample.conversations}
        for result in source.results:
            name = result.conversation.conversation_id
            if depends_on_judge(result) and (not drawn or name in drawn):
                verdicts.append(float(bool(result.judgment.passed)))
                rated.append(float(name in labelled))
                scenarios.append(result.judgment.scenario_id)
    pattern = missing_not_at_random(verdicts, rated, np.array(scenarios, dtype=object))
    return pattern.words, None if pattern.p is None else pattern.p >= ALPHA


def by_conversation(certificate: JudgeCertificate, judging_id: str) -> Mapping[str, LabelledConversation]:
    """The certificate's labels on one judging."""
    return {row.conversation_id: row for row in certificate.labelled if row.judging_id == judging_id}
