"""What stands decided in a project, and what each result came to in a sentence."""

import asyncio
from typing import Literal

from assay.api.server import Server
from assay.contracts.api import RunItem
from assay.contracts.gate import GateState
from assay.errors import AssayError

AT_ONCE = 200
MOST_LOOKED_AT = 2000
"""Runs that one page of gates is looked for in."""


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
    from assay.tracking import RunFilter, encode_cursor, page_runs

    last = {decision.subject_id: decision for decision in await read_decisions(server.context, project)}
    found: list[tuple[RunItem, GateState]] = []
    looked_at = 0
    while True:
        page = await server.read(
            page_runs, project, RunFilter(gated=True, with_result=True), limit=AT_ONCE, cursor=cursor
        )
        known = {gate.subject_id for _, gate in found}
        for run in page.rows:
            gate = state_of(run.stage, run.subject_id, last.get(run.subject_id)) if run.subject_id else None
            if gate is not None and gate.subject_id not in known and state in (None, gate.state):
                known.add(gate.subject_id)
                found.append((run, gate))
        looked_at += len(page.rows)
        cursor = page.next_cursor
        if len(found) > limit or cursor is None or looked_at >= MOST_LOOKED_AT:
            break
    shown = found[:limit]
    if len(found) > limit:
        run = shown[-1][0]
        cursor = encode_cursor(int(run.started_at.timestamp() * 1000), run.run_id)
    gates = [gate for _, gate in shown]
    if words:
        lines = await asyncio.gather(*(headline_of(server, project, gate.subject_id) for gate in gates))
        gates = [gate.replace(summary=line) for gate, line in zip(gates, lines, strict=True)]
    return gates, cursor


async def headline_of(server: Server, project: str, subject_id: str) -> str:
    """What came of a result; empty where it cannot be read any more."""
    from assay.lifecycle.gates import load_subject
    from assay.lifecycle.headline import headline

    try:
        return headline(await load_subject(server.context, project, subject_id))
    except (AssayError, ValueError):
        return ""
