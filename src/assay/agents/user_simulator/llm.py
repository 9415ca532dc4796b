"""The user played by a language model."""

import json
import re
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import BaseModel, Field

from assay.agents.user_simulator import UserMove
from assay.agents.user_simulator.asked import asked_facts, open_questions, told
from assay.agents.user_simulator.faults import faults_of_turn, leaves_early
from assay.contracts.base import content_hash
from assay.contracts.conversation import StopReason, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.stage import Usage
from assay.models.asking import ModelCallError
from assay.models.chat import ChatModel, Completion, Message, Sampling
from assay.models.prompt import render
from assay.models.usage import add_usage

STOPS = {"continue": None, "goal_reached": StopReason.GOAL_REACHED, "gave_up": StopReason.GAVE_UP}
MAX_TOKENS = 200
"""Of one move: people write a few sentences in a chat, and a small model may otherwise never end."""
RETRY_TEMPERATURE = 0.3
"""Of a move that is drawn again: it is to mend what was wrong, and not to be another surprise."""
SPEAKER = re.compile(r"^\s*(?:\*\*)?(USER|AGENT|ASSISTANT|CUSTOMER)(?:\*\*)?\s*:\s*", re.IGNORECASE | re.MULTILINE)


class Move(BaseModel):
    """What the model answers with."""

    text: str = Field(description="What the user writes next; empty to leave without a word.")
    status: Literal["continue", "goal_reached", "gave_up"]

    @classmethod
    def from_words(cls, words: str) -> Self | None:
        """The turn of a model that answers in plain words; None: they are no turn of a user's."""
        parts = SPEAKER.split(words.strip(), maxsplit=2)  # ["", speaker, words, speaker, the agent's next turn]
        if len(parts) > 1 and parts[0].strip():
            words = parts[0]
        elif len(parts) > 1:
            if parts[1].upper() in ("AGENT", "ASSISTANT"):
                return None
            words = parts[2]
        words = words.strip().strip('"')
        if not words or re.search(r"[{}]|```", words):
            return None
        return cls.model_validate({"text": words, "status": "continue"})


class ModelUser:
    def __init__(self, model: ChatModel, prompt: str) -> None:
        self.model = model
        self.prompt = prompt
        self.prompt_hash = content_hash(prompt)

    @property
    def name(self) -> str:
        return self.model.name

    async def next_move(self, scenario: Scenario, turns: Sequence[Turn], *, seed: int) -> UserMove:
        """One call; a second one where a rule finds a fault in the move. What is still at fault then is kept, and
        found again and marked when the conversation ends, but no user leaves while the agent waits for an answer."""
        if not turns and scenario.opening:
            return UserMove(text=scenario.opening, stop=None, usage=Usage())
        answer = await self._ask(scenario, turns, seed)
        usage, move = answer.usage, answer.parsed
        if faults := _faults(scenario, turns, move):
            try:
                again = await self._ask(scenario, turns, seed + 1_000_003, faults)
            except ModelCallError as error:  # the first move stays
                usage = add_usage(usage, error.usage)
            else:
                usage = add_usage(usage, again.usage)
                if len(_faults(scenario, turns, again.parsed)) <= len(faults):
                    move = again.parsed
        text, stop = move.text.strip() or None, STOPS[move.status]
        if text is not None and leaves_early(scenario, _after(turns, text), stop):
            stop = None
        if stop is None and text is None:
            stop = StopReason.GAVE_UP  # nothing to say and no reason to leave: a person would have gone
        return UserMove(text=text, stop=stop, usage=usage)

    async def _ask(
        self, scenario: Scenario, turns: Sequence[Turn], seed: int, faults: Sequence[str] = ()
    ) -> Completion[Move]:
        return await self.model.complete(
            messages(self.prompt, scenario, turns, faults),
            schema=Move,
            sampling=Sampling(
                temperature=RETRY_TEMPERATURE if faults else 1.0, seed=seed + len(turns), max_tokens=MAX_TOKENS
            ),
        )


def messages(prompt: str, scenario: Scenario, turns: Sequence[Turn], faults: Sequence[str] = ()) -> list[Message]:
    """The part to play, which is the same for the whole conversation; the conversation from the user's side, with the
    user's turns in the form of the answer; what to do now, behind the agent's last words."""
    facts = "\n".join(f"- {name}: {value}" for name, value in scenario.facts.items()) or "- nothing more"
    system = render(
        prompt,
        persona=scenario.persona.description,
        language=scenario.persona.language,
        goal=scenario.goal,
        facts=facts,
    )
    history = [
        Message("user", turn.text or "(no words)")
        if turn.role == "agent"
        else Message("assistant", json.dumps({"text": turn.text, "status": "continue"}, ensure_ascii=False))
        for turn in turns
    ]
    if not history:
        history = [Message("user", "(The chat is open. Nobody has written yet.)")]
    last = Message("user", f"{history[-1].content}\n\n({' '.join(_now(scenario, turns, faults))})")
    return [Message("system", system), *history[:-1], last]


def _now(scenario: Scenario, turns: Sequence[Turn], faults: Sequence[str]) -> list[str]:
    lines = [f"An earlier try was not usable: {fault}." for fault in faults]
    waits = False
    if turns:
        asked = asked_facts(scenario.facts, turns[-1].text)
        mine = [turn.text for turn in turns if turn.role == "user"]
        known = [name for name in asked if not told(scenario.facts, name, mine)]
        lines += [f"You know the {name}: {scenario.facts[name].rstrip('.')}." for name in known]
        waits = bool(asked or open_questions(turns[-1].text))
    status = '"continue"' if waits else '"continue" or "goal_reached" or "gave_up"'
    lines.append(f'Answer as this person, with JSON and nothing else: {{"text": "...", "status": {status}}}')
    return lines


def _after(turns: Sequence[Turn], text: str) -> list[Turn]:
    return [*turns, Turn(role="user", text=text)]


def _faults(scenario: Scenario, turns: Sequence[Turn], move: Move) -> list[str]:
    """What is wrong with a move, as the model is told."""
    after = _after(turns, move.text) if move.text.strip() else list(turns)
    found = []
    if move.text.strip():
        found = [f"you {fault.detail}" for fault in faults_of_turn(scenario, after, len(turns))]
    if why := leaves_early(scenario, after, STOPS[move.status]):
        found.append(f"you {why}")
    return found
