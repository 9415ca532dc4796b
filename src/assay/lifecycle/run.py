"""One stage, run as part of a lifecycle or on its own: gate, work, report."""

from assay.contracts.stage import StageRequest, StageResult
from assay.lifecycle.gates import require_open
from assay.lifecycle.policy import bound
from assay.lifecycle.publish import keep_headline, publish
from assay.stages import spec_of
from assay.stages.context import Context


async def run_stage(request: StageRequest, context: Context) -> StageResult:
    """Checks the project's policy and the gate, does the stage's work once, and stores its report beside the result.

    Raises Refused for a request that the policy does not allow, GateClosed for one whose gate is closed.
    """
    spec = spec_of(request)
    request = await bound(request, context)
    await require_open(request, context)
    result: StageResult = await spec.run(request, context)
    await publish(result, context)
    await keep_headline(result, context)
    return result
