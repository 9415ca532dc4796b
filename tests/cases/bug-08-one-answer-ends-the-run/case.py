"""An answer of an odd shape is read, or fails its own conversation; the others go on."""

import json

from tests.cases.bench import Bench

WORDS = "Your parcel is on its way and will be with you tomorrow."
ORDER = [("lookup_order", {"order": "J4101"})]
EVENTS, JSON = "text/event-stream", "application/json"


def long_line() -> bytes:
    """A stream with one line of 3 MB, as an image in the answer makes it."""
    deltas = ({"content": WORDS}, {"images": ["A" * 3_000_000]}, {})
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"


def check(bench: Bench) -> None:
    rows = [
        (bench.read("index-mixed.txt"), EVENTS, WORDS, [("lookup_order", {}), ("track", {})], None),
        (bench.read("arguments-object.txt"), EVENTS, WORDS, ORDER, None),
        (long_line(), EVENTS, f"{WORDS}\n[image]", [], None),
        (bench.read("half-emoji.json"), JSON, f"{WORDS.removesuffix('.')} \ufffd", [], 11),
        (bench.read("usage-infinity.json"), JSON, WORDS, [], None),
    ]
    with bench.serve("good.json") as agent:
        bench.register(agent, stream=True)
        bench.build()
        for seed, (answer, content_type, words, calls, tokens) in enumerate(rows):
            agent.answer, agent.content_type = answer, content_type
            done = bench.json("simulate", "run", "--agent", "support@1", "--trials", "1", "--seed", seed)
            assert done["errors"] == {}
            conversations = bench.conversations(simulation_id=done["subject_id"])
            assert len(conversations) == done["conversations"] > 1
            for conversation in conversations:
                turns = [turn for turn in conversation.turns if turn.role == "agent"]
                assert {turn.text for turn in turns} == {words}
                assert [(call.name, call.arguments) for call in turns[0].tool_calls] == calls
                assert turns[0].input_tokens == tokens
