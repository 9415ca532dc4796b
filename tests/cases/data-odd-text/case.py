"""Texts that no import stops at."""


def check(bench):
    def take(file, code=0):
        return bench.assay("simulate", "import", file, "--dataset", "scenarios.jsonl", "--agent", "a@1", code=code)

    for file in ("u2028.jsonl", "bom.jsonl", "surrogate.jsonl", "args-list.jsonl", "null-text.jsonl"):
        assert "1 conversations of a@1: 1 passed" in take(file).stdout, file
    refused = take("nan.jsonl", code=2)
    assert "nan.jsonl:1: outcome.score: nan is no number that JSON has" in refused.stderr
    line = (bench.folder / "args-list.jsonl").read_text()
    call = '{"role": "assistant", "tool_calls": %s}, {"role": "assistant", "content": "Done."}'
    import json

    messages = json.loads(line)["messages"]
    deep = "[" * 3_000 + "]" * 3_000
    for calls in (["find"], [{"function": None}], [{"function": {"name": "f", "arguments": deep}}]):
        odd = json.loads(line)
        odd["messages"] = [*messages, *json.loads(f"[{call % json.dumps(calls)}]")]
        (bench.folder / "odd.jsonl").write_text(json.dumps(odd))
        assert "1 conversations of a@1" in take("odd.jsonl").stdout
    for encoding in ("utf-16", "latin-1"):
        (bench.folder / "odd.jsonl").write_text(line.replace("Done", "Größe: done"), encoding=encoding)
        assert "1 conversations of a@1" in take("odd.jsonl").stdout
