"""Trials of imported conversations: kept where the file gives them, numbered in order where it does not."""

from collections import Counter
from collections.abc import Sequence

from assay.contracts.base import content_hash
from assay.errors import BadInput

Given = tuple[str, int | None, str]
"""A scenario, its trial (None: the file does not say) and where the row is."""


def trials_of(rows: Sequence[Given]) -> list[int]:
    """A trial for each row. Raises BadInput, with both lines, for rows that give the same trial of a scenario twice."""
    given: dict[tuple[str, int], str] = {}
    errors = []
    for scenario_id, trial, at in rows:
        if trial is not None and (first := given.setdefault((scenario_id, trial), at)) != at:
            errors.append(
                f"{at}: trial: scenario {scenario_id}, trial {trial} is in line {first.rsplit(':', 1)[-1]} already: "
                "give each run its own trial, or leave all of them out"
            )
    if errors:
        raise BadInput("\n".join(errors))
    following: Counter[str] = Counter()
    trials = []
    for scenario_id, trial, _ in rows:
        if trial is None:
            while (scenario_id, following[scenario_id]) in given:
                following[scenario_id] += 1
            trial = following[scenario_id]
            following[scenario_id] += 1
        trials.append(trial)
    return trials


class RunIds:
    """Ids of conversations: 32 hex digits of the content, others for rows that repeat it.

    The same file gives the same ids again.
    """

    def __init__(self) -> None:
        self._alike: Counter[str] = Counter()

    def next(self, content: object) -> str:
        key = content_hash(content)
        self._alike[key] += 1
        return (key if self._alike[key] == 1 else content_hash([key, self._alike[key]]))[:32]
