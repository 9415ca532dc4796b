"""A refusal is what the agent said, and fails; it is neither silence nor an outage."""

from tests.cases.bench import Bench

REFUSAL = "I cannot help with that order."


def check(bench: Bench) -> None:
    judged = bench.json(
        "simulate", "import", "transcripts.jsonl", "--dataset", "scenarios.jsonl", "--agent", "imported@1"
    )
    assert (judged["passed"], judged["failed"], judged["unjudged"]) == (0, 2, 0)
    assert judged["finish_reasons"] == {"refusal": 1}
    one = next(c for c in bench.conversations(simulation_id=judged["simulation_id"]) if c.scenario_id == "order-1")
    assert one.error is None
    assert (one.turns[1].text, one.turns[1].refusal) == (REFUSAL, REFUSAL)

    with bench.serve("refusal.json") as agent:
        bench.played(agent)
    for conversation in bench.conversations():
        said = [turn for turn in conversation.turns if turn.role == "agent"]
        assert {(turn.text, turn.finish_reason) for turn in said} == {(REFUSAL, "refusal")}
