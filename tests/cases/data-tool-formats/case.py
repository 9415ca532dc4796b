"""Calls of every format are read, and each gets its own result."""

from tests.cases.bench import Bench


def check(bench: Bench) -> None:
    judged = bench.json("simulate", "import", "transcripts.jsonl", "--dataset", "scenarios.jsonl", "--agent", "a@1")
    assert (judged["passed"], judged["failed"]) == (4, 1)
    conversations = {c.scenario_id: c for c in bench.conversations(simulation_id=judged["simulation_id"])}
    for name, conversation in conversations.items():
        assert [turn.role for turn in conversation.turns] == ["user", "agent"]
        refund = next(call for call in conversation.turns[1].tool_calls if call.name == "refund")
        assert (refund.error is not None) == (name == "s4")
    assert conversations["s0"].turns[1].tool_calls[0].arguments == {"order": 1}
    assert [call.result for call in conversations["s2"].turns[1].tool_calls] == ["Error: no such order", "refunded"]
