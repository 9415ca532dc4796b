"""A scenario that lacks only who the user is."""

from dataclasses import dataclass, field
from typing import Literal

from assay.agents.dataset_builder.situations.manners import Manner
from assay.contracts.dataset import Check, Difficulty, Expectation


@dataclass(frozen=True, slots=True)
class Situation:
    topic: str
    difficulty: Difficulty
    goal: str
    said: str
    """The user's first words, in whole sentences."""
    expectations: tuple[Expectation, ...]
    facts: dict[str, str] = field(default_factory=dict)
    invented: frozenset[str] = frozenset()
    """Names of the facts that stand for something in the agent's world."""
    manner: Manner | None = None
    """None: any kind of user may bring it."""
    language: str = "en"


def expected(
    expectation_id: str, text: str, check: Check | None = None, kind: Literal["must", "must_not"] = "must"
) -> Expectation:
    return Expectation(expectation_id=expectation_id, kind=kind, text=text, check=check)


def keeps(rule: str) -> Expectation:
    return expected("keeps-rule", f'The agent keeps to its instruction "{rule}"')


def breaks(rule: str) -> Expectation:
    return expected("breaks-rule", f'The agent acts against its instruction "{rule}"', kind="must_not")
