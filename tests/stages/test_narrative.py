"""A narrative that a model fails to write leaves the numbers."""

import pytest

from assay.contracts.analytics import Narrative
from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.report import Fact
from assay.contracts.stage import Usage
from assay.errors import CallError
from assay.models.asking import ModelCallError
from assay.models.narration import Narrated
from assay.settings import Settings
from assay.stages.context import Calls, Context
from assay.stages.narrative import narrative_of


class Draft:
    facts = (Fact(fact_id="pass_rate", label="p", value=0.5, unit="share"),)


class Rules:
    name = "offline"

    async def narrate(self, report):
        return Narrated(Narrative(text="It passes 50.0 %.", author="offline"), Usage())


class Fails:
    name = "openai:m"

    def __init__(self, cause: FailureCause) -> None:
        self.cause = cause

    async def narrate(self, report):
        raise ModelCallError(CallFailed(cause=self.cause, detail="openai:m made numbers up"), Usage(calls=3))


async def written(cause: FailureCause, calls: Calls) -> Narrative:
    context = Context(tracking=None, settings=Settings())  # type: ignore[arg-type]
    return await narrative_of(Draft(), None, "analyst", Fails(cause), calls, context, by_rules=Rules())


@pytest.mark.parametrize("cause", [FailureCause.BAD_ANSWER, FailureCause.REFUSED, FailureCause.TIMEOUT])
async def test_rules_write_what_a_model_does_not_and_the_first_line_says_so(cause):
    calls = Calls()
    narrative = await written(cause, calls)
    first, rest = narrative.text.split("\n\n", 1)
    assert first == "Rules wrote this narrative, because the model did not: openai:m made numbers up"
    assert (rest, narrative.author) == ("It passes 50.0 %.", "offline")
    assert calls.made[0].usage.calls == 3


async def test_a_limit_of_cost_is_still_a_limit():
    with pytest.raises(CallError):
        await written(FailureCause.BUDGET, Calls())
