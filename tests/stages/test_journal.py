"""What a process noted, the next one goes on from."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.judgment import Judgment
from assay.contracts.stage import AgentRef, Usage
from assay.stages.journal import Journal

ONE, OTHER = "1" * 32, "2" * 32
TURNS = [Turn(role="user", text="Hello?"), Turn(role="agent", text="Yes?"), Turn(role="user", text="Where\nis it?")]


def whole(name=ONE):
    return Conversation(
        conversation_id=name,
        scenario_id="s",
        trial=0,
        seed=0,
        agent=AgentRef(agent_id="a", version="1"),
        turns=tuple(TURNS),
        stop_reason=StopReason.GOAL_REACHED,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def judgment(name=ONE):
    return Judgment(
        conversation_id=name, scenario_id="s", trial=0, verdicts=(), score=1.0, passed=True, rationale="Good."
    )


def note(journal, turns, name=ONE):
    for turn in turns:
        journal.turn(name, turn, Usage(calls=1) if turn.role == "user" else None, {"paid": True})


def test_turns_usages_and_the_world_are_there_again(tmp_path):
    note(Journal(tmp_path / "j"), TURNS)
    found = Journal(tmp_path / "j").begun[ONE]
    assert (found.turns, found.state, found.usages) == (TURNS, {"paid": True}, [Usage(calls=1)] * 2)
    assert found.whole is None


def test_a_conversation_goes_through_many_lives(tmp_path):
    for place, turn in enumerate(TURNS):
        life = Journal(tmp_path / "j")
        assert life.take_up(ONE).turns == TURNS[:place]
        note(life, [turn])
    assert Journal(tmp_path / "j").begun[ONE].turns == TURNS


def test_a_whole_conversation_is_judged_in_another_life(tmp_path):
    Journal(tmp_path / "j").whole(whole())
    life = Journal(tmp_path / "j")
    assert life.take_up(ONE).whole == whole()
    life.judged(judgment())
    found = Journal(tmp_path / "j").begun[ONE]
    assert (found.whole, found.judgment) == (whole(), judgment())


def test_what_mlflow_holds_is_passed_over(tmp_path):
    journal = Journal(tmp_path / "j")
    note(journal, TURNS)
    note(journal, TURNS, OTHER)
    assert set(Journal(tmp_path / "j", {ONE}).begun) == {OTHER}


def test_two_processes_that_play_the_same_one_do_not_mix(tmp_path):
    one, other = Journal(tmp_path / "j"), Journal(tmp_path / "j")
    note(one, TURNS[:1])
    note(other, TURNS[:2])
    note(one, TURNS[1:2])
    note(one, TURNS[2:])
    assert Journal(tmp_path / "j").begun[ONE].turns == TURNS


@given(st.integers(min_value=0, max_value=10_000))
def test_wherever_a_crash_cuts_it_off_whole_lines_count_and_the_next_life_goes_on(tmp_path_factory, cut):
    file = tmp_path_factory.mktemp("journal") / "j"
    note(Journal(file), TURNS)
    content = file.read_bytes()
    file.write_bytes(content[: cut % (len(content) + 1)])
    life = Journal(file)
    there = life.take_up(ONE).turns
    assert there == TURNS[: len(there)]
    note(life, TURNS[len(there) :])
    assert Journal(file).begun[ONE].turns == TURNS


def test_a_journal_without_a_file_notes_nothing(tmp_path):
    journal = Journal(None)
    note(journal, TURNS)
    journal.whole(whole())
    journal.discard()
    assert not list(tmp_path.iterdir())


def test_it_is_gone_when_mlflow_holds_everything_and_nobody_else_may_read_it(tmp_path):
    journal = Journal(tmp_path / "j")
    note(journal, TURNS)
    assert (tmp_path / "j").stat().st_mode & 0o077 == 0
    journal.discard()
    assert not (tmp_path / "j").exists()
