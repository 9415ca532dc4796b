"""Runs: one for each stage, under one for each evaluation, with the tags that every run of Assay has."""

import asyncio
import functools
import json
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, JsonValue

from assay.contracts.base import content_hash
from assay.contracts.stage import AgentRef, DatasetRef, Stage, StageResult
from assay.contracts.text import clean, clean_json, clean_model
from assay.errors import CallError
from assay.tracking.artifacts import write_artifact, write_lines
from assay.tracking.connection import Tracking, our_error, reports_outages, without_secrets
from assay.tracking.dataset_links import note_dataset
from assay.tracking.projects import assay_version, ensure_project
from assay.tracking.results import PARENT, RESULT, search_runs

EVALUATION = "evaluation"
BY = "by"
"""The tag that names who ran it; several people, who completed each other's run, on a line each."""
UNFINISHED = ("RUNNING", "SCHEDULED", "FAILED", "KILLED")
_TAG_LIMIT = 5000
_PARAM_LIMIT = 6000


class StageRun:
    """The MLflow run of one stage while it works. Methods may be called from any thread."""

    def __init__(self, t: Tracking, run_id: str, *, had_result: bool = False) -> None:
        self.t = t
        self.run_id = run_id
        self.finished = False
        self.had_result = had_result
        """It was finished before and is being completed; its result stays readable meanwhile."""

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        rows = [Metric(_key(name), float(value), now, 0) for name, value in metrics.items()]
        for start in range(0, len(rows), 1000):
            _guarded(self.t, self.t.client.log_batch, self.run_id, metrics=rows[start : start + 1000])

    def log_params(self, params: Mapping[str, JsonValue]) -> None:
        """What is no text is written as JSON. A param that the run has already is left as it is."""
        from mlflow.entities import Param

        known = _guarded(self.t, self.t.client.get_run, self.run_id).data.params
        rows = [Param(name, value) for name, value in flat_params(params).items() if name not in known]
        for start in range(0, len(rows), 100):
            _guarded(self.t, self.t.client.log_batch, self.run_id, params=rows[start : start + 100])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        rows = [RunTag(_key(name), clean(str(value))[:_TAG_LIMIT]) for name, value in tags.items()]
        _guarded(self.t, self.t.client.log_batch, self.run_id, tags=rows)

    def log_json(self, path: str, content: BaseModel | JsonValue) -> None:
        self.log_text(path, _json(content))

    def log_text(self, path: str, text: str) -> None:
        self.log_bytes(path, clean(text).encode())

    def log_lines(self, path: str, lines: Iterable[str]) -> None:
        """One line each, written as they come."""
        write_lines(self.t, self.run_id, path, map(clean, lines))

    def log_bytes(self, path: str, content: bytes) -> None:
        write_artifact(self.t, self.run_id, path, content)

    def finish(self, result: StageResult, parents: Iterable[str] = ()) -> None:
        """Keeps the result, so that the same request finds it, and ends the run.

        `parents`: the ids of the results that it was made from; `list_results` finds it by them.
        """
        self.log_json(RESULT, result)
        tags = dict.fromkeys(parents, PARENT)
        self.set_tags({**tags, "subject_id": result.subject_id, "offline": _text(result.offline)})
        _guarded(self.t, self.t.client.set_terminated, self.run_id, "FINISHED")
        self.finished = True


@reports_outages
def tag_run(t: Tracking, run_id: str, name: str, value: str) -> None:
    t.client.set_tag(run_id, _key(name), clean(value)[:_TAG_LIMIT])


@reports_outages
def run_people(t: Tracking, run_id: str) -> list[str]:
    """Who ran it; empty where it was run by a version of Assay that did not note it."""
    return [name for name in t.client.get_run(run_id).data.tags.get(BY, "").split("\n") if name]


@reports_outages
def evaluation_run(t: Tracking, project: str, agent: AgentRef, dataset_version: str | None) -> str:
    """The parent run of an agent version's evaluation on a dataset version: found, or made."""
    experiment_id = ensure_project(t, project)
    config_hash = content_hash([EVALUATION, project, str(agent), dataset_version])
    with t.lock, t.exclusive("runs"):
        if found := search_runs(t, experiment_id, {"stage": EVALUATION, "config_hash": config_hash}, limit=1):
            return found[0].info.run_id
        tags = standard_tags(project, EVALUATION, config_hash, agent=agent, dataset_version=dataset_version)
        name = f"{agent} on {dataset_version[:8]}" if dataset_version else f"{agent}"
        run_id = t.client.create_run(experiment_id, tags=tags, run_name=name).info.run_id
        # A frame around its children, which have times and states of their own.
        t.client.set_terminated(run_id, "FINISHED")
        return run_id


def find_project_run(t: Tracking, project: str, name: str) -> str | None:
    """The long-lived run of this name; None: there is none yet."""
    # The oldest, should two processes have made one each at the same time.
    found = search_runs(t, ensure_project(t, project), {"stage": name}, limit=50)
    return found[-1].info.run_id if found else None


@reports_outages
def project_run(t: Tracking, project: str, name: str) -> str:
    """A long-lived run of the project, of no one stage, such as its ledger: found, or made."""
    if run_id := find_project_run(t, project, name):
        return run_id
    with t.lock, t.exclusive("runs"):
        if run_id := find_project_run(t, project, name):
            return run_id
        tags = standard_tags(project, name, content_hash([name, project]), agent=None, dataset_version=None)
        run_id = t.client.create_run(ensure_project(t, project), tags=tags, run_name=name).info.run_id
        t.client.set_terminated(run_id, "FINISHED")
        return run_id


@reports_outages
def begin_run(
    t: Tracking,
    project: str,
    stage: Stage,
    *,
    request_hash: str,
    parent_run_id: str | None = None,
    agent: AgentRef | None = None,
    dataset: DatasetRef | None = None,
    gated: bool,
    params: Mapping[str, JsonValue] | None = None,
    tags: Mapping[str, str] | None = None,
) -> StageRun:
    """The run of a stage, left open: `stage_run` of the same request takes it up and ends it."""
    standard = standard_tags(
        project, stage.value, request_hash, agent=agent, dataset_version=dataset.version if dataset else None
    )
    standard["gated"] = _text(gated)
    if dataset:
        standard["dataset"] = str(dataset)
    if stage is Stage.JUDGE:
        standard["mlflow.runType"] = "genai_evaluate"
    if parent_run_id:
        standard["mlflow.parentRunId"] = parent_run_id
    standard |= {_key(name): clean(str(value))[:_TAG_LIMIT] for name, value in (tags or {}).items()}
    experiment_id = ensure_project(t, project)
    with t.lock:
        with t.exclusive("runs"):
            run = _resume_or_create(t, experiment_id, stage, request_hash, standard, agent)
        if dataset:
            note_dataset(t, run.run_id, dataset)
        if agent and stage in OF_A_MODEL:
            _link_model(t, project, agent, run.run_id)
    if params:
        run.log_params(params)
    return run


OF_A_MODEL = (Stage.SIMULATE, Stage.JUDGE)
"""Stages whose runs MLflow's pages list with the agent version's logged model."""


def _link_model(t: Tracking, project: str, agent: AgentRef, run_id: str) -> None:
    from mlflow.entities import LoggedModelInput

    from assay.tracking.registry import logged_model

    if (model_id := logged_model(t, project, agent)) is not None:
        t.client.log_inputs(run_id, models=[LoggedModelInput(model_id)])


@contextmanager
def stage_run(
    t: Tracking,
    project: str,
    stage: Stage,
    *,
    request_hash: str,
    parent_run_id: str | None = None,
    agent: AgentRef | None = None,
    dataset: DatasetRef | None = None,
    gated: bool,
    params: Mapping[str, JsonValue] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[StageRun]:
    """The run of a stage. One of the same request is taken up again, under its own id.

    One that has a result already is being completed: it stays FINISHED, and its result readable, until `finish`
    writes the new one. Otherwise leaving it without `finish` or with an exception ends it as FAILED, a cancelled one
    as KILLED. Either way tags `error_cause` and `error_message` say why.
    """
    run = begin_run(
        t,
        project,
        stage,
        request_hash=request_hash,
        parent_run_id=parent_run_id,
        agent=agent,
        dataset=dataset,
        gated=gated,
        params=params,
        tags=tags,
    )
    try:
        yield run
    except (asyncio.CancelledError, KeyboardInterrupt):
        _end(run, "KILLED", "cancelled", "stopped before it ended; the same request takes it up again")
        raise
    except BaseException as error:
        cause = error.failed.cause.value if isinstance(error, CallError) else type(error).__name__
        _end(run, "FAILED", cause, without_secrets(str(error)))
        raise
    if not run.finished and not run.had_result:
        _end(run, "FAILED", "no_result", "the stage ended without a result")


@functools.lru_cache(maxsize=16)
def git_sha(folder: str) -> str:
    """The revision that is checked out in the folder; `unknown` where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git the user has
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _resume_or_create(
    t: Tracking, experiment_id: str, stage: Stage, request_hash: str, tags: dict[str, str], agent: AgentRef | None
) -> StageRun:
    from mlflow.entities import RunTag

    same = {"stage": stage.value, "config_hash": request_hash}
    finished = search_runs(t, experiment_id, same, status=("FINISHED",), limit=1)
    if found := finished or search_runs(t, experiment_id, same, status=UNFINISHED, limit=1):
        run_id, known = found[0].info.run_id, found[0].data.tags
        if not finished:
            t.client.update_run(run_id, status="RUNNING")
        for name in ("error_cause", "error_message"):
            if name in known:
                t.client.delete_tag(run_id, name)
        people = dict.fromkeys([*known.get(BY, "").split("\n"), tags.get(BY, "")])
        tags = {**tags, BY: "\n".join(filter(None, people))}
        if finished:
            del tags["subject_id"]  # it has one
        t.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
        return StageRun(t, run_id, had_result=bool(finished))
    name = f"{stage.value} {agent}" if agent else stage.value
    return StageRun(t, t.client.create_run(experiment_id, tags=tags, run_name=name).info.run_id)


def _end(run: StageRun, status: Literal["FAILED", "KILLED"], cause: str, message: str) -> None:
    """The stage's own error is what the caller must see, so one of MLflow on top of it is left unsaid."""
    from mlflow.exceptions import MlflowException

    try:
        run.t.client.set_tag(run.run_id, "error_cause", cause)
        run.t.client.set_tag(run.run_id, "error_message", clean(message)[:1000])
        if not run.had_result:
            run.t.client.set_terminated(run.run_id, status)
    except (MlflowException, OSError):
        return


def standard_tags(
    project: str, stage: str, config_hash: str, *, agent: AgentRef | None, dataset_version: str | None
) -> dict[str, str]:
    sha = git_sha(str(Path.cwd()))
    tags = {
        "project_id": project,
        "agent_id": agent.agent_id if agent else "",
        "agent_version": agent.version if agent else "",
        "dataset_version": dataset_version or "",
        "stage": stage,
        "git_sha": sha,
        "config_hash": config_hash,
        "assay_version": assay_version(),
        "gated": "",
        "subject_id": "",
        "mlflow.user": _user(),
        "mlflow.source.name": f"assay {stage}",
        "mlflow.source.type": "LOCAL",
    }
    if sha != "unknown":
        tags["mlflow.source.git.commit"] = sha
    return tags


def _guarded(t: Tracking, call: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return call(*args, **kwargs)
    except Exception as error:
        if (ours := our_error(t, error)) is None:
            raise
        raise ours from error


def flat_params(params: Mapping[str, JsonValue]) -> dict[str, str]:
    return {
        _key(name): clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:_PARAM_LIMIT]
        for name, value in params.items()
    }


def _key(name: str) -> str:
    """MLflow takes letters, digits and a few signs in the name of a param, metric or tag."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]


def _json(content: BaseModel | JsonValue) -> str:
    if isinstance(content, BaseModel):
        return clean_model(content).model_dump_json(indent=2)
    return json.dumps(clean_json(content), indent=2, ensure_ascii=False, allow_nan=False)


def _text(flag: bool) -> str:
    return "true" if flag else "false"


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):
        return "unknown"
