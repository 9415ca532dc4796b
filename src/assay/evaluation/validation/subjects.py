"""Expectations that are about the user, and facts that are what the user wants to find out. They know English only."""

import re
from collections.abc import Iterator, Sequence

from assay.contracts.dataset import DatasetFinding, DatasetRule, Scenario
from assay.evaluation.validation.findings import each, of_expectation, of_scenario

USER = r"(?:user|customer|caller|client|person|patient|visitor|buyer|guest|student|traveller|traveler|employee)"
ABOUT_USER = re.compile(rf"^\W*(?:the|a|an|this|every)?\s*{USER}s?\b", re.IGNORECASE)
PASSIVE = re.compile(
    rf"^\W*(?:the|a|an|this|every)?\s*{USER}s?\s+(?:(?:must|should|has|have|will)\s+)?(?:not\s+|never\s+)?"
    r"(?:is|are|be|been|gets?)\s+(?:not\s+|never\s+)?\w+(?:ed|en|ld|nt|wn)\b",
    re.IGNORECASE,
)
"""`The user is told ...`: somebody does it to the user, and that can only be the agent."""
AGENT = re.compile(r"\b(agent|assistant|bot|chatbot|system|it)\b", re.IGNORECASE)
WANTS = r"\b(?:know|find out|learn|be told|hear)\s+(?:what |which )?(?:the|their|my|his|her|its)\s+"


def about_the_user(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """What a user does is no merit or fault of the agent's."""
    for scenario, expectation in each(scenarios):
        if speaks_of_user(expectation.text):
            yield of_expectation(
                DatasetRule.ABOUT_USER,
                "warning",
                scenario,
                expectation,
                "it is about the user, and only the agent is judged",
                'Say what the agent does or says: begin with "The agent"',
            )


def speaks_of_user(text: str) -> bool:
    """Whether the user is the one who acts in it."""
    match = ABOUT_USER.match(text)
    if match is None or PASSIVE.match(text):
        return False
    clause = re.split(r"[,;:]|\b(?:that|which|who|when|if|because)\b", text[match.end() :], maxsplit=1)[0]
    return AGENT.search(clause) is None


def known_answers(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """A user who wants to know something that stands among the user's facts."""
    for scenario in scenarios:
        for name in scenario.facts:
            if re.search(rf"{WANTS}{re.escape(name)}\b", scenario.goal, re.IGNORECASE):
                yield of_scenario(
                    DatasetRule.LEAKS_ANSWER,
                    "warning",
                    scenario,
                    f"the user wants to know the {name}, and has it among the facts",
                    "Leave the fact out, so that the agent has to tell it",
                )
