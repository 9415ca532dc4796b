"""What has no partner is said before the verdict, and the rates beside the difference are those of the pairs."""


def check(bench):
    for version in ("champion", "challenger"):
        bench.assay("simulate", "import", f"{version}.jsonl", "--dataset", "scenarios.jsonl", "--agent", f"{version}@1")
    report = bench.json("compare", "run", "--champion", "champion@1", "--challenger", "challenger@1")
    assert report["recommendation"] == "PROMOTE"
    assert round(100 * report["pass_rate"]["difference"]["value"], 1) == 83.3
    rates = [report[side]["value"] for side in ("champion_rate", "challenger_rate")]
    assert round(100 * (rates[1] - rates[0]), 1) == 83.3 and report["champion_rate"]["n"] == 6

    unpaired = report["unpaired"]
    assert [unpaired[part] for part in ("champion", "champion_of", "challenger", "challenger_of")] == [6, 12, 6, 12]
    [apart] = [row for row in unpaired["slices"] if row["dimension"] == "topic"]
    assert apart["value"] == "apart"
    passed = [apart[part] for part in ("champion_passed", "champion", "challenger_passed", "challenger")]
    assert passed == [6, 6, 0, 6]
    for words in (report["reason"], report["narrative"]["text"]):
        assert words.index("share no scenario") < words.index("83.3 points")
        assert "6 of 6" in words and "0 of 6" in words
