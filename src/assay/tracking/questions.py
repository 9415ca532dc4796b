"""Questions to one platform agent: a run each, outside any stage, found again by what was asked."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, JsonValue

from assay.contracts.text import clean_model
from assay.tracking.artifacts import read_json, write_artifact
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.projects import ensure_project, find_project
from assay.tracking.results import search_runs
from assay.tracking.runs import StageRun, standard_tags

ANSWER = "answer.json"


@reports_outages
def find_answer(t: Tracking, project: str, agent: str, question_hash: str) -> dict[str, Any] | None:
    """What was answered to the same question before; None: it was not asked."""
    if (experiment_id := find_project(t, project)) is None:
        return None
    tags = {"stage": f"agent:{agent}", "config_hash": question_hash}
    found = search_runs(t, experiment_id, tags, status=("FINISHED",), limit=1)
    return read_json(t, found[0].info.run_id, ANSWER) if found else None


@reports_outages
def keep_answer(
    t: Tracking, project: str, agent: str, question_hash: str, answer: BaseModel, *, params: Mapping[str, JsonValue]
) -> str:
    """The answer in a run of its own; the run's id."""
    tags = standard_tags(project, f"agent:{agent}", question_hash, agent=None, dataset_version=None)
    run_id = t.client.create_run(
        ensure_project(t, project), tags={**tags, "gated": "false"}, run_name=agent
    ).info.run_id
    StageRun(t, run_id).log_params(params)
    write_artifact(t, run_id, ANSWER, clean_model(answer).model_dump_json(indent=2).encode())
    t.client.set_terminated(run_id, "FINISHED")
    return run_id
