"""Conversations that Assay did not simulate: read from a file, stored as a simulation, judged by their checks."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.contracts.agent import AgentCard, DevelopRequest, MlflowConnector
from assay.contracts.analytics import RunSign
from assay.contracts.base import JsonObject
from assay.contracts.conversation import Conversation, Simulation
from assay.contracts.dataset import Dataset, DatasetRequest
from assay.contracts.judgment import JudgeRequest, Judging
from assay.contracts.plugins import BUILT_IN, PluginGroup
from assay.contracts.stage import AgentRef, DatasetRef, Stage, StageRequest, Usage
from assay.errors import BadInput
from assay.evaluation.infrastructure import mark_faults, runs_of_faults
from assay.evaluation.run_signs import run_signs
from assay.integrations.importers import openai_messages, results_table, tau_bench
from assay.plugins import load

if TYPE_CHECKING:
    from assay.evaluation.exchange import DateOrder
    from assay.stages.context import Context
    from assay.tracking import StageRun


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What an importer of another package is asked to read."""

    file: Path
    agent: AgentRef
    """Who spoke."""
    dataset: Dataset | None = None
    """Scenarios that were given besides; None: the file brings its own."""
    options: JsonObject = field(default_factory=dict)
    """The importer's own business."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Conversations of one agent version with the scenarios they are held against."""

    agent: AgentRef
    description: str
    system_prompt: str | None
    dataset: Dataset
    conversations: tuple[Conversation, ...]
    notes: tuple[str, ...] = ()
    """What the person who gave the files should know, such as fields that are kept as metadata."""


def read_conversations_file(
    file: Path,
    *,
    layout: str,
    agent: AgentRef,
    dataset: Path | Dataset | None,
    as_scored: bool = False,
    options: JsonObject | None = None,
) -> Imported:
    """Reads the file or folder. What a quota, time-out or server error broke is set apart, unless `as_scored`.

    layout: `openai`, `tau-bench` or an importer that an installed package brings. dataset: scenarios, or their file.
    Raises BadInput with the line and field that do not fit, and for a layout that nothing brings.
    """
    imported = _read(file, layout, agent, dataset, options or {})
    if as_scored:
        return imported
    return replace(imported, conversations=tuple(mark_faults(imported.conversations, imported.dataset.scenarios)))


def _read(file: Path, layout: str, agent: AgentRef, dataset: Path | Dataset | None, options: JsonObject) -> Imported:
    if options and layout in BUILT_IN[PluginGroup.IMPORTERS]:
        raise BadInput(f"options: {layout} has none: leave them out")
    match layout:
        case "tau-bench":
            if dataset is not None:
                raise BadInput("dataset: tau-bench brings its own scenarios: leave it out")
            scenarios, conversations, policy = tau_bench.read(file, agent)
            return Imported(agent, "tau-bench: recorded conversations", policy, scenarios, conversations)
        case "openai":
            if dataset is None:
                raise BadInput("dataset: say what is expected: --dataset SCENARIOS.jsonl")
            scenarios, conversations, notes = openai_messages.read(file, agent, dataset)
            return Imported(agent, "recorded conversations", None, scenarios, conversations, notes)
        case _:
            scenarios = openai_messages.scenarios_in(dataset)[0] if isinstance(dataset, Path) else dataset
            return _read_by_package(layout, ImportRequest(file, agent, scenarios, options))


def _read_by_package(layout: str, request: ImportRequest) -> Imported:
    """What the importer gives, held to what every import is. Raises PluginFailed where it is something else."""
    importer = load(PluginGroup.IMPORTERS, layout, "format")
    imported = importer(request)
    if not isinstance(imported, Imported):
        raise importer.failed(TypeError(f"gave a {type(imported).__name__}: give Imported"))
    if not imported.conversations:
        raise BadInput(f"{request.file}: holds no conversation")
    known = {scenario.scenario_id for scenario in imported.dataset.scenarios}
    ids = Counter(conversation.conversation_id for conversation in imported.conversations)
    for conversation in imported.conversations:
        if conversation.scenario_id not in known:
            raise importer.failed(ValueError(f"scenario {conversation.scenario_id} is not in the dataset that it gave"))
        if conversation.agent != imported.agent:
            raise importer.failed(ValueError(f"a conversation is of {conversation.agent}, not of {imported.agent}"))
        if ids[conversation.conversation_id] > 1:
            raise importer.failed(ValueError(f"conversation {conversation.conversation_id} is there twice"))
    return imported


def read_results_table(
    file: Path, agent_id: str, version: str | None, dates: "DateOrder | None" = None
) -> tuple[Imported, ...]:
    """The runs of a table of results, one version after the other. `version`: of rows that name none.

    Raises BadInput with the line and column that do not fit.
    """
    dataset, conversations, notes = results_table.read(file, agent_id, version, dates)
    described = "known by a table of results alone"
    return tuple(
        Imported(agent, described, None, dataset, own, notes if place == 0 else ())
        for place, (agent, own) in enumerate(conversations.items())
    )


async def import_conversations(imported: Imported, project: str, context: "Context") -> Judging:
    """Registers the agent and the dataset, stores the conversations, judges them. Again, it changes nothing."""
    from assay.lifecycle.run import run_stage

    async def run(request: StageRequest):
        return await run_stage(request, context)

    await run(DevelopRequest(project=project, card=_card(imported), probe=False))
    await run(DatasetRequest(project=project, agent=imported.agent, dataset=imported.dataset, reference_attempt=False))
    simulation = await _store(imported, project, context)
    judging = await run(JudgeRequest(project=project, simulation_id=simulation.subject_id))
    return Judging.model_validate(judging)


def broken(imported: Imported) -> tuple[str, ...]:
    """What was set apart, in words for a person; empty: nothing was."""
    faults = [conversation for conversation in imported.conversations if conversation.error is not None]
    if not faults:
        return ()
    causes = Counter(c.error.cause.value.replace("_", " ") for c in faults if c.error)
    named = ", ".join(f"{count} {cause}" for cause, count in causes.most_common())
    first = faults[0]
    example = first.error.detail if first.error else ""
    lines = [
        f"{len(faults)} of {len(imported.conversations)} conversations hold an infrastructure error ({named}) and are "
        "set apart: neither passed nor failed",
        f"for example scenario {first.scenario_id}, trial {first.trial}: {example}",
    ]
    if outages := runs_of_faults(imported.conversations):
        lines.append(f"{len(outages)} times three or more in a row: an outage, rather than bad luck")
    lines.append("to take them as they were scored: --as-scored; `assay compare run` gives both ways")
    return tuple(lines)


async def signs(judging: Judging, imported: Imported, context: "Context") -> tuple[RunSign, ...]:
    """What in the imported run looks like somebody else's failure, though nothing was set apart for it."""
    from assay.tracking import read_judgments

    t, name = context.tracking, judging.subject_id
    judgments = await asyncio.to_thread(read_judgments, t, judging.project, name)
    passed = {judgment.conversation_id: judgment.passed for judgment in judgments}
    return run_signs(imported.conversations, passed)


def _card(imported: Imported) -> AgentCard:
    """An agent that is known by its conversations alone; it cannot be played against."""
    return AgentCard(
        agent_id=imported.agent.agent_id,
        version=imported.agent.version,
        description=imported.description,
        system_prompt=imported.system_prompt,
        connector=MlflowConnector(model_uri=f"models:/{imported.agent.agent_id}/imported"),
    )


async def _store(imported: Imported, project: str, context: "Context") -> Simulation:
    from assay.contracts.base import short_id
    from assay.stages.context import Work
    from assay.stages.evidence import CONVERSATIONS
    from assay.stages.simulate import LINES
    from assay.stages.tallies import ConversationTally

    ref: DatasetRef = imported.dataset.ref
    simulation_id = short_id("sim", imported.conversations, ref)
    played = imported.conversations

    async def work(run: "StageRun") -> Simulation:
        from assay.tracking import conversations_hash, write_conversations

        scenarios = {scenario.scenario_id: scenario for scenario in imported.dataset.scenarios}
        await asyncio.to_thread(
            write_conversations,
            context.tracking,
            project,
            [(conversation, scenarios.get(conversation.scenario_id)) for conversation in played],
            simulation_id=simulation_id,
            run_id=run.run_id,
            dataset=ref,
        )
        tally = ConversationTally()
        for conversation in played:
            tally.add(conversation)
        lines = (conversation.model_dump_json() for conversation in played)
        await asyncio.to_thread(run.log_lines, LINES, lines)
        await asyncio.to_thread(run.log_metrics, {"conversations": len(played)})
        stored = await asyncio.to_thread(conversations_hash, context.tracking, project, simulation_id)
        return Simulation(
            project=project,
            gated=False,
            subject_id=simulation_id,
            run_id=run.run_id,
            agent=imported.agent,
            dataset=ref,
            trials=max(conversation.trial for conversation in played) + 1,
            conversations=len(played),
            stop_reasons=dict(sorted(tally.stop_reasons.items())),
            simulator_faults={},
            errors=dict(tally.errors),
            finish_reasons=dict(sorted(tally.answers.finish_reasons.items())),
            silent_turns=tally.answers.silent,
            failures=tuple(tally.failures),
            evidence={CONVERSATIONS: stored},
            agent_usage=tally.agent.total,
            simulator_usage=Usage(),
            simulator_model="imported",
        )

    request = StageRequest(project=project)
    return await context.once(
        Work(
            Simulation,
            request,
            Stage.SIMULATE,
            key=["imported", simulation_id],
            agent=imported.agent,
            dataset=ref,
            params={"trials": max(conversation.trial for conversation in played) + 1, "user_simulator": "imported"},
        ),
        work,
    )
