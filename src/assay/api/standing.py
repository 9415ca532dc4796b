"""What stands decided in a project, and what each result came to in a sentence."""

import asyncio
from typing import TYPE_CHECKING, Literal

from assay.api.server import Server
from assay.contracts.gate import GateState
from assay.errors import AssayError

if TYPE_CHECKING:
    from assay.tracking.pages import GatedResult


async def gates_page(
    server: Server,
    project: str,
    *,
    state: Literal["waiting", "approved", "rejected"] | None = None,
    limit: int = 50,
    cursor: str | None = None,
    words: bool = False,
) -> tuple[list[GateState], str | None]:
    """(gated results, the newest first, with their decisions; the next page's cursor). `words`: with a summary."""
    from assay.lifecycle.gates import read_decisions, state_of
    from assay.tracking import decode_cursor, encode_cursor, gated_results

    after = None if cursor is None else decode_cursor(cursor, int, str)
    last = {decision.subject_id: decision for decision in await read_decisions(server.context, project)}
    found: dict[str, tuple[GatedResult, GateState]] = {}
    for run in await server.read(gated_results, project):
        if after is not None and (-run.started_ms, run.run_id) <= (-after[0], after[1]):
            continue
        gate = state_of(run.stage, run.subject_id, last.get(run.subject_id))
        if gate is not None and state in (None, gate.state) and run.subject_id not in found:
            found[run.subject_id] = (run, gate)
            if len(found) > limit:
                break
    shown = list(found.values())[:limit]
    more = encode_cursor(shown[-1][0].started_ms, shown[-1][0].run_id) if len(found) > limit else None
    if not words:
        return [gate for _, gate in shown], more
    lines = await asyncio.gather(*(headline_of(server, project, run.subject_id, run.headline) for run, _ in shown))
    return [gate.replace(summary=line) for (_, gate), line in zip(shown, lines, strict=True)], more


async def headline_of(server: Server, project: str, subject_id: str, kept: str = "") -> str:
    """What came of a result; empty where it cannot be read any more. kept: as it stands on the run, if it does."""
    if kept:
        return kept
    from assay.lifecycle.gates import load_subject
    from assay.stages import headline

    try:
        return headline(await load_subject(server.context, project, subject_id))
    except (AssayError, ValueError):
        return ""
