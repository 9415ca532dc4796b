"""A clear ruling is never lost for a side field."""

from tests.cases.bench import Bench


def check(bench: Bench) -> None:
    with bench.serve("good.json") as agent:
        bench.played(agent)
    files = sorted(file.name for file in bench.folder.glob("*.json") if not file.name.startswith("card"))
    assert len(files) == 10
    for file in files:
        with bench.serve(file) as stub:
            judging = bench.json("judge", "run", "--model", "openai:m", "--rubric", file, env=stub.env)
        assert (judging["passed"], judging["failed"], judging["unjudged"]) == (0, 6, 0), file
        assert len(stub.requests) == 6, f"{file}: one paid answer a conversation"
