"""The contracts that stand on their own, by name, and the JSON Schemas that are published of them.

Those of the stages, which are published too, are `assay.stages.contracts`.
"""

import json

from assay.contracts.agent import AgentCard, ProbeReport
from assay.contracts.agents_report import AgentsReport, AgentsReportRequest
from assay.contracts.analytics import AnalystAnswer, AnalystQuestion
from assay.contracts.api import Chat, ProjectPolicy
from assay.contracts.base import Contract
from assay.contracts.calibration import CertifyRequest, JudgeCertificate
from assay.contracts.complaint import Complaints
from assay.contracts.conversation import Conversation
from assay.contracts.dataset import Dataset, DatasetReport, Scenario
from assay.contracts.drift import DriftReport
from assay.contracts.evaluation import CostEstimate, EvaluateRequest, Evaluation
from assay.contracts.feedback import Feedback
from assay.contracts.gate import GateDecision, LedgerCheck
from assay.contracts.job import Job, JobRequest
from assay.contracts.judge_audit import JudgeAgreement, JudgeAudit
from assay.contracts.judgment import Judgment
from assay.contracts.labels import LabelAgreement, LabelDraw, LabelsTaken, LabelTask
from assay.contracts.pipeline import PipelineRequest, PipelineResult
from assay.contracts.plan import Plan, PlanRequest
from assay.contracts.platform_agents import (
    ComparatorQuestion,
    Drafted,
    DraftRequest,
    FeedbackQuestion,
    Moved,
    MoveRequest,
    RuleRequest,
)
from assay.contracts.probes import JudgeProbeReport, JudgeProbeRequest
from assay.contracts.report import Report
from assay.contracts.schedule import Schedules
from assay.contracts.traffic import RolloutEvaluation, RolloutLooks, RolloutStart, Traffic

DOCUMENTS: dict[str, type[Contract]] = {
    contract.__name__: contract
    for contract in (
        AgentCard,
        ProbeReport,
        Scenario,
        Dataset,
        DatasetReport,
        Conversation,
        Judgment,
        JudgeAudit,
        JudgeAgreement,
        LabelTask,
        LabelDraw,
        LabelsTaken,
        LabelAgreement,
        CertifyRequest,
        JudgeCertificate,
        JudgeProbeRequest,
        JudgeProbeReport,
        PlanRequest,
        Plan,
        EvaluateRequest,
        Evaluation,
        CostEstimate,
        AnalystQuestion,
        AnalystAnswer,
        RolloutStart,
        Traffic,
        RolloutEvaluation,
        RolloutLooks,
        Schedules,
        Feedback,
        Complaints,
        DriftReport,
        GateDecision,
        LedgerCheck,
        PipelineRequest,
        PipelineResult,
        JobRequest,
        Job,
        AgentsReport,
        AgentsReportRequest,
        Chat,
        ProjectPolicy,
        Report,
        DraftRequest,
        Drafted,
        MoveRequest,
        Moved,
        RuleRequest,
        ComparatorQuestion,
        FeedbackQuestion,
    )
}


def schema_text(contract: type[Contract]) -> str:
    """The JSON Schema of a contract, as its file in `schemas/` holds it."""
    return json.dumps(contract.model_json_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
