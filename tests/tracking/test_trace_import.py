from collections.abc import Callable, Iterator
from typing import Any

import mlflow
import pytest
from mlflow.entities import SpanType

from assay.contracts.conversation import Conversation, FailureCause, StopReason, ToolCall
from assay.contracts.judgment import TraceQuery
from assay.contracts.stage import AgentRef
from assay.errors import BadInput, NotFound
from assay.tracking import (
    IMPORTED_TAG,
    Tracking,
    ensure_project,
    find_experiment,
    import_traces,
    link_experiment,
    linked_experiments,
    may_read_experiment,
    read_conversations,
    unlink_experiment,
    write_conversations,
)
from assay.tracking.trace_ids import traces_of

New = Callable[..., Any]


@pytest.fixture
def experiment(t: Tracking) -> Iterator[str]:
    """Somebody's experiment, which MLflow's own client traces into."""
    mlflow.set_experiment("Support Bot")
    yield "Support Bot"
    mlflow.set_experiment("Default")


def traced(
    inputs: Any, outputs: Any, session: str | None = None, tags: dict[str, str] | None = None, fails: bool = False
) -> str:
    with mlflow.start_span("chat", span_type=SpanType.AGENT) as span:
        span.set_inputs(inputs)
        if session:
            mlflow.update_current_trace(metadata={"mlflow.trace.session": session})
        if tags:
            mlflow.update_current_trace(tags=tags)
        with mlflow.start_span("find_order", span_type=SpanType.TOOL) as tool:
            tool.set_inputs({"id": 17})
            tool.set_outputs({"paid": True})
        with mlflow.start_span("llm", span_type=SpanType.CHAT_MODEL) as llm:
            llm.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9})
        span.set_outputs(outputs)
        if fails:
            span.set_status("ERROR")
    return span.trace_id


def said(conversation: Conversation) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in conversation.turns]


def find(t: Tracking, **changes: Any) -> list[Conversation]:
    return import_traces(t, TraceQuery.model_validate({"experiment": "Support Bot", **changes})).conversations


def test_a_trace_is_a_conversation_of_one_exchange(t: Tracking, experiment: str) -> None:
    trace_id = traced({"question": "Where is it?"}, "On its way.")
    (conversation,) = find(t)
    assert said(conversation) == [("user", "Where is it?"), ("agent", "On its way.")]
    assert conversation.conversation_id == trace_id.removeprefix("tr-")
    assert conversation.scenario_id == trace_id
    assert conversation.stop_reason is StopReason.IMPORTED
    assert conversation.agent == AgentRef(agent_id="support-bot", version="imported")
    answer = conversation.turns[1]
    assert answer.tool_calls == (ToolCall(name="find_order", arguments={"id": 17}, result={"paid": True}),)
    assert (answer.input_tokens, answer.output_tokens) == (7, 2)
    assert answer.latency_s is not None
    assert conversation.duration_s == answer.latency_s


def test_a_session_is_one_conversation(t: Tracking, experiment: str) -> None:
    traced({"question": "Where is it?"}, "On its way.", "s1")
    traced({"question": "Other"}, "Yes.", "s2")
    traced({"question": "When?"}, "Tomorrow.", "s1")
    one, two = find(t)
    assert said(one) == [
        ("user", "Where is it?"),
        ("agent", "On its way."),
        ("user", "When?"),
        ("agent", "Tomorrow."),
    ]
    assert said(two) == [("user", "Other"), ("agent", "Yes.")]


def test_a_history_that_is_sent_again_is_not_said_again(t: Tracking, experiment: str) -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    traced({"messages": messages}, {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}, "s1")
    messages += [{"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Bye"}]
    traced({"messages": messages}, {"choices": [{"message": {"role": "assistant", "content": "See you"}}]}, "s1")
    trimmed = [{"role": "assistant", "content": "See you"}, {"role": "user", "content": "Still here"}]
    traced({"messages": trimmed}, "Ah.", "s1")
    (conversation,) = find(t)
    assert said(conversation) == [
        ("user", "Hi"),
        ("agent", "Hello"),
        ("user", "Bye"),
        ("agent", "See you"),
        ("user", "Still here"),
        ("agent", "Ah."),
    ]


def test_tags_name_the_scenario_and_the_agent(t: Tracking, experiment: str) -> None:
    tags = {"scenario_id": "late-refund", "agent_id": "shop-bot", "agent_version": "v2"}
    traced("a", "b", tags=tags)
    traced("c", "d", tags=tags)
    assert [(row.scenario_id, row.trial, str(row.agent)) for row in find(t)] == [
        ("late-refund", 0, "shop-bot@v2"),
        ("late-refund", 1, "shop-bot@v2"),
    ]


def test_a_failed_trace_is_an_agent_error(t: Tracking, experiment: str) -> None:
    traced("Where?", None, fails=True)
    (conversation,) = find(t)
    assert conversation.stop_reason is StopReason.AGENT_ERROR
    assert conversation.error is not None
    assert conversation.error.cause is FailureCause.AGENT_EXCEPTION
    assert said(conversation) == [("user", "Where?")]


def test_assays_own_traces_come_back_as_they_were(t: Tracking, new_conversation: New) -> None:
    conversations = [new_conversation(number) for number in range(2)]
    rows = [(conversation, None) for conversation in conversations]
    write_conversations(t, "shop", rows, simulation_id="sim-1", run_id=None, dataset=None)
    imported = import_traces(t, TraceQuery(experiment="shop")).conversations
    assert sorted(imported, key=lambda row: row.trial) == conversations


def test_the_filter_and_the_limit_hold(t: Tracking, experiment: str) -> None:
    for number in range(4):
        traced(f"q{number}", "a", tags={"kind": "even" if number % 2 == 0 else "odd"})
    assert len(find(t, filter="tags.kind = 'even'")) == 2
    assert [said(row)[0][1] for row in find(t, max_traces=2)] == ["q2", "q3"]
    with pytest.raises(BadInput, match=r"traces.filter: MLflow does not read 'kind even': .*mlflow.search_traces"):
        find(t, filter="kind even")


def test_an_unknown_experiment_is_told_which_there_are(t: Tracking, experiment: str) -> None:
    with pytest.raises(NotFound, match=r"traces.experiment: Suport Bot is not in .*: there is Default, Support Bot"):
        find(t, experiment="Suport Bot")
    traced("a", "b")
    by_id = t.client.get_experiment_by_name(experiment).experiment_id
    assert len(find(t, experiment=by_id)) == 1


def test_imported_conversations_are_written_beside_the_traces_they_came_from(t: Tracking, experiment: str) -> None:
    traced("a", "b")
    traced("c", "d", "s1")
    imported = find(t)
    for project in ("shop", "other"):
        rows = [(conversation, None) for conversation in imported]
        write_conversations(t, project, rows, simulation_id="traces-1", run_id=None, dataset=None)
        stored = read_conversations(t, project, "traces-1")
        assert sorted(stored, key=str) == sorted(imported, key=str)
        assert len(t.client.search_traces(locations=[ensure_project(t, project)])) == 2
    assert len(find(t)) == 2


def test_judgments_reach_the_trace_that_a_conversation_was_imported_from_and_no_other(
    t: Tracking, experiment: str
) -> None:
    """The copy says where it was imported from; one that was handed in with the same id says nothing."""
    traced("a", "b")
    (imported,) = find(t)
    experiment_id, _ = find_experiment(t, experiment)
    for project, tags in (("handed-in", None), ("imported", {IMPORTED_TAG: experiment_id})):
        write_conversations(
            t, project, [(imported, None)], simulation_id="traces-1", run_id=None, dataset=None, tags=tags
        )
        traces = traces_of(t, ensure_project(t, project), [imported.conversation_id])[imported.conversation_id]
        reached = {t.client.get_trace(name, display=False).info.experiment_id for name in traces}
        assert (experiment_id in reached) == (project == "imported")


def test_a_project_reads_its_own_experiment_and_linked_ones(t: Tracking, experiment: str) -> None:
    ensure_project(t, "shop")
    ensure_project(t, "bank")
    assert may_read_experiment(t, "shop", "shop") and not may_read_experiment(t, "bank", "shop")
    assert not may_read_experiment(t, "shop", experiment) and not may_read_experiment(t, "shop", "nowhere")
    linked = link_experiment(t, "shop", experiment)
    assert may_read_experiment(t, "shop", experiment) and may_read_experiment(t, "shop", linked.experiment_id)
    assert not may_read_experiment(t, "bank", experiment) and linked_experiments(t, "shop") == [linked]
    unlink_experiment(t, "shop", experiment)
    assert not may_read_experiment(t, "shop", experiment) and linked_experiments(t, "shop") == []
