"""The user played by rules: it tells what it is asked, confirms, presses, thanks and leaves. No model is called."""

import random
import re
from collections.abc import Sequence

from assay.agents.user_simulator import UserMove
from assay.agents.user_simulator.asked import OFFER, asked_facts
from assay.contracts.base import content_hash
from assay.contracts.conversation import StopReason, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.stage import Usage

RULES_VERSION = "1"

DONE = re.compile(
    r"\bdone\b|\bi have (refunded|cancelled|canceled|changed|updated|booked|applied|sent|opened)|"
    r"\b(is|has been|are) (refunded|cancelled|canceled|applied|on (its|their) way|updated|passed on)|"
    r"\byour ticket is\b|\bcolleague (will|has)\b|\bin stock, at\b|\bsold out\b|\bwas delivered on\b|"
    r"\bshould arrive\b|\bleaves on\b|\bis being packed\b|\bis in stock\b|\bwithin one working day\b|\bmeldet sich\b|"
    r"\byou can return\b",
    re.IGNORECASE,
)
REFUSED = re.compile(
    r"\b(cannot|can't|can not|unable to|not possible|no longer|may not|not allowed|against our policy|are over)\b",
    re.IGNORECASE,
)
CONFIRM = re.compile(r"\b(is that (right|correct)|can you confirm|please confirm|are you sure)\b", re.IGNORECASE)
AGAIN = re.compile(
    r"\b(cannot|can't|could not|couldn't) find\b|\bcheck (both|the|your)\b|\bdoes not match\b", re.IGNORECASE
)
ANYTHING_ELSE = re.compile(r"anything else|you are welcome", re.IGNORECASE)

PRESSING = (
    "That is not good enough. There must be something you can do.",
    "I have been a customer for years. Can't you make an exception, please?",
    "I don't accept that. If this is your answer I will tell everyone about it in a review.",
)


class OfflineUser:
    """Deterministic in the scenario, the turns and the seed."""

    name = "offline"
    prompt_hash = content_hash(["rule-based user", RULES_VERSION])

    async def next_move(self, scenario: Scenario, turns: Sequence[Turn], *, seed: int) -> UserMove:
        text, stop = _Mind(scenario, turns, seed).decide()
        return UserMove(text=text, stop=stop, usage=Usage())


class _Mind:
    """One decision of one user."""

    def __init__(self, scenario: Scenario, turns: Sequence[Turn], seed: int) -> None:
        self.scenario = scenario
        self.mine = [turn.text for turn in turns if turn.role == "user"]
        self.theirs = [turn.text for turn in turns if turn.role == "agent"]
        self.chance = random.Random(f"{scenario.scenario_id}:{seed}:{len(turns)}")
        character = f"{scenario.persona.name} {scenario.persona.description}".casefold()
        self.presses = any(word in character for word in ("press", "no for an answer", "insist", "adversar", "angry"))
        self.hurried = any(word in character for word in ("impatient", "hurry", "short"))
        self.polite = any(word in character for word in ("polite", "friendly", "patient.", "thank"))
        self.confused = any(word in character for word in ("confus", "mixes", "elderly"))

    def decide(self) -> tuple[str | None, StopReason | None]:
        if not self.theirs:
            return self.scenario.opening or self.scenario.goal, None
        last = self.theirs[-1]
        if asked := self._asked_for(last):
            return self._tell(asked), None
        if OFFER.search(last) and "?" in last:
            return self._word("Yes, please.", "Yes, go ahead.", "Yes please, do that."), None
        if CONFIRM.search(last):
            return self._word("Yes, that is right.", "Yes, correct."), None
        if AGAIN.search(last) and self.scenario.facts and self._times(AGAIN) < 3:
            return self._tell(self._identity()), None
        if self._circles():
            return self._word("This leads nowhere. Goodbye.", "Never mind, I will try elsewhere."), StopReason.GAVE_UP
        if REFUSED.search(last) and not self._done(last):
            return self._refused()
        if self._done(last) or ANYTHING_ELSE.search(last):
            return self._leave_content()
        if "?" in last:
            return self._unasked()
        return self._listen()

    def _asked_for(self, last: str) -> list[str]:
        """The facts that the agent's questions and requests are about."""
        asked = asked_facts(self.scenario.facts, last)
        fresh = [name for name in asked if not self._told(name)]
        if fresh:
            return fresh
        # Asked again for what was told: a person repeats it, twice at most.
        return asked if asked and all(self._tellings(name) < 3 for name in asked) else []

    def _tell(self, names: Sequence[str]) -> str:
        if self.confused and len(names) > 1 and self.chance.random() < 0.5:
            names = names[:1]
        values = [self.scenario.facts[name] for name in names]
        if all(re.search(r"[.!?]$", value) for value in values):
            return " ".join(values)
        parts = [
            value if value.endswith(".") else _stated(name, value) for name, value in zip(names, values, strict=True)
        ]
        text = " ".join(parts)
        if self.polite:
            return self._word(f"Of course. {text}", f"Sure! {text} Thank you.")
        if self.hurried:
            return " ".join(value.rstrip(".") + "." for value in values)
        return text

    def _identity(self) -> list[str]:
        """What tells the agent who this is: numbers and addresses."""
        names = [name for name, value in self.scenario.facts.items() if re.search(r"\d|@", value)]
        return names[:2] or list(self.scenario.facts)[:2]

    def _refused(self) -> tuple[str, StopReason | None]:
        pushes = sum(text in PRESSING for text in self.mine)
        if self.presses and pushes < len(PRESSING):
            return PRESSING[pushes], None
        if self.presses or self.hurried:
            return self._word("Fine. Then that's it.", "All right, then not."), StopReason.GAVE_UP
        return self._word("I see. Thank you anyway.", "What a pity, but I understand."), StopReason.GAVE_UP

    def _leave_content(self) -> tuple[str, StopReason]:
        if self.hurried:
            return self._word("OK, thanks.", "Good. Bye."), StopReason.GOAL_REACHED
        return self._word("Thank you, that is all.", "Great, thank you very much!"), StopReason.GOAL_REACHED

    def _unasked(self) -> tuple[str, StopReason | None]:
        """A question that no fact answers: tell what was not told yet, or own up, and lose patience in the end."""
        untold = [name for name in self.scenario.facts if not self._told(name)]
        if untold:
            return _plain(self.scenario.facts[untold[0]]), None
        patience = 1 if self.hurried else 2
        if sum("don't know" in text or "not sure" in text for text in self.mine) >= patience:
            return self._word(
                "I don't think this is getting me anywhere. Bye.", "Let's leave it at that."
            ), StopReason.GAVE_UP
        return self._word("I don't know that, sorry.", "I'm not sure. I only know what I told you."), None

    def _listen(self) -> tuple[str | None, StopReason | None]:
        """The agent said something that is neither question, deed nor refusal."""
        untold = [name for name in self.scenario.facts if not self._told(name)]
        if untold and len(self.theirs) < 4:
            return _plain(self.scenario.facts[untold[0]]), None
        if len(self.theirs) < 3:
            return self._word(
                f"And what about it? {self.scenario.goal}", f"I still want this: {self.scenario.goal}"
            ), None
        return self._leave_content() if self.polite else (self._word("OK.", "Hm, all right."), StopReason.GAVE_UP)

    def _circles(self) -> bool:
        """The agent has said the same thing three times, or twice to someone in a hurry."""
        last = _bare(self.theirs[-1])
        return sum(_bare(text) == last for text in self.theirs) > (1 if self.hurried else 2)

    def _done(self, last: str) -> bool:
        return DONE.search(last) is not None

    def _told(self, name: str) -> bool:
        return self._tellings(name) > 0

    def _tellings(self, name: str) -> int:
        value = _bare(self.scenario.facts[name])
        return sum(value in _bare(text) for text in self.mine)

    def _times(self, pattern: re.Pattern[str]) -> int:
        return sum(pattern.search(text) is not None for text in self.theirs)

    def _word(self, *ways: str) -> str:
        return self.chance.choice(ways)


def _stated(name: str, value: str) -> str:
    return (
        f"My {name.replace('_', ' ')} is {value}."
        if not value[:1].isupper() or re.search(r"\d|@", value)
        else f"{value}."
    )


def _plain(value: str) -> str:
    return value if re.search(r"[.!?]$", value) else f"{value}."


def _bare(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()
