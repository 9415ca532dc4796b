from typing import Any

import pytest

from assay.contracts.dataset import Dataset, DatasetReport
from assay.contracts.stage import DatasetRef, Stage, StageResult
from assay.errors import NotFound
from assay.tracking import Tracking, list_datasets, load_dataset, read_json, read_text, save_dataset, stage_run


def report_on(dataset: Dataset) -> DatasetReport:
    return DatasetReport(
        dataset=dataset.ref,
        scenarios=len(dataset.scenarios),
        expectations=2 * len(dataset.scenarios),
        checked_by_code=0.5,
        coverage=(),
        findings=(),
        score=1.0,
        threshold=0.8,
        passed=True,
        detectable_difference=None,
    )


def save(t: Tracking, dataset: Dataset, project: str = "shop", request_hash: str = "ab" * 32) -> str:
    with stage_run(t, project, Stage.DATASET, request_hash=request_hash, gated=False) as run:
        save_dataset(t, project, dataset, report_on(dataset), run)
        subject = f"dataset-{dataset.version}"
        run.finish(StageResult(project=project, gated=False, stage=Stage.DATASET, subject_id=subject))
    return run.run_id


def test_a_dataset_comes_back_whole(t: Tracking, dataset: Dataset) -> None:
    run_id = save(t, dataset)
    assert load_dataset(t, "shop", dataset.ref) == dataset
    assert read_json(t, run_id, "dataset/report.json")["passed"] is True
    assert len(read_text(t, run_id, "dataset/scenarios.jsonl").splitlines()) == 12


def test_mlflow_sees_an_evaluation_dataset_of_conversations(t: Tracking, dataset: Dataset) -> None:
    run_id = save(t, dataset)
    found = t.client.search_datasets([t.projects["shop"]])[0]
    assert found.name == str(dataset.ref)
    frame = found.to_df()
    assert len(frame) == 12
    assert set(frame["inputs"][0]) == {"goal", "persona", "context"}
    assert frame["expectations"][0] == {
        "refunds": "must: Refunds order 17.",
        "no-promise": "must not: Promises a date.",
    }
    used = t.client.get_run(run_id).inputs.dataset_inputs[0].dataset
    assert (used.name, used.digest, used.source_type) == ("shop", dataset.version, "mlflow_evaluation_dataset")


def test_a_run_on_a_dataset_names_it_among_its_inputs(t: Tracking, dataset: Dataset) -> None:
    save(t, dataset)
    for _ in range(2):
        with stage_run(t, "shop", Stage.JUDGE, request_hash="ef" * 32, gated=False, dataset=dataset.ref) as run:
            pass
    (used,) = t.client.get_run(run.run_id).inputs.dataset_inputs
    assert used.dataset.digest == dataset.version


def test_saving_twice_changes_nothing(t: Tracking, dataset: Dataset) -> None:
    save(t, dataset)
    save(t, dataset)
    assert [known.ref for known in list_datasets(t, "shop")] == [dataset.ref]
    assert len(t.client.search_datasets([t.projects["shop"]])[0].to_df()) == 12


def test_versions_stand_beside_each_other(t: Tracking, dataset: Dataset) -> None:
    smaller: Any = dataset.replace(scenarios=dataset.scenarios[:5])
    save(t, dataset)
    save(t, smaller, request_hash="cd" * 32)
    assert [(known.ref, known.scenarios) for known in list_datasets(t, "shop")] == [
        (smaller.ref, 5),
        (dataset.ref, 12),
    ]
    assert load_dataset(t, "shop", smaller.ref) == smaller


def test_two_projects_share_a_version(t: Tracking, dataset: Dataset) -> None:
    save(t, dataset)
    save(t, dataset, "other")
    assert load_dataset(t, "other", dataset.ref) == load_dataset(t, "shop", dataset.ref)
    assert len(t.client.search_datasets()) == 1


def test_an_unknown_version_is_told_which_there_are(t: Tracking, dataset: Dataset) -> None:
    save(t, dataset)
    with pytest.raises(NotFound, match=f"dataset shop@0000 is not in project shop of .*: there is {dataset.ref}"):
        load_dataset(t, "shop", DatasetRef(name="shop", version="0000"))
    with pytest.raises(NotFound, match="project nowhere is not in"):
        load_dataset(t, "nowhere", dataset.ref)
    assert list_datasets(t, "nowhere") == []
