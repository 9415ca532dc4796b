"""The eight stages: a request in, a result out, one file each. CLI, scripts, pipeline and API loop over `STAGES`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from assay.contracts.agent import AgentVersion, DevelopRequest
from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest
from assay.contracts.comparison import CompareRequest, ComparisonReport
from assay.contracts.conversation import SimulateRequest, Simulation
from assay.contracts.dataset import DatasetRequest, DatasetResult
from assay.contracts.feedback import FeedbackRequest, ProductionReport
from assay.contracts.judgment import JudgeRequest, Judging
from assay.contracts.rollout import DeployRequest, Rollout
from assay.contracts.stage import Stage, StageRequest, StageResult

if TYPE_CHECKING:
    from assay.stages.context import Context


@dataclass(frozen=True, slots=True)
class StageEntry:
    """A stage's contracts; its function is imported when it is called."""

    stage: Stage
    request: type[StageRequest]
    result: type[StageResult]

    async def run(self, request: StageRequest, context: "Context") -> Any:
        function: Callable[[Any, Context], Awaitable[Any]] = getattr(
            import_module(f"assay.stages.{self.stage}"), self.stage
        )
        return await function(request, context)


STAGES = {
    entry.stage: entry
    for entry in (
        StageEntry(Stage.DEVELOP, DevelopRequest, AgentVersion),
        StageEntry(Stage.DATASET, DatasetRequest, DatasetResult),
        StageEntry(Stage.SIMULATE, SimulateRequest, Simulation),
        StageEntry(Stage.JUDGE, JudgeRequest, Judging),
        StageEntry(Stage.ANALYZE, AnalyzeRequest, AnalyticsReport),
        StageEntry(Stage.COMPARE, CompareRequest, ComparisonReport),
        StageEntry(Stage.DEPLOY, DeployRequest, Rollout),
        StageEntry(Stage.FEEDBACK, FeedbackRequest, ProductionReport),
    )
}
