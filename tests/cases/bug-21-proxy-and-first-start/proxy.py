"""The environment's proxy is used: the listener there sees the judge's requests."""


def check(bench):
    with bench.serve("good.json") as agent:
        bench.played(agent)
    with bench.serve("verdict.json") as proxy:
        env = {
            "HTTP_PROXY": proxy.url,
            "HTTPS_PROXY": proxy.url,
            "OPENAI_BASE_URL": "http://models.example.invalid/v1",
            "OPENAI_API_KEY": "sk-0000000000",
        }
        judging = bench.json("judge", "run", "--model", "openai:m", env=env)
    assert (judging["passed"], judging["failed"], judging["unjudged"]) == (0, 6, 0)
    asked = [request for request in proxy.requests if "messages" in request]
    assert len(asked) == 6
