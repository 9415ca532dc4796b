from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from assay.contracts.conversation import Conversation, Turn
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Ruling, Verdict
from assay.contracts.stage import AgentRef
from assay.errors import BadInput, NotFound
from assay.tracking import (
    Tracking,
    ensure_project,
    read_conversations,
    read_human_labels,
    write_conversations,
    write_feedback,
    write_human_labels,
)

New = Callable[..., Any]


@pytest.fixture
def played(t: Tracking, new_conversation: New) -> Conversation:
    conversation = new_conversation()
    rows = [(conversation, None)]
    write_conversations(t, "shop", rows, simulation_id="sim-1", run_id=None, dataset=None)
    return conversation


def assessments_of(t: Tracking, conversation_id: str) -> dict[str, Any]:
    info = t.client.get_trace(f"tr-{conversation_id}", display=False).info
    return {
        row.name: (row.value, row.source.source_type, row.source.source_id, row.rationale) for row in info.assessments
    }


def test_feedback_stands_on_the_trace(t: Tracking, played: Conversation) -> None:
    item = Feedback(
        feedback_id="f-1",
        conversation_id=played.conversation_id,
        at=datetime(2026, 3, 2, tzinfo=UTC),
        user="u17",
        thumbs="down",
        rating=2,
        comment="It did not refund.",
    )
    assert write_feedback(t, "shop", [item]) == 1
    assert write_feedback(t, "shop", [item]) == 1
    assert assessments_of(t, played.conversation_id) == {
        "user_thumbs": ("down", "HUMAN", "u17", "It did not refund."),
        "user_rating": (2, "HUMAN", "u17", "It did not refund."),
    }


def test_words_alone_are_feedback(t: Tracking, played: Conversation) -> None:
    item = Feedback(feedback_id="f-1", conversation_id=played.conversation_id, comment="Nice.")
    assert write_feedback(t, "shop", [item]) == 1
    assert assessments_of(t, played.conversation_id) == {"user_comment": ("Nice.", "HUMAN", "user", None)}


def test_several_users_stand_beside_each_other(t: Tracking, played: Conversation) -> None:
    items = [
        Feedback(feedback_id=f"f-{number}", conversation_id=played.conversation_id, rating=number) for number in (1, 5)
    ]
    assert write_feedback(t, "shop", items) == 2
    info = t.client.get_trace(f"tr-{played.conversation_id}", display=False).info
    assert sorted(row.value for row in info.assessments) == [1, 5]


def test_feedback_that_brings_its_conversation_becomes_one(t: Tracking) -> None:
    turns = (Turn(role="user", text="Hi"), Turn(role="agent", text="No."))
    agent = AgentRef(agent_id="shop-bot", version="v1")
    items = [
        Feedback(feedback_id="f-1", thumbs="down", turns=turns, agent=agent, at=datetime(2026, 3, 2, tzinfo=UTC)),
        Feedback(feedback_id="f-2", conversation_id="ab" * 16, thumbs="up", turns=turns),
        Feedback(feedback_id="f-3", conversation_id="cd" * 16, thumbs="up"),
        Feedback(feedback_id="f-4", thumbs="up"),
    ]
    for _ in range(2):
        assert write_feedback(t, "shop", items) == 2
    stored = read_conversations(t, "shop", "production")
    assert [(row.scenario_id, row.turns) for row in stored] == [("f-1", turns), ("f-2", turns)]
    assert stored[0].agent == agent
    assert stored[1].conversation_id == "ab" * 16
    assert assessments_of(t, stored[0].conversation_id)["user_thumbs"][0] == "down"


@pytest.mark.parametrize("route", ["rows", "store"])
@pytest.mark.parametrize("source_id", ["Chat 2026/03/02 #4", "it's a chat", "Größe → 退款", "x" * 255])
def test_feedback_names_a_conversation_by_the_id_that_it_was_imported_with(
    t: Tracking, new_conversation: New, route: str, source_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if route == "store":
        monkeypatch.setattr(Tracking, "sql", None)
    conversations = [new_conversation(source_id=source_id), new_conversation(1, source_id="other")]
    rows = [(conversation, None) for conversation in conversations]
    write_conversations(t, "shop", rows, simulation_id="sim-1", run_id=None, dataset=None)
    turns = (Turn(role="user", text="Hi"),)
    items = [
        Feedback(feedback_id="f-1", conversation_id=source_id, thumbs="down"),
        Feedback(feedback_id="f-2", conversation_id="not imported", thumbs="up"),
        Feedback(feedback_id="f-3", conversation_id="brought along", thumbs="up", turns=turns),
        Feedback(feedback_id="f-4", conversation_id=source_id),
    ]
    for _ in range(2):
        assert write_feedback(t, "shop", items) == 2
    assert assessments_of(t, conversations[0].conversation_id) == {"user_thumbs": ("down", "HUMAN", "user", None)}
    assert assessments_of(t, conversations[1].conversation_id) == {}
    (brought,) = read_conversations(t, "shop", "production")
    assert (brought.source_id, brought.turns) == ("brought along", turns)


def label(expectation_id: str = "refunds", **changes: Any) -> Verdict:
    fields: dict[str, Any] = {
        "expectation_id": expectation_id,
        "rationale": "It did.",
        "ruling": Ruling.MET,
        "confidence": 1.0,
        "source": "human",
        "judge": "ann",
    }
    return Verdict.model_validate({**fields, **changes})


def test_a_persons_new_label_replaces_the_old_one(t: Tracking, played: Conversation) -> None:
    write_human_labels(t, "shop", {played.conversation_id: [label(), label("polite")]})
    write_human_labels(t, "shop", {played.conversation_id: [label(judge="bob")]})
    write_human_labels(t, "shop", {played.conversation_id: [label(ruling=Ruling.NOT_MET)]})
    found = read_human_labels(t, "shop", [played.conversation_id])
    told = sorted((row.expectation_id, row.judge, row.ruling) for row in found[played.conversation_id])
    assert told == [
        ("polite", "ann", Ruling.MET),
        ("refunds", "ann", Ruling.NOT_MET),
        ("refunds", "bob", Ruling.MET),
    ]


def test_labels_that_were_set_in_mlflow_count(t: Tracking, played: Conversation) -> None:
    import mlflow
    from mlflow.entities import AssessmentSource

    ann = AssessmentSource(source_type="HUMAN", source_id="ann")
    trace_id = f"tr-{played.conversation_id}"
    mlflow.log_feedback(trace_id=trace_id, name="refunds", value=False, source=ann, rationale="Did not.")
    mlflow.log_feedback(trace_id=trace_id, name="tone", value="warm", source=ann)
    mlflow.log_feedback(trace_id=trace_id, name="refunds", value=True, source=AssessmentSource(source_type="CODE"))
    item = Feedback(feedback_id="f-1", conversation_id=played.conversation_id, comment="yes")
    write_feedback(t, "shop", [item])
    found = read_human_labels(t, "shop", [played.conversation_id])
    assert found == {
        played.conversation_id: [label(ruling=Ruling.NOT_MET, rationale="Did not.")],
    }


def test_a_label_must_be_a_persons_and_on_a_conversation(t: Tracking, played: Conversation) -> None:
    with pytest.raises(BadInput, match="source is code: labels are human"):
        write_human_labels(t, "shop", {played.conversation_id: [label(source="code")]})
    with pytest.raises(NotFound, match=f"conversation {'0' * 32} is not in project shop"):
        write_human_labels(t, "shop", {"0" * 32: [label()]})


def test_feedback_and_labels_do_not_reach_a_trace_of_another_experiment(t: Tracking) -> None:
    import mlflow
    from mlflow.entities.trace_location import MlflowExperimentLocation

    shop = ensure_project(t, "shop")
    with mlflow.start_span("theirs", trace_destination=MlflowExperimentLocation(shop)) as span:
        span.set_outputs("mine")
    name = span.trace_id.removeprefix("tr-")
    ensure_project(t, "bank")
    assert write_feedback(t, "bank", [Feedback(feedback_id="f-1", conversation_id=name, thumbs="down")]) == 0
    with pytest.raises(NotFound):
        write_human_labels(t, "bank", {name: [label()]})
    turns = (Turn(role="user", text="Hi"), Turn(role="agent", text="No."))
    assert write_feedback(t, "bank", [Feedback(feedback_id="f-2", conversation_id=name, rating=1, turns=turns)]) == 1
    assert assessments_of(t, name) == {}
