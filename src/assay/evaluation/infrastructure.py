"""Conversations from elsewhere that hold a quota, time-out or server error which somebody scored as a failure."""

from collections.abc import Iterator, Sequence
from typing import Literal

from assay.contracts.base import content_hash
from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, ToolCall
from assay.contracts.dataset import Scenario
from assay.evaluation.allowance import spent_allowance
from assay.evaluation.error_messages import raised_error, returned_error, spoken_error

Who = Literal["agent", "tool"]


def find_fault(conversation: Conversation) -> tuple[Who, CallFailed] | None:
    """What broke the conversation that is nobody's answer: whose turn it stands in, and the cause.

    An agent's turn that is an error message (in a user's a customer may quote one); a tool call that ended in one and
    was not made again with success; several tool results, all blank. Silence is the agent's own, a tool that answers
    with an empty list has answered, and a result that nobody recorded tells nothing. None: nothing of the kind.
    """
    for place, turn in enumerate(conversation.turns):
        if turn.role == "agent" and (found := spoken_error(turn.text)):
            detail = f"turn {place} (agent) is an error message: {found.words}"
            return "agent", CallFailed(cause=found.cause, detail=detail)
    if broken := _broken_tool(conversation):
        return "tool", broken
    recorded = [call for _, call in _calls(conversation) if call.error is not None or call.result is not None]
    if len(recorded) > 1 and all(map(_blank, recorded)):
        detail = f"all {len(recorded)} recorded tool results are blank, as an outage leaves them"
        return "tool", CallFailed(cause=FailureCause.SERVER_ERROR, detail=detail)
    return None


def mark_fault(conversation: Conversation) -> Conversation:
    """The conversation with the fault that broke it, so that it counts apart; otherwise as it is."""
    found = find_fault(conversation) if conversation.error is None else None
    return conversation if found is None else _with_fault(conversation, found[1])


def mark_faults(conversations: Sequence[Conversation], scenarios: Sequence[Scenario] = ()) -> list[Conversation]:
    """A run with the faults of its conversations, those that only the run as a whole shows included.

    `scenarios`: what the conversations are about, as far as it is known.
    """
    marked = [mark_fault(conversation) for conversation in conversations]
    spent = spent_allowance([conversation for conversation in marked if conversation.error is None], scenarios)
    return [
        _with_fault(conversation, spent[conversation.conversation_id])
        if conversation.conversation_id in spent
        else conversation
        for conversation in marked
    ]


def _with_fault(conversation: Conversation, failed: CallFailed) -> Conversation:
    """It gets an id of its own, so that one project can hold it both ways."""
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


def _blank(call: ToolCall) -> bool:
    return call.error is None and isinstance(call.result, str) and not call.result.strip()


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
