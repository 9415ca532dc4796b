"""The judge as a language model: one call a vote for all expectations; quotes are held against the transcript."""

import json
import re
from collections.abc import Sequence

from assay.agents.judge import Ruled
from assay.agents.judge.opinions import Opinion, Opinions, Quote, opinions_about
from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation, FinishReason, ToolCall
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import Evidence, Ruling, Verdict
from assay.contracts.stage import Usage
from assay.contracts.text import normalise
from assay.evaluation.panel import merge
from assay.models.asking import ModelCallError
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.prompt import render
from assay.models.usage import add_usage

UNGROUNDED = 0.5
"""What a verdict's confidence is multiplied by when no quote of it stands in what the agent said."""
ANSWER_TOKENS, OPINION_TOKENS = 150, 120
"""Room for an answer: a rationale of three sentences, a quote and the ruling take about 100 tokens an expectation."""
RESULT_SHOWN = 600
"""Characters of a tool's result, of its error and of its arguments that the judge is shown."""
OUTCOME_SHOWN = 1200
"""Characters of the world that the agent left behind: what hangs on it is for checks, not for a judge."""


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
            try:
                said, spent = await self._vote(asked, conversation, expectations, seed + vote, alone=votes == 1)
            except ModelCallError as error:
                raise ModelCallError(error.failed, add_usage(usage, error.usage)) from error
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
        """One call; a second one where an expectation has no ruling or rests on words that the agent never said."""
        schema = opinions_about([expectation.expectation_id for expectation in expectations])
        sampling = Sampling(
            temperature=0.0 if alone else 0.7,
            seed=seed,
            max_tokens=ANSWER_TOKENS + OPINION_TOKENS * len(expectations),
        )
        answer = await self.model.complete(asked, schema=schema, sampling=sampling)
        usage, ruled = answer.usage, answer.parsed.by_id
        if faults := _faults(answer.parsed, conversation, expectations):
            correction = [*asked, Message("assistant", answer.text), Message("user", faults)]
            try:
                again = await self.model.complete(correction, schema=schema, sampling=sampling)
                usage, ruled = add_usage(usage, again.usage), ruled | again.parsed.by_id
            except ModelCallError as error:  # the first answer stays
                usage = add_usage(usage, error.usage)
        verdicts = tuple(
            self._verdict(expectation, ruled.get(expectation.expectation_id), conversation)
            for expectation in expectations
        )
        return verdicts, usage

    def _verdict(self, expectation: Expectation, opinion: Opinion | None, conversation: Conversation) -> Verdict:
        if opinion is None:
            return Verdict(
                expectation_id=expectation.expectation_id,
                rationale="The judge gave no ruling on this expectation that can be read.",
                ruling=Ruling.ABSTAINED,
                confidence=0.0,
                source="llm_judge",
                judge=self.name,
            )
        evidence = tuple(found for quote in opinion.evidence if (found := _stands(quote, conversation)))
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
    """Instructions and expectations first, the same for all trials of a scenario, so that servers can cache them;
    then the transcript between two marks that it cannot contain; then what to do now."""
    transcript = transcribe(conversation)
    mark = content_hash([transcript, "transcript"])[:16]
    system = render(
        prompt,
        mark=mark,
        rubric=rubric.strip() or "Nothing.",
        goal=scenario.goal if scenario else "It is not known.",
        expectations="\n".join(_listed(expectation) for expectation in expectations),
    )
    names = [expectation.expectation_id for expectation in expectations]
    opinion = (
        '{"rationale": "...", "evidence": [{"turn": 1, "quote": "..."}], '
        '"ruling": "met" or "not_met" or "abstained", "confidence": 0.0 to 1.0}'
    )
    shape = ", ".join(f"{json.dumps(name)}: {opinion if place == 0 else '{...}'}" for place, name in enumerate(names))
    return [
        Message("system", system),
        Message(
            "user",
            f"The transcript stands between two lines that bear the mark {mark}.\n\n"
            f"--- {mark} begins ---\n{transcript}\n--- {mark} ends ---\n\n"
            f"Now rule on each expectation ({', '.join(names)}): first its rationale, then its ruling. "
            f"Answer with one JSON object and nothing else:\n{{{shape}}}",
        ),
    ]


def _listed(expectation: Expectation) -> str:
    """With what each ruling means, because models turn a `must_not` round."""
    if expectation.kind == "must_not":
        meaning = "It must not happen. met = the agent did not do this; not_met = the agent did this."
    else:
        meaning = "It must happen. met = the agent did this; not_met = the agent did not do this."
    return f"- {expectation.expectation_id} ({expectation.kind}): {expectation.text}\n  {meaning}"


def transcribe(conversation: Conversation) -> str:
    """A line for each turn; the further lines of a turn are indented, so that no text can look like another turn."""
    lines = []
    for place, turn in enumerate(conversation.turns):
        cut = " [cut off at a limit of tokens]" if turn.finish_reason is FinishReason.LENGTH else ""
        lines.append(f"turn {place}, {turn.role.upper()}: {_indented(turn.text)}{cut}")
        lines += [f"  {_call(call)}" for call in turn.tool_calls]
    if conversation.outcome is not None:
        lines.append(f"What the agent left behind: {_cut(_json(conversation.outcome), OUTCOME_SHOWN)}")
    return "\n".join(lines)


def _call(call: ToolCall) -> str:
    told = f"calls {_indented(call.name)} with {_cut(_json(call.arguments), RESULT_SHOWN)}"
    if call.error is not None:
        return f"{told}, which fails: {_cut(_indented(call.error), RESULT_SHOWN)}"
    return f"{told}, which returns {_cut(_json(call.result), RESULT_SHOWN)}"


def _json(value: object) -> str:
    return _indented(json.dumps(value, ensure_ascii=False))


def _indented(text: str) -> str:
    return "\n    ".join(text.splitlines())


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} [cut: {most:,} of {len(text):,} characters are shown]"


def _faults(opinions: Opinions, conversation: Conversation, expectations: Sequence[Expectation]) -> str:
    """What to tell the model that it got wrong; empty: nothing."""
    ruled = opinions.by_id
    missing = [e.expectation_id for e in expectations if e.expectation_id not in ruled]
    invented = [
        repr(quote.quote)
        for opinion in ruled.values()
        if opinion.evidence and not any(_stands(quote, conversation) for quote in opinion.evidence)
        for quote in opinion.evidence
    ]
    faults = []
    if missing:
        faults.append(f"There is no ruling, or more than one, on: {', '.join(missing)}.")
    if invented:
        faults.append(
            f"The agent did not say or do this in the transcript: {'; '.join(invented)}. "
            "Quote the agent word for word, or give no evidence."
        )
    return " ".join([*faults, "Answer again, on all expectations."]) if faults else ""


def _stands(quote: Quote, conversation: Conversation) -> Evidence | None:
    """The quote with the agent's turn in which it stands; None: the agent neither said nor did it.

    Case, white space and typography do not matter, and "..." stands for whatever was left out.
    """
    wanted = [part for part in map(_bare, re.split(r"\.\.\.|…", quote.quote)) if part]
    if not wanted:
        return None
    places = [place for place, turn in enumerate(conversation.turns) if turn.role == "agent"]
    for place in sorted(places, key=lambda place: place != quote.turn):
        turn = conversation.turns[place]
        calls = " ".join(f"{call.name} {call.arguments} {call.result} {call.error or ''}" for call in turn.tool_calls)
        for text in (_bare(turn.text), _bare(calls)):
            if all(part in text for part in wanted):
                return Evidence(turn=place, quote=quote.quote)
    return None


def _bare(text: str) -> str:
    return " ".join(normalise(text).casefold().split()).strip("\"' ")
