"""Artifacts of runs: files under a path, written and read as bytes, text or JSON."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from assay.errors import NotFound
from assay.tracking.connection import Tracking, reports_outages, shown

if TYPE_CHECKING:
    from mlflow.entities import Run


def read_json(t: Tracking, run_id: str, path: str) -> Any:
    """Raises NotFound."""
    return json.loads(read_bytes(t, run_id, path))


def read_text(t: Tracking, run_id: str, path: str) -> str:
    """Raises NotFound."""
    return read_bytes(t, run_id, path).decode()


@reports_outages
def read_bytes(t: Tracking, run_id: str, path: str) -> bytes:
    """The artifact's content. Raises NotFound for a run or an artifact that is not there."""
    folder = _local_folder(t, run_id)
    if folder is not None and (folder / path).is_file():
        return (folder / path).read_bytes()
    if path not in list_artifacts(t, run_id, str(PurePosixPath(path).parent)):
        raise NotFound(f"run {run_id} has no artifact {path}")
    with tempfile.TemporaryDirectory() as landing:
        return Path(t.client.download_artifacts(run_id, path, landing)).read_bytes()


@reports_outages
def list_artifacts(t: Tracking, run_id: str, folder: str = ".") -> list[str]:
    """Paths of the files in the folder, not those further down. Raises NotFound for a run that is not there."""
    if (root := _local_folder(t, run_id)) is not None:
        here = root / folder
        return (
            sorted(file.relative_to(root).as_posix() for file in here.iterdir() if _is_artifact(file))
            if (here.is_dir())
            else []
        )
    found = t.client.list_artifacts(run_id, None if folder in ("", ".") else folder)
    return [entry.path for entry in found if not entry.is_dir]


@reports_outages
def all_artifacts(t: Tracking, run_id: str) -> Iterator[tuple[str, int | None]]:
    """(path, bytes) of every artifact of the run, folder by folder."""
    if (root := _local_folder(t, run_id)) is not None:
        for file in sorted(root.rglob("*")):
            if _is_artifact(file):
                yield file.relative_to(root).as_posix(), file.stat().st_size
        return
    yield from _listed(t, run_id, None)


def _listed(t: Tracking, run_id: str, folder: str | None) -> Iterator[tuple[str, int | None]]:
    for entry in t.client.list_artifacts(run_id, folder):
        if entry.is_dir:
            yield from _listed(t, run_id, entry.path)
        else:
            yield entry.path, entry.file_size


def _is_artifact(file: Path) -> bool:
    """Not one that is being written, see write_artifact."""
    return file.is_file() and not file.name.startswith(".")


@reports_outages
def artifact_uri(t: Tracking, run_id: str, path: str) -> str:
    """Where the artifact is, for a person or for MLflow."""
    folder = _local_folder(t, run_id)
    return f"{folder.as_uri() if folder else _artifacts_of(t, run_id).rstrip('/')}/{path}"


@reports_outages
def log_artifacts(t: Tracking, run_id: str, files: Mapping[str, bytes]) -> None:
    """Path to content, added to a run of whatever state."""
    for path, content in files.items():
        write_artifact(t, run_id, path, content)


@reports_outages
def write_artifact(t: Tracking, run_id: str, path: str, content: bytes) -> None:
    """Keeps the content under the path, in place of what was there. On this machine it is there whole or not at all."""
    if (folder := _local_folder(t, run_id)) is not None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as file:
            file.write(content)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(target)
        return
    name = PurePosixPath(path)
    with tempfile.TemporaryDirectory() as landing:
        source = Path(landing, name.name)
        source.write_bytes(content)
        t.client.log_artifact(run_id, str(source), None if str(name.parent) == "." else str(name.parent))


@reports_outages
def write_lines(t: Tracking, run_id: str, path: str, lines: Iterable[str]) -> None:
    """As write_artifact, for a text that need not fit into memory."""
    folder, name = _local_folder(t, run_id), PurePosixPath(path)
    with tempfile.TemporaryDirectory() as landing:
        target = Path(landing, name.name) if folder is None else folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=".", delete=False, encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(target)
        if folder is None:
            t.client.log_artifact(run_id, str(target), None if str(name.parent) == "." else str(name.parent))


def _local_folder(t: Tracking, run_id: str) -> Path | None:
    """Where the run's artifacts are; None: not on this machine."""
    return t.local_folder(_artifacts_of(t, run_id))


def _artifacts_of(t: Tracking, run_id: str) -> str:
    return get_run(t, run_id).info.artifact_uri or ""


def get_run(t: Tracking, run_id: str) -> "Run":
    """MLflow's own object. Raises NotFound."""
    from mlflow.exceptions import MlflowException

    try:
        return t.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise NotFound(f"run {run_id} does not exist", local=f"run {run_id} is not in {shown(t.uri)}") from error
