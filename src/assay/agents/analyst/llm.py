"""The Analyst as a language model."""

from collections.abc import Mapping

from assay.contracts.analytics import AnalystAnswer, AnalyticsReport
from assay.contracts.base import content_hash
from assay.evaluation.results_table import ResultsTable
from assay.evaluation.weak_slices import weak_slices
from assay.models.chat import ChatModel
from assay.models.narration import Narrated, narrate_with
from assay.models.prompt import render
from assay.models.sql_chat import Steps, answer_with, steps_with

CLUSTERS_SHOWN = 8


class ModelAnalyst:
    def __init__(self, model: ChatModel, prompts: Mapping[str, str]) -> None:
        self.model = model
        self.prompts = prompts
        self.prompt_hash = content_hash(list(prompts.values()))

    @property
    def name(self) -> str:
        return self.model.name

    async def narrate(self, report: AnalyticsReport) -> Narrated:
        corrected = " Speak of {corrected_pass_rate} first." if report.corrected_pass_rate is not None else ""
        calibration = f"{report.judge.state.replace('_', ' ')}: {report.judge.words}{corrected}"
        clusters = "\n".join(
            f"- `{cluster.name}`: {cluster.description}" for cluster in report.clusters[:CLUSTERS_SHOWN]
        )
        weak = ", ".join(f"{rate.dimension} `{rate.value}`" for rate in weak_slices(report.slices, report.pass_rate))
        context = "\n".join(
            (
                f"Agent {report.agent}, dataset {report.dataset}.",
                f"Weak slices, by a test that corrects for looking at many: {weak or 'none'}.",
                f"Failure clusters, largest first:\n{clusters or '- none'}",
            )
        )
        names = {cluster.name for cluster in report.clusters} | {rate.value for rate in report.slices}
        system = render(self.prompts[""], calibration=calibration)
        return await narrate_with(self.model, system, report.facts, context, names=names)

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        return await answer_with(self.model, self.prompts["chat"], question, table)

    def steps(self, question: str, table: ResultsTable) -> Steps:
        return steps_with(self.model, self.prompts["chat"], question, table)
