"""Half an emoji, a NUL and JSON that is nested too deeply, and after them all else is stored all the same."""

import json
import time
import urllib.request

from tests.cases.bench import Bench


def post(url: str, path: str, body: bytes, session: str | None = None, kind: str = "application/json"):
    headers = {"content-type": kind, **({"x-session-id": session} if session else {})}
    request = urllib.request.Request(url + path, body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.headers


def metric(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def check(bench: Bench) -> None:
    with bench.serve("good.json") as agent, bench.gateway("--champion-url", agent.url) as url:
        chat = "/v1/chat/completions"
        post(url, chat, bench.read("surrogate.json"), "odd")
        post(url, chat, bench.read("nul.json"), "nul")
        post(url, "/x", b"[" * 100_000, "deep", kind="text/plain")
        good = json.dumps({"messages": [{"role": "user", "content": "Where is it?"}]}).encode()
        receipts = [post(url, chat, good, f"good-{n}")[1]["x-assay-receipt"] for n in range(10)]
        item = {"feedback_id": "f-1", "conversation_id": receipts[0], "thumbs": "down", "comment": "No \ud83d."}
        assert post(url, "/assay/feedback", json.dumps(item).encode())[0] == 202
        until = time.monotonic() + 120
        while metric(url, "assay_gateway_traces_written_total") < 13 or not metric(
            url, "assay_gateway_feedback_written_total"
        ):
            assert time.monotonic() < until, "not all was stored"
            time.sleep(0.5)
        assert metric(url, "assay_gateway_traces_waiting") == 0
        assert metric(url, "assay_gateway_set_aside_total") == 0
    stored = bench.conversations("gw", "production")
    spoken = sorted(row.turns[0].text for row in stored)
    assert len(stored) == 13 and spoken.count("Where is it?") == 10
    assert "Where is it \ufffd" in spoken and "Where\ufffd is it?" in spoken
