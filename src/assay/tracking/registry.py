"""Agent versions in MLflow's model registry: each is a logged model of its run, and a registered version of that."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.contracts.agent import AgentCard
from assay.contracts.base import content_hash
from assay.contracts.rollout import RegistryStage
from assay.contracts.stage import AgentRef
from assay.contracts.text import clean_model
from assay.errors import BadInput, NotFound
from assay.tracking.connection import QUIET, Tracking, quoted, reports_outages, shown
from assay.tracking.peek import Store, peeks
from assay.tracking.projects import ensure_project, project_or_not_found
from assay.tracking.runs import StageRun, flat_params

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

STAGE_TAG = "assay.stage"
PROMPTS = "assay"
"""What the names of Assay's own prompts begin with: prompts and models share one list of names in MLflow."""
_CARD = "card.json"


@dataclass(frozen=True)
class AgentSummary:
    """One registered agent version."""

    agent: AgentRef
    description: str
    registered_model: str
    registry_version: str
    stage: RegistryStage
    card_hash: str
    registered_at: datetime
    run_id: str | None
    aliases: tuple[str, ...]


def load_pyfunc(model_uri: str) -> Any:
    """The model behind `models:/` or `runs:/`, in the store that was connected last."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(model_uri)


def registered_name(project: str, agent_id: str) -> str:
    """The name in MLflow's registry, of no other project's agent and of no prompt.

    `project.agent` for a project without a dot, since agents may have dots: the first one parts them. `project~agent`
    for one with a dot, and for project `assay`, whose dotted names are those of Assay's own prompts.
    """
    return f"{project}{'~' if '.' in project or project == PROMPTS else '.'}{agent_id}"


@reports_outages
def model_of(t: Tracking, project: str, agent_id: str) -> str:
    """The registered model that holds this agent's versions, or would.

    Earlier versions of Assay called every model `project.agent`: such a name stays where the model is this agent's, and
    is left alone where it is another project's.
    """
    from mlflow.exceptions import MlflowException

    dotted = f"{project}.{agent_id}"
    try:
        tags = t.client.get_registered_model(dotted).tags
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return registered_name(project, agent_id)
    own = (tags.get("project_id"), tags.get("agent_id")) == (project, agent_id)
    return dotted if own else f"{project}~{agent_id}"


@reports_outages
def register_agent(
    t: Tracking,
    project: str,
    card: AgentCard,
    *,
    card_dir: Path,
    run: StageRun,
    modules: Mapping[str, str] | None = None,
) -> tuple[str, str, str]:
    """(registered model, its version, id of the logged model). The same card and files give the same version back.

    modules: path to SHA-256 of the agent's Python modules. Raises BadInput for a file that is not there, and for a
    version that was registered with other content, naming what changed.
    """
    experiment_id = ensure_project(t, project)
    card = clean_model(card)
    files = {path: _inside(card_dir, path, "files") for path in card.files}
    checkpoints = {path: _inside(card_dir, path, "checkpoints") for path in card.checkpoints}
    hashes: dict[str, str] = {path: _sha256(file) for path, file in (files | checkpoints).items()}
    content = content_hash([card.model_dump(mode="json"), dict(hashes)])
    name = model_of(t, project, card.agent_id)
    with t.lock, t.exclusive("registry"):
        _ensure_registered_model(t, project, card, name)
        if found := _version_of(t, project, name, card.ref):
            changed = _changed(found.tags, content, hashes, modules or {})
            if changed:
                raise BadInput(
                    f"agent {card.ref} is registered with other content ({changed} changed): "
                    f"give the card a new version, as in {card.version}.1"
                )
            return name, str(found.version), found.tags["model_id"]
        tags = {
            "project_id": project,
            "agent_id": card.agent_id,
            "agent_version": card.version,
            "card_hash": content_hash(card),
            "content_hash": content,
            STAGE_TAG: RegistryStage.NONE.value,
        }
        model_id, source = _log_model(t, experiment_id, card, files, hashes, tags, run)
        version = t.client.create_model_version(
            name,
            source=source,
            run_id=run.run_id,
            tags={
                **tags,
                "model_id": model_id,
                **{f"sha256.{path}"[:250]: value for path, value in hashes.items()},
                **{f"module.{path}"[:250]: value for path, value in (modules or {}).items()},
            },
            description=card.description,
            model_id=model_id,
        )
        there = json.dumps([{"name": name, "version": int(version.version)}])
        t.client.set_logged_model_tags(model_id, {"mlflow.modelVersions": there})
        return name, str(version.version), model_id


def _changed(tags: Mapping[str, str], content: str, hashes: Mapping[str, str], modules: Mapping[str, str]) -> str:
    """What differs from the registered version, in words; empty: nothing does."""
    registered = {name.removeprefix("module."): value for name, value in tags.items() if name.startswith("module.")}
    differing = sorted(name for name in modules.keys() | registered.keys() if modules.get(name) != registered.get(name))
    if not registered:
        differing = []  # registered when modules were not hashed yet
    if tags.get("content_hash") != content:
        files = sorted(name for name, value in hashes.items() if tags.get(f"sha256.{name}"[:250]) != value)
        differing = [*(files or ["card or files"]), *differing]
    return ", ".join(differing)


@reports_outages
def agent_card(t: Tracking, project: str, ref: AgentRef) -> AgentCard:
    """Raises NotFound with the versions that are there."""
    version = find_version(t, project, ref)
    model = t.client.get_logged_model(version.tags["model_id"])
    if (kept := t.local_folder(model.artifact_location)) is not None and (kept / _CARD).is_file():
        return AgentCard.model_validate_json((kept / _CARD).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        from mlflow.artifacts import download_artifacts

        uri = f"{model.artifact_location.rstrip('/')}/{_CARD}"
        text = Path(download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=t.uri)).read_text()
    return AgentCard.model_validate_json(text)


def _peek_agents(store: Store, project: str) -> list[AgentSummary]:
    return [
        _summary(name, **version)
        for name in store.models(project)
        for version in store.versions(name)
        if "agent_version" in version["tags"] and version["tags"].get("project_id") == project
    ]


@peeks(_peek_agents)
@reports_outages
def list_agents(t: Tracking, project: str) -> list[AgentSummary]:
    """Registered versions, agent by agent, the newest first."""
    models: list[RegisteredModel] = []
    token = None
    while True:
        page = t.client.search_registered_models(f"tags.project_id = {quoted(project)}", page_token=token)
        models += page
        if not (token := page.token):
            break
    return [
        _summary(
            model.name,
            version=str(version.version),
            creation_timestamp=version.creation_timestamp,
            description=version.description,
            run_id=version.run_id,
            tags=version.tags,
            aliases=sorted(alias for alias, of in model.aliases.items() if str(of) == str(version.version)),
        )
        for model in sorted(models, key=lambda model: model.name)
        for version in versions_of(t, model.name)
        if version.tags.get("project_id") == project
    ]


def _summary(
    name: str,
    *,
    version: str,
    creation_timestamp: int | None,
    description: str | None,
    run_id: str | None,
    tags: Mapping[str, str],
    aliases: Sequence[str],
) -> AgentSummary:
    return AgentSummary(
        agent=AgentRef(agent_id=tags["agent_id"], version=tags["agent_version"]),
        description=description or "",
        registered_model=name,
        registry_version=version,
        stage=RegistryStage(tags.get(STAGE_TAG, RegistryStage.NONE)),
        card_hash=tags["card_hash"],
        registered_at=datetime.fromtimestamp((creation_timestamp or 0) / 1000, tz=UTC),
        run_id=run_id or None,
        aliases=tuple(aliases),
    )


def find_version(t: Tracking, project: str, ref: AgentRef) -> "ModelVersion":
    """The registry's own object. Raises NotFound with the versions that are there."""
    project_or_not_found(t, project)
    if found := _version_of(t, project, model_of(t, project, ref.agent_id), ref):
        return found
    there = ", ".join(str(known.agent) for known in list_agents(t, project)) or "none yet"
    advice = f"there is {there}; `assay agent register CARD` registers one"
    raise NotFound(
        f"agent {ref} is not registered in project {project}: {advice}",
        local=f"agent {ref} is not registered in project {project} of {shown(t.uri)}: {advice}",
    )


def logged_model(t: Tracking, project: str, ref: AgentRef) -> str | None:
    """Id of the version's logged model, to which MLflow links what it did; None: it is not registered."""
    key = f"{project}/{ref}"
    if key in t.models:
        return t.models[key]
    if found := _version_of(t, project, model_of(t, project, ref.agent_id), ref):
        t.models[key] = found.tags["model_id"]
    return t.models.get(key)


def versions_of(t: Tracking, name: str) -> "list[ModelVersion]":
    """All versions of the registered model that Assay made, the newest first."""
    found: list[ModelVersion] = []
    token = None
    while True:
        page = t.client.search_model_versions(
            f"name = {quoted(name)}", order_by=["version_number DESC"], page_token=token
        )
        found += page
        if not (token := page.token):
            return [version for version in found if "agent_version" in version.tags]


def _version_of(t: Tracking, project: str, name: str, ref: AgentRef) -> "ModelVersion | None":
    wanted = {"project_id": project, "agent_id": ref.agent_id, "agent_version": ref.version}
    return next((row for row in versions_of(t, name) if wanted.items() <= row.tags.items()), None)


def _ensure_registered_model(t: Tracking, project: str, card: AgentCard, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        t.client.create_registered_model(
            name, tags={"project_id": project, "agent_id": card.agent_id}, description=card.description
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _log_model(
    t: Tracking,
    experiment_id: str,
    card: AgentCard,
    files: Mapping[str, Path],
    hashes: Mapping[str, str],
    tags: dict[str, str],
    run: StageRun,
) -> tuple[str, str]:
    """(model id, source for the registry). What the agent is made of becomes the model's artifacts."""
    from mlflow.entities import LoggedModelOutput

    params = flat_params({"connector": card.connector.kind, **card.parameters})
    model = t.client.create_logged_model(
        experiment_id,
        name=re.sub(r"[^\w-]", "-", str(card.ref)),  # MLflow takes neither dot nor @ here
        source_run_id=run.run_id,
        tags=tags,
        params=params,
        model_type="agent",
    )
    with tempfile.TemporaryDirectory() as folder:
        made = {_CARD: card.model_dump_json(indent=2).encode()}
        if card.system_prompt is not None:
            made["system_prompt.txt"] = card.system_prompt.encode()
        if hashes:
            made["SHA256SUMS"] = "".join(f"{value}  {path}\n" for path, value in sorted(hashes.items())).encode()
        made |= {f"files/{path}": file.read_bytes() for path, file in files.items()}
        for path, content in made.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        t.client.log_model_artifacts(model.model_id, folder)
    t.client.finalize_logged_model(model.model_id, "READY")
    t.client.log_outputs(run.run_id, [LoggedModelOutput(model.model_id, step=0)])
    # A server resolves the model itself; MLflow's SQL store would ask whatever store is the global one.
    source = f"models:/{model.model_id}" if t.is_server else model.artifact_location
    return model.model_id, source


def _inside(card_dir: Path, path: str, field: str) -> Path:
    root = card_dir.resolve()
    file = (root / path).resolve()
    if not file.is_relative_to(root):
        raise BadInput(f"{field}: {path} is outside of the card's folder {root}: name it relative to the card")
    if not file.exists() or (field == "files" and not file.is_file()):
        raise BadInput(f"{field}: {path} is not in {root}: put it there or take it off the card")
    return file


def _sha256(path: Path) -> str:
    """Of a file, or of all in a folder together with their names."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return content_hash({str(file.relative_to(path)): _sha256(file) for file in _files_in(path)})


def _files_in(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file())
