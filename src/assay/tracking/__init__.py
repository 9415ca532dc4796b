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
