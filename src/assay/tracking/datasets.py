"""Datasets: each version is an MLflow evaluation dataset, with the whole of it as artifacts of its run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.contracts.dataset import Dataset, DatasetReport, Expectation, Origin, Scenario
from assay.contracts.stage import DatasetRef
from assay.contracts.text import clean_model
from assay.errors import NotFound
from assay.tracking.artifacts import read_json
from assay.tracking.connection import Tracking, reports_outages, shown
from assay.tracking.dataset_links import add_to_experiment, find_dataset, note_dataset
from assay.tracking.peek import Store, peeks
from assay.tracking.projects import ensure_project, find_project, project_or_not_found
from assay.tracking.runs import StageRun

if TYPE_CHECKING:
    from mlflow.entities import EvaluationDataset

FOLDER = "dataset"
RUN_TAG = "assay.run_id."
"""Followed by the experiment's id: the run that keeps the artifacts in that project."""


@dataclass(frozen=True)
class DatasetSummary:
    ref: DatasetRef
    scenarios: int
    saved_at: datetime
    run_id: str | None
    """None: the run is of another project."""


@reports_outages
def save_dataset(t: Tracking, project: str, dataset: Dataset, report: DatasetReport, run: StageRun) -> None:
    """Keeps the dataset and its report as artifacts and, under `name@version`, as an evaluation dataset.

    A version that is there already is linked to the project, its content being the same by its name.
    """
    experiment_id = ensure_project(t, project)
    dataset = clean_model(dataset)
    run.log_json(f"{FOLDER}/dataset.json", dataset)
    run.log_text(f"{FOLDER}/scenarios.jsonl", "".join(f"{row.model_dump_json()}\n" for row in dataset.scenarios))
    run.log_json(f"{FOLDER}/report.json", report)
    tags = {
        "name": dataset.name,
        "version": dataset.version,
        "description": dataset.description[:5000],
        "scenarios": str(len(dataset.scenarios)),
        "project_id": project,
    }
    records = [_record(scenario) for scenario in dataset.scenarios]
    with t.lock, t.exclusive("datasets"):
        if (found := find_dataset(t, dataset.ref)) is None:
            found = t.client.create_dataset(str(dataset.ref), experiment_id=experiment_id, tags=tags)
        elif experiment_id not in found.experiment_ids:
            add_to_experiment(t, found.dataset_id, experiment_id)
        # The store merges by input, so a second time changes nothing.
        t.store.upsert_dataset_records(dataset_id=found.dataset_id, records=records)
        # Written last: it says that all the rest is there.
        t.client.set_dataset_tags(found.dataset_id, {RUN_TAG + experiment_id: run.run_id})
    note_dataset(t, run.run_id, dataset.ref)


def _peek_dataset(store: Store, project: str, ref: DatasetRef) -> Dataset:
    return Dataset.model_validate(store.artifact(store.dataset_run(project, str(ref)), f"{FOLDER}/dataset.json"))


@peeks(_peek_dataset)
@reports_outages
def load_dataset(t: Tracking, project: str, ref: DatasetRef) -> Dataset:
    """Raises NotFound with the versions that are there."""
    experiment_id = project_or_not_found(t, project)
    found = find_dataset(t, ref)
    run_id = (found.tags or {}).get(RUN_TAG + experiment_id) if found else None
    if run_id is None:
        there = ", ".join(str(known.ref) for known in list_datasets(t, project)) or "none yet"
        raise NotFound(
            f"dataset {ref} is not in project {project}: there is {there}",
            local=f"dataset {ref} is not in project {project} of {shown(t.uri)}: there is {there}",
        )
    return Dataset.model_validate(read_json(t, run_id, f"{FOLDER}/dataset.json"))


def _peek_datasets(store: Store, project: str) -> list[DatasetSummary]:
    experiment_id = store.experiment(project)
    return [_summary(created, tags, experiment_id) for created, tags in store.datasets(project)]


@peeks(_peek_datasets)
@reports_outages
def list_datasets(t: Tracking, project: str) -> list[DatasetSummary]:
    """Saved versions, the newest first."""
    if (experiment_id := find_project(t, project)) is None:
        return []
    found: list[EvaluationDataset] = []
    token = None
    while True:
        # Not by the experiment, see add_to_experiment; MLflow's filter reads no tag with a number in its name.
        page = t.client.search_datasets(order_by=["created_time DESC"], page_token=token)
        found += page
        if not (token := page.token):
            break
    return [
        _summary(dataset.created_time, tags, experiment_id)
        for dataset in found
        if RUN_TAG + experiment_id in (tags := dataset.tags or {})
    ]


def _summary(created_ms: int, tags: Mapping[str, str], experiment_id: str) -> DatasetSummary:
    return DatasetSummary(
        ref=DatasetRef(name=tags["name"], version=tags["version"]),
        scenarios=int(tags.get("scenarios", 0)),
        saved_at=datetime.fromtimestamp(created_ms / 1000, tz=UTC),
        run_id=tags[RUN_TAG + experiment_id],
    )


def _record(scenario: Scenario) -> dict[str, Any]:
    """Goal, persona and context: the fields by which MLflow knows a conversation's record."""
    context = scenario.model_dump(mode="json", include={"scenario_id", "topic", "difficulty", "opening", "facts"})
    context["language"] = scenario.persona.language
    return {
        "inputs": {
            "goal": scenario.goal,
            "persona": f"{scenario.persona.name}: {scenario.persona.description}",
            "context": context,
        },
        "expectations": {row.expectation_id: _expected(row) for row in scenario.expectations},
        "tags": {
            "scenario_id": scenario.scenario_id,
            "topic": scenario.topic,
            "difficulty": scenario.difficulty.value,
            "persona": scenario.persona.name,
            "origin": scenario.origin.value,
        },
        "source": _source(scenario),
    }


def _expected(expectation: Expectation) -> str:
    return f"{'must' if expectation.kind == 'must' else 'must not'}: {expectation.text}"


def _source(scenario: Scenario) -> dict[str, Any]:
    match scenario.origin:
        case Origin.WRITTEN:
            kind, data = "HUMAN", {}
        case Origin.DRAFTED:
            kind, data = "CODE", {}
        case Origin.IMPORTED:
            kind, data = "DOCUMENT", {"doc_uri": scenario.origin_ref or "unknown"}
        case Origin.FEEDBACK:
            kind, data = "HUMAN", {"source_id": scenario.origin_ref or "unknown"}
    return {"source_type": kind, "source_data": data}
