"""What is on its way to MLflow: each turn in a file as it ends, so that a crash costs no more than calls in flight."""

import json
import os
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assay.contracts.base import JsonObject
from assay.contracts.conversation import Conversation, SimulatorFault, Turn
from assay.contracts.judgment import Judgment
from assay.contracts.stage import Usage


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An attempt that is played again, and what the user simulator took for it."""

    faults: tuple[SimulatorFault, ...]
    usage: Usage


@dataclass
class Begun:
    """A conversation as far as it was noted."""

    turns: list[Turn] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    """Of the user simulator."""
    state: JsonObject | None = None
    replayed: bool = False
    """The agent's answers came from a recording."""
    whole: Conversation | None = None
    """None: it did not end."""
    judgment: Judgment | None = None
    """None: it was not judged."""
    given_up: list[GivenUp] = field(default_factory=list)
    """Earlier attempts, in which the user simulator erred."""


class Journal:
    """Appended to by one piece of work at a time; what MLflow holds is not needed here any more.

    It survives the process, not the machine: MLflow holds the truth, this only what MLflow does not hold yet. Two
    processes that play the same conversation by mistake do not mix: each writes under a mark of its own.
    """

    def __init__(self, file: Path | None, kept: Collection[str] = ()) -> None:
        """`file` None: nothing is noted. `kept`: conversations that MLflow holds already."""
        self.file = file
        self.begun = {} if file is None else _read(file, kept)
        self._mark = uuid.uuid4().hex[:8]
        self._out: int | None = None

    def turn(self, conversation_id: str, turn: Turn, usage: Usage | None, state: JsonObject | None) -> None:
        """A turn that has ended. `usage` is the simulator's, for a user's turn."""
        if self.file is None:
            return
        line = f'{{"c":"{conversation_id}","a":"{self._mark}","turn":{turn.model_dump_json(exclude_defaults=True)}'
        if usage is not None:
            line += f',"usage":{usage.model_dump_json(exclude_defaults=True)}'
        if state is not None:
            line += f',"state":{json.dumps(state)}'
        self._write(line + "}\n")

    def again(self, conversation_id: str, attempt: GivenUp) -> None:
        """What was noted of the conversation so far is given up: it begins anew."""
        if self.file is not None:
            faults = [fault.model_dump(mode="json") for fault in attempt.faults]
            usage = attempt.usage.model_dump(mode="json")
            note = {"c": conversation_id, "a": self._mark, "again": {"faults": faults, "usage": usage}}
            self._write(json.dumps(note) + "\n")

    def take_up(self, conversation_id: str) -> Begun:
        """The conversation as far as an earlier process had it, and from here on this one's own."""
        begun = self.begun.get(conversation_id)
        if begun is None:
            return Begun()
        if begun.whole is not None:
            self.whole(begun.whole)
        else:
            for attempt in begun.given_up:
                self.again(conversation_id, attempt)
            usages = iter(begun.usages)
            for turn in begun.turns:
                self.turn(conversation_id, turn, next(usages, None) if turn.role == "user" else None, begun.state)
        return begun

    def failed(self, conversation: Conversation) -> None:
        """A stored conversation that ended in an error, to be taken up where its call failed.

        One that had been played again because of the simulator's faults begins again: its seed was another one.
        """
        if self.file is not None and conversation.conversation_id not in self.begun and not conversation.reruns:
            self.begun[conversation.conversation_id] = Begun(
                turns=list(conversation.turns),
                usages=[conversation.simulator_usage],
                state=conversation.outcome,
                replayed=conversation.replayed,
            )

    def whole(self, conversation: Conversation) -> None:
        self._note(conversation.conversation_id, "whole", conversation)

    def judged(self, judgment: Judgment) -> None:
        self._note(judgment.conversation_id, "judgment", judgment)

    def close(self) -> None:
        if self._out is not None:
            os.close(self._out)
            self._out = None

    def discard(self) -> None:
        """MLflow holds everything."""
        self.close()
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def _note(self, conversation_id: str, what: str, content: Conversation | Judgment) -> None:
        if self.file is not None:
            text = content.model_dump_json()
            self._write(f'{{"c":"{conversation_id}","a":"{self._mark}","{what}":{text}}}\n')

    def _write(self, line: str) -> None:
        if self._out is None:
            assert self.file is not None  # noqa: S101, the callers looked
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._out = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(self._out, b"\n")  # a line that a crash cut off ends here
        os.write(self._out, line.encode())


def _read(file: Path, kept: Collection[str]) -> dict[str, Begun]:
    attempts: dict[tuple[str, str], Begun] = {}
    if not file.exists():
        return {}
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                note = json.loads(line)
                name = note["c"]
            except (ValueError, TypeError, KeyError):
                continue  # cut off by the crash
            if name not in kept:
                _take(note, attempts.setdefault((name, note.get("a", "")), Begun()))
    found: dict[str, Begun] = {}
    for (name, _), begun in attempts.items():
        if begun.whole is not None and begun.whole.error is not None:
            begun.whole = begun.judgment = None  # what failed is tried again
        elif begun.judgment is not None and begun.judgment.error is not None:
            begun.judgment = None
        known = found.get(name)
        if known is None or _worth(begun) > _worth(known):
            found[name] = begun
    return found


def _take(note: dict[str, Any], begun: Begun) -> None:
    try:
        if "turn" in note:
            begun.turns.append(Turn.model_validate(note["turn"]))
            if "usage" in note:
                begun.usages.append(Usage.model_validate(note["usage"]))
            begun.state = note.get("state", begun.state)
        elif "again" in note:
            faults = tuple(SimulatorFault.model_validate(fault) for fault in note["again"]["faults"])
            begun.given_up.append(GivenUp(faults, Usage.model_validate(note["again"]["usage"])))
            begun.turns.clear()
            begun.usages.clear()
            begun.state = None
        elif "whole" in note:
            begun.whole = Conversation.model_validate(note["whole"])
        elif "judgment" in note:
            begun.judgment = Judgment.model_validate(note["judgment"])
    except ValidationError:
        return  # of another version of Assay: played again


def _worth(begun: Begun) -> tuple[bool, bool, int, int]:
    return begun.whole is not None, begun.judgment is not None, len(begun.given_up), len(begun.turns)
