"""Results go to the call with their id, and calls of older and other formats are read."""

from tests.cases.bench import Bench

PASSED = {"parallel": True, "legacy": True, "anthropic": True, "no-errors": True, "failed": False}


def check(bench: Bench) -> None:
    for number, (file, passes) in enumerate(PASSED.items(), start=1):
        judged = bench.json(
            "simulate", "import", f"{file}.jsonl", "--dataset", "scenarios.jsonl", "--agent", f"support@{number}"
        )
        assert (judged["passed"], judged["failed"]) == ((1, 0) if passes else (0, 1)), file
        (conversation,) = bench.conversations(simulation_id=judged["simulation_id"])
        assert all(turn.text for turn in conversation.turns)
        calls = [call for turn in conversation.turns for call in turn.tool_calls]
        assert calls[0].arguments == {"order": "J1"}
        assert calls[0].error == (None if passes else "order not found")
        if file == "parallel":
            assert [call.result for call in calls] == ["sent", "Error: no such order J9"]
