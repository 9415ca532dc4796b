"""Two conversations side by side: every turn once, in order, and what is alike in one row."""

import time

from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import Turn
from assay.evaluation.alignment import align

turns = st.lists(
    st.builds(Turn, role=st.sampled_from(["user", "agent"]), text=st.text("abc de", max_size=12)), max_size=9
)


def user(text: str) -> Turn:
    return Turn(role="user", text=text)


def agent(text: str) -> Turn:
    return Turn(role="agent", text=text)


def shown(left: list[Turn], right: list[Turn]) -> list[tuple[str | None, str | None]]:
    return [(row.left and row.left.text, row.right and row.right.text) for row in align(left, right)]


@given(turns, turns)
def test_every_turn_stands_in_one_row_in_its_order(left, right):
    rows = align(left, right)
    assert [row.left for row in rows if row.left] == left
    assert [row.right for row in rows if row.right] == right
    assert all(turn is None or turn.role == row.role for row in rows for turn in (row.left, row.right))
    assert all(row.left or row.right for row in rows)


@given(turns)
def test_a_conversation_beside_itself_leaves_no_gap(both):
    assert [(row.left, row.right) for row in align(both, both)] == [(turn, turn) for turn in both]


@given(turns)
def test_a_conversation_alone_is_itself(only):
    assert [row.left for row in align(only, ())] == only


def test_an_extra_exchange_leaves_a_gap_on_the_other_side():
    left = [user("I want to return my boots"), agent("Which order?"), user("J4101"), agent("Refunded.")]
    right = [user("I want to return my boots"), agent("Why?"), user("They are too small"), agent("Which order?")]
    right += [user("J4101"), agent("Done.")]
    assert shown(left, right) == [
        ("I want to return my boots", "I want to return my boots"),
        ("Which order?", "Why?"),
        (None, "They are too small"),
        (None, "Which order?"),
        ("J4101", "J4101"),
        ("Refunded.", "Done."),
    ]


def test_after_they_part_the_sides_stand_beside_each_other():
    left = [user("Where is my parcel?"), agent("At the depot."), user("Thank you!"), agent("You are welcome.")]
    right = [user("Where is my parcel?"), agent("I cannot say."), user("Let me talk to a person"), agent("Now.")]
    assert shown(left, right)[2:] == [("Thank you!", "Let me talk to a person"), ("You are welcome.", "Now.")]


def test_several_answers_to_one_question_stay_together():
    left = [user("Hi there, hello"), agent("One moment."), agent("Here it is.")]
    right = [user("Hi there, hello"), agent("Here.")]
    assert shown(left, right) == [
        ("Hi there, hello", "Hi there, hello"),
        ("One moment.", "Here."),
        ("Here it is.", None),
    ]


def test_words_of_any_script_are_compared():
    left = [user("我想退货"), agent("好"), user("退款什么时候到账"), agent("三天")]
    right = [user("退款什么时候到账"), agent("五天")]
    assert shown(left, right) == [
        ("我想退货", None),
        ("好", None),
        ("退款什么时候到账", "退款什么时候到账"),
        ("三天", "五天"),
    ]


def test_a_long_conversation_is_aligned_in_little_cpu_time():
    long = [turn for number in range(60) for turn in (user(f"{number} " + "word " * 400), agent("answer " * 400))]
    began = time.process_time()
    rows = align(long, long[2:])
    assert time.process_time() - began < 30, "an alignment of every letter with every other takes minutes"
    assert len(rows) == len(long)
