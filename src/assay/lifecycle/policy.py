"""What a project declared beforehand, and how it binds whoever asks: the CLI, the API, workers, schedules, the page."""

import asyncio

from assay.contracts.api import ProjectPolicy
from assay.contracts.comparison import ComparePolicy, CompareRequest
from assay.contracts.dataset import DatasetRequest
from assay.contracts.stage import StageRequest
from assay.errors import NotFound, Refused
from assay.stages.context import Context

TAG = "assay.policy"
"""The project's tag that holds its policy."""


async def declared_policy(context: Context, project: str) -> ProjectPolicy | None:
    """The project's policy; None: it declared none."""
    from assay.tracking import read_project_tags

    try:
        tags = await asyncio.to_thread(read_project_tags, context.tracking, project)
    except NotFound:
        return None
    return ProjectPolicy.model_validate_json(tags[TAG]) if TAG in tags else None


async def read_policy(context: Context, project: str) -> ProjectPolicy:
    """The project's policy, or what holds where it declared none."""
    return await declared_policy(context, project) or ProjectPolicy()


async def bound(request: StageRequest, context: Context) -> StageRequest:
    """The request under the project's policy: what it leaves at its default is the policy's.

    Raises Refused for a choice of its own, unless the request carries an exception that says who allowed it and why.
    """
    if not isinstance(request, CompareRequest | DatasetRequest):
        return request
    policy = await declared_policy(context, request.project)
    if policy is None or request.exception is not None:
        return request
    match request:
        case CompareRequest(policy=chosen):
            if chosen != policy.compare and chosen != ComparePolicy():
                raise _other("policy", _words(chosen), _words(policy.compare))
            return request.replace(policy=policy.compare)
        case DatasetRequest(threshold=threshold):
            default = DatasetRequest.model_fields["threshold"].default
            if threshold == default:
                return request.replace(threshold=policy.dataset_threshold)
            if threshold < policy.dataset_threshold:
                raise _other("threshold", f"{threshold:g}", f"at least {policy.dataset_threshold:g}")
            return request


def _other(field: str, asked: str, declared: str) -> Refused:
    return Refused(
        f"{field}: this project's policy declares {declared}, and this asks for {asked}: leave it out, or have an "
        "admin make an exception (--exception WHY), which stands in the report"
    )


def _words(policy: ComparePolicy) -> str:
    return f"test {policy.test}, margin {policy.margin:g}, confidence {policy.confidence:g}, judge {policy.judge}"
