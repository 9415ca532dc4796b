"""What is stored is what was said: compressed, called, streamed, or broken off."""

import gzip
import json
import urllib.request

from tests.cases.bench import Bench, Stub, running

EVENTS = "text/event-stream"


def check(bench: Bench) -> None:
    good = bench.read("good.json")
    words = json.loads(good)["choices"][0]["message"]["content"]
    stubs = {
        "gzip": Stub(answer=gzip.compress(good), headers={"Content-Encoding": "gzip"}),
        "tools": Stub(answer=bench.read("tools.json")),
        "u2028": Stub(answer=bench.read("u2028.txt"), content_type=EVENTS),
        "ping": Stub(answer=bench.read("ping.txt"), content_type=EVENTS),
        "error": Stub(answer=bench.read("error-event.txt"), content_type=EVENTS),
    }
    stored = {}
    for name, stub in stubs.items():
        with running(stub) as agent, bench.gateway("--champion-url", agent.url, project=name) as url:
            body = json.dumps({"messages": [{"role": "user", "content": "Where is it?"}]}).encode()
            request = urllib.request.Request(f"{url}/v1/chat/completions", body, {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.read() == stub.answer  # the caller gets it as it came
        [stored[name]] = bench.conversations(name, "production")
    said = {name: row.turns[1] for name, row in stored.items()}
    assert said["gzip"].text == words
    [call] = said["tools"].tool_calls
    assert (call.name, call.arguments, said["tools"].text) == ("refund", {"order": "J4101"}, "Your refund is booked.")
    assert said["u2028"].text == "Line one.\u2028Line two."
    assert said["ping"].text == "Your parcel is on its way and will be with you tomorrow."
    assert (said["ping"].input_tokens, said["ping"].output_tokens) == (9, 8)
    assert said["error"].text.strip() == "Your parcel" and "idle timeout" in stored["error"].error.detail
    assert all(row.error is None for name, row in stored.items() if name != "error")
