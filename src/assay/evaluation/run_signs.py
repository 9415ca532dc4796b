"""Signs, in a run as a whole, that something other than the agent failed. Shown to a person, never excluded by rule."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from assay.contracts.analytics import RunSign
from assay.contracts.conversation import Conversation
from assay.contracts.text import normalise

SHORT = 160
"""Characters of a last answer that may be the words of an agent's client."""
LEAST = 3
"""Conversations of different scenarios."""
LONG_RUN = 5
UNLIKELY = 1e-3
"""Chance of as many conversations without a tool call in a row, by the share of the others that call one."""
BY_CHANCE = 0.01
"""Chance that as many conversations all fail, by the share of the others that do."""
SHOWN_IDS = 20


def run_signs(conversations: Sequence[Conversation], passed: Mapping[str, bool | None]) -> tuple[RunSign, ...]:
    """`conversations` in the order in which they were begun, as far as that is known; `passed` by conversation id.

    Conversations that are set apart already are left out.
    """
    ordered = sorted((c for c in conversations if c.error is None), key=lambda c: c.started_at)
    good = {name for name, how in passed.items() if how}
    failed = {name for name, how in passed.items() if how is False}
    return (
        *_same_endings(ordered, good, failed),
        *_tools_stop(ordered, good),
        *_silence(ordered),
        *_no_results(ordered),
        *_spoilt_passes(ordered, good),
    )


def _same_endings(ordered: Sequence[Conversation], good: set[str], failed: set[str]) -> list[RunSign]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, conversation in enumerate(ordered):
        last = next((turn for turn in reversed(conversation.turns) if turn.role == "agent"), None)
        words = " ".join(normalise(last.text).casefold().split()) if last is not None else ""
        if 0 < len(words) <= SHORT:
            places[re.sub(r"\d+", "#", words)].append(place)
    signs = []
    for inside in places.values():
        same = [ordered[place] for place in inside]
        scenarios = {conversation.scenario_id for conversation in same}
        ids = {conversation.conversation_id for conversation in same}
        if len(scenarios) < LEAST or ids & good or not ids & failed:
            continue
        others = [conversation.conversation_id for conversation in ordered if conversation.conversation_id not in ids]
        failing = (len(failed.intersection(others)) + 0.5) / (len(others) + 1)
        if failing ** len(same) > BY_CHANCE:
            continue  # where most conversations fail, some of these share a polite goodbye
        words = next(turn.text for turn in reversed(same[0].turns) if turn.role == "agent").strip()
        timed = len({conversation.started_at for conversation in ordered}) > 1
        in_a_row = ", all in a row" if timed and inside[-1] - inside[0] == len(inside) - 1 else ""
        signs.append(
            _sign(
                "same_ending",
                f"{len(same)} conversations of {len(scenarios)} scenarios end in the same words and none of them "
                f"passed{in_a_row}: “{words}”. See whether the agent said so or the client that ran it",
                same,
            )
        )
    return sorted(signs, key=lambda sign: -sign.conversations)


def _spoilt_passes(ordered: Sequence[Conversation], good: set[str]) -> list[RunSign]:
    """A user who leaves too early lets pass whatever the agent must not do."""
    passing = [conversation for conversation in ordered if conversation.conversation_id in good]
    spoilt = [conversation for conversation in passing if conversation.simulator_faults]
    if not spoilt:
        return []
    words = (
        f"{len(spoilt)} of the {len(passing)} conversations that pass have a fault of the user simulator, so that they "
        "say little of the agent. The report gives the rate without conversations at fault too"
    )
    return [_sign("spoilt_passes", words, spoilt)]


def _tools_stop(ordered: Sequence[Conversation], good: set[str]) -> list[RunSign]:
    if len({conversation.started_at for conversation in ordered}) < 2:
        return []
    calls = [any(turn.tool_calls for turn in conversation.turns) for conversation in ordered]
    start, best = None, (0, 0)
    for place in range(len(calls) + 1):
        quiet = place < len(calls) and not calls[place] and ordered[place].conversation_id not in good
        if quiet and start is None:
            start = place
        elif not quiet and start is not None:
            best = max(best, (start, place), key=lambda span: span[1] - span[0])
            start = None
    first, last = best
    length, others = last - first, len(calls) - (last - first)
    share = (sum(calls) + 0.5) / (others + 1)
    if length < LONG_RUN or (1 - share) ** length > UNLIKELY:
        return []
    words = (
        f"{length} conversations in a row call no tool and none of them passed, while {sum(calls)} of the other "
        f"{others} call some. See whether the tools or the agent's client stopped"
    )
    return [_sign("tools_stop", words, ordered[first:last])]


def _silence(ordered: Sequence[Conversation]) -> list[RunSign]:
    silent = [
        conversation
        for conversation in ordered
        if not any(t.role == "agent" and (t.text.strip() or t.tool_calls) for t in conversation.turns)
    ]
    if not silent:
        return []
    words = (
        f"The agent says nothing and calls nothing in {len(silent)} of {len(ordered)}. They count as the agent's own, "
        "since nothing shows an error"
    )
    return [_sign("silence", words, silent)]


def _no_results(ordered: Sequence[Conversation]) -> list[RunSign]:
    calls = [call for conversation in ordered for turn in conversation.turns for call in turn.tool_calls]
    if not calls or any(call.result is not None or call.error is not None for call in calls):
        return []
    calling = [conversation for conversation in ordered if any(turn.tool_calls for turn in conversation.turns)]
    words = "No tool result is recorded in any conversation; checks of results cannot be made"
    return [_sign("no_tool_results", words, calling)]


def _sign(kind: str, words: str, conversations: Sequence[Conversation]) -> RunSign:
    return RunSign.model_validate(
        {
            "kind": kind,
            "words": f"{words}.",
            "conversations": len(conversations),
            "conversation_ids": tuple(c.conversation_id for c in conversations[:SHOWN_IDS]),
        }
    )
