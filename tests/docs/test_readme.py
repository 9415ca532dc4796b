"""README's own sequence, stage by stage, works as it is written."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cases.bench import Stub, running
from tests.conftest import ROOT
from tests.e2e.conftest import assay, home, in_process

__all__ = ["assay", "home", "in_process"]

SCENARIOS = 14


class Versions(Stub):
    """support-1 knows the answer in a third of the scenarios, support-2 in all."""

    def answer_to(self, body: bytes) -> tuple[int, bytes, str]:
        asked = json.loads(body)
        self.requests.append(asked)
        words = json.dumps([message["content"] for message in asked["messages"]])
        number = int(found.group(1)) if (found := re.search(r"order A(\d+)", words)) else 0
        knows = asked["model"] == "support-2" or number % 3 == 0
        said = f"Your order A{number} arrives tomorrow." if knows else "I cannot say."
        answer = {"choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}
        return 200, json.dumps(answer).encode(), "application/json"


def scenario(number: int) -> dict[str, Any]:
    return {
        "scenario_id": f"order-{number}",
        "topic": "delivery",
        "persona": {"name": "customer", "description": "Short of time."},
        "goal": f"Know when order A{number} arrives.",
        "opening": f"When does order A{number} arrive?",
        "facts": {"order": f"A{number}"},
        "expectations": [
            {
                "expectation_id": "says-when",
                "kind": "must",
                "text": "The agent says when the order arrives.",
                "check": {"kind": "says", "pattern": "tomorrow"},
            }
        ],
        "max_turns": 1,
    }


def commands() -> list[list[str]]:
    section = (ROOT / "README.md").read_text().split("## Your own agent")[1].split("## Documentation")[0]
    return [shlex.split(line, comments=True)[1:] for line in re.findall(r"^assay .*$", section, re.MULTILINE)]


@pytest.mark.timeout(600)
def test_the_sequence_of_the_readme_works_as_written(assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = (ROOT / "README.md").read_text().split("## Your own agent")[1]
    card = json.loads(section.split("```json")[1].split("```")[0])
    lines = commands()
    assert [line[0] for line in lines].count("deploy") == 2
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios.jsonl").write_text("".join(json.dumps(scenario(n)) + "\n" for n in range(1, SCENARIOS + 1)))
    (tmp_path / "feedback.csv").write_text("rating,comment\n5,Quick\n1,It did not know my order\n")
    with running(Versions(answer=b"")) as agent:
        for version in ("1", "2"):
            reached = {**card["connector"], "base_url": f"{agent.url}/v1", "model": f"support-{version}"}
            written = {**card, "version": version, "connector": reached}
            (tmp_path / ("agent.json" if version == "1" else "agent-2.json")).write_text(json.dumps(written))
        missing: list[str] = []
        asked = 0
        for line in lines:
            match line:
                case ["deploy", *_] if not missing:
                    refused = assay(*line, code=2).stderr
                    missing = re.findall(r"gate approve ([^`]+?) --reason", refused)[0].split()
                    asked = len(agent.requests)
                case ["gate", "approve", *rest]:
                    assay("gate", "approve", *missing, *rest[rest.index("--reason") :])
                case _:
                    assay(*line)
        assert len(agent.requests) == asked, "nobody pays for a conversation twice"
    stages = [name.split("-")[0] for name in missing]
    assert stages == [
        "agent",
        "agent",
        "dataset",
        "sim",
        "sim",
        "judging",
        "judging",
        "analytics",
        "analytics",
        "comparison",
    ]
    assert "support@2" in assay("deploy", "status", "support@2").stdout
    assert "Staging" in assay("deploy", "status", "support@2").stdout
    assert "intact" in assay("gate", "verify").stdout
