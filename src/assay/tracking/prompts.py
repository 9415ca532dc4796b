"""Prompts of the platform's agents in MLflow's prompt registry: the packaged text, unless a user set another."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.contracts.text import clean
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.peek import Store, peeks

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion as Registered

PACKAGED_TAG = "assay.packaged"
PACKAGED = "packaged"
ATTEMPTS = 6
IN_FORCE = "production"
"""Alias by which a user sets a version; Assay itself never sets it."""


@dataclass(frozen=True)
class PromptVersion:
    text: str
    version: int
    uri: str
    """As in `mlflow.load_prompt`."""


def _peek_prompt(store: Store, name: str, packaged_text: str) -> PromptVersion:
    found = store.prompt(name, IN_FORCE)
    if found is None and (found := store.prompt(name, PACKAGED)) is not None and found[0] != packaged_text:
        found = None
    if found is None:
        raise ValueError("MLflow has to register it")
    return PromptVersion(found[0], found[1], f"prompts:/{name}/{found[1]}")


@peeks(_peek_prompt)
@reports_outages
def prompt(t: Tracking, name: str, packaged_text: str) -> PromptVersion:
    """The version with alias `production`, else the packaged text, registered where it is new.

    Of several processes that start at once each gets the same version.
    """
    from mlflow.exceptions import MlflowException

    packaged_text = clean(packaged_text)
    if chosen := _by_alias(t, name, IN_FORCE):
        return _read(chosen)
    if (newest := _packaged(t, name, packaged_text)) is not None:
        return _read(newest)
    with t.lock, t.exclusive("prompts"):
        for attempt in range(ATTEMPTS):
            if (newest := _packaged(t, name, packaged_text)) is not None:
                return _read(newest)
            try:
                return _register(t, name, packaged_text)
            except MlflowException as error:
                # Behind a server nothing keeps another process from registering it at the same moment.
                if error.error_code != "RESOURCE_ALREADY_EXISTS" or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.1 * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _packaged(t: Tracking, name: str, text: str) -> "Registered | None":
    newest = _by_alias(t, name, PACKAGED)
    return newest if newest is not None and newest.template == text else None


def _register(t: Tracking, name: str, text: str) -> PromptVersion:
    registered = t.client.register_prompt(
        name, text, commit_message="The text that comes with Assay.", tags={PACKAGED_TAG: "true"}
    )
    version = registered
    while version.version > 1:
        # Of equal texts the first counts, whoever registered it.
        earlier = t.client.get_prompt_version(name, version.version - 1)
        if earlier is None or earlier.template != text:
            break
        version = earlier
    t.client.set_prompt_alias(name, PACKAGED, version.version)
    return _read(version)


def _by_alias(t: Tracking, name: str, alias: str) -> "Registered | None":
    from mlflow.exceptions import MlflowException

    try:
        return t.client.get_prompt_version_by_alias(name, alias)
    except MlflowException as error:
        # which of the two depends on the kind of store
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None


def _read(version: "Registered") -> PromptVersion:
    return PromptVersion(text=str(version.template), version=int(version.version), uri=version.uri)
