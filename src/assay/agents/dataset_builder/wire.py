"""What a model answers with, and how its drafts become scenarios."""

import re
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from assay.agents.dataset_builder.chat import Operation
from assay.contracts.agent import AgentCard, Tool
from assay.contracts.base import content_hash
from assay.contracts.dataset import Difficulty, Expectation, Origin, Persona, SaysCheck, Scenario, ToolCheck
from assay.evaluation.slugs import slug


class Named(BaseModel):
    """A list of these and no free object: strict schemas take no open keys."""

    name: str = Field(min_length=1)
    value: str


class ExpectationDraft(BaseModel):
    must: bool = Field(description="True: the agent must do it. False: it must not.")
    text: str = Field(min_length=3)
    tool: str = Field(default="", description="Name of a tool whose call decides it, or empty.")
    arguments: list[Named] = Field(default_factory=list, description="Arguments that this call must have.")
    pattern: str = Field(default="", description="Regular expression over the agent's words that decides it, or empty.")


class ScenarioDraft(BaseModel):
    topic: str = Field(min_length=1)
    difficulty: Difficulty
    persona_name: str = Field(min_length=1)
    persona_description: str = Field(min_length=1)
    language: str = "en"
    goal: str = Field(min_length=3)
    opening: str = ""
    facts: list[Named] = Field(default_factory=list)
    expectations: list[ExpectationDraft] = Field(min_length=1, max_length=6)


class ScenarioDrafts(BaseModel):
    scenarios: list[ScenarioDraft] = Field(min_length=1)


class ChatStep(BaseModel):
    reply: str = Field(min_length=1)
    operations: list[Operation] = Field(default_factory=list, max_length=20)


def to_scenario(drafted: ScenarioDraft, card: AgentCard) -> Scenario | None:
    """Ids from its content, checks only where they can work. None: blank where a scenario must not be."""
    if not (drafted.goal.strip() and all(expected.text.strip() for expected in drafted.expectations)):
        return None
    topic = slug(drafted.topic, "general")
    persona = slug(drafted.persona_name, "user")
    tools = {tool.name: tool for tool in card.tools}
    return Scenario(
        scenario_id=f"{topic[:50]}-{content_hash(drafted)[:8]}",
        topic=topic,
        difficulty=drafted.difficulty,
        persona=Persona(
            name=persona,
            description=drafted.persona_description.strip() or f"{persona.replace('-', ' ')}.",
            language=drafted.language.strip() or "en",
        ),
        goal=drafted.goal,
        opening=drafted.opening.strip() or None,
        facts={fact.name.strip(): fact.value.strip() for fact in drafted.facts if fact.value.strip()},
        expectations=tuple(
            Expectation(
                expectation_id=f"e{place}",
                kind="must" if expected.must else "must_not",
                text=expected.text,
                check=_check(expected, tools),
            )
            for place, expected in enumerate(drafted.expectations, start=1)
        ),
        origin=Origin.DRAFTED,
    )


def _check(expected: ExpectationDraft, tools: dict[str, Tool]) -> ToolCheck | SaysCheck | None:
    """None where the model's check cannot work: a judge rules then."""
    if tool := tools.get(expected.tool.strip()):
        return ToolCheck(tool=tool.name, arguments=_arguments(expected.arguments, tool))
    pattern = expected.pattern.strip()
    try:
        matches_nothing = re.search(pattern, "") is not None
    except re.error:
        return None
    return None if matches_nothing else SaysCheck(pattern=pattern)


def _arguments(given: list[Named], tool: Tool) -> dict[str, JsonValue]:
    """Those that the tool takes, each of the type that its schema says."""
    properties = tool.parameters.get("properties")
    known: dict[str, Any] = properties if isinstance(properties, dict) else {}
    return {one.name: _typed(one.value, known.get(one.name)) for one in given if one.name in known or not known}


def _typed(value: str, schema: Any) -> JsonValue:
    kind = schema.get("type") if isinstance(schema, dict) else None
    try:
        match kind:
            case "integer":
                return int(value)
            case "number":
                return float(value)
            case "boolean":
                return value.strip().lower() in ("true", "yes", "1")
    except ValueError:
        return value
    return value
