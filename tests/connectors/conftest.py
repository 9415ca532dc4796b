"""Real servers on loopback, and cards of agents that are written next to the test."""

import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from assay.connectors import ConversationStart
from assay.contracts.agent import AgentCard

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def start() -> ConversationStart:
    return ConversationStart(conversation_id="0af7651916cd43dd8448eb211c80319c", scenario_id="a-scenario", seed=7)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Serves one handler for every path and gives its address."""
    runners: list[web.AppRunner] = []

    async def started(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield started
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def card() -> Callable[..., AgentCard]:
    def made(connector: dict, **more: object) -> AgentCard:
        return AgentCard.model_validate(
            {"agent_id": "shop", "version": "v1", "description": "An agent.", "connector": connector, **more}
        )

    return made


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a module into the card's folder."""

    def written(name: str, code: str) -> Path:
        (tmp_path / name).write_text(textwrap.dedent(code))
        return tmp_path

    return written
