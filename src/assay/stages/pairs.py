"""Which two judgings a comparison compares where nobody names both."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.contracts.judgment import Judging
from assay.contracts.stage import AgentRef, Stage
from assay.errors import BadInput
from assay.stages.context import Context

if TYPE_CHECKING:
    from assay.tracking import RunSummary, Tracking

ALL = 1_000_000


async def champion_of(context: Context, project: str, challenger_judging: str) -> str:
    """The judging to compare with. Raises BadInput where there is none, or where it is not clear which."""
    champion, _ = await pair(context, project, None, challenger_judging)
    return champion.subject_id


async def pair(
    context: Context, project: str, champion: AgentRef | str | None, challenger: AgentRef | str | None
) -> tuple[Judging, Judging]:
    """The two judgings to compare: of one dataset version, by one judge with one rubric.

    A side is an agent version, a judging's id, or None: any other version of the same agent, the one in production
    where there is one. Raises BadInput with the pairs that are possible where there is not exactly one.
    """
    from assay.tracking import list_results, production_version

    t = context.tracking
    runs = await asyncio.to_thread(list_results, t, project, Stage.JUDGE, limit=ALL)
    runs = list({run.subject_id: run for run in runs}.values())

    def fitting(side: AgentRef | str | None) -> "list[RunSummary]":
        found = [run for run in runs if side is None or side in (run.subject_id, run.agent)]
        if not found:
            missing = "nothing was judged" if side is None else f"{side} was not judged"
            raise BadInput(f"{missing} in project {project}: run `assay simulate run` and `assay judge run` first")
        return found

    before, after = fitting(champion), fitting(challenger)
    possible = [(a, b) for b in after for a in before if _comparable(a, b)]
    if champion is None:
        possible = [
            (a, b)
            for a, b in possible
            if a.agent and b.agent and a.agent != b.agent and a.agent.agent_id == b.agent.agent_id
        ]
    loaded = {
        name: Judging.model_validate(await asyncio.to_thread(_load, t, project, name))
        for name in {run.subject_id for both in possible for run in both}
    }
    pairs = [(loaded[a.subject_id], loaded[b.subject_id]) for a, b in possible]
    alike = [(a, b) for a, b in pairs if (a.judge, a.rubric_hash) == (b.judge, b.rubric_hash)]
    pairs = alike or pairs  # where none is alike, the comparison says what differs
    if champion is None and len(pairs) > 1:
        serving = {
            agent_id: await asyncio.to_thread(production_version, t, project, agent_id)
            for agent_id in {b.agent.agent_id for _, b in pairs}
        }
        pairs = [(a, b) for a, b in pairs if a.agent == serving[b.agent.agent_id]] or pairs
    if not pairs:
        raise BadInput(_no_pair(before, after, champion, project))
    if len(pairs) > 1:
        listed = "\n".join(
            f"  --champion {a.subject_id} --challenger {b.subject_id}  ({b.agent} against {a.agent} on {b.dataset})"
            for a, b in pairs[:10]
        )
        raise BadInput(
            f"several pairs of judgings can be compared in project {project}; name the one you mean:\n{listed}"
        )
    return pairs[0]


def _comparable(a: "RunSummary", b: "RunSummary") -> bool:
    same_ground = a.dataset_version and a.dataset_version == b.dataset_version
    return bool(same_ground) and a.subject_id != b.subject_id and a.gated == b.gated


def _load(t: "Tracking", project: str, judging_id: str) -> dict[str, Any]:
    from assay.tracking import load_result

    return load_result(t, project, Stage.JUDGE, judging_id)


def _no_pair(
    before: "Sequence[RunSummary]", after: "Sequence[RunSummary]", champion: AgentRef | str | None, project: str
) -> str:
    def named(runs: "Sequence[RunSummary]") -> str:
        return ", ".join(
            dict.fromkeys(f"{run.agent} on {run.tags.get('dataset') or run.dataset_version}" for run in runs)
        )

    if champion is None:
        return (
            f"champion: no other version of the agent was judged on the same dataset in project {project} (judged: "
            f"{named(after)}): judge one, or name the champion's judging"
        )
    return (
        f"dataset: the champion was judged on other datasets than the challenger ({named(before)}; {named(after)}): "
        "simulate and judge both on one dataset version"
    )
