"""A rollout under way: begun, watched, widened step by step, stopped or rolled back. Every change is in the ledger."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from pydantic import HttpUrl, ValidationError

from assay.contracts.agent import AgentCard, HttpConnector, OpenAIConnector
from assay.contracts.base import content_hash
from assay.contracts.notification import NotificationKind
from assay.contracts.rollout import RegistryStage, Rollout, RolloutState
from assay.contracts.stage import AgentRef, Stage
from assay.contracts.traffic import Rewrite, RolloutEvaluation, RolloutLooks, RolloutStart, Traffic, Upstream
from assay.errors import AssayError, BadInput, NotFound, Refused
from assay.lifecycle.gates import Mode, load_subject, record
from assay.lifecycle.ledger_audit import audit, broken
from assay.rollout import TRAFFIC
from assay.rollout.guarding import evaluate, require_watchable
from assay.settings import Settings
from assay.stages.context import Context
from assay.stages.online import observations

Change = Literal["advance", "pause", "resume", "roll_back", "complete"]
BY_ITSELF = "policy"
LOOKED = "rollout/looks"
"""Under which a project keeps the looks at its rollout."""
MOST_LOOKS = 240


async def start(request: RolloutStart, context: Context) -> Traffic:
    """Puts the first step in force. The registry says Staging of the challenger until it has all traffic.

    Raises Refused for a rollout that was not approved for Production, while another one is running, and for two
    versions between which the gateway can make no difference; BadInput where nothing says where a version answers.
    """
    require_watchable(request.policy, "policy")
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
    champion, challenger = await _upstreams(context, request, rollout)
    traffic = Traffic(
        project=project,
        rollout_id=request.rollout_id,
        champion=champion,
        challenger=challenger,
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
    done = await _put(context, text, first, "approve", request.by, request.reason, "person")
    await _registry(context, done, RegistryStage.PRODUCTION, RegistryStage.STAGING, request.by, request.reason)
    return done


async def under_way(context: Context, project: str) -> bool:
    """Whether a rollout is running or paused."""
    _, traffic = await _read(context, project)
    return traffic is not None and traffic.state in (RolloutState.RUNNING, RolloutState.PAUSED)


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
            raise Refused(f"{what}: {_why_not(what, traffic)}")
    done = await _put(context, text, after, decision, by, reason, mode)
    if what == "roll_back":
        await _registry(context, done, RegistryStage.PRODUCTION, RegistryStage.ARCHIVED, by, reason)
    elif what == "complete":
        await _registry(context, done, None, RegistryStage.PRODUCTION, by, reason)
    return done


def _why_not(what: Change, traffic: Traffic) -> str:
    """Why the rollout's state does not allow a change, and what to do instead."""
    state = traffic.state
    if state in (RolloutState.COMPLETED, RolloutState.ROLLED_BACK, RolloutState.PLANNED):
        return f"the rollout {traffic.rollout_id} is {state.value.replace('_', ' ')}: start another one"
    if state is RolloutState.PAUSED and what != "resume":
        return f"the rollout {traffic.rollout_id} is paused: `assay rollout resume` first"
    if what == "resume":
        return f"the rollout {traffic.rollout_id} is running: there is nothing to resume"
    if what == "advance":
        return (
            f"all traffic already goes to {traffic.challenger.agent if traffic.challenger else 'the challenger'}: "
            "`assay rollout complete` ends the rollout, and so does the next look that finds every guardrail good"
        )
    return (
        f"the challenger has {100 * traffic.share:g} % of traffic, at step {traffic.step + 1} of "
        f"{len(traffic.steps)}: `assay rollout advance` until it has all"
    )


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


async def _upstreams(context: Context, request: RolloutStart, rollout: Rollout) -> tuple[Upstream, Upstream]:
    """Where both versions answer, and what the gateway changes so that each answers as its card says."""
    cards = [
        None if url else (await context.agent_version(request.project, agent, gated=True)).card
        for agent, url in ((rollout.champion, request.champion_url), (rollout.challenger, request.challenger_url))
    ]
    champion = await _upstream(context, rollout.champion, cards[0], request.champion_url, "champion_url")
    challenger = await _upstream(context, rollout.challenger, cards[1], request.challenger_url, "challenger_url")
    if cards[0] is not None and cards[1] is not None:
        refuse_alike(cards[0], cards[1], champion, challenger)
    elif (champion.url, champion.rewrite) == (challenger.url, challenger.rewrite):
        raise Refused(
            f"champion_url: both versions are to answer at {champion.url}, so the rollout would compare a version "
            "with itself: give each an address of its own"
        )
    return champion, challenger


async def _upstream(context: Context, agent: AgentRef, card: AgentCard | None, url: str | None, field: str) -> Upstream:
    if card is not None:
        upstream = upstream_of(card, field)
    else:
        assert url is not None  # noqa: S101, there is a card where there is no URL
        try:
            upstream = Upstream(agent=agent, url=url.rstrip("/"))
        except ValidationError as error:
            raise BadInput(f"{field}: {url!r} is not an address: write it as http://host:8000") from error
    await asyncio.to_thread(refuse_forbidden, context.settings, upstream.url, field)
    return upstream


def refuse_forbidden(settings: Settings, url: str, field: str) -> None:
    """The same rule as for the hosts that cards name. Raises Refused."""
    from urllib.parse import urlsplit

    from assay.connectors.network import ForbiddenAddress, Network

    network = Network.of(settings)
    if network.trusts(url):
        return
    parts = urlsplit(url)
    try:
        network.addresses(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    except ForbiddenAddress as error:
        raise Refused(f"{field}: {error}") from error
    except OSError as error:
        raise BadInput(f"{field}: {parts.hostname} is not known: {error.strerror or error}") from error


def upstream_of(card: AgentCard, field: str) -> Upstream:
    """Where a version answers by its card, and what is changed in requests to it.

    Raises BadInput for a card whose agent does not answer over HTTP.
    """
    match card.connector:
        case OpenAIConnector() as spec:
            body = {"model": spec.model, "temperature": spec.temperature, "max_tokens": spec.max_tokens}
            rewrite = Rewrite(
                protocol="openai",
                path=(spec.base_url.path or "").rstrip("/"),
                body={**{name: value for name, value in body.items() if value is not None}, **spec.extra_body},
                system_prompt=card.system_prompt or None,
            )
            return Upstream(agent=card.ref, url=_origin(spec.base_url), rewrite=rewrite)
        case HttpConnector() as spec:
            if spec.url.query:
                raise BadInput(
                    f"{field}: connector.url of {card.ref} has a query, which the gateway does not add to requests: "
                    f"name the version's address with {field}"
                )
            rewrite = Rewrite(protocol="http", path=(spec.url.path or "").rstrip("/"))
            return Upstream(agent=card.ref, url=_origin(spec.url), rewrite=rewrite)
        case _:
            raise BadInput(
                f"{field}: the card of {card.ref} does not say where it answers over HTTP (its connector is "
                f"{card.connector.kind}): name its address with {field}"
            )


def _origin(url: HttpUrl) -> str:
    host = f"[{url.host}]" if url.host and ":" in url.host and not url.host.startswith("[") else url.host
    return f"{url.scheme}://{host}:{url.port}"


DESCRIBED = ("system_prompt", "tools", "parameters", "files", "checkpoints")
"""Fields of a card that say what the agent is, and that its own server has to bring about."""
CALLERS_SEE = ("method", "headers", "request", "reply", "tool_calls", "state", "input_tokens", "output_tokens")
"""Fields of an http connector that callers would have to change with the version."""


def refuse_alike(one: AgentCard, other: AgentCard, champion: Upstream, challenger: Upstream) -> None:
    """Raises Refused for two cards whose difference the gateway cannot bring about.

    Requests bring callers' own bodies and keys, and answers go back as they came. The gateway sets the path, and for
    chat completions the model, the system prompt, the temperature and further fields of the body.
    """
    hint = "give each version an address of its own, with champion_url and challenger_url"
    a, b = one.connector, other.connector
    if a.kind != b.kind:
        raise Refused(
            f"connector.kind: {one.ref} is reached by {a.kind} and {other.ref} by {b.kind}: callers would have to "
            f"know which one answers: {hint}"
        )
    seen = CALLERS_SEE if isinstance(a, HttpConnector) else ("api_key_env",)
    for name in seen:
        if getattr(a, name, None) != getattr(b, name, None):
            raise Refused(
                f"connector.{name}: {one.ref} and {other.ref} differ in it, and the gateway cannot apply it: it passes "
                f"on what callers send and what the version answers: {hint}"
            )
    applied = ("system_prompt",) if isinstance(a, OpenAIConnector) else ()
    described = [name for name in DESCRIBED if name not in applied and getattr(one, name) != getattr(other, name)]
    same_place = champion.url == challenger.url and _place(champion) == _place(challenger)
    if same_place and described:
        raise Refused(
            f"{', '.join(described)}: {one.ref} and {other.ref} differ in it, both answer at the same address, and the "
            f"gateway cannot apply it: {hint}"
        )
    if champion.url == challenger.url and champion.rewrite == challenger.rewrite:
        raise Refused(
            f"{one.ref} and {other.ref} answer at the same address, and their cards differ in nothing that the gateway "
            f"can apply, so the rollout would compare a version with itself: {hint}"
        )


def _place(upstream: Upstream) -> tuple[str, object]:
    rewrite = upstream.rewrite
    return ("", None) if rewrite is None else (rewrite.path, rewrite.body.get("model"))


async def _registry(
    context: Context,
    traffic: Traffic,
    champion: RegistryStage | None,
    challenger: RegistryStage,
    by: str,
    reason: str,
) -> None:
    """Moves both versions to what is true of them now. champion None: it is left to what the challenger's move does
    to it, which is that a version replaced in Production is archived."""
    from assay.tracking import stage_of, transition

    assert traffic.challenger is not None  # noqa: S101, a rollout has one
    evidence = {"rollout": traffic.rollout_id, "share": f"{traffic.share:g}"}
    moves = [(traffic.challenger.agent, challenger)]
    if champion is not None:
        moves.append((traffic.champion.agent, champion))
    for agent, to_stage in moves:
        version = await context.agent_version(traffic.project, agent, gated=True)
        name, number = version.registered_model, version.registry_version
        if await asyncio.to_thread(stage_of, context.tracking, name, number) is not to_stage:
            await asyncio.to_thread(
                transition, context.tracking, name, number, to_stage, by=by, reason=reason, evidence=evidence
            )
