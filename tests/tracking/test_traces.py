import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from mlflow.entities.trace_location import MlflowExperimentLocation

from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.stage import DatasetRef
from assay.tracking import (
    Tracking,
    ensure_project,
    finished,
    read_conversations,
    trace_rows,
    turn_span_id,
    write_conversations,
)
from assay.tracking.spans import draft_trace
from assay.tracking.traces import write_through_store

SIMULATION = "sim-0123456789abcdef"
DATASET = DatasetRef(name="shop", version="0123456789abcdef")
New = Callable[..., Any]


def write(t: Tracking, *conversations: Conversation, scenario: Scenario | None = None, **changes: Any) -> None:
    fields: dict[str, Any] = {"simulation_id": SIMULATION, "run_id": None, "dataset": DATASET, **changes}
    write_conversations(t, "shop", [(conversation, scenario) for conversation in conversations], **fields)


@pytest.fixture(params=["rows", "store"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every claim holds for the fast route and for the one that every MLflow store has."""
    if request.param == "store":
        monkeypatch.setattr(Tracking, "sql", None)
    return request.param


def test_a_conversation_comes_back_whole(t: Tracking, route: str, new_conversation: New, new_failure: New) -> None:
    written = [new_conversation(1), new_conversation(0), new_failure(2), new_conversation(0, "a-scenario")]
    write(t, *written)
    expected = sorted(written, key=lambda conversation: (conversation.scenario_id, conversation.trial))
    assert read_conversations(t, "shop", SIMULATION) == expected


def test_both_routes_store_the_same(t: Tracking, new_conversation: New, new_failure: New, new_scenario: New) -> None:
    """The contract of the fast route: rows for rows what MLflow's own calls leave behind."""
    experiment_id = ensure_project(t, "shop")
    silent = new_conversation(3, turns=(), stop_reason=StopReason.TIMEOUT)
    for scenario in (None, new_scenario()):
        for conversation in (new_conversation(), new_failure(1), silent):
            draft = draft_trace(
                conversation,
                scenario,
                project="shop",
                simulation_id=SIMULATION,
                run_id="f" * 32,
                dataset=DATASET,
                tags={"job_id": "j1"},
            )
            assert trace_rows.write(t.sql, experiment_id, [draft])
            fast = rows_of(t, draft.trace_id)
            t.client.delete_traces(experiment_id, trace_ids=[draft.trace_id])
            write_through_store(t, experiment_id, [draft])
            assert rows_of(t, draft.trace_id) == fast
            t.client.delete_traces(experiment_id, trace_ids=[draft.trace_id])


def rows_of(t: Tracking, trace_id: str) -> dict[str, list[dict[str, Any]]]:
    import sqlalchemy

    tables = {"trace_info": "request_id", "trace_tags": "request_id", "trace_request_metadata": "request_id"}
    with t.sql.engine.connect() as connection:
        rows: dict[str, list[dict[str, Any]]] = {}
        for table, key in (tables | {"spans": "trace_id", "assessments": "trace_id"}).items():
            query = sqlalchemy.text(f"select * from {table} where {key} = :id")
            found = [dict(row) for row in connection.execute(query, {"id": trace_id}).mappings()]
            rows[table] = sorted(found, key=lambda row: (row.get("key") or row.get("start_time_unix_nano"), str(row)))
    for span in rows["spans"]:
        span["content"] = json.loads(span["content"])
    assert rows["trace_info"]
    assert rows["spans"]
    return rows


def test_writing_twice_leaves_one(t: Tracking, route: str, new_conversation: New) -> None:
    for _ in range(2):
        write(t, new_conversation(), new_conversation(1))
    assert len(read_conversations(t, "shop", SIMULATION)) == 2
    assert len(t.client.search_traces(locations=[ensure_project(t, "shop")])) == 2


def test_a_retried_conversation_takes_the_place_of_the_failed_one(
    t: Tracking, route: str, new_conversation: New, new_failure: New
) -> None:
    write(t, new_failure())
    write(t, new_conversation())
    assert read_conversations(t, "shop", SIMULATION) == [new_conversation()]
    trace = t.client.get_trace(f"tr-{new_conversation().conversation_id}", display=False)
    assert trace.info.state.value == "OK"
    assert trace.info.tags["stop_reason"] == "goal_reached"


def test_a_shorter_conversation_leaves_no_turn_of_the_longer_one(t: Tracking, new_conversation: New) -> None:
    longer = new_conversation()
    write(t, longer)
    write(t, longer.replace(turns=longer.turns[:2]))
    trace = t.client.get_trace(f"tr-{longer.conversation_id}", display=False)
    assert [span.name for span in trace.data.spans] == ["late-refund#0", "user", "agent", "find_order", "refund"]


def test_only_whole_conversations_are_finished(t: Tracking, route: str, new_conversation: New) -> None:
    assert finished(t, "shop", SIMULATION) == set()
    conversations = [new_conversation(number) for number in range(3)]
    write(t, *conversations)
    assert finished(t, "shop", SIMULATION) == {conversation.conversation_id for conversation in conversations}
    assert finished(t, "shop", "sim-other") == set()
    assert finished(t, "other", SIMULATION) == set()


def test_a_trace_that_lost_its_spans_is_not_finished(
    t: Tracking, monkeypatch: pytest.MonkeyPatch, new_conversation: New
) -> None:
    monkeypatch.setattr(Tracking, "sql", None)
    with monkeypatch.context() as broken:
        broken.setattr(t.store, "log_spans", None)
        with pytest.raises(TypeError):
            write(t, new_conversation())
    assert finished(t, "shop", SIMULATION) == set()
    write(t, new_conversation())
    assert len(finished(t, "shop", SIMULATION)) == 1


def test_a_simulation_that_was_not_begun_has_no_conversations(t: Tracking) -> None:
    ensure_project(t, "shop")
    assert read_conversations(t, "shop", "sim-x") == read_conversations(t, "nowhere", "sim-x") == []


def test_two_projects_of_one_store_keep_the_same_conversation_each(
    t: Tracking, route: str, new_conversation: New
) -> None:
    conversation = new_conversation()
    for _ in range(2):
        for project in ("shop", "other"):
            rows = [(conversation, None)]
            write_conversations(t, project, rows, simulation_id=SIMULATION, run_id=None, dataset=None)
    for project in ("shop", "other"):
        assert read_conversations(t, project, SIMULATION) == [conversation]
        assert finished(t, project, SIMULATION) == {conversation.conversation_id}
        assert len(t.client.search_traces(locations=[ensure_project(t, project)])) == 1


def test_a_conversation_may_be_in_several_simulations(t: Tracking, route: str, new_conversation: New) -> None:
    write(t, new_conversation(), new_conversation(1))
    write(t, new_conversation(1), simulation_id="conversations-1")
    assert len(read_conversations(t, "shop", SIMULATION)) == 2
    assert read_conversations(t, "shop", "conversations-1") == [new_conversation(1)]
    assert len(t.client.search_traces(locations=[ensure_project(t, "shop")])) == 2


def test_a_trace_of_somebody_else_is_left_as_it_is(t: Tracking, route: str, new_conversation: New) -> None:
    import mlflow

    experiment_id = t.client.create_experiment("theirs")
    with mlflow.start_span("theirs", trace_destination=MlflowExperimentLocation(experiment_id)) as span:
        span.set_outputs("mine")
    conversation = new_conversation(conversation_id=span.trace_id.removeprefix("tr-"))
    write(t, conversation)
    theirs = t.client.get_trace(span.trace_id, display=False)
    assert theirs.info.experiment_id == experiment_id
    assert [row.name for row in theirs.data.spans] == ["theirs"]
    assert read_conversations(t, "shop", SIMULATION) == [conversation]


def test_mlflow_shows_what_its_user_expects(t: Tracking, route: str, new_conversation: New, new_scenario: New) -> None:
    conversation = new_conversation()
    write(t, conversation, scenario=new_scenario(), run_id="f" * 32, tags={"job_id": "j1"})
    trace = t.client.get_trace(f"tr-{conversation.conversation_id}", display=False)
    info = trace.info
    assert info.trace_metadata["mlflow.trace.session"] == conversation.conversation_id
    assert info.trace_metadata["mlflow.trace.user"] == "impatient-customer"
    assert info.trace_metadata["mlflow.sourceRun"] == "f" * 32
    assert info.token_usage == {"input_tokens": 250, "output_tokens": 25, "total_tokens": 275}
    assert info.cost == {"total_cost": pytest.approx(0.0012)}
    assert info.request_preview == conversation.turns[0].text
    assert info.response_preview == "It is refunded."
    assert info.execution_duration == 3250
    assert info.request_time == 1772366400123
    assert {name: value for name, value in info.tags.items() if not name.startswith("mlflow.")} == {
        "project_id": "shop",
        "simulation_id": SIMULATION,
        SIMULATION: "stored",
        "scenario_id": "late-refund",
        "trial": "0",
        "agent_id": "shop-bot",
        "agent_version": "v1",
        "dataset_version": DATASET.version,
        "stop_reason": "goal_reached",
        "topic": "refunds",
        "difficulty": "hard",
        "persona": "impatient-customer",
        "simulator_fault": "none",
        "assay.version": info.tags["assay.version"],
        "job_id": "j1",
    }
    assert [(span.name, span.span_type, span.status.status_code.value) for span in trace.data.spans] == [
        ("late-refund#0", "CHAIN", "OK"),
        ("user", "CHAT_MODEL", "OK"),
        ("agent", "AGENT", "OK"),
        ("find_order", "TOOL", "OK"),
        ("refund", "TOOL", "ERROR"),
        ("user", "CHAT_MODEL", "OK"),
        ("agent", "AGENT", "OK"),
    ]


def test_the_whole_conversation_is_a_chat(t: Tracking, route: str, new_conversation: New) -> None:
    conversation = new_conversation()
    write(t, conversation)
    root = t.client.get_trace(f"tr-{conversation.conversation_id}", display=False).data.spans[0]
    roles = [message["role"] for message in root.inputs["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert root.inputs["messages"][1]["tool_calls"][0]["function"] == {
        "name": "find_order",
        "arguments": '{"id": "17"}',
    }
    assert root.outputs["choices"][0]["message"] == {"role": "assistant", "content": "It is refunded."}


def test_turns_follow_each_other_in_time(t: Tracking, route: str, new_conversation: New) -> None:
    conversation = new_conversation()
    write(t, conversation)
    spans = t.client.get_trace(f"tr-{conversation.conversation_id}", display=False).data.spans
    turns = [span for span in spans if span.name in ("user", "agent")]
    took = [(span.end_time_ns - span.start_time_ns) / 1e9 for span in turns]
    # 3.25 s in all, of which 2.25 were measured: the turn that was not gets what is left
    assert took == [0.25, 1.5, 1.0, 0.5]
    assert all(a.end_time_ns == b.start_time_ns for a, b in pairwise(turns))
    assert spans[0].start_time_ns == turns[0].start_time_ns
    assert spans[0].end_time_ns == turns[-1].end_time_ns
    begin, end = turns[1].start_time_ns, turns[1].end_time_ns
    assert all(begin < span.start_time_ns < end for span in spans if span.span_type == "TOOL")


def test_a_failed_conversation_is_an_error_with_its_cause(t: Tracking, route: str, new_failure: New) -> None:
    conversation = new_failure()
    write(t, conversation)
    trace = t.client.get_trace(f"tr-{conversation.conversation_id}", display=False)
    assert trace.info.state.value == "ERROR"
    assert trace.info.tags["simulator_fault"] == "left_persona"
    root, user, agent = trace.data.spans
    assert user.attributes["assay.simulator_faults"] == ["left_persona: too polite"]
    assert root.status.description == agent.status.description == "server_error: 500 from the agent"
    assert agent.inputs == {"messages": [{"role": "user", "content": "Hello?"}]}


def begin_own_span(t: Tracking, experiment_id: str, conversation_id: str) -> None:
    """A span that the agent itself sent under the conversation's trace id."""
    from mlflow.entities import Span
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    trace_id = int(conversation_id, 16)
    parent = SpanContext(trace_id, int(turn_span_id(conversation_id, 1), 16), is_remote=True)
    start = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1e9)
    attributes = {"mlflow.traceRequestId": f'"tr-{conversation_id}"', "mlflow.spanType": '"LLM"'}
    own = ReadableSpan(
        "their-llm",
        SpanContext(trace_id, 77, is_remote=False),
        parent,
        attributes=attributes,
        start_time=start,
        end_time=start + 10,
    )
    t.store.log_spans(experiment_id, [Span(own)])


def test_the_agents_own_spans_join_the_trace(t: Tracking, route: str, new_conversation: New) -> None:
    """The agent reports through traceparent, so its spans are there before the conversation ends."""
    conversation = new_conversation()
    begin_own_span(t, ensure_project(t, "shop"), conversation.conversation_id)
    for _ in range(2):
        write(t, conversation)
    spans = t.client.get_trace(f"tr-{conversation.conversation_id}", display=False).data.spans
    theirs = next(span for span in spans if span.name == "their-llm")
    assert next(span for span in spans if span.span_id == theirs.parent_id).name == "agent"
    assert len(spans) == 8
    assert read_conversations(t, "shop", SIMULATION) == [conversation]


def test_more_than_a_batch_is_written_in_order_of_scenario_and_trial(t: Tracking, new_conversation: New) -> None:
    conversations = [new_conversation(number) for number in range(230)]
    write(t, *reversed(conversations))
    assert read_conversations(t, "shop", SIMULATION) == conversations


def test_many_threads_that_write_the_same_leave_one(t: Tracking, new_conversation: New) -> None:
    conversations = [new_conversation(number) for number in range(20)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: write(t, *conversations), range(12)))
    assert read_conversations(t, "shop", SIMULATION) == conversations
    assert len(t.client.search_traces(locations=[ensure_project(t, "shop")])) == 20


def test_odd_text_survives(t: Tracking, route: str, new_conversation: New) -> None:
    texts = ["", "{}", '"quoted"', "null", "[1]", "a\nb\tc", "\\", "% _ '", "💶" * 500]
    turns = tuple(Turn(role="agent", text=text, cost_usd=Decimal("0.1")) for text in texts)
    conversation = new_conversation(turns=turns, outcome={"text": "{}", "nothing": None, "big": 2**70})
    write(t, conversation)
    assert read_conversations(t, "shop", SIMULATION) == [conversation]


def test_a_trace_in_progress_in_another_project_stays_there(t: Tracking, route: str, new_conversation: New) -> None:
    conversation = new_conversation()
    bank = ensure_project(t, "bank")
    begin_own_span(t, bank, conversation.conversation_id)
    write(t, conversation)
    theirs = t.client.get_trace(f"tr-{conversation.conversation_id}", display=False)
    assert theirs.info.experiment_id == bank
    assert [span.name for span in theirs.data.spans] == ["their-llm"]
    assert read_conversations(t, "shop", SIMULATION) == [conversation]
