"""MLflow, the store of everything: the only package that speaks to it. Functions are synchronous and thread-safe."""

from assay.tracking.connection import Tracking, connect
from assay.tracking.projects import (
    ProjectSummary,
    ensure_project,
    list_projects,
    read_project_tags,
    set_project_tag,
)
from assay.tracking.runs import (
    RunSummary,
    StageRun,
    artifact_uri,
    evaluation_run,
    find_result,
    list_artifacts,
    list_results,
    load_result,
    read_bytes,
    read_json,
    read_text,
    stage_run,
)
from assay.tracking.spans import turn_span_id
from assay.tracking.traces import finished, read_conversations, write_conversations

__all__ = [
    "ProjectSummary",
    "RunSummary",
    "StageRun",
    "Tracking",
    "artifact_uri",
    "connect",
    "ensure_project",
    "evaluation_run",
    "find_result",
    "finished",
    "list_artifacts",
    "list_projects",
    "list_results",
    "load_result",
    "read_bytes",
    "read_conversations",
    "read_json",
    "read_project_tags",
    "read_text",
    "set_project_tag",
    "stage_run",
    "turn_span_id",
    "write_conversations",
]
