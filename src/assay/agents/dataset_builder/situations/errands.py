"""What users want of the agent's tools, told well, badly, as a mere question, or two things at once."""

import random
from collections.abc import Iterator, Sequence

from assay.agents.dataset_builder.situations.invention import invent, verbatim
from assay.agents.dataset_builder.situations.manners import CONFUSED
from assay.agents.dataset_builder.situations.reading import Errand
from assay.agents.dataset_builder.situations.situation import Situation, expected
from assay.contracts.dataset import Difficulty, Expectation, ToolCheck


def known_for(errand: Errand, chance: random.Random) -> dict[str, str]:
    """What a user with this errand knows, invented."""
    return {needed.plain: invent(needed, chance) for needed in errand.needed}


def of_errand(errand: Errand, others: Sequence[Errand], chance: random.Random) -> Iterator[Situation]:
    """others: errands that may come up in the same conversation."""
    facts = known_for(errand, chance)
    wish, told = errand.wish, _told(facts)
    yield Situation(
        topic=errand.topic,
        difficulty=Difficulty.EASY,
        goal=_goal(wish),
        said=f"I want to {wish}.{told}",
        facts=facts,
        invented=frozenset(facts),
        expectations=(_uses(errand, facts),),
    )
    if errand.needed:
        first = errand.needed[0].plain
        yield Situation(
            topic=errand.topic,
            difficulty=Difficulty.MEDIUM,
            goal=f"{_goal(wish)[:-1]} without knowing what is needed for it.",
            said=f"Somebody told me that I can {wish} here. What do you need from me?",
            facts=facts,
            invented=frozenset(facts),
            expectations=(
                expected("asks", f"The agent asks for the {first} before it does anything."),
                _uses(errand, facts),
            ),
            manner=CONFUSED,
        )
    if errand.changes:
        yield Situation(
            topic=errand.topic,
            difficulty=Difficulty.MEDIUM,
            goal=f"Find out what it takes to {wish}, and leave everything as it is.",
            said=f"Suppose I wanted to {wish}: how does that work, and what does it cost me?",
            facts={**facts, "decision": "I have not decided yet, I only want to know."},
            invented=frozenset(facts),
            expectations=(
                expected(
                    "does-nothing-yet",
                    f"The agent calls {errand.tool.name}, though the user has only asked about it.",
                    ToolCheck(tool=errand.tool.name),
                    kind="must_not",
                ),
                expected("explains", "The agent names the steps or the conditions, or where they can be read."),
            ),
        )
    for other in others[:1]:
        both = {**known_for(other, chance), **facts}
        yield Situation(
            topic=errand.topic,
            difficulty=Difficulty.HARD,
            goal=f"{_goal(wish)[:-1]} and {other.wish} in the same conversation.",
            said=f"Two things at once: I want to {wish}, and then I want to {other.wish}.",
            facts=both,
            invented=frozenset(both),
            expectations=(_uses(errand, both), _uses(other, both, "uses-second-tool")),
        )


def _uses(errand: Errand, facts: dict[str, str], expectation_id: str = "uses-tool") -> Expectation:
    held = {needed.name: facts[needed.plain] for needed in errand.needed if verbatim(needed)}
    with_what = f" with the {', '.join(name.replace('_', ' ') for name in held)} that the user gives" if held else ""
    return expected(
        expectation_id,
        f"The agent calls {errand.tool.name}{with_what}.",
        ToolCheck(tool=errand.tool.name, arguments={**held}),
    )


def _told(facts: dict[str, str]) -> str:
    """The first thing that the agent will ask for; the rest is told when asked."""
    for name, value in facts.items():
        return f" The {name} is {value}." if any(letter.isdigit() for letter in value) else ""
    return ""


def _goal(wish: str) -> str:
    return f"{wish[0].upper()}{wish[1:]}."
