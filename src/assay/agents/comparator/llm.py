"""The Comparator as a language model."""

from assay.contracts.analytics import AnalystAnswer
from assay.contracts.base import content_hash
from assay.contracts.comparison import ComparisonReport
from assay.evaluation.results_table import ResultsTable
from assay.models.chat import ChatModel
from assay.models.narration import Narrated, narrate_with
from assay.models.prompt import render
from assay.models.sql_chat import answer_with

FLIPS_SHOWN = 12


class ModelComparator:
    def __init__(self, model: ChatModel, prompt: str) -> None:
        self.model = model
        self.prompt = prompt
        self.prompt_hash = content_hash(prompt)

    @property
    def name(self) -> str:
        return self.model.name

    async def narrate(self, report: ComparisonReport) -> Narrated:
        flips = "\n".join(
            f"- {flip.direction} `{flip.scenario_id}`: {flip.reason}" for flip in report.flips[:FLIPS_SHOWN]
        )
        steps = "\n".join(f"- {step}" for step in report.next_steps)
        context = (
            f"Champion {report.champion}, challenger {report.challenger}, dataset {report.dataset}.\n"
            f"Flips:\n{flips or '- none'}\nNext steps:\n{steps}"
        )
        system = render(self.prompt, recommendation=report.recommendation.value, reason=report.reason)
        return await narrate_with(self.model, system, report.facts, context)

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        return await answer_with(self.model, question, table)
