"""Thoughts are not said, cut and withheld answers are marked and counted, and a stream that broke off is no answer."""

from tests.cases.bench import Bench

WORDS = "Your parcel is on its way and will be with you tomorrow."
CUT = "Your parcel is on its way and will be with you tom"


def check(bench: Bench) -> None:
    with bench.serve("good.json") as agent:
        bench.register(agent, stream=True)
        bench.build()
        seed = 0

        def played(file: str, content_type: str = "application/json", code: int = 0) -> dict:
            nonlocal seed
            seed += 1
            agent.answer, agent.content_type = bench.read(file), content_type
            agent.requests.clear()
            run = ("simulate", "run", "--agent", "support@1", "--trials", "1", "--seed", seed)
            return bench.json(*run, code=code)

        for file, thought in (("think.json", "refund"), ("harmony.json", "No refund.")):
            done = played(file)
            for conversation in bench.conversations(simulation_id=done["subject_id"]):
                assert conversation.turns[1].text == WORDS
                assert thought in conversation.turns[1].reasoning
            judged = bench.json("judge", "run", "--simulation", done["subject_id"])
            assert (judged["passed"], judged["failed"]) == (5, 0), file

        for file, reason, text in (
            ("length.json", "length", CUT),
            ("length-empty.json", "length", ""),
            ("content-filter.json", "content_filter", ""),
        ):
            done = played(file)
            turns = [
                turn
                for conversation in bench.conversations(simulation_id=done["subject_id"])
                for turn in conversation.turns
                if turn.role == "agent"
            ]
            assert {(turn.finish_reason, turn.text) for turn in turns} == {(reason, text)}
            assert done["finish_reasons"] == {reason: len(turns)}
            assert done["silent_turns"] == (0 if text else len(turns))
            judged = bench.json("judge", "run", "--simulation", done["subject_id"])
            assert judged["finish_reasons"] == done["finish_reasons"]

        done = played("cut.txt", "text/event-stream", code=4)
        assert done["errors"] == {"bad_answer": 5}
        for conversation in bench.conversations(simulation_id=done["subject_id"]):
            assert "it broke off after 'Your parcel is '" in conversation.error.detail

        done = played("200-error.json", code=4)
        assert done["errors"] == {"rate_limit": 5}
        for conversation in bench.conversations(simulation_id=done["subject_id"]):
            assert conversation.error.attempts == 4
        assert len(agent.requests) == 20
