import sys
from typing import get_args

import pytest
from pydantic import ValidationError

from assay.connectors import ConversationStart, connect, converse
from assay.connectors.protocol import DETAIL_CHARS, call_error, traceparent
from assay.contracts.agent import BUILT_IN, Connector, ExternalConnector
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput
from assay.plugins import PluginFailed

EXAMPLES = {
    "python": {"target": "os.path:join"},
    "http": {"url": "http://127.0.0.1:1"},
    "openai": {"base_url": "http://127.0.0.1:1", "model": "m", "api_key_env": None},
    "mlflow": {"model_uri": "models:/shop/1"},
    "a2a": {"url": "http://127.0.0.1:1"},
}


def test_there_is_a_connector_for_each_kind_that_a_card_can_name(card, tmp_path):
    assert EXAMPLES.keys() == {*BUILT_IN}
    members = [get_args(member)[0] for member in get_args(get_args(Connector)[0])]
    kinds = [member.model_fields["kind"].default for member in members if member is not ExternalConnector]
    assert kinds == [*BUILT_IN]
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


@pytest.fixture
def parrot(tmp_path, monkeypatch):
    """An installed package with a connector of its own."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "parrot.py").write_text(
        "from assay.connectors import AgentReply\n"
        "class Parrot:\n"
        "    def __init__(self, card, card_dir): self.word = card.connector.options['word']\n"
        "    async def open(self, start): return self\n"
        "    async def reply(self, text): return AgentReply(text=f'{self.word}! {text}')\n"
        "    async def close(self): ...\n"
    )
    info = folder / "parrot-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[assay.connectors]\nparrot = parrot:Parrot\nlost = nowhere:Nothing\n")
    monkeypatch.syspath_prepend(folder)
    yield
    sys.modules.pop("parrot", None)


async def test_another_package_brings_a_kind_by_an_entry_point(parrot, card, tmp_path):
    made = card({"kind": "parrot", "options": {"word": "Hello"}})
    async with converse(connect(made, card_dir=tmp_path), ConversationStart("0" * 32, "s", 0)) as dialogue:
        assert (await dialogue.reply("hi")).text == "Hello! hi"


def test_a_card_with_a_kind_of_another_package_is_registered(parrot, tmp_path, monkeypatch, capsys):
    from assay.cli import main

    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    file = tmp_path / "agent.json"
    file.write_text(
        '{"agent_id": "polly", "version": "1", "description": "A parrot.", '
        '"connector": {"kind": "parrot", "options": {"word": "Hello"}}}'
    )
    monkeypatch.setattr(sys, "argv", ["assay", "agent", "register", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert "the probe found: answers" in capsys.readouterr().out


def test_a_kind_that_nobody_brings_is_bad_input(card, tmp_path):
    with pytest.raises(BadInput, match="there is no connector `telex`. Installed: python, http, openai, mlflow, a2a"):
        connect(card({"kind": "telex"}), card_dir=tmp_path)


def test_a_package_that_cannot_be_loaded_is_named(parrot, card, tmp_path):
    with pytest.raises(
        PluginFailed, match=r"`lost` of parrot 1.0 \(nowhere:Nothing\) cannot be loaded: ModuleNotFound"
    ):
        connect(card({"kind": "lost"}), card_dir=tmp_path)


@pytest.mark.parametrize("kind", ["Telex", "", None, 7])
def test_a_kind_is_a_slug(kind, card):
    with pytest.raises(ValidationError, match="kind"):
        card({"kind": kind})


def test_a_built_in_kind_keeps_its_own_fields(card):
    with pytest.raises(ValidationError, match=r"openai\.base_url"):
        card({"kind": "openai", "model": "m"})


def test_the_traceparent_is_w3c_and_the_same_for_the_same_turn():
    parent = traceparent("a" * 32, 3)
    version, trace_id, span_id, flags = parent.split("-")
    assert (version, trace_id, len(span_id), flags) == ("00", "a" * 32, 16, "01")
    assert parent == traceparent("a" * 32, 3) != traceparent("a" * 32, 5)


def test_an_error_is_one_line_however_much_the_server_says():
    failed = call_error(FailureCause.SERVER_ERROR, "a\n" * 1000).failed
    assert "\n" not in failed.detail
    assert len(failed.detail) == DETAIL_CHARS
