"""The Comparator as a language model."""

from collections.abc import Mapping

from assay.agents.comparator.contradictions import against_verdict
from assay.contracts.analytics import AnalystAnswer
from assay.contracts.base import content_hash
from assay.contracts.comparison import ComparisonReport
from assay.evaluation.results_table import ResultsTable
from assay.models.chat import ChatModel
from assay.models.narration import Narrated, narrate_with
from assay.models.prompt import render
from assay.models.sql_chat import Steps, answer_with, steps_with

FLIPS_SHOWN = 12


class ModelComparator:
    def __init__(self, model: ChatModel, prompts: Mapping[str, str]) -> None:
        self.model = model
        self.prompts = prompts
        self.prompt_hash = content_hash(list(prompts.values()))

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
        names = {flip.scenario_id for flip in report.flips} | {difference.value for difference in report.slices}
        system = render(self.prompts[""], recommendation=report.recommendation.value, reason=report.reason)
        return await narrate_with(
            self.model,
            system,
            report.facts,
            context,
            names=names,
            refuse=lambda text: against_verdict(
                text, report.recommendation, str(report.champion), str(report.challenger)
            ),
        )

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        return await answer_with(self.model, self.prompts["chat"], question, table)

    def steps(self, question: str, table: ResultsTable) -> Steps:
        return steps_with(self.model, self.prompts["chat"], question, table)
