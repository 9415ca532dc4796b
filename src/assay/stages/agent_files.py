"""What an agent consists of on disk, so that changed code is never answered with the results of the old."""

import hashlib
from pathlib import Path

from assay.contracts.agent import AgentCard, AgentVersion, PythonConnector
from assay.errors import BadInput


def agent_files(card: AgentCard, card_dir: Path) -> dict[str, str]:
    """Path, relative to the card's folder where it lies in it, to SHA-256: a Python agent's modules and `files`."""
    from assay.connectors.sources import source_files

    files = [(card_dir / name).resolve() for name in card.files]
    if isinstance(card.connector, PythonConnector):
        files += source_files(card.connector.target, card_dir)
    folder = card_dir.resolve()
    named = {str(file.relative_to(folder)) if file.is_relative_to(folder) else file.name: file for file in files}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in sorted(named.items())}


def refuse_changed(version: AgentVersion) -> None:
    """Raises BadInput where the agent's files are not what was registered."""
    folder = Path(version.card_dir)
    if not version.files or not folder.is_dir():
        return
    try:
        now = agent_files(version.card, folder)
    except OSError as error:
        raise BadInput(f"agent {version.card.ref}: {error.filename} cannot be read: {error.strerror}") from error
    if changed := sorted(
        name for name in now.keys() | version.files.keys() if now.get(name) != version.files.get(name)
    ):
        raise BadInput(
            f"agent {version.card.ref}: {', '.join(changed)} changed since it was registered: register it as another "
            f"version (as in {version.card.version}.1), or restore what was registered"
        )
