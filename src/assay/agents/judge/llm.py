"""The judge as a language model: one call a vote for all expectations; quotes are held against the transcript."""

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from assay.agents.judge import Ruled
from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import Evidence, Ruling, Verdict
from assay.contracts.stage import Usage
from assay.contracts.text import normalise
from assay.evaluation.panel import merge
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.prompt import render
from assay.models.usage import add_usage

UNGROUNDED = 0.5
"""What a verdict's confidence is multiplied with when no quote of it stands in the transcript."""


class Quote(BaseModel):
    turn: int
    quote: str


class Opinion(BaseModel):
    """The rationale comes before the ruling, so that the model reasons before it rules."""

    expectation_id: str
    rationale: str
    evidence: list[Quote] = Field(default_factory=list)
    ruling: Literal["met", "not_met", "abstained"]
    confidence: float = Field(ge=0, le=1)


class Opinions(BaseModel):
    opinions: list[Opinion]


class ModelJudge:
    def __init__(self, model: ChatModel, prompt: str) -> None:
        self.model = model
        self.prompt = prompt
        self.prompt_hash = content_hash(prompt)

    @property
    def name(self) -> str:
        return self.model.name

    async def rule(
        self,
        conversation: Conversation,
        expectations: Sequence[Expectation],
        *,
        scenario: Scenario | None,
        rubric: str,
        votes: int,
        seed: int,
    ) -> Ruled:
        asked = messages(self.prompt, conversation, expectations, scenario, rubric)
        usage = Usage()
        cast: list[tuple[Verdict, ...]] = []
        for vote in range(votes):
            said, spent = await self._vote(asked, conversation, expectations, seed + vote, alone=votes == 1)
            usage = add_usage(usage, spent)
            cast.append(said)
        verdicts = cast[0] if votes == 1 else tuple(merge(each) for each in zip(*cast, strict=True))
        return Ruled(verdicts, usage)

    async def _vote(
        self,
        asked: list[Message],
        conversation: Conversation,
        expectations: Sequence[Expectation],
        seed: int,
        *,
        alone: bool,
    ) -> tuple[tuple[Verdict, ...], Usage]:
        """One call; a second one where it forgot an expectation or quoted what nobody said."""
        sampling = Sampling(temperature=0.0 if alone else 0.7, seed=seed)
        answer = await self.model.complete(asked, schema=Opinions, sampling=sampling)
        usage = answer.usage
        if faults := _faults(answer.parsed, conversation, expectations):
            correction = [*asked, Message("assistant", answer.text), Message("user", faults)]
            answer = await self.model.complete(correction, schema=Opinions, sampling=sampling)
            usage = add_usage(usage, answer.usage)
        by_id = {opinion.expectation_id: opinion for opinion in answer.parsed.opinions}
        verdicts = tuple(
            self._verdict(expectation, by_id.get(expectation.expectation_id), conversation)
            for expectation in expectations
        )
        return verdicts, usage

    def _verdict(self, expectation: Expectation, opinion: Opinion | None, conversation: Conversation) -> Verdict:
        if opinion is None:
            return Verdict(
                expectation_id=expectation.expectation_id,
                rationale="The judge did not speak of this expectation.",
                ruling=Ruling.ABSTAINED,
                confidence=0.0,
                source="llm_judge",
                judge=self.name,
            )
        evidence = tuple(found for quote in opinion.evidence if (found := _stands(quote, conversation)) is not None)
        grounded = bool(evidence) or opinion.ruling == "abstained"
        return Verdict(
            expectation_id=expectation.expectation_id,
            rationale=opinion.rationale.strip() or "No rationale was given.",
            evidence=evidence,
            ruling=Ruling(opinion.ruling),
            confidence=opinion.confidence * (1.0 if grounded else UNGROUNDED),
            source="llm_judge",
            judge=self.name,
        )


def messages(
    prompt: str,
    conversation: Conversation,
    expectations: Sequence[Expectation],
    scenario: Scenario | None,
    rubric: str,
) -> list[Message]:
    """Instructions as system message, the transcript as data between two marks that it cannot contain."""
    transcript = transcribe(conversation)
    mark = content_hash([transcript, "transcript"])[:16]
    listed = "\n".join(
        f"- {expectation.expectation_id} ({expectation.kind}): {expectation.text}" for expectation in expectations
    )
    system = render(
        prompt,
        mark=mark,
        rubric=rubric.strip() or "Nothing.",
        goal=scenario.goal if scenario else "It is not known.",
        expectations=listed,
    )
    return [Message("system", system), Message("user", f"--- {mark} begins ---\n{transcript}\n--- {mark} ends ---")]


def transcribe(conversation: Conversation) -> str:
    """One JSON object a turn, so that no text in it can look like a turn of its own."""
    lines = []
    for place, turn in enumerate(conversation.turns):
        row: dict[str, object] = {"turn": place, "role": turn.role, "text": turn.text}
        if turn.tool_calls:
            row["tool_calls"] = [
                {"name": call.name, "arguments": call.arguments, "result": call.result, "error": call.error}
                for call in turn.tool_calls
            ]
        lines.append(json.dumps(row, ensure_ascii=False))
    if conversation.outcome is not None:
        lines.append(json.dumps({"outcome": conversation.outcome}, ensure_ascii=False))
    return "\n".join(lines)


def _faults(opinions: Opinions, conversation: Conversation, expectations: Sequence[Expectation]) -> str:
    """What to tell the model that it got wrong; empty: nothing."""
    spoken = {opinion.expectation_id for opinion in opinions.opinions}
    missing = [e.expectation_id for e in expectations if e.expectation_id not in spoken]
    invented = [
        f"turn {quote.turn}: {quote.quote!r}"
        for opinion in opinions.opinions
        for quote in opinion.evidence
        if _stands(quote, conversation) is None
    ]
    faults = []
    if missing:
        faults.append(f"You left out: {', '.join(missing)}.")
    if invented:
        faults.append(f"These quotes do not stand in the transcript: {'; '.join(invented)}. Quote word for word.")
    return " ".join([*faults, "Answer again, whole."]) if faults else ""


def _stands(quote: Quote, conversation: Conversation) -> Evidence | None:
    """The quote with the turn in which it stands; None: nobody said it. Ignores case, space and typography."""
    wanted = _bare(quote.quote)
    if not wanted:
        return None
    places = range(len(conversation.turns))
    for place in sorted(places, key=lambda place: place != quote.turn):
        turn = conversation.turns[place]
        calls = " ".join(f"{call.name} {call.arguments} {call.result}" for call in turn.tool_calls)
        if wanted in _bare(turn.text) or wanted in _bare(calls):
            return Evidence(turn=place, quote=quote.quote)
    return None


def _bare(text: str) -> str:
    return " ".join(normalise(text).casefold().split())
