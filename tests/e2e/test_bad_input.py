"""Bad input of every kind ends in exit code 2 with what, where and the fix; nothing is half written."""

import json

import pytest

from tests.conftest import SHOP


def refused(assay, *arguments: str, env=None) -> str:
    done = assay(*arguments, env=env, code=2)
    assert "Traceback" not in done.stderr
    return " ".join((done.stderr + done.stdout).split())


@pytest.fixture
def card(tmp_path):
    def written(**changes):
        whole = {**json.loads((SHOP / "v2.json").read_text()), **changes}
        file = tmp_path / "card.json"
        file.write_text(json.dumps(whole))
        return str(file)

    return written


def test_a_missing_file(assay):
    assert "there is no such file" in refused(assay, "agent", "register", "nowhere.json")


def test_broken_json_names_the_line(assay, tmp_path):
    (tmp_path / "card.json").write_text('{\n "agent_id": "a",\n oops\n}')
    assert "card.json:3: not JSON" in refused(assay, "agent", "register", str(tmp_path / "card.json"))


def test_an_unknown_field_is_named(assay, card):
    assert "versoin: there is no such field" in refused(assay, "agent", "register", card(versoin="2"))


def test_a_missing_field_is_named(assay, tmp_path):
    (tmp_path / "card.json").write_text('{"agent_id": "a", "version": "1"}')
    assert "description: is required" in refused(assay, "agent", "register", str(tmp_path / "card.json"))


def test_an_unreachable_agent_is_not_registered(assay, card):
    connector = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key_env": None}
    said = refused(assay, "agent", "register", card(connector=connector, files=[]))
    assert "does not answer" in said
    assert "--no-probe" in said
    assert "shop-support" not in assay("agent", "list").stdout


def test_a_scenario_without_expectations_names_file_line_and_fix(assay, tmp_path):
    lines = (SHOP / "dataset.jsonl").read_text().splitlines()[:2]
    row = json.loads(lines[1])
    row["expectations"] = []
    file = tmp_path / "d.jsonl"
    file.write_text("\n".join([lines[0], json.dumps(row)]))
    said = refused(assay, "dataset", "validate", str(file))
    assert "d.jsonl:2: expectations is empty: give at least one" in said


def test_an_unregistered_agent_says_how_to_register(assay):
    said = refused(assay, "dataset", "build", str(SHOP / "dataset.jsonl"), "--agent", "nobody@1")
    assert "assay agent register" in said


def test_an_unapproved_stage_says_how_to_approve(assay):
    assay("agent", "register", str(SHOP / "v2.json"), "--gated")
    build = ["dataset", "build", str(SHOP / "dataset.jsonl"), "--agent", "shop-support@v2", "--gated"]
    assert "assay gate approve agent-" in refused(assay, *build)
    assert "dataset@" not in assay("dataset", "list").stdout


def test_mlflow_that_is_down_is_named_with_the_fix(assay):
    said = refused(assay, "agent", "list", env={"ASSAY_TRACKING_URI": "http://127.0.0.1:9"})
    assert "127.0.0.1:9" in said
    assert "mlflow server" in said


def test_a_wrong_reference_wrong_trials_and_an_unknown_command(assay):
    assert "agent_id@version" in refused(assay, "simulate", "run", "--agent", "noversion", "--dataset", "d@1")
    assert "write 0,1 or 0-3" in refused(assay, "analytics", "report", "--judging", "judging-1", "--trials", "a,b")
    assert "did you mean `assay judge`" in refused(assay, "jugde")
    assert "no-such-flag" in refused(assay, "judge", "run", "--no-such-flag")


def test_an_id_that_is_not_there_says_what_is(assay):
    said = refused(assay, "analytics", "report", "--judging", "judging-unknown", "--project", "empty")
    assert "judging-unknown" in said or "empty" in said


def test_a_comparison_of_nothing_says_what_to_run_first(assay):
    assert "nothing was judged in project default: run `assay simulate run`" in assay("compare", "run", code=2).stderr
    named = assay("compare", "run", "--champion", "desk@1", "--challenger", "desk@2", code=2).stderr
    assert "desk@1 was not judged in project default" in named


def test_a_key_in_the_environment_is_printed_nowhere(assay):
    done = assay("agent", "list", env={"OPENAI_API_KEY": "sk-hush", "ASSAY_LOG_LEVEL": "loud"}, code=2)
    assert "sk-hush" not in done.stderr + done.stdout
    assert "ASSAY_LOG_LEVEL" in done.stderr
