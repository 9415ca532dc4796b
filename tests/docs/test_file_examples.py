"""Each example file in the docs is read as the docs say, and each column of a reader is documented."""

import re
from pathlib import Path

import pytest

from assay.contracts.dataset import Scenario
from assay.contracts.feedback import Feedback
from assay.contracts.judge_audit import PairwiseItem, PairwiseVerdict
from assay.contracts.stage import AgentRef
from assay.evaluation.exchange import feedback_of, labels_of, read_file, scenarios_of
from assay.evaluation.exchange.labels import COLUMNS as LABEL_COLUMNS
from assay.evaluation.exchange.scenarios import COLUMNS as SCENARIO_COLUMNS
from assay.integrations.importers import read_results_table
from assay.integrations.importers.openai_messages import Transcript, conversations_of
from assay.integrations.importers.pairwise import read_items, read_verdicts
from assay.integrations.importers.results_table import OTHER_NAMES, ResultRow
from tests.conftest import ROOT

GUIDES = ROOT / "docs" / "guides"
FENCE = re.compile(r"^```\w+ (\S+\.\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ("files.md", "import.md")
EXAMPLES = [(page, name, text) for page in PAGES for name, text in FENCE.findall((GUIDES / page).read_text())]


def read_example(file: Path, folder: Path) -> list:
    match file.stem:
        case "scenarios":
            return list(scenarios_of(read_file(file), name="d").scenarios)
        case "transcripts":
            text = next(text for page, name, text in EXAMPLES if (page, name) == ("files.md", "scenarios.jsonl"))
            (folder / "scenarios.jsonl").write_text(text)
            known = scenarios_of(read_file(folder / "scenarios.jsonl"), name="d")
            return list(conversations_of(read_file(file), AgentRef(agent_id="a", version="1"), known, "d"))
        case "feedback":
            return list(feedback_of(read_file(file)))
        case "labels":
            return list(labels_of(read_file(file)))
        case "results":
            return [c for imported in read_results_table(file, "support", None) for c in imported.conversations]
        case "items":
            return list(read_items(file))
        case "judgments":
            return list(read_verdicts(file))
    raise AssertionError(f"{file.name}: no reader")


@pytest.mark.parametrize(("page", "name", "text"), EXAMPLES, ids=lambda value: value if len(value) < 30 else "")
def test_each_example_is_read(page: str, name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    rows = read_example(tmp_path / name, tmp_path)
    lines = read_file(tmp_path / name).each(str)
    assert len(rows) == len(lines) > 0


def test_the_page_names_each_format_at_least_once() -> None:
    assert {Path(name).stem for _, name, _ in EXAMPLES} == {
        "scenarios",
        "transcripts",
        "feedback",
        "labels",
        "results",
        "items",
        "judgments",
    }


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("Scenarios", {*Scenario.model_fields, *SCENARIO_COLUMNS}),
        ("Transcripts", set(Transcript.model_fields)),
        ("Feedback", set(Feedback.model_fields) - {"schema_version"}),
        ("Labels", set(LABEL_COLUMNS)),
        ("Tables of results", {*ResultRow.model_fields, *OTHER_NAMES, "latency_ms"} - {"metadata"}),
        ("Judges against gold", {*PairwiseItem.model_fields, *PairwiseVerdict.model_fields} - {"both_orders"}),
    ],
)
def test_each_field_is_documented(heading: str, fields: set[str]) -> None:
    section = (GUIDES / "files.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    told = set(re.findall(r"`([a-z_0-9]+)`", section))
    assert fields <= told, fields - told
