"""A rollout under way: begun, watched, widened step by step, stopped or rolled back. Every change is in the ledger."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from assay.contracts.agent import AgentVersion, HttpConnector, OpenAIConnector
from assay.contracts.base import content_hash
from assay.contracts.notification import NotificationKind
from assay.contracts.rollout import RegistryStage, Rollout, RolloutState
from assay.contracts.stage import AgentRef, Stage
from assay.contracts.traffic import RolloutEvaluation, RolloutLooks, RolloutStart, Traffic, Upstream
from assay.errors import AssayError, BadInput, NotFound, Refused
from assay.lifecycle.gates import Mode, load_subject, record
from assay.lifecycle.ledger_audit import audit, broken
from assay.rollout import TRAFFIC
from assay.rollout.guarding import evaluate
from assay.stages.context import Context
from assay.stages.online import observations

Change = Literal["advance", "pause", "resume", "roll_back", "complete"]
BY_ITSELF = "policy"
LOOKED = "rollout/looks"
"""Under which a project keeps the looks at its rollout."""
MOST_LOOKS = 240


async def start(request: RolloutStart, context: Context) -> Traffic:
    """Puts the first step in force. Raises Refused for a rollout that is not in Production or while another is under
    way, BadInput where nothing says where a version answers."""
    rollout = await load_subject(context, request.project, request.rollout_id)
    if not isinstance(rollout, Rollout):
        raise BadInput(f"rollout_id: {request.rollout_id} is no rollout")
    if rollout.registry_stage is not RegistryStage.PRODUCTION:
        raise Refused(
            f"rollout_id: {rollout.challenger} is in {rollout.registry_stage}: `assay deploy promote` it first"
        )
    text, before = await _read(context, request.project)
    if before is not None and before.state in (RolloutState.RUNNING, RolloutState.PAUSED):
        raise Refused(f"rollout_id: {before.rollout_id} is {before.state.value}: complete it or roll it back first")
    project = request.project
    traffic = Traffic(
        project=project,
        rollout_id=request.rollout_id,
        champion=await _upstream(context, request.project, rollout.champion, request.champion_url, "champion_url"),
        challenger=await _upstream(
            context, request.project, rollout.challenger, request.challenger_url, "challenger_url"
        ),
        sample_share=request.policy.sample_share,
        steps=rollout.steps,
        policy=request.policy,
        number=before.number if before else 0,
        started_at=context.now(),
    )
    if request.policy.shadow:
        shadowing = _shared(traffic, 0.0, context).replace(state=RolloutState.RUNNING, step=-1, shadow=True)
        first = shadowing.replace(step_at=context.now())
    else:
        first = _at_step(traffic, 0, context)
    return await _put(context, text, first, "approve", request.by, request.reason, "person")


async def traffic_of(context: Context, project: str) -> Traffic:
    """What is in force. Raises NotFound where no rollout was ever begun."""
    _, traffic = await _read(context, project)
    if traffic is None:
        raise NotFound(f"project {project} has no rollout under way: `assay rollout start ROLLOUT`")
    return traffic


async def change(
    context: Context, project: str, what: Change, *, by: str, reason: str, mode: Mode = "person"
) -> Traffic:
    """One change by hand, or by the policy. Raises Refused where the rollout's state does not allow it."""
    text, traffic = await _read(context, project)
    if traffic is None:
        raise NotFound(f"project {project} has no rollout under way: `assay rollout start ROLLOUT`")
    running, paused = traffic.state is RolloutState.RUNNING, traffic.state is RolloutState.PAUSED
    match what:
        case "advance" if running and traffic.step + 1 < len(traffic.steps):
            after, decision = _at_step(traffic, traffic.step + 1, context), "approve"
        case "pause" if running:
            after, decision = traffic.replace(state=RolloutState.PAUSED), "reject"
        case "resume" if paused:
            after, decision = traffic.replace(state=RolloutState.RUNNING), "approve"
        case "complete" if running and traffic.step + 1 == len(traffic.steps):
            after, decision = traffic.replace(state=RolloutState.COMPLETED), "approve"
        case "roll_back" if running or paused:
            after = _shared(traffic, 0.0, context).replace(state=RolloutState.ROLLED_BACK, shadow=False)
            decision = "reject"
        case _:
            raise Refused(
                f"{what}: the rollout {traffic.rollout_id} is {traffic.state.value.replace('_', ' ')} at step "
                f"{traffic.step + 1} of {len(traffic.steps)}, which does not allow it"
            )
    done = await _put(context, text, after, decision, by, reason, mode)
    if what == "roll_back":
        await _registry_back(context, done, by, reason)
    return done


async def look(context: Context, project: str) -> RolloutEvaluation:
    """Reads what production did, holds it against the guardrails, and does what follows: roll back, stop, go on where
    the policy says so, or say what a person may do now."""
    traffic = await traffic_of(context, project)
    rows = await observations(context, traffic)
    found = evaluate(traffic, rows, now=context.now(), certificate=await _certificate(context, traffic))
    await _keep(context, found)
    changes: dict[str, Change] = {"roll_back": "roll_back", "stop": "pause", "advance": "advance", "done": "complete"}
    _announce(context, found)
    if found.action in changes:
        await change(context, project, changes[found.action], by=BY_ITSELF, reason=found.words, mode="policy")
    return found


async def looks_at(context: Context, project: str) -> RolloutLooks:
    """How the guardrails went in the rollout that is or was under way. Raises NotFound where none ever was."""
    traffic = await traffic_of(context, project)
    _, looks = await _looks(context, project)
    return (
        looks
        if looks.rollout_id == traffic.rollout_id
        else RolloutLooks(project=project, rollout_id=traffic.rollout_id)
    )


async def _looks(context: Context, project: str) -> tuple[str | None, RolloutLooks]:
    from assay.tracking import read_kept

    text = await asyncio.to_thread(read_kept, context.tracking, project, LOOKED)
    return text, RolloutLooks.model_validate_json(text) if text else RolloutLooks(project=project, rollout_id="none")


async def _keep(context: Context, found: RolloutEvaluation) -> None:
    """The looks stand beside the traffic, for whoever wants to see how the guardrails went."""
    from assay.tracking import write_kept

    t, project = context.tracking, found.project
    before, looks = await _looks(context, project)
    earlier = looks.looks if looks.rollout_id == found.rollout_id else ()
    now = RolloutLooks(project=project, rollout_id=found.rollout_id, looks=thinned((*earlier, found), MOST_LOOKS))
    with suppress(Refused):  # another look at the same time has as much to say
        await asyncio.to_thread(write_kept, t, project, LOOKED, now.model_dump_json(), before=before)


def thinned(looks: Sequence[RolloutEvaluation], most: int) -> tuple[RolloutEvaluation, ...]:
    """At most so many: every second one of the older half is given up, the first and those that did something stay."""
    if len(looks) <= most:
        return tuple(looks)
    older, newer = looks[: len(looks) // 2], looks[len(looks) // 2 :]
    kept = [look for place, look in enumerate(older) if place % 2 == 0 or look.action not in ("wait", "none")]
    return (*kept, *newer)


def _announce(context: Context, found: RolloutEvaluation) -> None:
    """What a person should know at once."""
    kinds = {
        "roll_back": (NotificationKind.ROLLBACK, "the challenger is rolled back"),
        "stop": (NotificationKind.GUARDRAIL_HIT, "the rollout is paused"),
        "ask": (NotificationKind.GATE_WAITING, "the rollout waits for its next step"),
        "done": (NotificationKind.VERDICT, "the rollout is complete"),
    }
    if found.action in kinds:
        kind, title = kinds[found.action]
        context.notify(kind, found.project, title, found.words, f"{found.rollout_id}.{found.step}")


async def _certificate(context: Context, traffic: Traffic):
    """The newest certificate of the project, where quality is judged."""
    from assay.tracking import list_certificates

    if not traffic.policy.expectations:
        return None
    found = await asyncio.to_thread(list_certificates, context.tracking, traffic.project, limit=1)
    return found[0] if found else None


def _at_step(traffic: Traffic, step: int, context: Context) -> Traffic:
    shared = _shared(traffic, traffic.steps[step].share, context)
    return shared.replace(state=RolloutState.RUNNING, step=step, step_at=context.now(), shadow=False)


def _shared(traffic: Traffic, share: float, context: Context) -> Traffic:
    return traffic.replace(share=share, shares=(*traffic.shares, (context.now(), share)))


async def _put(
    context: Context,
    before: str | None,
    traffic: Traffic,
    decision: Literal["approve", "reject"],
    by: str,
    reason: str,
    mode: Mode,
) -> Traffic:
    """In force first, then in the ledger. What widens the challenger's share needs an intact ledger beforehand; what
    narrows it happens all the same, and people are told what the ledger did not take."""
    from assay.tracking import write_kept

    if decision == "approve":
        check = await audit(context, traffic.project, deciding=True)
        if not check.intact:
            raise Refused(broken(traffic.project, check))
    after = traffic.replace(number=traffic.number + 1)
    t, project = context.tracking, traffic.project
    await asyncio.to_thread(
        write_kept, t, project, TRAFFIC, after.model_dump_json(), before=before, number=after.number
    )
    subject = f"{after.rollout_id}.{after.number}"
    said = f"{after.state.value.replace('_', ' ')}, {100 * after.share:g} % of traffic: {reason}"
    evidence = {"traffic.json": content_hash(after)}
    try:
        sealed = await record(context, project, Stage.DEPLOY, subject, decision, by, said, evidence, mode)
        said = f"{said}\nledger head {sealed.hash}"
    except AssayError as error:
        if decision == "approve":
            raise
        said = f"{said}\nThe ledger did not take this decision: {error}"
    context.notify(NotificationKind.ROLLOUT_CHANGED, project, f"the rollout is {after.state.value}", said, subject)
    return after


async def _read(context: Context, project: str) -> tuple[str | None, Traffic | None]:
    from assay.tracking import read_kept

    text = await asyncio.to_thread(read_kept, context.tracking, project, TRAFFIC)
    return text, Traffic.model_validate_json(text) if text else None


async def _upstream(context: Context, project: str, agent: AgentRef, url: str | None, field: str) -> Upstream:
    if url is None:
        version = await context.agent_version(project, agent, gated=True)
        url = _url(version)
    if url is None:
        raise BadInput(f"{field}: the card of {agent} does not say where it answers over HTTP: name it")
    return Upstream(agent=agent, url=url.rstrip("/"))


def _url(version: AgentVersion) -> str | None:
    """The server's address without the path that a request brings."""
    match version.card.connector:
        case OpenAIConnector(base_url=url):
            return str(url).rstrip("/").removesuffix("/v1")
        case HttpConnector(url=url):
            return f"{url.scheme}://{url.host}:{url.port}"
        case _:
            return None


async def _registry_back(context: Context, traffic: Traffic, by: str, reason: str) -> None:
    """The challenger out of Production, the champion back in it."""
    from assay.tracking import stage_of, transition

    assert traffic.challenger is not None  # noqa: S101, a rollout has one
    evidence = {"rollout": traffic.rollout_id}
    moves = (
        (traffic.challenger.agent, RegistryStage.PRODUCTION, RegistryStage.ARCHIVED),
        (traffic.champion.agent, None, RegistryStage.PRODUCTION),
    )
    for agent, only_from, to_stage in moves:
        version = await context.agent_version(traffic.project, agent, gated=True)
        name, number = version.registered_model, version.registry_version
        at = await asyncio.to_thread(stage_of, context.tracking, name, number)
        if at is not to_stage and only_from in (None, at):
            await asyncio.to_thread(
                transition, context.tracking, name, number, to_stage, by=by, reason=reason, evidence=evidence
            )
