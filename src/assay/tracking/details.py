"""One run or one conversation with all that stands beside it, as a page shows it."""

import json
from dataclasses import dataclass
from itertools import islice

from assay.contracts.api import RunFile, RunItem
from assay.contracts.conversation import Conversation
from assay.contracts.judgment import Judgment
from assay.errors import NotFound
from assay.tracking.artifacts import all_artifacts, get_run
from assay.tracking.assessments import GROUP
from assay.tracking.connection import Tracking, reports_outages, shown
from assay.tracking.judgments import PASSED, WHOLE
from assay.tracking.pages import STAGES, run_item
from assay.tracking.projects import project_or_not_found
from assay.tracking.spans import SIMULATION_TAG
from assay.tracking.trace_ids import traces_of
from assay.tracking.traces import StoredConversation, load_conversations

MOST_FILES = 2000


@dataclass(frozen=True, slots=True)
class WholeRun:
    experiment_id: str
    run: RunItem
    params: dict[str, str]
    tags: dict[str, str]
    files: tuple[RunFile, ...]


@dataclass(frozen=True, slots=True)
class WholeConversation:
    experiment_id: str
    trace_id: str
    conversation: Conversation
    simulation_id: str
    dataset_version: str | None
    judgments: tuple[tuple[str, Judgment], ...]
    """(judging, what it said), the first judging first."""


@reports_outages
def whole_run(t: Tracking, project: str, run_id: str) -> WholeRun:
    """Raises NotFound for a run that is not there, is of another project or is of no stage."""
    experiment_id = project_or_not_found(t, project)
    run = get_run(t, run_id)
    tags = run.data.tags
    if run.info.experiment_id != experiment_id or tags.get("stage") not in STAGES:
        raise NotFound(f"run {run_id} is no stage's run of project {project}")
    info = run.info
    item = run_item(run_id, info.run_name, info.status, info.start_time, info.end_time, tags, dict(run.data.metrics))
    files = tuple(RunFile(path=path, bytes=size) for path, size in islice(all_artifacts(t, run_id), MOST_FILES))
    return WholeRun(experiment_id, item, dict(run.data.params), dict(tags), files)


def is_of_project(t: Tracking, project: str, run_id: str) -> bool:
    return get_run(t, run_id).info.experiment_id == project_or_not_found(t, project)


@reports_outages
def whole_conversation(t: Tracking, project: str, conversation_id: str) -> WholeConversation:
    """Raises NotFound."""
    experiment_id = project_or_not_found(t, project)
    traces = traces_of(t, experiment_id, [conversation_id]).get(conversation_id)
    found = load_conversations(t, project, [StoredConversation(conversation_id, traces[0])]) if traces else []
    if not traces or not found:
        raise NotFound(
            f"conversation {conversation_id} is not in project {project}",
            local=f"conversation {conversation_id} is not in project {project} of {shown(t.uri)}",
        )
    info = t.store.batch_get_trace_infos([traces[0]])[0]
    judgments = {}
    for row in sorted(info.assessments, key=lambda row: row.create_time_ms or 0):
        told = row.metadata or {}
        if row.name == PASSED and WHOLE in told:
            judgments[told[GROUP]] = Judgment.model_validate(json.loads(told[WHOLE]))
    return WholeConversation(
        experiment_id=experiment_id,
        trace_id=traces[0],
        conversation=found[0],
        simulation_id=info.tags.get(SIMULATION_TAG, ""),
        dataset_version=info.tags.get("dataset_version"),
        judgments=tuple(judgments.items()),
    )
