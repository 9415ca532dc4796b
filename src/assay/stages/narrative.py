"""The words of a report: a person's own with its facts filled in, or the platform agent's draft."""

from typing import Any, Protocol

from assay.contracts.agents_report import PlatformAgent
from assay.contracts.analytics import Narrative
from assay.contracts.conversation import FailureCause
from assay.contracts.report import Fact
from assay.errors import CallError
from assay.evaluation.consistency import without_contradictions
from assay.evaluation.facts import fill, refuse_stray
from assay.models.narration import Narrated
from assay.stages.context import Calls, Context


class HasFacts(Protocol):
    @property
    def facts(self) -> tuple[Fact, ...]: ...


class Narrator(Protocol):
    """Any platform agent that puts a report of its kind into words."""

    @property
    def name(self) -> str: ...

    async def narrate(self, report: Any) -> Narrated: ...


async def narrative_of(
    draft: HasFacts,
    own: str | None,
    agent: PlatformAgent,
    author: Narrator,
    calls: Calls,
    context: Context,
    *,
    by_rules: Narrator,
) -> Narrative:
    """A model that fails leaves the numbers: `by_rules` writes the narrative then, and its first line says so.

    Raises BadInput for a person's text with a number that is no fact, CallError where a limit of cost is reached.
    """
    if own is not None:
        refuse_stray(own, draft.facts)
        return Narrative(text=fill(own, draft.facts), author=context.settings.person)
    try:
        narrated = await calls.of(agent, author.name, author.narrate(draft), lambda narrated: narrated.usage)
    except CallError as error:
        if error.failed.cause is FailureCause.BUDGET:
            raise
        text = without_contradictions((await by_rules.narrate(draft)).narrative.text, draft)
        why = f"Rules wrote this narrative, because the model did not: {error.failed.detail}"
        return Narrative(text=f"{why}\n\n{text}", author=by_rules.name)
    if narrated.narrative.author == "offline":
        return narrated.narrative.replace(text=without_contradictions(narrated.narrative.text, draft))
    return narrated.narrative
