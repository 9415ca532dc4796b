"""MLflow, the store of everything: the only package that speaks to it. Functions are synchronous and thread-safe."""

from assay.tracking.artifacts import artifact_uri, list_artifacts, log_artifacts, read_bytes, read_json, read_text
from assay.tracking.connection import Tracking, connect
from assay.tracking.datasets import DatasetSummary, list_datasets, load_dataset, save_dataset
from assay.tracking.judgments import judged, read_judgments, write_judgments
from assay.tracking.projects import (
    ProjectSummary,
    ensure_project,
    list_projects,
    read_project_tags,
    set_project_tag,
)
from assay.tracking.registry import AgentSummary, agent_card, list_agents, load_pyfunc, register_agent, registered_name
from assay.tracking.results import RunSummary, find_result, list_results, load_result, run_started_at
from assay.tracking.runs import StageRun, evaluation_run, project_run, stage_run
from assay.tracking.spans import turn_span_id
from assay.tracking.traces import finished, read_conversations, write_conversations
from assay.tracking.transitions import production_version, stage_of, transition, transitions

__all__ = [
    "AgentSummary",
    "DatasetSummary",
    "ProjectSummary",
    "RunSummary",
    "StageRun",
    "Tracking",
    "agent_card",
    "artifact_uri",
    "connect",
    "ensure_project",
    "evaluation_run",
    "find_result",
    "finished",
    "judged",
    "list_agents",
    "list_artifacts",
    "list_datasets",
    "list_projects",
    "list_results",
    "load_dataset",
    "load_pyfunc",
    "load_result",
    "log_artifacts",
    "production_version",
    "project_run",
    "read_bytes",
    "read_conversations",
    "read_json",
    "read_judgments",
    "read_project_tags",
    "read_text",
    "register_agent",
    "registered_name",
    "run_started_at",
    "save_dataset",
    "set_project_tag",
    "stage_of",
    "stage_run",
    "transition",
    "transitions",
    "turn_span_id",
    "write_conversations",
    "write_judgments",
]
