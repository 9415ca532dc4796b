"""Every judge call fails: the cause is said with counts on the terminal, in the JSON and in the report."""

import json

from tests.cases.bench import Bench

SAID = "6 of 6 judge calls failed: openai:m refuses the key (401): check OPENAI_API_KEY"


def check(bench: Bench) -> None:
    from assay.tracking import connect, read_json

    refusal = (401, bench.read("401.json"))
    with bench.serve("good.json") as agent, bench.serve("verdict.json", failing=refusal) as judge:
        bench.played(agent)
        told = bench.assay("judge", "run", "--model", "openai:m", code=4, env=judge.env)
        assert SAID in told.stderr
        assert "Too little was measured" in told.stderr
        judging = bench.json("judge", "run", "--model", "openai:m", code=4, env=judge.env)
    assert judging["errors"] == {"unauthorized": 6}
    (failed,) = judging["failures"]
    assert (failed["side"], failed["cause"], failed["count"]) == ("judge", "unauthorized", 6)
    assert judging["usage"]["calls"] == judging["usage"]["failed_calls"] == 6
    store = connect(f"sqlite:///{bench.home}/mlflow.db")
    report = json.dumps(read_json(store, judging["run_id"], "reports/judging.json"))
    assert "refuses the key (401): check OPENAI_API_KEY" in report
