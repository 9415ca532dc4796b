"""Every command that lists or shows answers as JSON where it is asked to, and takes no option that it ignores."""

import json

import pytest

LISTS = [
    ("agent", "list"),
    ("dataset", "list"),
    ("simulate", "list"),
    ("judge", "list"),
    ("judge", "certificates"),
    ("analytics", "list"),
    ("compare", "list"),
    ("deploy", "list"),
    ("feedback", "list"),
    ("gate", "list"),
    ("gate", "ledger"),
    ("job", "list"),
]


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_a_list_is_json_where_asked_and_says_that_it_is_empty(assay, tmp_path, command):
    assert json.loads(assay(*command, "--json").stdout) == []
    assay(*command, "--output", str(tmp_path / "list.json"))
    assert json.loads((tmp_path / "list.json").read_text()) == []
    assert assay(*command).stdout.rstrip().endswith(": none")


@pytest.mark.parametrize("command", [*LISTS, ("settings",), ("gateway",), ("check",)], ids=" ".join)
@pytest.mark.parametrize("option", [("--input", "/nope"), ("--gated",)], ids=lambda option: option[0])
def test_an_option_that_does_nothing_is_refused(assay, command, option):
    assert option[0] in assay(*command, *option, code=2).stderr


def test_a_filled_list_holds_contracts(assay):
    assay("agent", "register", "examples/shop/v1.json", "--no-probe")
    (agent,) = json.loads(assay("agent", "list", "--json").stdout)
    assert agent["agent"] == {"agent_id": "shop-support", "version": "v1"}
    status = json.loads(assay("deploy", "status", "shop-support@v1", "--json").stdout)
    assert status["stage"] == "None" and status["transitions"] == []
    (gate,) = json.loads(assay("gate", "list", "--json").stdout) or [None]
    assert gate is None


def test_nothing_but_json_reaches_stdout_when_an_agent_does_not_answer(assay, tmp_path):
    card = {
        "agent_id": "gone",
        "version": "1",
        "description": "Nobody listens.",
        "connector": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key_env": None},
    }
    (tmp_path / "card.json").write_text(json.dumps(card))
    import contextlib

    with contextlib.suppress(AssertionError):  # whichever exit code a failed probe has
        ended = assay("agent", "probe", str(tmp_path / "card.json"), "--json")
        assert json.loads(ended.stdout)["checks"]
        assert "stamina" not in ended.stderr
