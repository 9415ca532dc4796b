"""A session is several conversations, and each keeps all its turns: over pauses, two processes and errors."""

import json
import time
import urllib.error
import urllib.request

from tests.cases.bench import Bench

PAUSE_S = 26


def ask(url: str, path: str, session: str, body: object) -> int:
    request = urllib.request.Request(
        url + path, json.dumps(body).encode(), {"content-type": "application/json", "x-session-id": session}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def chat(*said: str) -> dict[str, object]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[place % 2], "content": text} for place, text in enumerate(said)]}


def answered(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("assay_gateway_requests_total{"))


def check(bench: Bench) -> None:
    with (
        bench.serve("good.json") as agent,
        bench.gateway("--champion-url", agent.url, "--workers", "2") as url,
    ):
        words = json.loads(agent.answer)["choices"][0]["message"]["content"]
        completions = "/v1/chat/completions"
        ask(url, completions, "s1", chat("Morning: I want a refund"))
        ask(url, "/chat", "s2", {"question": "I want to return my shoes"})
        agent.failing = (502, b"{}")
        assert ask(url, completions, "s3", chat("Is it there?")) == 502
        agent.failing = None
        history = ["First?"]
        for turn in range(6):  # each turn on a connection of its own, so that both processes get some
            ask(url, completions, "s4", chat(*history))
            history += [words, f"And {turn}?"]
        time.sleep(PAUSE_S)
        ask(url, completions, "s1", chat("Afternoon: where is my parcel"))
        ask(url, "/chat", "s2", {"question": "Order J4101"})
        assert ask(url, completions, "s3", chat("Is it there?")) == 200
        # whichever process answers, it tells of all of them
        assert [answered(url) for _ in range(6)] == [12.0] * 6
    stored = bench.conversations("gw", "production")
    spoken = [[turn.text for turn in row.turns if turn.role == "user"] for row in stored]
    assert ["Morning: I want a refund"] in spoken and ["Afternoon: where is my parcel"] in spoken
    assert ['{"question": "I want to return my shoes"}', '{"question": "Order J4101"}'] in spoken
    assert ["First?", *(f"And {turn}?" for turn in range(5))] in spoken
    failed = [row for row in stored if row.error is not None]
    assert [(row.error.cause.value, row.turns[0].text) for row in failed] == [("server_error", "Is it there?")]
    assert spoken.count(["Is it there?"]) == 2 and len(stored) == 6
