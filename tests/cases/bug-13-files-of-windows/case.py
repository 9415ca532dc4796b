"""Files as Windows, Excel and JavaScript write them."""


def check(bench):
    def take(file, code=0):
        return bench.assay(
            "simulate", "import", file, "--dataset", "scenarios.jsonl", "--agent", "support@1", code=code
        )

    for file in ("bom.jsonl", "line-separator.jsonl", "utf16.jsonl"):
        assert "1 conversations of support@1: 1 passed" in take(file).stdout, file
    done = take("cp1252.jsonl")
    assert "1 conversations of support@1: 1 passed" in done.stdout
    assert done.stderr.count("cp1252.jsonl: is read as Windows-1252, not UTF-8") == 1
    assert "1 conversations of support@1: 0 passed, 1 failed" in take("null-part.jsonl").stdout  # it makes no call
    take("arguments-list.jsonl")
    (call,) = [call for c in bench.conversations() for turn in c.turns for call in turn.tool_calls]
    assert list(call.arguments.values()) == [["J1"]]
    refused = bench.assay("label", "take", "labels-excel.csv", "--by", "ada", code=2)
    assert "judging-0123456789abcdef" in refused.stderr  # read as far as "no such judging"
    assert "column" not in refused.stderr
