"""Where a registered version stands on its way to production, and who moved it there."""

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assay.contracts.rollout import RegistryStage, Transition
from assay.contracts.stage import AgentRef
from assay.errors import NotFound
from assay.tracking.connection import Tracking, reports_outages, shown
from assay.tracking.peek import Store, peeks
from assay.tracking.registry import STAGE_TAG, model_of, versions_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

HISTORY_TAG = "assay.transition."
"""Followed by a number of four digits: one tag for each move, so that none is ever rewritten."""
ALIASES = {
    RegistryStage.STAGING: ("staging", "challenger"),
    RegistryStage.PRODUCTION: ("production", "champion"),
}


@reports_outages
def transition(
    t: Tracking,
    name: str,
    registry_version: str,
    to_stage: RegistryStage,
    *,
    by: str,
    reason: str,
    evidence: Mapping[str, str],
    at: datetime | None = None,
) -> Transition:
    """Moves the version and records it. `at` None: now.

    A version that it replaces in Production is archived, which is recorded there too. Raises NotFound.
    """
    with t.lock, t.exclusive("registry"):
        version = _version(t, name, registry_version)
        at = at or datetime.now(UTC)
        if to_stage is RegistryStage.PRODUCTION:
            for other in versions_of(t, name):
                if str(other.version) != str(version.version) and _stage(other) is RegistryStage.PRODUCTION:
                    replaced = f"replaced by version {version.version}: {reason}"
                    _move(t, other, RegistryStage.ARCHIVED, by=by, reason=replaced, evidence=evidence, at=at)
        return _move(t, version, to_stage, by=by, reason=reason, evidence=evidence, at=at)


def _peek_transitions(store: Store, name: str, registry_version: str) -> tuple[Transition, ...]:
    return _moves(next(row for row in store.versions(name) if row["version"] == str(registry_version))["tags"])


@peeks(_peek_transitions)
@reports_outages
def transitions(t: Tracking, name: str, registry_version: str) -> tuple[Transition, ...]:
    """All moves of the version, the first one first. Raises NotFound."""
    return _history(_version(t, name, registry_version))


@reports_outages
def stage_of(t: Tracking, name: str, registry_version: str) -> RegistryStage:
    """Raises NotFound."""
    return _stage(_version(t, name, registry_version))


@reports_outages
def production_version(t: Tracking, project: str, agent_id: str) -> AgentRef | None:
    """The version in Production; None: no version of this agent is."""
    for version in versions_of(t, model_of(t, project, agent_id)):
        if _stage(version) is RegistryStage.PRODUCTION:
            return AgentRef(agent_id=version.tags["agent_id"], version=version.tags["agent_version"])
    return None


def _move(
    t: Tracking,
    version: "ModelVersion",
    to_stage: RegistryStage,
    *,
    by: str,
    reason: str,
    evidence: Mapping[str, str],
    at: datetime,
) -> Transition:
    move = Transition(
        from_stage=_stage(version), to_stage=to_stage, by=by, at=at, reason=reason, evidence=dict(evidence)
    )
    name, number = version.name, str(version.version)
    place = len(_history(version))
    # The record first: a move that is cut off is one that can be read about and repeated.
    t.client.set_model_version_tag(name, number, f"{HISTORY_TAG}{place:04}", move.model_dump_json())
    t.client.set_model_version_tag(name, number, STAGE_TAG, to_stage.value)
    with warnings.catch_warnings():
        # MLflow's own stages are deprecated, and still what its users look at.
        warnings.simplefilter("ignore", FutureWarning)
        t.client.transition_model_version_stage(name, number, to_stage.value)
    for alias, of in t.client.get_registered_model(name).aliases.items():
        leaves = any(alias in names for names in ALIASES.values()) and alias not in ALIASES.get(to_stage, ())
        if str(of) == number and leaves:
            t.client.delete_registered_model_alias(name, alias)
    for alias in ALIASES.get(to_stage, ()):
        t.client.set_registered_model_alias(name, alias, number)
    return move


def _version(t: Tracking, name: str, registry_version: str) -> "ModelVersion":
    versions = versions_of(t, name)
    if found := next((row for row in versions if str(row.version) == str(registry_version)), None):
        return found
    there = ", ".join(str(row.version) for row in versions) or "none"
    raise NotFound(
        f"registered model {name} has no version {registry_version}: there is {there}",
        local=f"registered model {name} has no version {registry_version} in {shown(t.uri)}: there is {there}",
    )


def _stage(version: "ModelVersion") -> RegistryStage:
    return RegistryStage(version.tags.get(STAGE_TAG, RegistryStage.NONE.value))


def _history(version: "ModelVersion") -> tuple[Transition, ...]:
    return _moves(version.tags)


def _moves(tags: Mapping[str, str]) -> tuple[Transition, ...]:
    moves = sorted((key, value) for key, value in tags.items() if key.startswith(HISTORY_TAG))
    return tuple(Transition.model_validate_json(value) for _, value in moves)
