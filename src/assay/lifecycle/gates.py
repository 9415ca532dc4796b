"""Gates: what a stage stands on must be approved, and every decision is in the ledger."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assay.contracts.api import ProjectPolicy
from assay.contracts.base import content_hash
from assay.contracts.gate import GateDecision, GateState, LedgerCheck
from assay.contracts.judgment import Judging
from assay.contracts.stage import Stage, StageRequest, StageResult
from assay.errors import Conflict, GateClosed, NotFound, Refused
from assay.lifecycle import ledger
from assay.lifecycle.ledger_audit import HEAD, audit, broken, signing_key
from assay.lifecycle.policy import read_policy
from assay.stages import STAGES, Parent, spec_of, stage_of
from assay.stages.context import Context
from assay.stages.evidence import JUDGMENTS, stored_evidence

if TYPE_CHECKING:
    from assay.tracking import RunSummary

Mode = Literal["person", "approve_all", "policy"]
ALL = 1_000_000
RESULT = "result.json"
DECIDED_ON = {RESULT, *(name for spec in STAGES.values() for name in spec.decided_on)}
"""Names of evidence that only decisions on results have."""
TRIES = 20
"""Of writing a decision while others write theirs."""


async def require_open(request: StageRequest, context: Context) -> None:
    """Raises GateClosed unless all that a gated request depends on is approved, and still is what was approved.

    That is everything back to the agents and the dataset, whether it was run gated or not: what was run ungated is
    part of the lifecycle once each step is approved, unless the project's policy wants gates beforehand.
    """
    if not request.gated:
        return
    await _require_sound_ledger(context, request.project)
    spec = spec_of(request)
    results = [await _find(parent, context, request.project) for parent in spec.parents(request)]
    spec.check(request, results)
    if spec.ancestors:
        results = await lineage(results, context)
    last = {d.subject_id: d for d in await read_decisions(context, request.project)}
    policy = await read_policy(context, request.project)
    missing = [found for result in results if (found := await _closed(result, last, policy, context)) is not None]
    missing += [found for result in results if (found := _made_from_another(result, results)) is not None]
    if missing:
        raise GateClosed(_what_is_missing(request.project, missing))


@dataclass(frozen=True, slots=True)
class _Missing:
    """A result that keeps a gate closed."""

    result: StageResult
    why: str
    remedy: Literal["approve", "overrule", "run again"]


async def _closed(
    result: StageResult, last: Mapping[str, GateDecision], policy: ProjectPolicy, context: Context
) -> _Missing | None:
    """None: it is approved, and as it was when that was decided."""
    decision = last.get(result.subject_id)
    if not result.gated and policy.gates == "before":
        return _Missing(
            result,
            f"was run ungated, outside the lifecycle of project {result.project}, and the project's policy wants gates "
            "beforehand: run it again with --gated",
            "run again",
        )
    if decision is None:
        return _Missing(result, "is not approved yet", "approve")
    if decision.decision == "reject":
        return _Missing(result, f"was rejected by {decision.by} ({decision.reason})", "overrule")
    if changed := differing(decision.evidence, await evidence_of(result, context)):
        return _Missing(result, f"is not what {decision.by} approved: {', '.join(changed)} changed since", "approve")
    return None


def _made_from_another(result: StageResult, results: Sequence[StageResult]) -> _Missing | None:
    """Whether the result was made from judgments that its judging no longer has, because failed calls were repeated."""
    judgings = {other.subject_id: other for other in results if isinstance(other, Judging)}
    for name, digest in result.evidence.items():
        if name in judgings and judgings[name].evidence.get(JUDGMENTS) not in (None, digest):
            return _Missing(result, f"was made before {name} was completed: run that stage again", "run again")
    return None


def _what_is_missing(project: str, missing: Sequence[_Missing]) -> str:
    flag = "" if project == "default" else f" --project {project}"
    named = [f"{found.result.stage} {found.result.subject_id} {found.why}" for found in missing]
    if len(missing) > 1:
        ids = " ".join(found.result.subject_id for found in missing if found.remedy == "approve")
        lines = [f"{len(missing)} results are not approved, in this order:", *(f"  {line}" for line in named)]
        if ids:
            lines.append(f"Look at each, then `assay gate approve {ids}{flag} --reason WHY`, or one at a time")
        return "\n".join(lines)
    subject = missing[0].result.subject_id
    match missing[0].remedy:
        case "approve":
            return f"{named[0]}: look at it, then `assay gate approve {subject}{flag} --reason WHY`"
        case "overrule":
            return (
                f"{named[0]}: change what is wrong and run that stage again, or overrule it with "
                f"`assay gate approve {subject}{flag} --overrule --reason WHY`"
            )
        case "run again":
            return named[0]


async def evidence_of(result: StageResult, context: Context) -> dict[str, str]:
    """What a decision on the result rests on, as it is stored now: artifact to SHA-256.

    An agent version and a dataset may be results of several requests (another folder, another agent); what is decided
    on is what they have in common.
    """
    from assay.tracking import load_result

    loaded = await asyncio.to_thread(load_result, context.tracking, result.project, result.stage, result.subject_id)
    if fields := STAGES[result.stage].decided_on:
        return {name: content_hash(loaded.get(name)) for name in fields}
    return {RESULT: content_hash(loaded), **await stored_evidence(result, context)}


async def approved_as_it_is(result: StageResult, context: Context) -> bool:
    """Whether the last decision approves the result, and it has not changed since."""
    last = {decision.subject_id: decision for decision in await read_decisions(context, result.project)}
    return await _closed(result, last, await read_policy(context, result.project), context) is None


def differing(approved: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of what both hold and is not the same."""
    return [name for name in now if name in approved and approved[name] != now[name]]


async def lineage(results: Sequence[StageResult], context: Context) -> list[StageResult]:
    """The results with all that led to them, each once, what comes first in the lifecycle first."""
    found: dict[str, StageResult] = {}

    async def follow(result: StageResult) -> None:
        if result.subject_id not in found:
            found[result.subject_id] = result
            for parent in STAGES[result.stage].made_from(result):
                await follow(await _find(parent, context, result.project))

    for result in results:
        await follow(result)
    order = list(Stage)
    return sorted(found.values(), key=lambda result: order.index(result.stage))


class _Any:
    """Whatever decision is in force."""


ANY_DECISION = _Any()


async def decide(
    context: Context,
    project: str,
    subject_id: str,
    decision: Literal["approve", "reject"],
    *,
    by: str,
    reason: str,
    mode: Mode = "person",
    overrules: str | _Any | None = None,
) -> GateDecision:
    """Writes the decision at the end of the ledger, with the hashes of what was decided on.

    overrules: the hash of the decision on this subject that is to be overruled; None: the caller saw none. Raises
    Conflict where another one is in force; Refused when nobody is named, the ledger was tampered with, the project's
    policy does not allow it, or a dataset that is under its threshold, or a simulation whose users were played badly,
    should be approved.
    """
    if not by.strip() or by == "unknown":
        raise Refused("by: nobody is named, and a decision is somebody's: set ASSAY_USER to your name")
    result = await load_subject(context, project, subject_id)
    policy = await read_policy(context, project)
    evidence = await evidence_of(result, context)
    if decision == "approve":
        if not result.gated and policy.gates == "before":
            raise Refused(
                f"{subject_id} was run ungated, and the policy of {project} wants gates beforehand: run it with --gated"
            )
        if why := STAGES[result.stage].refusal(result, context.settings):
            raise Refused(why)
        if changed := differing(result.evidence, evidence):
            raise Refused(
                f"{subject_id}: {', '.join(changed)} in the store is not what the result was made from: run that stage "
                "again, then decide"
            )
        if policy.four_eyes:
            await _refuse_own(context, result, by)

    def fits(decisions: Sequence[GateDecision]) -> None:
        in_force = next((d for d in reversed(decisions) if d.subject_id == subject_id), None)
        if isinstance(overrules, _Any) or (in_force.hash if in_force else None) == overrules:
            return
        if in_force is None:
            raise Conflict(f"{subject_id}: nothing was decided on it yet, so there is nothing to overrule")
        if in_force.decision == "approve" and overrules is None and differing(in_force.evidence, evidence):
            return  # what was approved is no longer there, so nothing is in force
        raise Conflict(
            f"{subject_id} is {'approved' if in_force.decision == 'approve' else 'rejected'} by {in_force.by} since "
            f"{in_force.at:%Y-%m-%d %H:%M:%S} UTC ({in_force.reason}): look at that, then overrule it "
            f"(--overrule, or `overrules`: {in_force.hash})"
        )

    written = await record(context, project, result.stage, subject_id, decision, by, reason, evidence, mode, fits=fits)
    if not result.gated and result.run_id is not None:
        from assay.tracking import tag_run

        # from here on it is part of the lifecycle: lists of gates show it
        await asyncio.to_thread(tag_run, context.tracking, result.run_id, "gated", "true")
    return written


async def _refuse_own(context: Context, result: StageResult, by: str) -> None:
    """Raises Refused where the approver ran it, or where nobody knows who did."""
    from assay.tracking import run_people

    ran = [] if result.run_id is None else await asyncio.to_thread(run_people, context.tracking, result.run_id)
    if by in ran:
        raise Refused(
            f"{result.subject_id} was run by {by}, and the policy of {result.project} wants a second person "
            "to approve it"
        )
    if not ran or "unknown" in ran:
        raise Refused(
            f"{result.subject_id}: nobody knows who ran it, and the policy of {result.project} wants a second person "
            "to approve it: set ASSAY_USER and run it again"
        )


async def record(
    context: Context,
    project: str,
    stage: Stage,
    subject_id: str,
    decision: Literal["approve", "reject"],
    by: str,
    reason: str,
    evidence: dict[str, str],
    mode: Mode,
    *,
    fits: Callable[[Sequence[GateDecision]], None] = lambda decisions: None,
) -> GateDecision:
    """Seals one line at the end of the ledger. Raises Refused when the ledger was tampered with.

    fits: raises where the decision does not follow on those that are there; asked again if somebody decides meanwhile.
    """
    from assay.tracking import append_ledger, read_ledger, set_project_tag

    t = context.tracking
    for attempt in range(TRIES):
        lines = await asyncio.to_thread(read_ledger, t, project)
        check = await audit(context, project, deciding=True)
        if not check.intact:
            raise Refused(broken(project, check))
        decisions = ledger.decisions(lines)
        fits(decisions)
        sealed = ledger.seal(
            decisions[-1].hash if decisions else ledger.GENESIS,
            project=project,
            stage=stage,
            subject_id=subject_id,
            decision=decision,
            by=by,
            at=context.now(),
            reason=reason,
            mode=mode,
            evidence=evidence,
            key=signing_key(context.settings),
        )
        try:
            await asyncio.to_thread(append_ledger, t, project, ledger.line_of(sealed), expected_lines=len(lines))
        except Refused:
            if attempt + 1 == TRIES:
                raise
            continue
        await asyncio.to_thread(set_project_tag, t, project, HEAD, ledger.head_tag(len(lines) + 1, sealed.hash))
        await asyncio.to_thread(set_project_tag, t, project, f"gate.{stage}", f"{decision} {subject_id} by {by}")
        return sealed
    raise AssertionError("the last attempt returns or raises")


async def read_decisions(context: Context, project: str) -> list[GateDecision]:
    """The ledger, oldest first, up to a line that was changed. A later decision on a subject overrules an earlier."""
    from assay.tracking import read_ledger

    return ledger.decisions(await asyncio.to_thread(read_ledger, context.tracking, project))


async def verify(context: Context, project: str, *, evidence: bool = True) -> LedgerCheck:
    """Whether the ledger is what was written, and whether what is deployed has its approval.

    With `evidence` also whether what is approved is as it was approved: its hashes are computed again from the store,
    which reads every conversation and judgment behind an approval. Raises NotFound.
    """
    check = await audit(context, project)
    if not evidence:
        return check
    decisions = await read_decisions(context, project)
    last = {decision.subject_id: decision for decision in decisions if decision.evidence.keys() & DECIDED_ON}
    changed = []
    for decision in last.values():
        if decision.decision == "approve" and (what := await _changed(context, project, decision)):
            changed.append(f"{decision.subject_id}: {what}")
    return check.replace(changed=tuple(changed))


async def _changed(context: Context, project: str, decision: GateDecision) -> str:
    """What is not as it was when it was approved, in words; empty: nothing."""
    try:
        now = await evidence_of(await load_subject(context, project, decision.subject_id), context)
    except NotFound:
        return "is not in the store any more"
    names = differing(decision.evidence, now)
    return f"{', '.join(names)} changed after the approval" if names else ""


async def _require_sound_ledger(context: Context, project: str) -> None:
    """Raises GateClosed where a line was changed: a rejection may be among those that cannot be read any more."""
    from assay.tracking import read_ledger

    check = ledger.verify(project, await asyncio.to_thread(read_ledger, context.tracking, project))
    if not check.intact:
        raise GateClosed(broken(project, check))


async def gate_states(context: Context, project: str) -> list[GateState]:
    """Every gated result with its decision, in the order of the stages."""
    from assay.tracking import list_results

    last = {decision.subject_id: decision for decision in await read_decisions(context, project)}
    states = []
    for stage in STAGES:
        for run in await asyncio.to_thread(list_results, context.tracking, project, stage, limit=ALL):
            if run.gated:
                states.append(state_of(stage, run.subject_id, last.get(run.subject_id)))
    return states


def state_of(stage: Stage, subject_id: str, decision: GateDecision | None) -> GateState:
    if decision is None:
        return GateState(stage=stage, subject_id=subject_id, state="waiting")
    state = "approved" if decision.decision == "approve" else "rejected"
    return GateState(stage=stage, subject_id=subject_id, state=state, decision=decision)


def stage_of_subject(subject_id: str) -> Stage:
    """Raises NotFound if it is not a result ID."""
    if (stage := stage_of(subject_id)) is None:
        prefixes = ", ".join(spec.prefixes[0] for spec in STAGES.values())
        raise NotFound(f"{subject_id} is not a result ID: IDs begin with {prefixes}")
    return stage


async def load_subject(context: Context, project: str, subject_id: str) -> StageResult:
    """The result that bears this id. Raises NotFound where there is none."""
    from assay.tracking import load_result

    stage = stage_of_subject(subject_id)
    loaded = await asyncio.to_thread(load_result, context.tracking, project, stage, subject_id)
    return STAGES[stage].result.model_validate(loaded)


async def _find(parent: Parent, context: Context, project: str) -> StageResult:
    """The result that a parent names. Raises its error where there is none."""
    from assay.tracking import list_results

    if (subject_id := parent.subject_id) is not None:
        if parent.missing and stage_of(subject_id) is None:
            raise parent.error(parent.missing)
        return await load_subject(context, project, subject_id)
    runs: Sequence[RunSummary] = await asyncio.to_thread(
        list_results,
        context.tracking,
        project,
        parent.stage,
        agent=parent.agent,
        dataset=parent.dataset,
        parent=parent.made_from,
        limit=ALL,
    )
    if parent.made_from is not None:
        runs = await _current(runs, parent.made_from, context, project)
    if (fits := parent.fits) is not None:
        runs = [run for run in runs if fits(await load_subject(context, project, run.subject_id))]
    if parent.newest:
        found = await load_subject(context, project, runs[0].subject_id) if runs else None
    else:
        found = await _chosen(context, project, runs)
    if found is None:
        raise parent.error(parent.missing)
    return found


async def _current(
    runs: "Sequence[RunSummary]", source_id: str, context: Context, project: str
) -> "Sequence[RunSummary]":
    """The runs whose results were made from the judgments that the source has now."""
    source = await load_subject(context, project, source_id)
    now = source.evidence.get(JUDGMENTS)
    results = [await load_subject(context, project, run.subject_id) for run in runs]
    return [run for run, made in zip(runs, results, strict=True) if made.evidence.get(source_id) in (None, now)]


async def _chosen(context: Context, project: str, runs: Sequence["RunSummary"]) -> StageResult | None:
    """Of several results for one thing the one that is approved, else a gated one, else the newest; None: of none."""
    if not runs:
        return None
    approved = {d.subject_id: d.decision == "approve" for d in await read_decisions(context, project)}
    best = min(runs, key=lambda run: (not approved.get(run.subject_id, False), not run.gated))
    return await load_subject(context, project, best.subject_id)
