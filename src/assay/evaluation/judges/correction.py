"""A judge's rates and differences, set right by its certificate; and what they are worth where it has none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.contracts.calibration import JudgeCertificate, JudgeStanding
from assay.contracts.comparison import PairedResult
from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.judgment import Judging, Ruling
from assay.evaluation.judges.certificate import by_conversation, judge_key
from assay.evaluation.judges.labels import JUDGES, by_code, depends_on_judge
from assay.evaluation.results import TrialResult, paired_quantity, passes, quantity
from assay.statistics import Insufficient as TooLittle
from assay.statistics import PairedDifference
from assay.statistics.estimate import LEAST

if TYPE_CHECKING:
    import numpy as np

    Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

Results = Sequence[TrialResult]


@dataclass(frozen=True, slots=True)
class Judged:
    """One side: its judging, what came of it, and the newest certificate of the project that could hold for it."""

    judging: Judging
    results: Results
    certificate: JudgeCertificate | None

    @property
    def valid(self) -> JudgeCertificate | None:
        """The certificate, if it is of this very judge."""
        found = self.certificate
        return found if found is not None and found.judge_key == judge_key(self.judging) else None


def standing(*sides: Judged) -> JudgeStanding:
    """What the rulings on all of these sides are worth."""
    if all(by_code(side.results) for side in sides):
        return JudgeStanding(state="by_code", words="Code ruled on every expectation: no judge was needed.")
    found = sides[0].valid
    judging = sides[0].judging
    if found is None:
        other = sides[0].certificate
        if other is not None:
            return JudgeStanding(state="void", words=_void(other, judging), certificate_id=other.certificate_id)
        return JudgeStanding(
            state="uncalibrated",
            words=f"No person has labelled what the judge {judging.judge} ruled: how often it is wrong is not known.",
        )
    return JudgeStanding(
        state="admitted" if found.admitted else "not_admitted",
        words=f"The judge {judging.judge} {'is admitted' if found.admitted else 'is not admitted'}: {found.reason}.",
        certificate_id=found.certificate_id,
    )


def _void(certificate: JudgeCertificate, judging: Judging) -> str:
    changed = []
    if certificate.judge != judging.judge:
        changed.append(f"the judge was {certificate.judge} and is {judging.judge}")
    if certificate.rubric_hash != judging.rubric_hash:
        changed.append("its prompt or rubric changed")
    return (
        f"The certificate {certificate.certificate_id} is void here: {' and '.join(changed)}. Label and certify anew."
    )


def corrected_rate(side: Judged, *, confidence: float = 0.95) -> tuple[Quantity | None, str]:
    """The pass rate that people would have found, and how it was got or why it was not, in words.

    None where no judge was needed or where there are no labels to correct by. Labels on this judging's own
    conversations give the prediction-powered rate, which holds whatever the judge's mistakes are; labels on other
    judgings of the same judge give Rogan and Gladen's, where the judge tells passes from failures at all.
    """
    from assay.statistics.calibration import Refused, prediction_powered, rogan_gladen

    found = side.valid
    if found is None or by_code(side.results):
        return None, ""
    if found.too_noisy:
        return None, "The labels are too noisy to correct by: people do not agree among themselves."
    if _labelled_scenarios(side) >= LEAST:
        rate = prediction_powered(*_arrays(side), confidence=confidence)
        return quantity(rate), "Prediction-powered: the judge's rulings on all, set right by labels on some of them."
    judge, human, weights, scenarios = _labels(found)
    judged, clusters = passes(side.results)
    rate = rogan_gladen(
        judged,
        human,
        judge,
        clusters=clusters,
        calibration_clusters=scenarios,
        weights=weights,
        asked=_asked(side.results),
        confidence=confidence,
    )
    if isinstance(rate, Refused):
        return None, f"The rate is not corrected: {rate.reason}."
    return quantity(rate), "Rogan-Gladen, by labels on other conversations that this judge ruled on."


def corrected_stability(side: Judged, rate: Quantity | None, trials: int) -> tuple[Quantity, ...]:
    """pass^1 to pass^trials as people would have found them; empty where the rate is not corrected.

    rate: the corrected pass rate, which is pass^1.
    """
    from assay.statistics.calibration import Refused, corrected_pass_hat_k

    found = side.valid
    if rate is None or found is None or trials < 1:
        return ()
    judge, human, weights, scenarios = _labels(found)
    judged, clusters = passes(side.results)
    stability: list[Quantity] = [rate]
    for k in range(2, trials + 1):
        made = corrected_pass_hat_k(
            judged, clusters, human, judge, scenarios, k, weights=weights, asked=_asked(side.results)
        )
        if isinstance(made, Refused):
            stability.append(Insufficient(reason=f"not corrected: {made.reason}", n=judged.size))
        else:
            stability.append(quantity(made))
    return tuple(stability)


def corrected_difference(
    champion: Judged, challenger: Judged, *, confidence: float = 0.95
) -> tuple[PairedResult | None, str]:
    """Challenger minus champion as people would have found it, paired by scenario, and how, in words. As above."""
    from assay.statistics import paired_by_cluster
    from assay.statistics.calibration import Refused, inverted_difference, pseudo_outcomes

    found = champion.valid
    if found is None or (by_code(champion.results) and by_code(challenger.results)):
        return None, ""
    if found.too_noisy:
        return None, "The labels are too noisy to correct by: people do not agree among themselves."
    if all(_labelled_scenarios(side) >= LEAST or by_code(side.results) for side in (champion, challenger)):
        before, after = _arrays(champion), _arrays(challenger)
        difference = paired_by_cluster(
            pseudo_outcomes(*before), before[3], pseudo_outcomes(*after), after[3], confidence=confidence
        )
        how = "Prediction-powered on both sides: the judge's rulings on all, set right by labels on some of each."
        return _paired(difference, confidence, how)
    judge, human, weights, scenarios = _labels(found)
    difference = inverted_difference(
        *passes(champion.results),
        *passes(challenger.results),
        human,
        judge,
        scenarios,
        weights=weights,
        first_asked=_asked(champion.results),
        second_asked=_asked(challenger.results),
        confidence=confidence,
    )
    if isinstance(difference, Refused):
        return None, f"The difference is not corrected: {difference.reason}."
    how = (
        "Rogan-Gladen, by labels on other conversations; it takes the judge to be wrong equally often on both sides. "
        "Labels on both sides need no such faith."
    )
    return _paired(difference, confidence, how)


def _paired(found: PairedDifference | TooLittle, confidence: float, how: str) -> tuple[PairedResult, str]:
    if isinstance(found, TooLittle):
        return PairedResult(difference=paired_quantity(found), p=None), how
    inside = replace(found, low=max(-1.0, found.low), high=min(1.0, found.high))
    return PairedResult(difference=paired_quantity(inside, confidence), p=found.p, se=found.se), how


def whatever_the_judge(champion: Results, challenger: Results, *, confidence: float = 0.95) -> Estimate | Insufficient:
    """The difference with the bounds that hold even if the judge was wrong wherever it could be.

    Low: of a champion whose every judged expectation is met against a challenger whose none is; high: the other way
    round. What code ruled stays. Source: Manski 2003, Partial Identification of Probability Distributions.
    """
    from assay.statistics import paired_by_cluster

    best = [_worst_case(side, met=True) for side in (champion, challenger)]
    worst = [_worst_case(side, met=False) for side in (champion, challenger)]
    low = paired_by_cluster(*best[0], *worst[1], confidence=confidence)
    high = paired_by_cluster(*worst[0], *best[1], confidence=confidence)
    for bound in (low, high):
        if isinstance(bound, TooLittle):
            return Insufficient.model_validate(bound)
    assert isinstance(low, PairedDifference) and isinstance(high, PairedDifference)  # noqa: S101, told apart above
    return Estimate(
        value=(low.value + high.value) / 2,
        low=low.low,
        high=high.high,
        n=low.n_pairs,
        clusters=low.clusters,
        confidence=confidence,
        method="whatever the judge should have ruled: worst case on either side",
    )


def _worst_case(results: Results, *, met: bool) -> "tuple[np.ndarray, np.ndarray]":
    """Passes if every ruling of a judge were `met`, or none; and the scenarios."""
    import numpy as np

    values, scenarios = [], []
    for result in results:
        if result.judgment.error is not None or not result.judgment.verdicts:
            continue
        code = [v.ruling for v in result.judgment.verdicts if v.source not in JUDGES]
        judged = len(code) < len(result.judgment.verdicts)
        if Ruling.ABSTAINED in code and Ruling.NOT_MET not in code:
            continue
        values.append(float(Ruling.NOT_MET not in code and (met or not judged)))
        scenarios.append(result.judgment.scenario_id)
    return np.array(values), np.array(scenarios, dtype=object)


def _labelled_scenarios(side: Judged) -> int:
    found = side.valid
    if found is None:
        return 0
    return len({row.scenario_id for row in by_conversation(found, side.judging.subject_id).values()})


def _arrays(side: Judged) -> "Arrays":
    """Judge, human (NaN where not labelled), chance and scenario of every judged conversation.

    Where code alone decides, the truth is known for certain: a label with chance 1.
    """
    import numpy as np

    found = side.valid
    labels = by_conversation(found, side.judging.subject_id) if found else {}
    rows = [result for result in side.results if result.judged]
    even = min(1.0, max(1, len(labels)) / max(1, sum(map(depends_on_judge, rows))))
    judge, human, chance = [], [], []
    for result in rows:
        passed = float(bool(result.judgment.passed))
        label = labels.get(result.conversation.conversation_id)
        judge.append(passed)
        if not depends_on_judge(result):
            human.append(passed)
            chance.append(1.0)
        elif label is not None:
            human.append(float(label.human_passed))
            chance.append(label.probability)
        else:
            human.append(np.nan)
            chance.append(even)
    scenarios = np.array([result.judgment.scenario_id for result in rows], dtype=object)
    return np.array(judge), np.array(human), np.array(chance), scenarios


def _asked(results: Results) -> "np.ndarray":
    """Whether each judged conversation's pass was the judge's to say, in the order of `passes`."""
    import numpy as np

    return np.array([float(depends_on_judge(result)) for result in results if result.judged])


def _labels(certificate: JudgeCertificate) -> "Arrays":
    """Judge, human, weight and scenario of the certificate's conversations."""
    import numpy as np

    rows = certificate.labelled
    return (
        np.array([float(row.judge_passed) for row in rows]),
        np.array([float(row.human_passed) for row in rows]),
        np.array([1 / row.probability for row in rows]),
        np.array([row.scenario_id for row in rows], dtype=object),
    )
