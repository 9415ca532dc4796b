"""Labels written in any order and any batching: the store holds the last write of each, on both routes."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.contracts.conversation import Conversation
from assay.contracts.judgment import Ruling, Verdict
from assay.tracking import Tracking, assessments, read_human_labels, write_conversations, write_human_labels

New = Callable[..., Conversation]
RATERS = ("ada", "Ada", "ad%", "ad_", "Zoë", 'a"b', "label/ada")
"""Names that a pattern match would confuse."""
EXPECTATIONS = ("helps", "polite")
RULINGS = (Ruling.MET, Ruling.NOT_MET, Ruling.ABSTAINED)
WRITE = st.tuples(st.integers(0, 2), st.sampled_from(EXPECTATIONS), st.sampled_from(RATERS), st.sampled_from(RULINGS))


def label(expectation_id: str, rater: str, ruling: Ruling) -> Verdict:
    return Verdict(
        expectation_id=expectation_id, rationale="Seen.", ruling=ruling, confidence=1.0, source="human", judge=rater
    )


@pytest.fixture(params=["rows", "store"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "store":
        monkeypatch.setattr(Tracking, "sql", None)
    return request.param


def stored(t: Tracking, names: list[str]) -> dict[tuple[str, str, str], Ruling]:
    rows = [
        ((name, row.expectation_id, row.judge), row.ruling)
        for name, verdicts in read_human_labels(t, "shop", names).items()
        for row in verdicts
    ]
    assert len(dict(rows)) == len(rows), "a label is stored twice"
    return dict(rows)


@pytest.mark.usefixtures("route")
def test_the_store_holds_the_last_write_of_each_label(
    t: Tracking, new_conversation: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(calls=st.lists(st.lists(WRITE, max_size=8), max_size=4), batch=st.integers(1, 5))
    def holds(calls: list[list[tuple[int, str, str, Ruling]]], batch: int) -> None:
        monkeypatch.setattr(assessments, "BATCH", batch)
        played = [new_conversation(next(numbers)) for _ in range(3)]
        write_conversations(t, "shop", [(c, None) for c in played], simulation_id="sim-1", run_id=None, dataset=None)
        names = [conversation.conversation_id for conversation in played]
        expected: dict[tuple[str, str, str], Ruling] = {}
        for writes in calls:
            labels: dict[str, list[Verdict]] = {}
            for place, expectation_id, rater, ruling in writes:
                labels.setdefault(names[place], []).append(label(expectation_id, rater, ruling))
                expected[(names[place], expectation_id, rater)] = ruling
            write_human_labels(t, "shop", labels)
        assert stored(t, names) == expected

    holds()


@pytest.mark.usefixtures("route")
def test_three_raters_over_more_than_a_batch_lose_nothing(t: Tracking, new_conversation: New) -> None:
    played = [new_conversation(number) for number in range(60)]
    rows: list[Any] = [(conversation, None) for conversation in played]
    write_conversations(t, "shop", rows, simulation_id="sim-1", run_id=None, dataset=None)
    names = [conversation.conversation_id for conversation in played]
    expected = {}
    for rater in ("ada", "bob", "eve"):
        for name in names:
            expected[(name, "helps", rater)] = Ruling.MET
    write_human_labels(
        t, "shop", {name: [label("helps", rater, Ruling.MET) for rater in ("ada", "bob", "eve")] for name in names}
    )
    assert stored(t, names) == expected
