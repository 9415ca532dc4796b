"""Prose about computed numbers: drafted by a model, held against the facts, refused where it makes numbers up."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from assay.contracts.analytics import Narrative
from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.report import Fact
from assay.contracts.stage import Usage
from assay.errors import BadInput, CallError
from assay.evaluation.facts import fill, refuse_stray, show
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.usage import add_usage

ATTEMPTS = 3
"""Times that a model may draft before its made-up numbers are refused for good."""


class Draft(BaseModel):
    text: str = Field(description="Plain paragraphs. Every number is written as {fact_id}.")


@dataclass(frozen=True, slots=True)
class Narrated:
    narrative: Narrative
    usage: Usage


async def narrate_with(
    model: ChatModel, system: str, facts: Sequence[Fact], context: str, *, names: Collection[str] = ()
) -> Narrated:
    """Has the model write, tells it which numbers it made up, and takes what stands on facts alone.

    `names`: what may be called by its name though it holds digits (scenarios, topics, clusters); the context may be
    quoted word for word. Raises CallError (bad_answer) when it still makes numbers up after three drafts.
    """
    listed = "\n".join(f"{{{fact.fact_id}}}: {fact.label} = {show(fact)}" for fact in facts)
    messages = [Message("system", system), Message("user", f"{context}\n\nFacts:\n{listed}")]
    usage = Usage()
    problem = ""
    for attempt in range(ATTEMPTS):
        answer = await model.complete(messages, schema=Draft, sampling=Sampling(temperature=0.3, seed=attempt))
        usage = add_usage(usage, answer.usage)
        text = answer.parsed.text.strip()
        try:
            refuse_stray(text, facts, names, sources=(context,))
            return Narrated(Narrative(text=fill(text, facts), author=model.name), usage)
        except BadInput as error:
            problem = str(error)
            messages = [
                *messages,
                Message("assistant", answer.text),
                Message("user", f"Refused: {problem}. Write it again."),
            ]
    raise CallError(
        CallFailed(
            cause=FailureCause.BAD_ANSWER,
            detail=f"{model.name} speaks of numbers nobody computed: {problem}",
            attempts=ATTEMPTS,
        )
    )


def narrated_offline(text: str, facts: Sequence[Fact], *, names: Collection[str] = ()) -> Narrated:
    """The same rule for prose that rules wrote."""
    refuse_stray(text, facts, names)
    return Narrated(Narrative(text=fill(text, facts), author="offline"), Usage())
