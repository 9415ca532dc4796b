"""The example package, installed and used as its users do; and what goes wrong with other packages."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay import plugins
from assay.contracts.api import Role
from assay.contracts.judgment import Judging
from assay.contracts.plugins import PluginGroup
from assay.contracts.stage import AgentRef, Usage
from assay.errors import AssayError, BadInput
from assay.settings import Settings
from tests.api.conftest import Served, serving
from tests.conftest import PATIENCE_S, ROOT, copy_store

EXAMPLE = ROOT / "examples" / "plugin"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which examples/plugin is built and installed, without a network."""
    folder = tmp_path_factory.mktemp("plugins")
    source = shutil.copytree(EXAMPLE, folder / "source")
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [uv, "pip", "install", "--offline", "--no-deps", "--target", folder / "site", source],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


Assay = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def assay(site: Path, template: Path, tmp_path: Path) -> Assay:
    """An `assay` command in a process of its own that finds the installed example."""
    home = tmp_path / "home"
    home.mkdir()
    copy_store(template, home)

    def run(*arguments: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "assay.cli", *arguments],
            cwd=EXAMPLE,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(site)]),
                "ASSAY_HOME": str(home),
                "ASSAY_USER": "tester",
                **env,
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done

    return run


def test_the_example_package_brings_one_of_each_kind(assay: Assay):
    found = json.loads(assay("plugin", "list", "--json").stdout)
    assert {(one["group"], one["name"]) for one in found} == {
        ("assay.connectors", "echo"),
        ("assay.judges", "quotes"),
        ("assay.importers", "chatlog"),
        ("assay.notifiers", "file"),
        ("assay.report_blocks", "of-a-hundred"),
    }
    assert {one["package"] for one in found} == {"assay-example"}
    assert assay("plugin", "check").stdout.count("loads") == len(PluginGroup)


def test_its_connector_importer_judge_report_block_and_notifier_work_through_the_commands(assay: Assay, tmp_path: Path):
    told = tmp_path / "told.jsonl"
    env = {
        "ASSAY_REPORT_BLOCKS": "of-a-hundred",
        "ASSAY_NOTIFY": json.dumps([{"notifier": "file", "options": {"file": str(told)}}]),
    }
    assert "the probe found: answers" in assay("agent", "register", "agent.json").stdout

    imported = assay("simulate", "import", "chat.log", "--format", "chatlog", "--agent", "clerk@1", "--json", **env)
    simulation = json.loads(imported.stdout)["simulation_id"]
    judged = assay("judge", "run", "--simulation", simulation, "--judge", "quotes", "--json", **env)
    judging = json.loads(judged.stdout)
    assert (judging["passed"], judging["failed"], judging["judge"]) == (1, 1, "quotes (assay-example 1.0)")

    again = assay("judge", "run", "--simulation", simulation, "--judge", 'quotes={"case": true}', **env).stdout
    report = Path(again.split("report:")[1].split("file://")[-1].split()[0])
    assert "Of a hundred" in report.read_text() and "50 of 100" in report.read_text()

    assay("notify", "test", "A plug-in delivers", **env)
    assert json.loads(told.read_text().splitlines()[-1])["title"] == "A plug-in delivers"


def test_its_connector_plays_a_simulation(assay: Assay, tmp_path: Path):
    scenario = {
        "scenario_id": "hello",
        "topic": "greeting",
        "persona": {"name": "user", "description": "A user."},
        "goal": "Say hello.",
        "expectations": [{"expectation_id": "repeats", "text": 'The agent says "You said".'}],
    }
    file = tmp_path / "scenarios.jsonl"
    file.write_text(json.dumps(scenario) + "\n")
    assay("agent", "register", "agent.json")
    assay("dataset", "build", str(file), "--agent", "echo@1", "--threshold", "0")
    done = assay("evaluate", "--agent", "echo@1", "--trials", "2", "--judge", "quotes", "--json")
    assert json.loads(done.stdout)["judging"]["passed"] == 2


def test_a_name_that_nothing_brings_is_refused_with_what_is_installed(assay: Assay, tmp_path: Path):
    card = tmp_path / "agent.json"
    card.write_text((EXAMPLE / "agent.json").read_text().replace('"kind": "echo"', '"kind": "telex"'))
    for arguments, env, words in (
        (["agent", "register", str(card)], {}, "connector.kind: there is no connector `telex`. Installed: python,"),
        (["simulate", "import", "chat.log", "--format", "telex", "--agent", "a@1"], {}, "tau-bench, table, chatlog"),
        (["notify", "test"], {"ASSAY_NOTIFY": '[{"notifier": "telex"}]'}, "0.notifier: there is no notifier `telex`"),
    ):
        refused = " ".join(assay(*arguments, code=2, **env).stderr.split())
        assert words in refused and "pip install PACKAGE" in refused


MODULE = """
from assay.agents.judge import Ruled
from assay.contracts.judgment import Ruling, Verdict
from assay.contracts.stage import Usage
class Judge:
    def __init__(self, options):
        if 'colour' in options:
            raise KeyError('colour')
    async def rule(self, conversation, expectations, **more):
        if conversation.scenario_id == 'hard':
            raise RuntimeError('no opinion')
        return Ruled((), Usage())
class Liar(Judge):
    async def rule(self, conversation, expectations, **more):
        return 'met'
def block(result, report):
    raise RuntimeError('no section')
def words(result, report):
    return 'words'
def nothing(request):
    return None
number = 7
"""
ENTRIES = {
    "assay.connectors": {"openai": "odd:Judge", "Big": "odd:Judge"},
    "assay.judges": {"lost": "nowhere:Nothing", "number": "odd:number", "moody": "odd:Judge", "liar": "odd:Liar"},
    "assay.report_blocks": {"raises": "odd:block", "words": "odd:words"},
    "assay.importers": {"nothing": "odd:nothing"},
    "assay.notifiers": {"gone": "nowhere:deliver"},
}


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An installed package whose plug-ins are wrong, each in its own way."""
    install(tmp_path / "site", "odd", ENTRIES, MODULE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield
    sys.modules.pop("odd", None)


def install(site: Path, package: str, entries: dict[str, dict[str, str]], module: str = "") -> None:
    site.mkdir(exist_ok=True)
    (site / f"{package}.py").write_text(module)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    rows = [f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in own.items()) for group, own in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(rows))


def test_each_thing_that_is_wrong_with_a_package_is_told_with_its_name_and_what_to_do(odd, tmp_path: Path):
    problems = {(one.plugin.group, one.plugin.name): one.problem for one in plugins.check()}
    lost = problems[PluginGroup.JUDGES, "lost"] or ""
    assert "judge `lost` of odd 1.0 (nowhere:Nothing) cannot be loaded: ModuleNotFoundError" in lost
    assert "reinstall or update odd" in lost
    assert "is int, not a function" in (problems[PluginGroup.JUDGES, "number"] or "")
    assert "has the name of a built-in one" in (problems[PluginGroup.CONNECTORS, "openai"] or "")
    assert "lower-case" in (problems[PluginGroup.CONNECTORS, "Big"] or "")
    assert problems[PluginGroup.JUDGES, "moody"] is None
    assert plugins.names(PluginGroup.CONNECTORS) == ("python", "http", "openai", "mlflow", "a2a")
    install(tmp_path / "site", "other", {"assay.judges": {"moody": "odd:Judge"}})
    with pytest.raises(BadInput, match="odd and other both provide the judge `moody`: uninstall one"):
        plugins.load(PluginGroup.JUDGES, "moody", "judges.0.kind")


def test_nothing_is_imported_before_it_is_named(odd):
    assert "moody" in plugins.names(PluginGroup.JUDGES) and plugins.plugins().items
    assert "odd" not in sys.modules


async def test_a_judge_that_fails_on_a_conversation_fails_that_one_and_what_it_leaves_out_is_abstained(odd):
    from assay.agents.judge.package import PackageJudge
    from assay.contracts.judgment import JudgeSpec, Ruling
    from assay.errors import CallError
    from tests.evaluation.make import conversation
    from tests.judged import scenario

    async def rule(kind: str, scenario_id: str):
        asked, judge = scenario(scenario_id), PackageJudge(JudgeSpec(kind=kind), "judges.0.kind")
        talk = conversation("Hi.").replace(scenario_id=scenario_id)
        return await judge.rule(talk, asked.expectations, scenario=asked, rubric="", votes=1, seed=0)

    assert {verdict.ruling for verdict in (await rule("moody", "easy")).verdicts} == {Ruling.ABSTAINED}
    with pytest.raises(CallError, match=r"judge `moody` of odd 1.0 failed: RuntimeError: no opinion"):
        await rule("moody", "hard")
    with pytest.raises(CallError, match="judge `liar` of odd 1.0 failed: AttributeError"):
        await rule("liar", "easy")
    with pytest.raises(plugins.PluginFailed, match="judge `moody` of odd 1.0 failed: KeyError: 'colour'"):
        PackageJudge(JudgeSpec(kind="moody", options={"colour": "red"}), "judges.0.kind")


def test_a_report_block_that_fails_is_a_section_that_says_so(odd):
    from assay.lifecycle.report_blocks import _section
    from assay.reports import lay_out_judging

    result = Judging(
        project="shop", gated=True, subject_id="judging-1", simulation_id="sim-1", dataset=None, conversations=36,
        agent=AgentRef(agent_id="a", version="1"), passed=30, failed=5, unjudged=1, mean_score=0.9, judge="offline",
        rubric_hash="a" * 64, usage=Usage(),
    )  # fmt: skip
    report = lay_out_judging(result, made_at=datetime(2026, 3, 1, tzinfo=UTC))
    for name, words in (
        ("raises", "report block `raises` of odd 1.0 failed: RuntimeError: no section"),
        ("words", "gave a str: give a Section"),
        ("gone", "there is no report block `gone`"),
    ):
        section = _section(name, result, report)
        assert section is not None and words in section.blocks[0].model_dump()["text"]


def test_an_importer_that_gives_something_else_is_told(odd, tmp_path: Path):
    from assay.integrations.importers import read_conversations_file

    with pytest.raises(AssayError, match="importer `nothing` of odd 1.0 failed: TypeError: gave a NoneType"):
        read_conversations_file(
            tmp_path / "f", layout="nothing", agent=AgentRef(agent_id="a", version="1"), dataset=None
        )


def test_a_notifier_that_cannot_be_loaded_is_counted_and_logged(odd):
    from structlog.testing import capture_logs

    from assay.contracts.notification import NotificationRoute
    from assay.integrations.notifications import Notifier
    from tests.integrations.test_notifications import told

    notifier = Notifier([NotificationRoute(notifier="gone")])
    with capture_logs() as lines:
        notifier(told())
        notifier.close()
    assert notifier.failed == 1 and "notifier `gone` of odd 1.0" in lines[0]["error"]


@pytest.fixture
def served(site: Path, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server with authentication and a project, on which the example is installed."""
    monkeypatch.syspath_prepend(site)
    home = tmp_path / "server"
    home.mkdir()
    copy_store(template, home)
    with serving(Settings(home=home, model="offline", auth="on")) as served:
        with served.client(served.token(Role.ADMIN)) as admin:
            assert admin.post("/projects", json={"project": "shop"}).status_code == 201
        yield served
    for name in [name for name in sys.modules if name.startswith("assay_example")]:
        del sys.modules[name]


def test_over_the_api_plug_ins_are_listed_and_take_an_admin(served: Served):
    judge = {"simulation_id": "sim-1", "judges": [{"kind": "quotes"}]}
    card = {"card": json.loads((EXAMPLE / "agent.json").read_text())}
    file = {"content": (EXAMPLE / "chat.log").read_bytes(), "params": {"agent": "clerk@1", "format": "chatlog"}}
    with served.client(served.token(Role.EVALUATOR)) as person, served.client(served.token(Role.ADMIN)) as admin:
        listed = person.get("/plugins").json()
        assert (
            "echo" in {item["name"] for item in listed["items"]} and "openai" in listed["built_in"]["assay.connectors"]
        )
        for path, asked, done in (
            ("/projects/shop/judgments", {"json": judge}, 202),
            ("/projects/shop/agents", {"json": card}, 202),
            ("/projects/shop/files/conversations", file, 200),
        ):
            assert person.post(path, **asked).status_code == 403, path
            answer = admin.post(path, **asked)
            assert answer.status_code == done, answer.text
    (item,) = answer.json()["items"]
    assert [talk["scenario_id"] for talk in item["conversations"]] == ["Late parcel", "Refund"]
    assert item["dataset"]["scenarios"][0]["expectations"][0]["text"] == 'The agent says "tomorrow".'


def test_over_the_api_files_of_conversations_are_read_and_what_is_wrong_is_told(served: Served):
    path = "/projects/shop/files/conversations"
    table = b"task,version,success\nRefund,v1,true\nRefund,v2,false\n"
    with served.client(served.token(Role.EVALUATOR)) as person, served.client(served.token(Role.ADMIN)) as admin:
        found = person.post(path, content=table, params={"agent": "clerk", "format": "table", "name": "r.csv"}).json()
        assert [item["agent"]["version"] for item in found["items"]] == ["v1", "v2"]
        broken = {"agent": "clerk@1", "format": "tau-bench", "name": "../a.json"}
        for asked, words in (
            ({"agent": "clerk", "format": "openai"}, "version"),
            ({"agent": "clerk@1"}, "say what is expected"),
            ({"agent": "clerk@1", "format": "telex"}, "there is no importer `telex`"),
            (broken, "_a.json"),
        ):
            answer = admin.post(path, content=b"{}", params=asked)
            assert answer.status_code == 422 and words in answer.json()["detail"], answer.text
            assert "/tmp" not in answer.text


def test_a_policy_names_report_blocks_that_are_installed_and_measures_that_there_are(served: Served):
    with served.client(served.token(Role.ADMIN)) as admin:
        path = "/projects/shop/policy"
        assert admin.put(path, json={"report_blocks": ["of-a-hundred"]}).json()["report_blocks"] == ["of-a-hundred"]
        refused = admin.put(path, json={"report_blocks": ["telex"]})
        assert refused.status_code == 422 and "Installed: of-a-hundred" in refused.json()["detail"]
        refused = admin.put(path, json={"rollout": {"guardrails": [{"measure": "mood"}]}})
        assert refused.status_code == 422 and "rollout.guardrails.0.measure" in refused.json()["detail"]
