"""From production back to the dataset: proposals taken over, and what became of each complaint."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from assay.contracts.complaint import ComplaintEvent, Complaints
from assay.contracts.dataset import Dataset, DatasetRequest, DatasetResult, Scenario
from assay.contracts.feedback import Feedback, ProductionReport
from assay.contracts.judgment import Judging, Judgment
from assay.contracts.stage import AgentRef, DatasetRef, Stage
from assay.errors import BadInput
from assay.evaluation.complaints import about, complaint, ruled, transcript
from assay.evaluation.exchange import Rows, feedback_of
from assay.evaluation.judges.certificate import judge_key
from assay.lifecycle.gates import load_subject
from assay.lifecycle.run import run_stage
from assay.stages.context import Context
from assay.stages.feedback import ITEMS

if TYPE_CHECKING:
    from assay.tracking import RunSummary

K = 3
"""Trials that must all pass before a complaint is closed."""


async def propose(
    context: Context,
    project: str,
    production_id: str,
    dataset: DatasetRef,
    agent: AgentRef,
    *,
    scenarios: Sequence[Scenario] | None = None,
    gated: bool = False,
) -> DatasetResult:
    """A new version of the dataset with the report's proposed scenarios, validated as any other.

    scenarios: what a person made of the proposals, with the same ids; None: as they were proposed. Raises BadInput for
    a report that proposes nothing, or a scenario that it did not propose.
    """
    request = await proposal(context, project, production_id, dataset, agent, scenarios=scenarios, gated=gated)
    result = await run_stage(request, context)
    assert isinstance(result, DatasetResult)  # noqa: S101, the request's stage says so
    return result


async def proposal(
    context: Context,
    project: str,
    production_id: str,
    dataset: DatasetRef,
    agent: AgentRef,
    *,
    scenarios: Sequence[Scenario] | None = None,
    gated: bool = False,
) -> DatasetRequest:
    """What `propose` asks stage 2 for. Raises as it does."""
    from assay.tracking import load_dataset

    report = await load_subject(context, project, production_id)
    if not isinstance(report, ProductionReport):
        raise BadInput(f"production: {production_id} is no production report")
    if not report.proposed_scenarios:
        raise BadInput(f"production: {production_id} proposes no scenario: every complaint is tested already")
    proposed = {scenario.scenario_id: scenario for scenario in report.proposed_scenarios}
    chosen = list(scenarios) if scenarios is not None else list(proposed.values())
    for scenario in chosen:
        if scenario.scenario_id not in proposed:
            raise BadInput(f"scenario_id: {scenario.scenario_id} is none of the proposed {', '.join(proposed)}")
    old = await asyncio.to_thread(load_dataset, context.tracking, project, dataset)
    names = {scenario.scenario_id for scenario in chosen}
    kept = [scenario for scenario in old.scenarios if scenario.scenario_id not in names]
    origin = [s.replace(origin="feedback", origin_ref=proposed[s.scenario_id].origin_ref) for s in chosen]
    whole = Dataset(name=old.name, description=old.description, scenarios=(*kept, *origin))
    return DatasetRequest(project=project, gated=gated, agent=agent, dataset=whole, reference_attempt=False)


async def complaints(context: Context, project: str, *, k: int = K) -> Complaints:
    """Every complaint that a production report proposed a scenario for, with what has happened to it since."""
    from assay.tracking import (
        list_datasets,
        list_results,
        load_dataset,
        load_result,
        read_conversations,
        read_judgments,
    )

    t = context.tracking
    reports = []
    for run in reversed(await asyncio.to_thread(list_results, t, project, Stage.FEEDBACK)):
        loaded = await asyncio.to_thread(load_result, t, project, Stage.FEEDBACK, run.subject_id)
        reports.append((run, ProductionReport.model_validate(loaded)))
    said = [(run.ended_at, item) for run, report in reports for item in await _items(context, report)]
    found: dict[str, tuple[Scenario, list[ComplaintEvent]]] = {}
    for run, report in reports:
        for scenario in report.proposed_scenarios:
            event = ComplaintEvent(at=run.ended_at, what="proposed", where=report.subject_id)
            found.setdefault(scenario.scenario_id, (scenario, []))[1].append(event)
    tests: dict[str, DatasetRef] = {}
    for summary in reversed(await asyncio.to_thread(list_datasets, t, project)):
        stored = await asyncio.to_thread(load_dataset, t, project, summary.ref)
        for scenario in stored.scenarios:
            if scenario.scenario_id in found:
                events = found[scenario.scenario_id][1]
                events.append(ComplaintEvent(at=summary.saved_at, what="tested", where=str(summary.ref)))
                found[scenario.scenario_id] = (scenario, events)
                tests[scenario.scenario_id] = summary.ref
    for run in reversed(await asyncio.to_thread(list_results, t, project, Stage.JUDGE)):
        judging = Judging.model_validate(await asyncio.to_thread(load_result, t, project, Stage.JUDGE, run.subject_id))
        judgments = [
            judgment
            for judgment in await asyncio.to_thread(read_judgments, t, project, run.subject_id)
            if judgment.scenario_id in found
        ]
        if not judgments:
            continue
        ruled_ = await _ruled(context, project, judging, judgments)
        played = await asyncio.to_thread(read_conversations, t, project, judging.simulation_id)
        spoken_by = {conversation.conversation_id: transcript(conversation.turns) for conversation in played}
        for name, (scenario, events) in found.items():
            ours = [judgment for judgment in judgments if judgment.scenario_id == name]
            complained = [
                item
                for came, item in said
                if item.negative and (item.at or came) <= run.ended_at and about(item, scenario)
            ]
            if ours:
                events.append(_event(run, judging, ours, ruled_, spoken_by, complained, k))
    rows = []
    for name, (scenario, events) in found.items():
        ours = [(item.at or came, item) for came, item in said if item.negative and about(item, scenario)]
        spoken = [ComplaintEvent(at=at, what="said", where=item.feedback_id) for at, item in ours]
        origin = next((item for _, item in ours if item.feedback_id == scenario.origin_ref), None)
        words = (origin.comment or "").strip() if origin else ""
        ids = [item.feedback_id for _, item in ours]
        rows.append(complaint(scenario, words or scenario.goal, ids, tests.get(name), [*events, *spoken], k))
    return Complaints(project=project, k=k, complaints=tuple(rows))


async def _ruled(
    context: Context, project: str, judging: Judging, judgments: Sequence[Judgment]
) -> dict[str, bool | None]:
    """By conversation id, what a check, a person or an admitted judge says of the trial."""
    from assay.tracking import find_certificate, read_human_labels

    t = context.tracking
    certificate = await asyncio.to_thread(find_certificate, t, project, judge_key(judging))
    admitted = certificate is not None and certificate.admitted and certificate.judge_key == judge_key(judging)
    names = [judgment.conversation_id for judgment in judgments]
    labels = await asyncio.to_thread(read_human_labels, t, project, names)
    return {j.conversation_id: ruled(j, labels.get(j.conversation_id, ()), admitted=admitted) for j in judgments}


def _event(
    run: "RunSummary",
    judging: Judging,
    ours: Sequence[Judgment],
    said: Mapping[str, bool | None],
    transcripts: Mapping[str, tuple[str, ...]],
    complained: Sequence[Feedback],
    k: int,
) -> ComplaintEvent:
    """What one judging means for the complaint."""
    same = {transcript(item.turns) for item in complained} - {()}
    ids = {item.conversation_id for item in complained}
    decided = [
        passed
        for judgment in ours
        if (passed := said[judgment.conversation_id]) is not None
        and not (passed and (transcripts.get(judgment.conversation_id) in same or judgment.conversation_id in ids))
    ]
    passed, trials = sum(decided), len(decided)
    unchanged = str(judging.agent) in {str(item.agent) for item in complained}
    whole = passed == trials >= k and trials == len(ours)
    what = "failed" if passed < trials else "passed" if whole and not unchanged else "undecided"
    return ComplaintEvent(
        at=run.ended_at,
        what=what,
        where=run.subject_id,
        agent=judging.agent,
        passed=passed,
        trials=trials,
        undecided=len(ours) - trials,
    )


async def _items(context: Context, report: ProductionReport) -> tuple[Feedback, ...]:
    from assay.tracking import read_text

    if report.run_id is None:
        return ()
    text = await asyncio.to_thread(read_text, context.tracking, report.run_id, ITEMS)
    return feedback_of(Rows(text, ITEMS))
