"""The Analyst as a language model."""

from assay.contracts.analytics import AnalystAnswer, AnalyticsReport
from assay.contracts.base import content_hash
from assay.evaluation.results_table import ResultsTable
from assay.models.chat import ChatModel
from assay.models.narration import Narrated, narrate_with
from assay.models.prompt import render
from assay.models.sql_chat import answer_with


class ModelAnalyst:
    def __init__(self, model: ChatModel, prompt: str) -> None:
        self.model = model
        self.prompt = prompt
        self.prompt_hash = content_hash(prompt)

    @property
    def name(self) -> str:
        return self.model.name

    async def narrate(self, report: AnalyticsReport) -> Narrated:
        calibration = "calibrated on human labels" if report.calibrated else "uncalibrated"
        clusters = "\n".join(f"- {cluster.name}: {cluster.description}" for cluster in report.clusters[:8])
        context = (
            f"Agent {report.agent}, dataset {report.dataset}.\nFailure clusters, largest first:\n{clusters or '- none'}"
        )
        return await narrate_with(self.model, render(self.prompt, calibration=calibration), report.facts, context)

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        return await answer_with(self.model, question, table)
