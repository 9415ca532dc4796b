"""Conversations from elsewhere that hold a quota, time-out or server error which somebody scored as a failure."""

from collections.abc import Iterator, Sequence
from typing import Literal

from assay.contracts.base import content_hash
from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, ToolCall
from assay.evaluation.error_messages import raised_error, returned_error, spoken_error

Who = Literal["agent", "tool"]


def find_fault(conversation: Conversation) -> tuple[Who, CallFailed] | None:
    """What broke the conversation that is nobody's answer: whose turn it stands in, and the cause.

    An agent's turn that is an error message (in a user's a customer may quote one); a tool call that ended in one and
    was not made again with success; an agent that said and called nothing; tools of which none ever gave a result.
    None: nothing of the kind.
    """
    for place, turn in enumerate(conversation.turns):
        if turn.role == "agent" and (found := spoken_error(turn.text)):
            detail = f"turn {place} (agent) is an error message: {found.words}"
            return "agent", CallFailed(cause=found.cause, detail=detail)
    if broken := _broken_tool(conversation):
        return "tool", broken
    agent = [turn for turn in conversation.turns if turn.role == "agent"]
    if not any(turn.text.strip() or turn.tool_calls for turn in agent):
        why = "the agent never answered" if not agent else "the agent said nothing and called nothing"
        return "agent", CallFailed(cause=FailureCause.SERVER_ERROR, detail=f"{why}, as an outage leaves it")
    calls = list(_calls(conversation))
    if len(calls) > 1 and all(_empty(call) for _, call in calls):
        detail = f"all {len(calls)} tool calls came back empty, as an outage leaves them"
        return "tool", CallFailed(cause=FailureCause.SERVER_ERROR, detail=detail)
    return None


def set_apart(conversation: Conversation) -> Conversation:
    """The conversation with the fault that broke it, so that it counts apart; otherwise as it is.

    It gets an id of its own, so that one project can hold it both ways.
    """
    if conversation.error is not None:
        return conversation
    found = find_fault(conversation)
    if found is None:
        return conversation
    _, failed = found
    stop = StopReason.TIMEOUT if failed.cause is FailureCause.TIMEOUT else StopReason.AGENT_ERROR
    own = content_hash([conversation.conversation_id, "set apart"])[:32]
    return conversation.replace(conversation_id=own, error=failed, stop_reason=stop)


def _broken_tool(conversation: Conversation) -> CallFailed | None:
    last = {(call.name, content_hash(call.arguments)): (place, call) for place, call in _calls(conversation)}
    for (name, _), (place, call) in last.items():
        found = raised_error(call.error) if call.error else returned_error(call.result)
        if found:
            detail = f"turn {place}: the tool {name} ended in an error: {found.words}"
            return CallFailed(cause=found.cause, detail=detail)
    return None


def _calls(conversation: Conversation) -> Iterator[tuple[int, ToolCall]]:
    for place, turn in enumerate(conversation.turns):
        for call in turn.tool_calls:
            yield place, call


def _empty(call: ToolCall) -> bool:
    return call.error is None and call.result in (None, "", [], {})


def runs_of_faults(conversations: Sequence[Conversation], least: int = 3) -> tuple[tuple[int, int], ...]:
    """(first, last) places of `least` or more faults in a row, in the order in which conversations were begun: an
    outage, rather than bad luck."""
    ordered = sorted(conversations, key=lambda c: c.started_at)
    runs, start = [], None
    for place in range(len(ordered) + 1):
        broken = place < len(ordered) and ordered[place].error is not None
        if broken and start is None:
            start = place
        elif not broken and start is not None:
            if place - start >= least:
                runs.append((start, place - 1))
            start = None
    return tuple(runs)
