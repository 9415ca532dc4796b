"""Writes that two processes make at the same moment."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")
ATTEMPTS = 5
REPEATABLE = (
    *("log_batch", "log_inputs", "log_outputs", "set_tag", "set_experiment_tag", "set_trace_tag", "set_dataset_tags"),
    *("set_logged_model_tags", "upsert_dataset_records", "add_dataset_to_experiments"),
)
"""MLflow's writes that look a row up before they insert it, and do the same when they are repeated. The registry's are
made under `Tracking.exclusive`."""


def repeat_after_conflicts(client: "MlflowClient") -> None:
    """Lets each of the client's repeatable writes run again where another process inserted the same row meanwhile."""
    store = client._tracking_client.store
    for name in REPEATABLE:
        if name not in vars(store):  # MLflow shares a store between clients
            setattr(store, name, _repeating(getattr(store, name)))


def _repeating(write: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(write)
    def repeating(*args: Any, **kwargs: Any) -> Any:
        return again_after_conflict(lambda: write(*args, **kwargs))

    return repeating


def again_after_conflict(write: Callable[[], T]) -> T:
    """Runs the write, and again where another writer inserted the same rows since it looked for them.

    `write` begins with looking at what is stored, so the next attempt sees those rows.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import IntegrityError

    for attempt in range(1, ATTEMPTS + 1):
        try:
            return write()
        except (MlflowException, IntegrityError) as error:
            if attempt == ATTEMPTS or not is_conflict(error):
                raise
    raise AssertionError("the last attempt returns or raises")


def is_conflict(error: Exception) -> bool:
    """Whether a unique row was there already; behind a server only MLflow's words tell."""
    from sqlalchemy.exc import IntegrityError

    words = str(error)
    return (
        isinstance(error, IntegrityError)
        or isinstance(error.__cause__, IntegrityError)
        or "UNIQUE constraint failed" in words
        or "duplicate key value violates unique constraint" in words
    )
