import sys
from typing import get_args

import pytest

from assay.connectors import ConversationStart, connect, converse
from assay.connectors.protocol import DETAIL_CHARS, call_error, traceparent
from assay.contracts.agent import AgentCard, Connector
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput

EXAMPLES = {
    "python": {"target": "os.path:join"},
    "http": {"url": "http://127.0.0.1:1"},
    "openai": {"base_url": "http://127.0.0.1:1", "model": "m", "api_key_env": None},
    "mlflow": {"model_uri": "models:/shop/1"},
    "a2a": {"url": "http://127.0.0.1:1"},
}


def test_there_is_a_connector_for_each_kind_that_a_card_can_name(card, tmp_path):
    kinds = {member.model_fields["kind"].default for member in get_args(get_args(Connector)[0])}
    assert kinds == EXAMPLES.keys()
    for kind, fields in EXAMPLES.items():
        assert connect(card({"kind": kind, **fields}), card_dir=tmp_path, load_model=lambda uri: uri)


def test_connecting_makes_no_call_and_loads_nothing_heavy(tmp_path):
    """In a process of its own, since other tests load it all."""
    import subprocess

    code = (
        "import sys; from pathlib import Path; from assay.connectors import connect; "
        "from assay.contracts.agent import AgentCard; "
        "connect(AgentCard.model_validate({'agent_id': 'a', 'version': '1', 'description': 'd', "
        "'connector': {'kind': 'python', 'target': 'os.path:join'}}), card_dir=Path('.')); "
        "print([name for name in ('aiohttp', 'a2a', 'mlflow', 'httpx', 'stamina') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert shown.stdout.strip() == "[]"


async def test_another_package_brings_a_kind_by_an_entry_point(tmp_path, monkeypatch):
    (tmp_path / "parrot.py").write_text(
        "from assay.connectors import AgentReply\n"
        "class Parrot:\n"
        "    def __init__(self, card, card_dir): self.word = card.connector.word\n"
        "    async def open(self, start): return self\n"
        "    async def reply(self, text): return AgentReply(text=f'{self.word}! {text}')\n"
        "    async def close(self): ...\n"
    )
    info = tmp_path / "parrot-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[assay.connectors]\nparrot = parrot:Parrot\n")
    monkeypatch.syspath_prepend(tmp_path)

    class ParrotConnector:
        kind = "parrot"
        word = "Hello"

    card = AgentCard.model_construct(agent_id="p", version="1", description="p", connector=ParrotConnector())
    async with converse(connect(card, card_dir=tmp_path), ConversationStart("0" * 32, "s", 0)) as dialogue:
        assert (await dialogue.reply("hi")).text == "Hello! hi"


def test_a_kind_that_nobody_brings_is_bad_input(tmp_path):
    class Unknown:
        kind = "telex"

    card = AgentCard.model_construct(agent_id="p", version="1", description="p", connector=Unknown())
    with pytest.raises(BadInput, match="there is no `telex`: give one of python, http, openai, mlflow, a2a"):
        connect(card, card_dir=tmp_path)


def test_the_traceparent_is_w3c_and_the_same_for_the_same_turn():
    parent = traceparent("a" * 32, 3)
    version, trace_id, span_id, flags = parent.split("-")
    assert (version, trace_id, len(span_id), flags) == ("00", "a" * 32, 16, "01")
    assert parent == traceparent("a" * 32, 3) != traceparent("a" * 32, 5)


def test_an_error_is_one_line_however_much_the_server_says():
    failed = call_error(FailureCause.SERVER_ERROR, "a\n" * 1000).failed
    assert "\n" not in failed.detail
    assert len(failed.detail) == DETAIL_CHARS
