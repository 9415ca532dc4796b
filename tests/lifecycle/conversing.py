"""Agent, user simulator and judge behind one stub server, and a store in which they are ready to be evaluated."""

import json
import re
from pathlib import Path

from assay.contracts.agent import AgentCard, DevelopRequest, OpenAIConnector
from assay.contracts.dataset import Dataset, DatasetRequest, Expectation, Persona, Scenario
from assay.contracts.evaluation import EvaluateRequest
from assay.settings import Settings
from assay.stages.context import open_context
from assay.stages.dataset import dataset as run_dataset
from assay.stages.develop import develop
from tests.stub_answers import Answer, Json, Reply

SAYS = "I have looked it up: the parcel is on its way and should arrive on Friday."
EXPECTATION = re.compile(r"^- ([a-z0-9._-]+) \((?:must|must_not)\)", re.MULTILINE)


def converse(asked: Json, nth: int) -> Answer:
    """Who is asked shows in the schema. The user goes on until the turns run out."""
    del nth
    match role_of(asked):
        case "user":
            return Reply({"text": "Please look it up once more.", "status": "continue"})
        case "judge":
            names = EXPECTATION.findall(asked["messages"][0]["content"])
            quote = {"turn": 1, "quote": "the parcel is on its way"}
            return Reply(
                {
                    "opinions": [
                        {
                            "expectation_id": name,
                            "rationale": "It says where the parcel is.",
                            "evidence": [quote],
                            "ruling": "met",
                            "confidence": 0.9,
                        }
                        for name in names
                    ]
                }
            )
        case _:
            return Reply(SAYS)


def role_of(asked: Json) -> str:
    format_name = json.dumps((asked.get("response_format") or {}).get("json_schema", {}).get("name", ""))
    return "user" if "Move" in format_name else "judge" if "Opinions" in format_name else "agent"


def some(scenarios: int, turns: int) -> Dataset:
    return Dataset(
        name="parcels",
        scenarios=tuple(
            Scenario(
                scenario_id=f"parcel-{number}",
                topic="parcels",
                persona=Persona(name="hurried", description="Short of time."),
                goal="Find out where the parcel is.",
                opening=f"Where is parcel {number}?",
                max_turns=turns,
                expectations=(Expectation(expectation_id="says-where", text="The agent says where the parcel is."),),
            )
            for number in range(scenarios)
        ),
    )


def card_at(base_url: str) -> AgentCard:
    return AgentCard(
        agent_id="desk",
        version="1",
        description="Looks up parcels.",
        connector=OpenAIConnector(base_url=base_url, model="stub", api_key_env=None),
    )


async def ready(
    settings: Settings, base_url: str, *, scenarios: int = 10, turns: int = 2, **changes
) -> EvaluateRequest:
    """Registers the agent and saves the dataset. Each conversation takes 2 x turns + 1 calls."""
    card, made = card_at(base_url), some(scenarios, turns)
    async with open_context(settings) as context:
        await develop(DevelopRequest(card=card, card_dir=str(Path(settings.home)), probe=False), context)
        await run_dataset(DatasetRequest(agent=card.ref, dataset=made, reference_attempt=False, threshold=0.0), context)
    return EvaluateRequest.model_validate({"agent": card.ref, "dataset": made.ref, "trials": 1, **changes})
