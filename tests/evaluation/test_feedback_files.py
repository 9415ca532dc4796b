"""Feedback as people write it and as tools export it."""

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.contracts.feedback import Feedback, FeedbackRequest
from assay.errors import BadInput
from assay.evaluation.exchange import Rows, feedback_of
from assay.evaluation.exchange.spellings import moment, rating, thumbs

MARCH_2 = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["up", "UP", "👍", "👍🏽", "👍️", "1", "+1", "1.0", "true", "yes", "thumbs up", "thumbs_up"]
)
def test_a_thumb_up(text: str) -> None:
    assert thumbs(text, "f:2") == "up"


@pytest.mark.parametrize("text", ["down", "Thumbs down", "👎", "👎🏿", "-1", "-1.0", "false", "no", "negative"])
def test_a_thumb_down(text: str) -> None:
    assert thumbs(text, "f:2") == "down"


def test_json_has_thumbs_as_numbers_and_booleans() -> None:
    assert [thumbs(value, "f:2") for value in (True, False, 1, -1, 1.0, None, "")] == [
        "up",
        "down",
        "up",
        "down",
        "up",
        None,
        None,
    ]


@pytest.mark.parametrize("text", ["0", "maybe", "2", "👌", "x" * 500])
def test_another_thumb_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(
        BadInput, match=r"^f:2: thumbs: .{1,50} is neither up nor down: write up or down, or leave it empty$"
    ):
        thumbs(text, "f:2")


RATINGS = {
    "4": 4, "4.0": 4, "4,0": 4, "4/5": 4, "4 / 5": 4, "4 out of 5": 4, "4 stars": 4, "1 star": 1, "★★★★": 4,
    "★★★★☆": 4, "⭐⭐": 2, "⭐️⭐️⭐️": 3,
}  # fmt: skip


@pytest.mark.parametrize("text", RATINGS)
def test_a_rating(text: str) -> None:
    assert rating(text, "f:2") == RATINGS[text]


@pytest.mark.parametrize("text", ["4.5", "8/10", "80 %", "good", "★★★★★★", "☆☆☆☆☆"])
def test_another_rating_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(BadInput, match=r"^f:2: rating: .* is no rating out of 5: write a whole number from 1 to 5$"):
        rating(text, "f:2")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T10:15:00Z",
        "2026-03-02T10:15:00+00:00",
        "2026-03-02 12:15:00+02:00",
        "2026-03-02 10:15",
        "2026-03-02 10:15:00 UTC",
        "2026/03/02 10:15",
        "02.03.2026 10:15",
        "2.3.2026 10:15:00",
        "46083.4270833333",
        "46083,4270833333",
        "1772446500",
        "1772446500000",
        "Mon, 02 Mar 2026 10:15:00 GMT",
    ],
)
def test_a_time_that_can_be_read_in_one_way_only(text: str) -> None:
    assert moment(text, "f:2", None) == MARCH_2


def test_a_local_date_is_read_in_the_order_that_is_said() -> None:
    assert moment("03/02/2026 10:15 AM", "f:2", "month-first") == MARCH_2
    assert moment("02/03/2026 10:15", "f:2", "day-first") == MARCH_2
    assert moment("02-03-2026, 10:15", "f:2", "day-first") == MARCH_2
    assert moment("3/2/2026 10:15 PM", "f:2", "month-first") == MARCH_2.replace(hour=22)
    assert moment("3/2/2026 12:15 a.m.", "f:2", "month-first") == MARCH_2.replace(hour=0)
    assert moment("23/02/2026", "f:2", None) == datetime(2026, 2, 23, tzinfo=UTC)
    assert moment("03/03/2026", "f:2", None) == datetime(2026, 3, 3, tzinfo=UTC)
    with pytest.raises(BadInput, match=r"^f:2: at: '03/02/2026' can be read in two ways: say --dates day-first or"):
        moment("03/02/2026", "f:2", None)
    with pytest.raises(BadInput, match=r"'23/02/2026' is no date, read month-first \(month must be in 1..12\)"):
        moment("23/02/2026", "f:2", "month-first")


@pytest.mark.parametrize(
    "text", ["yesterday", "17", "12345", "1e9", "2026-13-01", "99999999999999999", "31.02.2026", "-5"]
)
def test_another_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(BadInput, match=r"^f:2: at: .* write it as 2026-03-02"):
        moment(text, "f:2", None)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=20) | st.from_regex(r"[0-9./: -]{1,20}") | st.floats() | st.integers())
def test_no_cell_ends_in_anything_but_a_value_or_a_named_error(value: object) -> None:
    for read in (thumbs, rating, lambda v, at: moment(v, at, None), lambda v, at: moment(v, at, "day-first")):
        try:
            read(value, "f:2")
        except BadInput as error:
            assert str(error).startswith("f:2: ")


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_a_time_without_a_zone_is_utc_on_every_machine(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert Feedback(feedback_id="f", thumbs="up", at="2026-03-02 10:15:00").at == MARCH_2  # pyright: ignore[reportArgumentType]
        assert feedback_of(Rows("thumbs,at\nup,2026-03-02 10:15:00\n", "f.csv"))[0].at == MARCH_2
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_number_is_no_time_for_the_contract() -> None:
    for value in (46083, "46083.5", 0):
        with pytest.raises(ValidationError, match="is a number: write a date such as 2026-03-02T10:15:00Z"):
            Feedback.model_validate({"feedback_id": "f", "thumbs": "up", "at": value})


HEX = "3f2504e04f8911d39a0c0305e82c3301"


@pytest.mark.parametrize(
    "text",
    [HEX, f"tr-{HEX}", HEX.upper(), "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"],
)
def test_a_conversation_is_the_same_in_every_spelling_of_its_id(text: str) -> None:
    assert Feedback(feedback_id="f", thumbs="up", conversation_id=text).conversation_id == HEX


def test_other_ids_and_topics_stay_as_they_are() -> None:
    row = {
        "feedback_id": "FB 001/ä",
        "conversation_id": "Ticket #17/A",
        "topic": "Order status / Größe",
        "thumbs": "up",
    }
    (item,) = feedback_of(Rows(json.dumps(row), "f.jsonl"))
    assert item.model_dump(exclude_defaults=True) == row
    (item,) = feedback_of(Rows(json.dumps({**row, "feedback_id": "x" * 255}), "f.jsonl"))
    assert item.feedback_id == "x" * 255
    with pytest.raises(BadInput, match=r"f\.jsonl:1: feedback_id: "):
        feedback_of(Rows(json.dumps({**row, "feedback_id": "x" * 256}), "f.jsonl"))


def test_rows_and_lines_with_the_same_content_have_the_same_id() -> None:
    (row,) = feedback_of(Rows("thumbs,comment,Topic\ndown,It never came,returns\n", "f.csv"))
    (line,) = feedback_of(Rows('{"comment": "It never came", "thumbs": "down", "topic": "returns"}', "f.jsonl"))
    assert row == line
    assert row.feedback_id.startswith("fb-")


def test_rows_that_read_the_same_are_different_items_and_the_same_again() -> None:
    text = "thumbs\n" + "up\n" * 60 + "down\n" * 40
    items = feedback_of(Rows(text, "f.csv"))
    assert len({item.feedback_id for item in items}) == 100
    assert sum(item.thumbs == "up" for item in items) == 60
    assert feedback_of(Rows(text, "f.csv")) == items
    (one,) = feedback_of(Rows("thumbs\nup\n", "f.csv"))
    assert one.feedback_id == items[0].feedback_id


def test_an_id_that_is_given_twice_is_reported() -> None:
    with pytest.raises(BadInput, match=r"^f\.csv:3: feedback_id: a is given in f\.csv:2 already, with other content"):
        feedback_of(Rows("feedback_id,thumbs\na,up\na,down\n", "f.csv"))
    rows = Rows("feedback_id,thumbs\na,up\na,up\n", "f.csv")
    assert len(feedback_of(rows)) == 1
    assert rows.notes == ["f.csv: 1 rows repeat an earlier row and its id: line 3"]
    with pytest.raises(ValidationError, match="feedback_id a is given twice"):
        FeedbackRequest.model_validate(
            {
                "agent": {"agent_id": "a", "version": "1"},
                "items": [{"feedback_id": "a", "thumbs": "up"}, {"feedback_id": "a", "thumbs": "down"}],
            }
        )


def test_rows_that_say_nothing_are_left_out_and_counted() -> None:
    rows = Rows("user,rating,comment\nu1,5,\nu2,,\nu3,1,bad\n", "f.csv")
    assert [item.user for item in feedback_of(rows)] == ["u1", "u3"]
    assert rows.notes == ["f.csv: 1 rows say nothing and are skipped: line 3"]
    with pytest.raises(BadInput, match=r"^f\.csv: holds no feedback \(no row has thumbs, rating, comment, or conv"):
        feedback_of(Rows("user\nu1\n", "f.csv"))


def test_a_conversation_that_nobody_rated_is_an_item() -> None:
    rows = Rows(f"conversation_id,rating\n{HEX},\nticket-2,4\n", "f.csv")
    assert [(item.conversation_id, item.rated, item.negative) for item in feedback_of(rows)] == [
        (HEX, False, None),
        ("ticket-2", True, False),
    ]
    assert rows.notes == ["f.csv: 1 of 2 items are conversations that nobody rated"]


def test_fields_of_other_tools_are_kept_and_a_likely_slip_is_named() -> None:
    row = {"thumbs": "up", "model": "m", "coment": "Nice", "tags": ["a", {"b": 1}], "metadata": {"region": "eu"}}
    rows = Rows(json.dumps(row), "f.jsonl")
    (item,) = feedback_of(rows)
    assert item.metadata == {"region": "eu", "model": "m", "coment": "Nice", "tags": ["a", {"b": 1}]}
    assert rows.notes == ["f.jsonl: fields kept as metadata: model, coment (did you mean comment?), tags"]
    assert "metadata" not in Feedback(feedback_id="f", thumbs="up").model_dump()


def test_an_agent_is_named_by_id_and_version() -> None:
    (item,) = feedback_of(Rows("thumbs,agent\nup,support@v2\n", "f.csv"))
    assert str(item.agent) == "support@v2"
    with pytest.raises(BadInput, match=r"f\.csv:2: agent: name the version too, as in support@v1"):
        feedback_of(Rows("thumbs,agent\nup,support\n", "f.csv"))


def test_all_cells_that_do_not_fit_are_named_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        feedback_of(Rows("thumbs,rating,at\nmaybe,9/10,soon\nup,7,\n", "f.csv"))
    assert [line.split(": ")[:2] for line in str(refused.value).split("\n")] == [
        ["f.csv:2", "thumbs"],
        ["f.csv:2", "rating"],
        ["f.csv:2", "at"],
        ["f.csv:3", "rating"],
    ]
