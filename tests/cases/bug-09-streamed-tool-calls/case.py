"""Tool calls are put together as they were made, so that checks on them hold."""

from tests.cases.bench import Bench

FILES = {
    "name-in-each-chunk.txt": "text/event-stream",
    "all-index-0.txt": "text/event-stream",
    "quotes-after-arguments.json": "application/json",
    "function-call.json": "application/json",
}


def check(bench: Bench) -> None:
    with bench.serve("good.json") as agent:
        bench.register(agent, stream=True)
        bench.build()
        for seed, (file, content_type) in enumerate(FILES.items()):
            agent.answer, agent.content_type = bench.read(file), content_type
            done = bench.json("simulate", "run", "--agent", "support@1", "--trials", "1", "--seed", seed)
            for conversation in bench.conversations(simulation_id=done["subject_id"]):
                calls = [(call.name, call.arguments) for call in conversation.turns[1].tool_calls]
                assert calls[0] == ("lookup_order", {"order": "J4101"}), file
                if file == "all-index-0.txt":
                    assert calls[1:] == [("track_parcel", {"carrier": "DHL"})]
                else:
                    assert len(calls) == 1, file
            judged = bench.json("judge", "run", "--simulation", done["subject_id"])
            assert (judged["passed"], judged["failed"], judged["unjudged"]) == (5, 0, 0), file
