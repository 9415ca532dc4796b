"""Which evaluation dataset of MLflow a dataset version is, and the runs that used it."""

import json
import uuid
from typing import TYPE_CHECKING

from assay.contracts.stage import DatasetRef
from assay.tracking.connection import Tracking, quoted

if TYPE_CHECKING:
    from mlflow.entities import EvaluationDataset
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore


def find_dataset(t: Tracking, ref: DatasetRef) -> "EvaluationDataset | None":
    """None: no project has saved this version."""
    found = t.client.search_datasets(filter_string=f"name = {quoted(str(ref))}", max_results=1)
    return found[0] if found else None


def add_to_experiment(t: Tracking, dataset_id: str, experiment_id: str) -> None:
    """Lists the dataset among the experiment's, in MLflow's pages too.

    MLflow 3.17 compares the experiment's number with text, which psycopg 3 refuses. On PostgreSQL the row is therefore
    written here; behind a server with that fault the dataset is missing in MLflow's list alone, since Assay finds it
    by its tags.
    """
    from mlflow.exceptions import MlflowException

    if t.sql is not None and t.sql.db_type == "postgresql":
        _add_row(t.sql, dataset_id, experiment_id)
        return
    try:
        t.client.add_dataset_to_experiments(dataset_id, [experiment_id])
    except MlflowException as error:
        if "operator does not exist" not in str(error):
            raise


def _add_row(store: "SqlAlchemyStore", dataset_id: str, experiment_id: str) -> None:
    from mlflow.entities.entity_type import EntityAssociationType
    from mlflow.store.tracking.dbmodels.models import SqlEntityAssociation
    from sqlalchemy.dialects.postgresql import insert

    row = {
        "association_id": uuid.uuid4().hex,
        "source_type": EntityAssociationType.EVALUATION_DATASET,
        "source_id": dataset_id,
        "destination_type": EntityAssociationType.EXPERIMENT,
        "destination_id": experiment_id,
    }
    with store.ManagedSessionMaker(read_only=False) as session:
        session.execute(insert(SqlEntityAssociation.__table__).values(**row).on_conflict_do_nothing())


def note_dataset(t: Tracking, run_id: str, ref: DatasetRef) -> None:
    """Names the dataset among the run's inputs, where MLflow's pages look for it."""
    from mlflow.entities import Dataset as RunDataset
    from mlflow.entities import DatasetInput, InputTag

    if (found := find_dataset(t, ref)) is None:
        return
    source = json.dumps({"dataset_id": found.dataset_id})
    used = RunDataset(ref.name, ref.version, "mlflow_evaluation_dataset", source)
    t.client.log_inputs(run_id, [DatasetInput(used, [InputTag("mlflow.data.context", "eval")])])
