"""An agent that only a proxy reaches is asked through the proxy that the environment names."""

import json


def check(bench):
    card = json.loads(bench.read("card.json"))
    card["agent_id"] = "away"
    card["connector"]["base_url"] = "http://models.example.invalid/v1"
    (bench.folder / "card-away.json").write_text(json.dumps(card))
    with bench.serve("good.json") as proxy:
        env = {"HTTP_PROXY": proxy.url, "http_proxy": proxy.url, "NO_PROXY": "", "no_proxy": ""}
        bench.assay("agent", "register", "card-away.json", env=env)
        assert proxy.requests
        assert proxy.requests[0]["model"] == "m"
