"""Which conversations people should label, and what their labels say together."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from assay.contracts.judgment import Judgment, Ruling, Verdict
from assay.contracts.labels import LabelAsk, LabelDraw, LabelTask
from assay.errors import BadInput
from assay.evaluation.results import TrialResult

if TYPE_CHECKING:
    import numpy as np

    from assay.statistics import Estimate, Insufficient

JUDGES = ("llm_judge", "offline_judge")
"""Sources of verdicts that may be wrong; code's are not, and people's are the yardstick."""
RULED = (Ruling.MET, Ruling.NOT_MET)
Rulings = Mapping[str, Sequence[Verdict]]
"""Conversation to what people ruled on it."""


def judged_verdicts(result: TrialResult) -> list[Verdict]:
    """The verdicts that a judge gave, as opposed to code."""
    return [verdict for verdict in result.judgment.verdicts if verdict.source in JUDGES]


def by_code(results: Sequence[TrialResult]) -> bool:
    """Whether no judge had a word in any of the results."""
    return not any(judged_verdicts(result) for result in results)


def depends_on_judge(result: TrialResult) -> bool:
    """Whether the conversation's pass is the judge's to say: it has ruled, and code has not failed it already."""
    if result.judgment.passed is None or not judged_verdicts(result):
        return False
    return not any(v.ruling is Ruling.NOT_MET and v.source not in JUDGES for v in result.judgment.verdicts)


def chance_of_pass(result: TrialResult) -> float:
    """The judge's own belief that the conversation passes: the product over its rulings."""
    chance = 1.0
    for verdict in judged_verdicts(result):
        sure = 0.5 + verdict.confidence / 2
        chance *= sure if verdict.ruling is Ruling.MET else 1 - sure
    return chance


def draw(
    results: Sequence[TrialResult],
    count: int,
    *,
    judging_id: str,
    earlier: Sequence[LabelDraw] = (),
    seed: int = 0,
    made_at: datetime,
) -> LabelDraw:
    """About `count` conversations that no earlier drawing chose, more often where the judge doubts.

    Each drawing is independent of those before, over all conversations whose pass depends on the judge, so that the
    chance to be in any is known; it is made so large that `count` new ones are expected. The first gives exactly
    `count`. Raises BadInput where nothing is left to label.
    """
    import numpy as np

    from assay.statistics.calibration import inclusion_probabilities, next_labels

    open_ones = [result for result in results if depends_on_judge(result)]
    before = {name for drawing in earlier for name in drawing.drawn}
    names = [result.conversation.conversation_id for result in open_ones]
    new = np.array([name not in before for name in names], dtype=bool)
    if not new.any():
        raise BadInput(
            f"count: no conversation of {judging_id} is left to label: "
            + ("all were drawn" if names else "none of its passes hangs on a ruling of the judge")
        )
    wanted = min(count, int(new.sum()))
    believed = np.array([chance_of_pass(result) for result in open_ones])
    budget = wanted
    while budget < new.size and inclusion_probabilities(believed, budget, 0.5)[new].sum() < wanted - 1e-6:
        budget += 1
    lots = next_labels(believed, budget, seed=seed + len(earlier))
    return LabelDraw(
        judging_id=judging_id,
        number=len(earlier) + 1,
        seed=seed,
        made_at=made_at,
        chances={name: float(chance) for name, chance in zip(names, lots.probability, strict=True)},
        drawn=tuple(name for name, chosen, fresh in zip(names, lots.chosen, new, strict=True) if chosen and fresh),
    )


def chances_of(draws: Sequence[LabelDraw]) -> dict[str, float]:
    """For each conversation the chance to have been in any of these independent drawings."""
    missed: dict[str, float] = defaultdict(lambda: 1.0)
    for drawing in draws:
        for name, chance in drawing.chances.items():
            missed[name] *= 1 - chance
    return {name: 1 - chance for name, chance in missed.items()}


def task_of(result: TrialResult, judging_id: str, texts: Mapping[str, tuple[str, str]], by: str = "") -> LabelTask:
    """The conversation with what its judge was asked, and not what the judge said.

    texts: for each expectation that is in no scenario, its kind and words.
    """
    scenario = result.scenario
    told = {e.expectation_id: (e.kind, e.text) for e in (scenario.expectations if scenario else ())}
    asks = []
    for verdict in judged_verdicts(result):
        kind, words = (
            told.get(verdict.expectation_id)
            or texts.get(verdict.expectation_id)
            or (
                "must",
                verdict.expectation_id.replace("-", " "),
            )
        )
        asks.append(LabelAsk.model_validate({"expectation_id": verdict.expectation_id, "kind": kind, "text": words}))
    return LabelTask(
        judging_id=judging_id,
        conversation_id=result.conversation.conversation_id,
        scenario_id=result.judgment.scenario_id,
        trial=result.judgment.trial,
        goal=scenario.goal if scenario else "",
        turns=result.conversation.turns,
        asks=tuple(asks),
        by=by,
    )


def majority(rulings: Sequence[Verdict]) -> dict[str, Ruling | None]:
    """What most people ruled on each expectation; None: they are split. Who cannot tell does not vote."""
    votes: dict[str, Counter[Ruling]] = defaultdict(Counter)
    for verdict in rulings:
        if verdict.ruling in RULED:
            votes[verdict.expectation_id][verdict.ruling] += 1
    found: dict[str, Ruling | None] = {}
    for name, count in votes.items():
        met, unmet = count[Ruling.MET], count[Ruling.NOT_MET]
        found[name] = None if met == unmet else Ruling.MET if met > unmet else Ruling.NOT_MET
    return found


def human_passed(result: TrialResult, rulings: Sequence[Verdict]) -> bool | None:
    """Whether the conversation passes by what people say of the judge's part and code of its own; None: not known."""
    return judgment_by_people(result.judgment, rulings)


def judgment_by_people(judgment: Judgment, rulings: Sequence[Verdict]) -> bool | None:
    """The same of a judgment alone; one without any verdict is not known."""
    said = majority(rulings)
    known: list[bool | None] = [None] if not judgment.verdicts else []
    for verdict in judgment.verdicts:
        ruling = said.get(verdict.expectation_id) if verdict.source in JUDGES else verdict.ruling
        known.append(ruling is Ruling.MET if ruling in RULED else None)
    if any(ruled is False for ruled in known):
        return False
    return None if None in known else True


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far people agree; `split` rulings have no majority."""

    alpha: "Estimate | Insufficient"
    rated_twice: int
    split: int
    raters: tuple[str, ...]
    rulings: int

    @property
    def too_noisy(self) -> bool:
        from assay.statistics import Estimate
        from assay.statistics.agreement import too_noisy

        return isinstance(self.alpha, Estimate) and too_noisy(self.alpha)

    @property
    def words(self) -> str:
        from assay.statistics import Estimate
        from assay.statistics.agreement import TOO_NOISY

        alpha = self.alpha
        if not isinstance(alpha, Estimate):
            return f"whether people agree is not known: {alpha.reason}"
        shown = f"people agree with alpha {alpha.value:.2f} ({alpha.low:.2f} to {alpha.high:.2f})"
        if self.too_noisy:
            return (
                f"{shown}, under {TOO_NOISY}: these labels are too noisy to calibrate with. Sharpen the expectations "
                "that they differ on, and label again"
            )
        return shown


def agreement(results: Sequence[TrialResult], labels: Rulings) -> Agreement:
    """Krippendorff's alpha over people, an item being one expectation of one conversation, clustered by scenario."""
    from assay.statistics import Insufficient
    from assay.statistics.agreement import krippendorff_alpha

    table, scenarios, raters = _rated(results, labels)
    alpha = krippendorff_alpha(table, clusters=scenarios) if raters else Insufficient("nobody has labelled yet", n=0)
    split = sum(None in majority(labels.get(r.conversation.conversation_id, ())).values() for r in results)
    twice = sum(sum(cell is not None for cell in column) > 1 for column in zip(*table, strict=True))
    rulings = sum(cell is not None for row in table for cell in row)
    return Agreement(alpha, twice, split, tuple(raters), rulings)


def _rated(results: Sequence[TrialResult], labels: Rulings) -> "tuple[list[list[str | None]], np.ndarray, list[str]]":
    """Who ruled what, shape (raters, items); the items' scenarios; the raters."""
    import numpy as np

    scenario = {result.conversation.conversation_id: result.judgment.scenario_id for result in results}
    asked = {
        (result.conversation.conversation_id, verdict.expectation_id)
        for result in results
        for verdict in judged_verdicts(result)
    }
    said = {
        (verdict.judge, name, verdict.expectation_id): verdict.ruling.value
        for name, verdicts in labels.items()
        for verdict in verdicts
        if (name, verdict.expectation_id) in asked and verdict.ruling in RULED
    }
    raters = sorted({rater for rater, _, _ in said})
    items = sorted({(name, expectation) for _, name, expectation in said})
    rows = [[said.get((rater, *item)) for item in items] for rater in raters]
    return rows, np.array([scenario[name] for name, _ in items], dtype=object), raters
