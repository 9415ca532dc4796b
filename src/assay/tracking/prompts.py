"""Prompts of the platform's agents in MLflow's prompt registry: the packaged text, unless a user set another."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.peek import Store, peeks

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion as Registered

PACKAGED_TAG = "assay.packaged"
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
    if found is None and (found := store.prompt(name, "packaged")) is not None and found[0] != packaged_text:
        found = None
    if found is None:
        raise ValueError("MLflow has to register it")
    return PromptVersion(found[0], found[1], f"prompts:/{name}/{found[1]}")


@peeks(_peek_prompt)
@reports_outages
def prompt(t: Tracking, name: str, packaged_text: str) -> PromptVersion:
    """The version with alias `production`, else the packaged text, registered where it is new."""
    with t.lock:
        if chosen := _by_alias(t, name, IN_FORCE):
            return _read(chosen)
        newest = _by_alias(t, name, "packaged")
        if newest is None or newest.template != packaged_text:
            newest = t.client.register_prompt(
                name,
                packaged_text,
                commit_message="The text that comes with Assay.",
                tags={PACKAGED_TAG: "true"},
            )
            t.client.set_prompt_alias(name, "packaged", newest.version)
        return _read(newest)


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
