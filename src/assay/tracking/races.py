"""Writes that two processes make at the same moment."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
ATTEMPTS = 5


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
