"""Prose about computed numbers: drafted by a model, held against the facts, refused where it makes numbers up."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from assay.contracts.analytics import Narrative
from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.report import Fact
from assay.contracts.stage import Usage
from assay.errors import BadInput
from assay.evaluation.facts import fill, refuse_stray, show
from assay.models.asking import ModelCallError
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.usage import add_usage

ATTEMPTS = 3
"""Times that a model may draft before its made-up numbers are refused for good."""
MAX_TOKENS = 500
"""Of a narrative: four short paragraphs take about 300, and a small model may otherwise never end."""
NUMBER = re.compile(r"(?<![\w.,{-])[+-]?\d[\d,]*(?:\.\d+)?\s?(?:%|percent\b|points?\b|USD\b|seconds?\b|s\b)?")
OUTSIDE = re.compile(r"(\{[^{}\n]*\}|`[^`]*`)")


class Draft(BaseModel):
    text: str = Field(description="Plain paragraphs. Every number is written as {fact_id}.")


@dataclass(frozen=True, slots=True)
class Narrated:
    narrative: Narrative
    usage: Usage


async def narrate_with(
    model: ChatModel,
    system: str,
    facts: Sequence[Fact],
    context: str,
    *,
    names: Collection[str] = (),
    refuse: Callable[[str], str | None] = lambda text: None,
) -> Narrated:
    """Has the model write, tells it which numbers it made up, and takes what stands on facts alone.

    `names`: what may be called by its name though it holds digits (scenarios, topics, clusters); the context may be
    quoted word for word. `refuse`: why the text is wrong for another reason, None: it is not. A number that is exactly
    one fact's becomes a reference to it. Raises ModelCallError (bad_answer) when it is still wrong after three drafts.
    """
    listed = "\n".join(f"{{{fact.fact_id}}}: {fact.label} = {show(fact)}" for fact in facts)
    last = 'Write the narrative now. Answer with JSON and nothing else: {"text": "..."}'
    messages = [Message("system", system), Message("user", f"{context}\n\nFacts:\n{listed}\n\n{last}")]
    usage = Usage()
    problem = ""
    for attempt in range(ATTEMPTS):
        sampling = Sampling(temperature=0.3, seed=attempt, max_tokens=MAX_TOKENS, long=True)
        try:
            answer = await model.complete(messages, schema=Draft, sampling=sampling)
        except ModelCallError as error:
            raise ModelCallError(error.failed, add_usage(usage, error.usage)) from error
        usage = add_usage(usage, answer.usage)
        text = refer(answer.parsed.text.strip(), facts)
        try:
            refuse_stray(text, facts, names, sources=(context,))
            if wrong := refuse(text):
                raise BadInput(f"narrative: {wrong}")
            return Narrated(Narrative(text=fill(text, facts), author=model.name), usage)
        except BadInput as error:
            problem = str(error)
            messages = [
                *messages[:2],
                Message("assistant", answer.text),
                Message("user", f"Refused: {problem}. Write it again."),
            ]
    detail = f"{model.name} did not write what the numbers say, in {ATTEMPTS} drafts: {problem}"
    raise ModelCallError(CallFailed(cause=FailureCause.BAD_ANSWER, detail=detail, attempts=ATTEMPTS), usage)


def refer(text: str, facts: Sequence[Fact]) -> str:
    """The text with `{fact_id}` in place of every number that is exactly one fact's, as the fact is shown.

    A whole number of one digit stays: too many things are counted by it.
    """
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for fact in facts:
        if match := NUMBER.match(show(fact)):
            owners[_plain(match.group())].add(fact.fact_id)

    def reference(match: re.Match[str]) -> str:
        plain = _plain(match.group())
        found = owners.get(plain, set())
        blank = match.group()[len(match.group().rstrip()) :]
        return (
            f"{{{next(iter(found))}}}{blank}" if len(found) == 1 and not re.fullmatch(r"\d", plain) else match.group()
        )

    parts = OUTSIDE.split(text)
    return "".join(part if place % 2 else NUMBER.sub(reference, part) for place, part in enumerate(parts))


def _plain(number: str) -> str:
    """One spelling for `62.5 %`, `62.5%` and `62.5 percent`."""
    digits, unit = re.match(r"([+-]?[\d,.]+)\s*(.*)", number.strip()).groups()  # type: ignore[union-attr]
    unit = {"percent": "%", "points": "point", "seconds": "s", "second": "s"}.get(unit, unit)
    return f"{digits.replace(',', '')}{unit}"


def narrated_offline(text: str, facts: Sequence[Fact], *, names: Collection[str] = ()) -> Narrated:
    """The same rule for prose that rules wrote."""
    refuse_stray(text, facts, names)
    return Narrated(Narrative(text=fill(text, facts), author="offline"), Usage())
