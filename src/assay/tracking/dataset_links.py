"""Which evaluation dataset of MLflow a dataset version is, and the runs that used it."""

import json
from typing import TYPE_CHECKING

from assay.contracts.stage import DatasetRef
from assay.tracking.connection import Tracking, quoted

if TYPE_CHECKING:
    from mlflow.entities import EvaluationDataset


def find_dataset(t: Tracking, ref: DatasetRef) -> "EvaluationDataset | None":
    """None: no project has saved this version."""
    found = t.client.search_datasets(filter_string=f"name = {quoted(str(ref))}", max_results=1)
    return found[0] if found else None


def note_dataset(t: Tracking, run_id: str, ref: DatasetRef) -> None:
    """Names the dataset among the run's inputs, where MLflow's pages look for it."""
    from mlflow.entities import Dataset as RunDataset
    from mlflow.entities import DatasetInput, InputTag

    if (found := find_dataset(t, ref)) is None:
        return
    source = json.dumps({"dataset_id": found.dataset_id})
    used = RunDataset(ref.name, ref.version, "mlflow_evaluation_dataset", source)
    t.client.log_inputs(run_id, [DatasetInput(used, [InputTag("mlflow.data.context", "eval")])])
