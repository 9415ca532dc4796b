"""What the next stage is asked, given what the stage before answered: how results pipe into requests."""

from typing import Any

from pydantic import ValidationError

from assay.contracts.base import JsonObject
from assay.contracts.stage import Stage, StageRequest
from assay.errors import BadInput
from assay.stages import STAGES
from assay.stages.context import Context

ORDER = tuple(STAGES)


async def request_for(
    stage: Stage, given: JsonObject, context: Context, changes: JsonObject, where: str
) -> StageRequest:
    """The stage's request: what was given as it is, or derived from the result of the stage before.

    `changes` are fields set besides. Raises BadInput with the field that is wrong or missing.
    """
    fields: dict[str, Any] = dict(given)
    if "stage" in given and "subject_id" in given:
        fields = await _from_result(stage, given, context, changes, where)
    for name, value in changes.items():
        set_field(fields, name, value)
    try:
        return STAGES[stage].request.model_validate(fields)
    except ValidationError as error:
        raise BadInput.from_validation(where, error) from error


async def _from_result(
    stage: Stage, given: JsonObject, context: Context, changes: JsonObject, where: str
) -> dict[str, Any]:
    before = STAGES[ORDER[ORDER.index(stage) - 1]] if stage is not ORDER[0] else None
    if before is None or before.then is None or given["stage"] != before.stage.value:
        expected = before.stage if before is not None and before.then is not None else "no stage"
        raise BadInput(f"{where}: {given['stage']} results do not lead to {stage}: give the result of {expected}")
    try:
        result = before.result.model_validate(given)
    except ValidationError as error:
        raise BadInput.from_validation(where, error) from error
    fields = {"project": result.project, "gated": result.gated, **before.then(result)}
    complete = STAGES[stage].complete
    return fields if complete is None else await complete(fields, changes, context)


def set_field(fields: dict[str, Any], path: str, value: Any) -> None:
    """Sets `a.b` inside nested objects."""
    *parents, last = path.split(".")
    for name in parents:
        inner = fields.get(name)
        fields[name] = dict(inner) if isinstance(inner, dict) else {}
        fields = fields[name]
    fields[last] = value
