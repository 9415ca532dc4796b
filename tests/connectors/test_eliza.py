"""An agent nobody here wrote: eliza-gpt's own server, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.connectors import ConversationStart, connect, converse, probe
from assay.contracts.agent import AgentCard, Finding
from tests.conftest import PATIENCE_S

EXAMPLE = Path(__file__).parents[2] / "examples" / "eliza" / "card.json"


@pytest.fixture(scope="module")
def eliza() -> Iterator[AgentCard]:
    """The example's card, at the address of a server that runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # its own main() reads OPENAI_API_KEY as the key that it asks for
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    command = [sys.executable, "-c", "from eliza_gpt.cli import main; main()"]
    server = subprocess.Popen(
        [*command, "--port", str(port), "--avg-response-time", "0.02"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        card = AgentCard.model_validate_json(EXAMPLE.read_text())
        yield card.replace(connector=card.connector.replace(base_url=f"http://127.0.0.1:{port}/v1"))
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def _wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(200):
        assert server.poll() is None, "eliza-gpt ended before it answered"
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("eliza-gpt did not start in 10 s")


@pytest.mark.parametrize("stream", [True, False])
async def test_eliza_takes_up_what_was_said(eliza, stream):
    card = eliza.replace(connector=eliza.connector.replace(stream=stream))
    start = ConversationStart("e" * 32, "feel-sad-today", 1)
    async with converse(connect(card, card_dir=EXAMPLE.parent), start) as dialogue:
        first = await dialogue.reply("I am very sad today.")
        second = await dialogue.reply("My mother always criticizes me.")
    assert "sad" in first.text
    assert second.text and second.text != first.text
    assert "Eliza:" not in first.text
    assert (first.input_tokens, first.output_tokens) == (None, None)
    assert (first.first_token_s is not None) == stream


async def test_the_probe_finds_out_what_eliza_does(eliza):
    report = await probe(eliza, card_dir=EXAMPLE.parent)
    assert report.finding("answers") is Finding.YES
    assert report.finding("streams") is Finding.YES
    assert report.finding("calls_tools") is Finding.NO
    assert report.finding("times_out") is Finding.NO
    assert report.latency_s is not None and report.latency_s < 2
