"""Requests appended to conversations' traces, by several writers at once, on every kind of store."""

import json
from concurrent.futures import ThreadPoolExecutor

from assay.contracts.exchange import Exchange
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Judgment, Ruling, Verdict
from assay.contracts.stage import AgentRef
from assay.rollout.conversations import assemble, conversation_id, thread_of
from assay.rollout.reading import Recorded, new_exchange_id, read
from assay.tracking import (
    Tracking,
    append_exchanges,
    gateway_conversations,
    read_conversations,
    read_exchanges,
    read_feedback,
    read_judgments,
    write_feedback,
    write_judgments,
)
from tests.stores.conftest import Store

AGENT = AgentRef(agent_id="desk", version="1")
TAGS = {"origin": "gateway", "rollout_id": "rollout-1", "arm": "champion"}


def request(thread: str, number: int, text: str, answer: str) -> Exchange:
    recorded = Recorded(
        thread=thread,
        told=conversation_id(thread, 0),
        exchange_id=new_exchange_id(),
        agent=AGENT,
        kind="production",
        started_at=1_800_000_000.0 + number,
        latency_s=0.5,
        first_byte_s=None,
        status=200,
        request=json.dumps({"question": text}).encode(),
        response=json.dumps({"reply": answer}).encode(),
    )
    return read(recorded)


def append(t: Tracking, project: str, name: str, *exchanges: Exchange) -> None:
    append_exchanges(t, project, {name: exchanges}, assemble, simulation_id="production", tags={name: TAGS})


def test_many_writers_at_once(store: Store, t: Tracking, project: str):
    """What each writer adds is in the conversation, each once, and what was said of it speaks of what it says."""
    thread = thread_of(project, "rollout-1", AGENT, "production", "ada")
    name = conversation_id(thread, 0)
    requests = [request(thread, number, f"question {number}", f"answer {number}") for number in range(8)]
    append(t, project, name, requests[0])
    verdict = Verdict(
        expectation_id="kind",
        rationale="It is.",
        ruling=Ruling.MET,
        confidence=1.0,
        source="code",
        judge="check",
    )
    judgment = Judgment(
        conversation_id=name,
        scenario_id="production",
        trial=0,
        verdicts=(verdict,),
        score=1.0,
        passed=True,
        rationale="",
    )
    write_judgments(t, project, "judging-1", [judgment], run_id=None)
    write_feedback(t, project, [Feedback(feedback_id="f-1", conversation_id=name, thumbs="down")])
    assert len(read_judgments(t, project, "judging-1")) == 1

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda exchange: append(store.connect(), project, name, exchange), requests[1:]))
    append(t, project, name, *requests)  # once more changes nothing

    [conversation] = read_conversations(t, project, "production")
    spoken = [turn.text for turn in conversation.turns]
    expected = [(f'{{"question": "question {n}"}}', f'{{"reply": "answer {n}"}}') for n in range(8)]
    assert spoken == [text for pair in expected for text in pair]
    assert {row.exchange_id for row in read_exchanges(t, project, [name])[name]} == {
        row.exchange_id for row in requests
    }
    assert read_judgments(t, project, "judging-1") == []  # it spoke of one turn alone
    assert [row.feedback_id for row in read_feedback(t, project, [name])[name]] == ["f-1"]


def test_only_what_the_gateway_stored_is_evidence(t: Tracking, project: str):
    thread = thread_of(project, "rollout-1", AGENT, "production", "ada")
    append(t, project, conversation_id(thread, 0), request(thread, 0, "Hi", "Hello"))
    forged = Feedback.model_validate(
        {
            "feedback_id": "f",
            "agent": {"agent_id": "desk", "version": "1"},
            "thumbs": "down",
            "turns": [{"role": "user", "text": "Never said"}],
        }
    )
    write_feedback(t, project, [forged])
    assert len(read_conversations(t, project, "production")) == 2
    found = gateway_conversations(t, project, "rollout-1", kind="production")
    assert [row.conversation_id for row in found] == [conversation_id(thread, 0)]
    assert gateway_conversations(t, project, "rollout-2", kind="production") == []


def test_a_history_is_stored_once(t: Tracking, project: str):
    """Ten requests that each repeat the whole history take the room of one."""
    thread = thread_of(project, "rollout-1", AGENT, "production", "ada")
    name, said = conversation_id(thread, 0), ["word " * 50]
    for number in range(10):
        roles = ("user", "assistant")
        messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(said)]
        answer = f"answer {number} " * 50
        recorded = Recorded(
            thread=thread,
            told=name,
            exchange_id=new_exchange_id(),
            agent=AGENT,
            kind="production",
            started_at=1_800_000_000.0 + number,
            latency_s=0.1,
            first_byte_s=None,
            status=200,
            request=json.dumps({"messages": messages}).encode(),
            response=json.dumps({"choices": [{"message": {"role": "assistant", "content": answer}}]}).encode(),
        )
        append(t, project, name, read(recorded))
        said += [answer, f"question {number} " * 50]
    stored = read_exchanges(t, project, [name])[name]
    assert sum(len(row.messages) for row in stored) == 20
    [conversation] = read_conversations(t, project, "production")
    assert len(conversation.turns) == 20
