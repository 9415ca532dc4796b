"""The docs hold against the code: links, diagrams, commands, and that nothing is missing from the tables."""

import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from cyclopts import App

from assay.cli import COMMANDS
from assay.connectors import connect
from assay.contracts.agents_report import PlatformAgent
from assay.contracts.stage import Stage
from assay.stages import STAGES
from tests.conftest import ROOT

SOURCE = ROOT / "src" / "assay"
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path):
    for target in LINK.findall(page.read_text()):
        if not target.startswith(("http", "mailto")):
            assert (page.parent / target).exists(), f"{page}: {target}"


def arrows(page: str) -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "architecture" / page).read_text()
    return re.findall(r"^\s+(\w+)(?:\[[^\]]*\])? --> (\w+)", text, re.MULTILINE)


def imports(package: str) -> set[str]:
    """The packages of ours that a package imports."""
    place = SOURCE / package
    files = place.rglob("*.py") if place.is_dir() else [SOURCE / f"{package}.py"]
    found = {name for file in files for name in re.findall(r"(?:from|import) assay\.(\w+)", file.read_text())}
    return found - {package}


def test_level_3_draws_the_packages_that_there_are():
    text = (ROOT / "docs" / "architecture" / "3-components.md").read_text()
    first = text.split("```mermaid")[1].split("```")[0]
    drawn = re.findall(r"^\s+(\w+) --> (\w+)", first, re.MULTILINE)
    assert drawn
    for one, other in drawn:
        assert other in imports(one), f"{one} does not import {other}"
    packages = {path.name for path in SOURCE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert packages == {name for pair in drawn for name in pair} - {"scripting"}


def test_the_files_that_diagrams_name_are_there():
    for page in ("3-components.md", "4-code.md"):
        text = (ROOT / "docs" / "architecture" / page).read_text()
        for name in re.findall(r"\b(\w+/\w+\.py)\b", text):
            assert (SOURCE / name).exists(), f"{page}: {name}"


def test_level_4_draws_classes_as_they_are():
    from assay.cli.schema import published
    from assay.contracts.base import Document
    from assay.contracts.stage import StageRequest, StageResult

    known = {**published(), "Document": Document, "StageRequest": StageRequest, "StageResult": StageResult}
    text = (ROOT / "docs" / "architecture" / "4-code.md").read_text()
    for base, derived in re.findall(r"(\w+) <\|-- (\w+)", text):
        assert base in {parent.__name__ for parent in known[derived].__mro__}, f"{derived} is no {base}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_docs_exists_with_its_flags(page: Path, capsys):
    for line in re.findall(r"^assay .*$", page.read_text(), re.MULTILINE):
        words = shlex.split(line.split("#")[0].replace("…", ""))
        name = words[1]
        verb = [word for word in words[2:3] if not word.startswith("-")]
        assert name in COMMANDS, line
        app = import_module(f"assay.cli.{name}").app
        app([*verb, "--help"], exit_on_error=False, result_action="return_value")
        shown = capsys.readouterr().out
        for flag in (word for word in words[2:] if word.startswith("--")):
            assert flag in shown, f"{page}: {line}: {flag}"


def options_without_help(app: App, path: str) -> list[str]:
    verbs = [name for name in app if not name.startswith("-")]
    missing = [option for verb in verbs for option in options_without_help(app[verb], f"{path} {verb}")]
    if verbs and app.default_command is None:
        return missing
    return missing + [f"{path} {a.name}" for a in app.assemble_argument_collection() if a.show and not a.parameter.help]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help_text(command: str):
    app = import_module(f"assay.cli.{command}").app
    assert options_without_help(app, command) == []


def test_each_stage_agent_and_connector_is_in_the_guide():
    guide = (ROOT / "docs" / "guides" / "lifecycle.md").read_text()
    assert [stage.value for stage in Stage] == re.findall(r"^## \d (\w+)$", guide, re.MULTILINE)
    assert list(STAGES) == list(Stage)
    for agent in PlatformAgent.__args__:
        assert agent.replace("_", " ") in guide
        assert (SOURCE / "agents" / agent / "prompt.md").exists()
    for kind in ("python", "http", "openai", "mlflow", "a2a"):
        assert f"| `{kind}` |" in guide
    assert connect


def test_the_guide_to_plug_ins_has_every_kind_as_the_example_package_declares_it():
    from assay.contracts.plugins import PluginGroup

    guide = (ROOT / "docs" / "guides" / "plugins.md").read_text()
    project = tomllib.loads((ROOT / "examples" / "plugin" / "pyproject.toml").read_text())
    declared = project["project"]["entry-points"]
    assert declared.keys() == {group.value for group in PluginGroup}
    for group in PluginGroup:
        (name,) = declared[group]
        assert f"| {group.noun} | `{group}` |" in guide
        assert f"## A {group.noun}" in guide or f"## An {group.noun}" in guide
        assert name in guide


def test_the_numbers_of_attacks_in_the_guide_are_those_of_the_file():
    from assay.evaluation.judges.probes.attacks import ATTACKS

    counted = (
        f"{len(ATTACKS)} attacks in {len({attack.language for attack in ATTACKS})} languages and "
        f"{len({attack.encoding for attack in ATTACKS})} encodings"
    )
    assert counted in (ROOT / "docs" / "guides" / "judges.md").read_text(encoding="utf-8")
