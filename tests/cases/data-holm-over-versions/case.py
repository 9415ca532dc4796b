"""Three versions on one dataset version are three comparisons: a verdict holds only after correction for all."""

import json
from pathlib import Path


def check(bench):
    scenarios = [f"s{place:02}" for place in range(60)]
    expectations = [
        {"expectation_id": "done", "text": "Done.", "check": {"kind": "outcome", "path": "ok", "equals": True}}
    ]
    lines = [
        {
            "scenario_id": name,
            "topic": "x",
            "persona": {"name": "user", "description": "A user."},
            "goal": "Get it done.",
            "expectations": expectations,
        }
        for name in scenarios
    ]
    write("scenarios.jsonl", lines)
    # b passes 5 more than a, c as many as a
    for version, good in (("a", range(40)), ("b", range(45)), ("c", range(1, 41))):
        messages = [{"role": "user", "content": "Please do it."}, {"role": "assistant", "content": "Done."}]
        rows = [
            {"scenario_id": name, "messages": messages, "outcome": {"ok": place in good}}
            for place, name in enumerate(scenarios)
        ]
        write(f"{version}.jsonl", rows)
        bench.assay(
            "simulate", "import", f"{version}.jsonl", "--dataset", "scenarios.jsonl", "--agent", f"bot@{version}"
        )

    def compare(champion: str, *challengers: str):
        named = [part for one in challengers for part in ("--challenger", f"bot@{one}")]
        return bench.json("compare", "run", "--champion", f"bot@{champion}", *named)

    alone = compare("a", "b")
    assert alone["recommendation"] == "PROMOTE" and round(alone["pass_rate"]["p"], 3) == 0.024
    assert compare("a", "c")["recommendation"] == "INCONCLUSIVE"
    third = compare("c", "b")
    assert third["recommendation"] == "INCONCLUSIVE" and round(third["p_holm"], 3) == 0.072
    assert third["reason"].startswith("2 other comparisons were made on this dataset version")
    assert "topic" not in {row["dimension"] for row in third["slices"]}  # one topic: it would repeat the overall test

    again = bench.assay("compare", "run", "--champion", "bot@a", "--challenger", "bot@b").stdout
    assert "note: corrected for all 2 other comparisons on this dataset version, p = 0.072" in again

    together = compare("a", "b", "c")
    assert [report["challenger"]["version"] for report in together] == ["b", "c"]
    assert [report["recommendation"] for report in together] == ["INCONCLUSIVE", "INCONCLUSIVE"]
    assert round(together[0]["p_holm"], 3) == 0.072
    assert {other["p"] for other in together[0]["others"]} == {together[1]["pass_rate"]["p"], third["pass_rate"]["p"]}


def write(name: str, rows: list[dict]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
