"""assay agent"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from assay.cli.console import (
    BAD_INPUT,
    InOut,
    Output,
    answer,
    answer_table,
    asked,
    check_output,
    in_context,
    load_as,
    table,
)
from assay.cli.references import agent_ref
from assay.cli.stage import run_and_answer
from assay.contracts.agent import AgentCard, DevelopRequest, Finding

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay agent", help="Register, probe and list agents under test (stage 1).")


@app.command
def register(
    card: Annotated[Path | None, Parameter(help="The agent card (JSON).")] = None,
    *,
    probe: Annotated[bool | None, Parameter(help="Probe the agent first.")] = None,
    io: InOut = InOut(),
) -> None:
    """Register an agent version from its card, after a conformance probe."""
    flags = {} if card is None else {"card": load_as(AgentCard, card), "card_dir": str(card.parent)}
    run_and_answer(asked(DevelopRequest, io, probe=probe, **flags), io)


@app.command
def probe(card: Annotated[Path, Parameter(help="The agent card (JSON).")], *, io: Output = Output()) -> int:
    """Probe an agent without registering it: answers, state, streaming, tools, time-out, determinism.

    Exits with 2 if the agent does not answer.
    """
    from assay.connectors import probe as run_probe
    from assay.settings import Settings
    from assay.tracking import connect, load_pyfunc

    check_output(io.output)
    loaded, settings = load_as(AgentCard, card), Settings()

    def load_model(model_uri: str) -> Any:
        connect(settings.store, create=False)
        return load_pyfunc(model_uri)

    report = asyncio.run(run_probe(loaded, card_dir=card.parent, load_model=load_model, settings=settings))
    answer(report, io, ())
    if not io.as_json:
        rows = [(check.name.replace("_", " "), check.finding, check.detail) for check in report.checks]
        table(f"Agent {loaded.ref}", ("ability", "result", "detail"), rows)
    return BAD_INPUT if report.finding("answers") is Finding.NO else 0


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the registered agent versions of a project."""
    from assay.tracking import list_agents

    async def work(context: "Context"):
        return await asyncio.to_thread(list_agents, context.tracking, io.name)

    agents = in_context(work, quiet=True)
    rows = [(agent.agent, agent.registry_version, agent.stage, agent.description) for agent in agents]
    columns = ("agent", "registry version", "stage", "description")
    answer_table(agents, io, f"Agents in project {io.name}", columns, rows)


@app.command
def show(agent: Annotated[str, Parameter(help="agent_id@version")], *, io: Output = Output()) -> None:
    """Show a registered version: its card, its probe and its registry stage."""

    async def work(context: "Context"):
        return await context.agent_version(io.name, agent_ref(agent))

    version = in_context(work)
    answer(version, io, (version.model_dump_json(indent=2),))
