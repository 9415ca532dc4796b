"""Expectations that nobody could rule on, that rule each other out, or that give themselves away."""

import re
from collections.abc import Iterator, Mapping, Sequence

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import (
    DatasetFinding,
    DatasetRule,
    Expectation,
    OutcomeCheck,
    SaysCheck,
    Scenario,
    ToolCheck,
)
from assay.evaluation.clusters import words
from assay.evaluation.validation.attempts import Attempt

VAGUE = re.compile(
    r"\b(good|well|nice(ly)?|appropriate(ly)?|proper(ly)?|reasonabl[ey]|adequate(ly)?|suitabl[ey]|as needed|"
    r"if necessary|"
    r"correct(ly)?|helpful(ly)?|user.friendly|high.quality|satisfactor(y|ily)|effective(ly)?|efficient(ly)?)\b",
    re.IGNORECASE,
)
OBSERVABLE = 4
"""Content words besides the vague ones from which an expectation names something that can be seen."""
INNER = re.compile(
    r"\b(think|thinks|understands?|knows?|feels?|believes?|intends?|wants?|is aware|considers?)\b", re.IGNORECASE
)
GIVEN_AWAY = 6
"""Words in a row of an expectation that the user's own words may not hold."""
NUMBER = re.compile(r"\b[A-Z]{1,4}-?\d{3,}\b|\b\d{4,}\b")


def vague(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """Nothing in it that two readers would see alike."""
    for scenario, expectation in _each(scenarios):
        if expectation.check is not None:
            continue
        match = VAGUE.search(expectation.text)
        if match and len(words(VAGUE.sub(" ", expectation.text))) < OBSERVABLE:
            yield _finding(
                DatasetRule.VAGUE,
                "warning",
                scenario,
                f"{expectation.expectation_id}: {match.group(0)!r} means something else to everyone",
                "Say what the agent does or says when it is met",
            )


def contradictory(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """Two expectations that no conversation can meet both."""
    for scenario in scenarios:
        expectations = scenario.expectations
        for place, one in enumerate(expectations):
            for other in expectations[place + 1 :]:
                if why := _rule_out(one, other):
                    yield _finding(
                        DatasetRule.CONTRADICTORY,
                        "error",
                        scenario,
                        f"{one.expectation_id} and {other.expectation_id} cannot both be met: {why}",
                        "Drop one, or split the scenario",
                    )


def _rule_out(one: Expectation, other: Expectation) -> str:
    opposite = one.kind != other.kind
    if opposite and one.check is not None and one.check == other.check:
        return "the same check must and must not hold"
    if opposite and words(one.text) and sorted(words(one.text)) == sorted(words(other.text)):
        return "the same thing must and must not be done"
    if isinstance(one.check, OutcomeCheck) and isinstance(other.check, OutcomeCheck):
        same_path = one.check.path == other.check.path
        if same_path and one.kind == other.kind == "must" and one.check.equals != other.check.equals:
            return f"{one.check.path} cannot be {one.check.equals!r} and {other.check.equals!r}"
    return ""


def not_checkable(
    scenarios: Sequence[Scenario], card: AgentCard | None, attempts: Mapping[str, Attempt] | None
) -> Iterator[DatasetFinding]:
    """A check of a tool that the agent does not have, of an outcome that it does not show, or of its inner life."""
    tools = {tool.name for tool in card.tools} if card else set()
    for scenario, expectation in _each(scenarios):
        attempt = (attempts or {}).get(scenario.scenario_id)
        name = expectation.expectation_id
        match expectation.check:
            case ToolCheck(tool=tool) if tools and tool not in tools:
                yield _finding(
                    DatasetRule.NOT_CHECKABLE,
                    "error",
                    scenario,
                    f"{name}: the agent has no tool {tool!r}",
                    f"Use one of {', '.join(sorted(tools))}",
                )
            case OutcomeCheck() if attempt is not None and not attempt.failed and not attempt.shows_state:
                yield _finding(
                    DatasetRule.NOT_CHECKABLE,
                    "error",
                    scenario,
                    f"{name}: the agent shows no outcome to look at",
                    "Check what it says or which tool it calls, or have the connector return its state",
                )
            case None if (match := INNER.search(expectation.text)) and not re.search(
                r"\b(say|says|ask|tell|call|write|explain|name|offer|give)", expectation.text, re.IGNORECASE
            ):
                yield _finding(
                    DatasetRule.NOT_CHECKABLE,
                    "warning",
                    scenario,
                    f"{name}: {match.group(0)!r} happens inside the agent, and no transcript shows it",
                    "Say what the agent then says or does",
                )


def leaks(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """The user's own words hold what the agent is expected to say."""
    for scenario, expectation in _each(scenarios):
        told = f"{scenario.goal} {scenario.opening or ''}"
        run = _shared_run(expectation.text, f"{told} {' '.join(scenario.facts.values())}")
        says = expectation.check if isinstance(expectation.check, SaysCheck) else None
        whole = says is not None and expectation.kind == "must" and _matches(says.pattern, told)
        if run or whole:
            shown = f"{run!r}" if run else "what the check looks for"
            yield _finding(
                DatasetRule.LEAKS_ANSWER,
                "error" if run else "warning",
                scenario,
                f"{expectation.expectation_id}: the user's own words hold {shown}",
                "Reword the goal, the opening or the facts, so that the agent has to find it",
            )


def hidden_state(scenarios: Sequence[Scenario], card: AgentCard | None) -> Iterator[DatasetFinding]:
    """An expectation rests on a number that neither the user, the world nor a tool could supply."""
    for scenario, expectation in _each(scenarios):
        if scenario.initial_state is not None or (card and card.tools):
            continue
        known = f"{scenario.goal} {scenario.opening or ''} {' '.join(scenario.facts.values())} "
        known += (card.system_prompt or "") if card else ""
        unknown = [number for number in NUMBER.findall(expectation.text) if number not in known]
        if unknown:
            yield _finding(
                DatasetRule.HIDDEN_STATE,
                "warning",
                scenario,
                f"{expectation.expectation_id}: nobody in the conversation could know {', '.join(unknown)}",
                "Give it to the user as a fact, or put it in the initial state",
            )


def _shared_run(expected: str, told: str) -> str:
    """The first run of words that both hold; empty: none."""
    said = re.findall(r"\w+", told.casefold())
    grams = {tuple(said[start : start + GIVEN_AWAY]) for start in range(len(said) - GIVEN_AWAY + 1)}
    wanted = re.findall(r"\w+", expected.casefold())
    for start in range(len(wanted) - GIVEN_AWAY + 1):
        if (run := tuple(wanted[start : start + GIVEN_AWAY])) in grams:
            return " ".join(run)
    return ""


def _matches(pattern: str, told: str) -> bool:
    return re.search(pattern, told[:20_000], re.IGNORECASE) is not None


def _each(scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Expectation]]:
    return ((scenario, expectation) for scenario in scenarios for expectation in scenario.expectations)


def _finding(rule: DatasetRule, severity: str, scenario: Scenario, message: str, fix: str) -> DatasetFinding:
    return DatasetFinding.model_validate(
        {"rule": rule, "severity": severity, "scenario_ids": (scenario.scenario_id,), "message": message, "fix": fix}
    )
