"""Conversations with their judgments and scenarios, as the arrays that statistics take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.contracts.conversation import Conversation
from assay.contracts.dataset import Scenario
from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.judgment import Judgment
from assay.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

    from assay.statistics import Estimate as Estimated
    from assay.statistics import Insufficient as TooLittle
    from assay.statistics import PairedDifference as PairedFound


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One trial of one scenario with what the judge said of it."""

    conversation: Conversation
    judgment: Judgment
    scenario: Scenario | None
    """None: the conversation comes from elsewhere and has none."""

    @property
    def judged(self) -> bool:
        return self.judgment.passed is not None


def join(
    conversations: Iterable[Conversation],
    judgments: Iterable[Judgment],
    scenarios: Iterable[Scenario],
    *,
    trials: Sequence[int] | None = None,
) -> list[TrialResult]:
    """The judged conversations in the order of scenario and trial; `trials` keeps only these.

    Raises BadInput when a judgment's conversation is missing, or when no conversation is left.
    """
    by_id = {conversation.conversation_id: conversation for conversation in conversations}
    by_scenario = {scenario.scenario_id: scenario for scenario in scenarios}
    rows = []
    for judgment in judgments:
        if judgment.conversation_id not in by_id:
            raise BadInput(f"judgment of {judgment.conversation_id}: its conversation is not there: judge again")
        if trials is None or judgment.trial in trials:
            conversation = by_id[judgment.conversation_id]
            rows.append(TrialResult(conversation, judgment, by_scenario.get(judgment.scenario_id)))
    if not rows:
        raise BadInput(f"trials: none of {list(trials or [])} was judged: name trials that were played")
    return sorted(rows, key=lambda row: (row.judgment.scenario_id, row.judgment.trial))


def passes(results: Iterable[TrialResult]) -> "tuple[np.ndarray, np.ndarray]":
    """(passed as 0 or 1, scenario), of the judged conversations only."""
    import numpy as np

    judged = [result for result in results if result.judged]
    return (
        np.array([float(bool(result.judgment.passed)) for result in judged]),
        np.array([result.judgment.scenario_id for result in judged], dtype=object),
    )


def scores(results: Iterable[TrialResult]) -> "tuple[np.ndarray, np.ndarray]":
    """(score from 0 to 1, scenario), where there is a score."""
    import numpy as np

    scored = [result for result in results if result.judgment.score is not None]
    return (
        np.array([result.judgment.score for result in scored], dtype=float),
        np.array([result.judgment.scenario_id for result in scored], dtype=object),
    )


def successes_and_trials(results: Iterable[TrialResult]) -> "tuple[np.ndarray, np.ndarray]":
    """Per scenario, how many of the judged trials passed and how many there are."""
    import numpy as np

    counts: dict[str, list[int]] = {}
    for result in results:
        if result.judged:
            count = counts.setdefault(result.judgment.scenario_id, [0, 0])
            count[0] += bool(result.judgment.passed)
            count[1] += 1
    table = np.array(list(counts.values()), dtype=int).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def slice_of(result: TrialResult, dimension: str) -> str | None:
    """The value of topic, persona, difficulty, language or stop_reason; None: not known."""
    scenario = result.scenario
    match dimension:
        case "stop_reason":
            return result.conversation.stop_reason.value
        case _ if scenario is None:
            return None
        case "topic":
            return scenario.topic
        case "persona":
            return scenario.persona.name
        case "difficulty":
            return scenario.difficulty.value
        case "language":
            return scenario.persona.language
        case _:
            raise BadInput(f"slices: {dimension} is no dimension: use topic, persona, difficulty or language")


def paired_quantity(
    computed: "PairedFound | TooLittle", confidence: float = 0.95, *, clustered_by: str = "scenarios"
) -> Quantity:
    """What a paired test found, as a contract."""
    from assay.statistics import PairedDifference

    if not isinstance(computed, PairedDifference):
        return Insufficient.model_validate(computed)
    return Estimate(
        value=computed.value,
        low=computed.low,
        high=computed.high,
        n=computed.n_pairs,
        clusters=computed.clusters,
        clustered_by=clustered_by,
        confidence=confidence,
        method=computed.method,
    )


def quantity(computed: "Estimated | TooLittle", *, clustered_by: str = "scenarios") -> Quantity:
    """What statistics found, as a contract."""
    if hasattr(computed, "reason"):
        few = Insufficient.model_validate(computed)
        one = clustered_by.removesuffix("s")
        return few.replace(reason=few.reason.replace("scenarios", clustered_by).replace("scenario", one))
    return Estimate.model_validate(computed).replace(clustered_by=clustered_by)
