"""Servers that refuse a schema or a system role, or wrap a good answer oddly, judge as any other."""

from tests.cases.bench import Bench


def check(bench: Bench) -> None:
    with bench.serve("good.json") as agent:
        bench.played(agent)

    def judged(name: str, **more) -> list[dict]:
        file = more.pop("file", "verdict.json")
        with bench.serve(file, **more) as stub:
            judging = bench.json("judge", "run", "--model", "openai:m", "--rubric", name, env=stub.env)
        assert (judging["passed"], judging["failed"], judging["unjudged"]) == (0, 6, 0), name
        return stub.requests

    for status in (500, 404):
        requests = judged(f"{status}", refuse=("response_format", status, bench.read(f"{status}.json")))
        assert "response_format" not in requests[-1], "learned"
        assert '"stays-polite"' in str(requests[-1]["messages"]), "the schema goes in words"
    judged("error-null", file="error-null.json")
    judged("bom", file="bom.json")
    no_system = (400, bench.read("system.json"))
    requests = judged(
        "system", refuse_when=lambda asked: no_system if asked["messages"][0]["role"] == "system" else None
    )
    assert {message["role"] for message in requests[-1]["messages"]} == {"user"}
