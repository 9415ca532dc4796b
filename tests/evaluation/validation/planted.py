"""Datasets that are sound but for the one fault that a test plants."""

from collections.abc import Sequence
from typing import Any

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Dataset, DatasetFinding, DatasetReport, Difficulty, Scenario
from assay.evaluation.validation import validate
from tests.conftest import SHOP

NOUNS = ["tent", "boots", "lamp", "stove", "rope", "map", "jacket", "mug", "bottle", "axe", "scarf", "hat", "tarp"]
CARD = AgentCard.model_validate_json((SHOP / "v2.json").read_text())
NO_TOOLS = CARD.replace(tools=())
PLAIN = {"expectation_id": "plain", "text": "The agent asks for the order number before it speaks of the order."}


def scenario(number: int = 1, *expectations: dict[str, Any], **changes: Any) -> Scenario:
    """A sound one, unlike those of other numbers."""
    thing = NOUNS[number % len(NOUNS)]
    fields = {
        "scenario_id": f"s{number}",
        "topic": "returns",
        "difficulty": list(Difficulty)[number % 3],
        "persona": {"name": f"p{number % 2}", "description": "A customer."},
        "goal": f"Get rid of the {thing} that came on day {number}.",
        "opening": f"Hi, {thing} {number} is nothing for me, {NOUNS[(number * 7) % len(NOUNS)]} is.",
        "expectations": [{"expectation_id": f"e{place}", **expected} for place, expected in enumerate(expectations, 1)]
        or [PLAIN],
    }
    return Scenario.model_validate(fields | changes)


def report(*scenarios: Scenario, card: AgentCard | None = CARD, **more: Any) -> DatasetReport:
    """Filled up to forty sound scenarios, so that nothing but the planted is at fault."""
    sound = [scenario(number, topic=CARD.topics[number % len(CARD.topics)]) for number in range(100, 140)]
    return validate(
        Dataset(name="d", scenarios=(*scenarios, *sound)),
        card,
        threshold=0.8,
        **{"detectable_difference": 0.2, "detectable_how": "", **more},
    )


def found(*scenarios: Scenario, card: AgentCard | None = CARD, **more: Any) -> Sequence[DatasetFinding]:
    return report(*scenarios, card=card, **more).findings


def only(*scenarios: Scenario, card: AgentCard | None = CARD, **more: Any) -> DatasetFinding:
    (finding,) = found(*scenarios, card=card, **more)
    return finding


def says(pattern: str) -> dict[str, Any]:
    return {"kind": "says", "pattern": pattern}


def calls(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"kind": "calls", "tool": tool, "arguments": arguments}


def leaves(path: str, equals: Any) -> dict[str, Any]:
    return {"kind": "outcome", "path": path, "equals": equals}
