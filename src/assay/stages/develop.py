"""Stage 1, agent development: a version of an agent is probed and registered."""

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from assay.contracts.agent import AgentVersion, DevelopRequest, Finding, ProbeReport
from assay.contracts.base import content_hash, short_id
from assay.contracts.stage import Stage
from assay.errors import BadInput
from assay.settings import Settings
from assay.stages.agent_files import agent_files
from assay.stages.context import Context, Work
from assay.stages.spec import StageSpec

if TYPE_CHECKING:
    from assay.tracking import StageRun


async def develop(request: DevelopRequest, context: Context) -> AgentVersion:
    """Registers the card as a version in MLflow's model registry, with what the conformance probe found.

    Raises BadInput when the card's files are missing, when the agent does not answer the probe, or when the
    version is already registered with other content.
    """
    card = request.card
    card_dir = _checked_folder(request)
    files = await asyncio.to_thread(_file_hashes, request, card_dir)
    on_disk = await asyncio.to_thread(agent_files, card, card_dir)
    modules = {name: sha256 for name, sha256 in on_disk.items() if name not in card.files}

    async def work(run: "StageRun") -> AgentVersion:
        from assay.agents.judge import PROMPT as JUDGE
        from assay.agents.user_simulator import PROMPT as USER
        from assay.tracking import register_agent

        # in the registry before they are needed: there a user may change them, and a simulation finds them at once
        await context.prompt("user_simulator", USER)
        await context.prompt("judge", JUDGE)
        probe = (
            await _probe(request, card_dir, context.settings)
            if request.probe and context.settings.replay is None
            else None
        )
        name, version, _ = await asyncio.to_thread(
            register_agent, context.tracking, request.project, card, card_dir=card_dir, run=run, modules=modules
        )
        if probe is not None:
            await asyncio.to_thread(run.log_json, "probe.json", probe)
            if probe.latency_s is not None:
                await asyncio.to_thread(run.log_metrics, {"probe_latency_s": probe.latency_s})
        return AgentVersion(
            project=request.project,
            gated=request.gated,
            subject_id=short_id("agent", card, request.gated),
            run_id=run.run_id,
            card=card,
            card_hash=content_hash(card),
            card_dir=str(card_dir),
            files=on_disk,
            registered_model=name,
            registry_version=version,
            probe=probe,
        )

    return await context.once(
        Work(
            AgentVersion,
            request,
            Stage.DEVELOP,
            key=[content_hash([card, files, *([modules] if modules else [])]), str(card_dir), request.probe],
            agent=card.ref,
            of_an_evaluation=False,
            params={"connector": card.connector.kind, **card.parameters},
        ),
        work,
    )


def _checked_folder(request: DevelopRequest) -> Path:
    """The card's folder, with all the files that the card names in it."""
    card_dir = Path(request.card_dir).resolve()
    for name in (*request.card.files, *request.card.checkpoints):
        if not (card_dir / name).is_file():
            raise BadInput(f"files: {name} is not in {card_dir}: mend the name, or give the card's folder")
    return card_dir


def _file_hashes(request: DevelopRequest, card_dir: Path) -> list[str]:
    """The files belong to the version: other content under the same version must reach the registry, which refuses."""
    hashes = []
    for name in (*request.card.files, *request.card.checkpoints):
        with (card_dir / name).open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashes


async def _probe(request: DevelopRequest, card_dir: Path, settings: Settings) -> ProbeReport:
    from assay.connectors import probe
    from assay.tracking import load_pyfunc

    report = await probe(request.card, card_dir=card_dir, load_model=load_pyfunc, settings=settings)
    answers = next(check for check in report.checks if check.name == "answers")
    if answers.finding is Finding.NO:
        raise BadInput(
            f"connector: agent {request.card.ref} does not answer: {answers.detail}. "
            "Mend the connector, or register without the probe (--no-probe)"
        )
    return report


def _finding(version: AgentVersion) -> str:
    if version.probe is None:
        return f"registered as {version.registered_model} version {version.registry_version}, not probed"
    able = [check.name.replace("_", " ") for check in version.probe.checks if check.finding is Finding.YES]
    return f"registered as version {version.registry_version}; the probe found: {', '.join(able)}"


SPEC = StageSpec(
    stage=Stage.DEVELOP,
    noun="agent",
    request=DevelopRequest,
    result=AgentVersion,
    run=develop,
    subject=lambda version: str(version.card.ref),
    finding=_finding,
    parents=lambda request: (),
    made_from=lambda version: (),
    decided_on=("card", "files"),  # one version may be registered from several folders
    then=lambda version: {"agent": version.card.ref, "brief": version.card.description},
    next_commands=lambda version: ((f"assay dataset build FILE --agent {version.card.ref}", ""),),
)
