"""The judge's own ruling is its last whole object; drafts, quotations and reasoning are none."""

from tests.cases.bench import Bench


def check(bench: Bench) -> None:
    with bench.serve("good.json") as agent:
        bench.played(agent)
    for file in ("quoted-then-own", "draft-then-final", "thinking-tag", "harmony"):
        with bench.serve(f"{file}.json") as stub:
            judging = bench.json("judge", "run", "--model", "openai:m", "--rubric", file, env=stub.env)
        assert (judging["passed"], judging["failed"], judging["unjudged"]) == (0, 6, 0), file
    with bench.serve("never-stopped-thinking.json") as stub:
        command = ("judge", "run", "--model", "openai:m", "--rubric", "never")
        judging = bench.json(*command, env=stub.env, code=4)
    assert (judging["passed"], judging["failed"], judging["unjudged"]) == (0, 0, 6)
