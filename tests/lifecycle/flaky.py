"""A project around a Python agent that can be broken and mended, offline."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from assay.contracts.agent import AgentCard, AgentVersion, DevelopRequest
from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest
from assay.contracts.comparison import ComparePolicy, CompareRequest, ComparisonReport, Side
from assay.contracts.conversation import SimulateRequest, Simulation
from assay.contracts.dataset import Dataset, DatasetRequest, DatasetResult
from assay.contracts.judgment import JudgeRequest, Judging
from assay.contracts.stage import AgentRef, StageRequest, StageResult
from assay.lifecycle.run import run_stage
from assay.stages.context import Context

R = TypeVar("R", bound=StageResult)
CODE = """
from pathlib import Path

from answers import ANSWER


def reply(messages, scenario_id):
    place = Path(__file__).parent
    with (place / "asked").open("a") as log:
        log.write(scenario_id + "\\n")
    if (place / "broken").exists():
        raise RuntimeError("the database is away")
    if scenario_id in (place / "knows").read_text().split():
        return ANSWER
    return "I cannot say."
"""


@dataclass
class Flaky:
    """The agent's folder. Its answers pass where it knows the scenario."""

    folder: Path
    project: str = "flaky"

    def write(self, *, scenarios: int = 6, answer: str = "It arrives tomorrow.") -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"{self.module}.py").write_text(CODE.replace("answers", f"{self.module}_answers"))
        (self.folder / f"{self.module}_answers.py").write_text(f"ANSWER = {answer!r}\n")
        self.knows(range(scenarios))

    @property
    def module(self) -> str:
        """A name of its own: modules of other tests are imported already."""
        return f"flaky_{abs(hash(str(self.folder)))}"

    def knows(self, numbers) -> None:
        (self.folder / "knows").write_text(" ".join(f"order-{number}" for number in numbers))

    def breaks(self, *, broken: bool = True) -> None:
        if broken:
            (self.folder / "broken").touch()
        else:
            (self.folder / "broken").unlink()

    def asked(self) -> list[str]:
        """The scenarios that it was asked about since this was last called, each as often as it was asked."""
        log = self.folder / "asked"
        found = log.read_text().split() if log.exists() else []
        log.write_text("")
        return found

    def card(self, version: str = "1") -> AgentCard:
        return AgentCard.model_validate(
            {
                "agent_id": "desk",
                "version": version,
                "description": "Says when orders arrive.",
                "topics": ["delivery"],
                "connector": {"kind": "python", "target": f"{self.module}:reply"},
            }
        )

    async def registered(self, context: Context, version: str = "1", *, gated: bool = False) -> AgentVersion:
        request = DevelopRequest(
            project=self.project, gated=gated, card=self.card(version), card_dir=str(self.folder), probe=False
        )
        return await ran(request, context, AgentVersion)

    async def built(self, context: Context, *, gated: bool = False, **more) -> DatasetResult:
        fields = {"reference_attempt": False, "threshold": 0.0, **more}
        request = DatasetRequest(project=self.project, gated=gated, agent=agent(), dataset=dataset(), **fields)
        return await ran(request, context, DatasetResult)

    async def played(self, context: Context, version: str = "1", *, gated: bool = False, **more) -> Simulation:
        fields = {"trials": 1, "max_turns": 1, **more}
        request = SimulateRequest(
            project=self.project, gated=gated, agent=agent(version), dataset=dataset().ref, **fields
        )
        return await ran(request, context, Simulation)

    async def judged(self, context: Context, simulation: Simulation, *, gated: bool = False) -> Judging:
        request = JudgeRequest(project=self.project, gated=gated, simulation_id=simulation.subject_id)
        return await ran(request, context, Judging)

    async def analyzed(self, context: Context, judging: Judging, *, gated: bool = False) -> AnalyticsReport:
        request = AnalyzeRequest(project=self.project, gated=gated, judging_id=judging.subject_id)
        return await ran(request, context, AnalyticsReport)

    async def compared(self, context: Context, *judgings: Judging, gated: bool = False, **more) -> ComparisonReport:
        champion, challenger = (Side(judging_id=judging.subject_id) for judging in judgings)
        fields = {"policy": ComparePolicy(judge="any"), **more}
        request = CompareRequest(project=self.project, gated=gated, champion=champion, challenger=challenger, **fields)
        return await ran(request, context, ComparisonReport)


def agent(version: str = "1") -> AgentRef:
    return AgentRef(agent_id="desk", version=version)


def dataset(scenarios: int = 6) -> Dataset:
    return Dataset.model_validate(
        {
            "name": "desk",
            "scenarios": [
                {
                    "scenario_id": f"order-{number}",
                    "topic": "delivery",
                    "persona": {"name": "customer", "description": "Short of time."},
                    "goal": f"Know when order {number} arrives.",
                    "opening": f"When does order {number} arrive?",
                    "expectations": [
                        {
                            "expectation_id": "says-when",
                            "kind": "must",
                            "text": "The agent says when the order arrives.",
                            "check": {"kind": "says", "pattern": "tomorrow"},
                        }
                    ],
                    "max_turns": 1,
                }
                for number in range(scenarios)
            ],
        }
    )


async def ran(request: StageRequest, context: Context, result: type[R]) -> R:
    found = await run_stage(request, context)
    assert isinstance(found, result)
    return found
