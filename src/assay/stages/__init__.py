"""The eight stages: a request in, a result out, one file each. All that handles any stage loops over `STAGES`."""

from typing import Any

from assay.contracts.base import Contract
from assay.contracts.stage import Stage, StageRequest, StageResult
from assay.stages import analyze, compare, dataset, deploy, develop, feedback, judge, simulate
from assay.stages.spec import Parent, StageSpec

__all__ = ["STAGES", "Parent", "StageSpec", "contracts", "headline", "spec_of", "stage_of"]

STAGES: dict[Stage, StageSpec[Any, Any]] = {
    spec.stage: spec
    for spec in (
        develop.SPEC,
        dataset.SPEC,
        simulate.SPEC,
        judge.SPEC,
        analyze.SPEC,
        compare.SPEC,
        deploy.SPEC,
        feedback.SPEC,
    )
}
_BY_REQUEST = {spec.request: spec for spec in STAGES.values()}
_BY_PREFIX = {prefix: spec.stage for spec in STAGES.values() for prefix in spec.prefixes}


def spec_of(request: StageRequest) -> StageSpec[Any, Any]:
    """The stage that a request asks for."""
    return _BY_REQUEST[type(request)]


def stage_of(subject_id: str) -> Stage | None:
    """The stage whose result bears this id; None: it is not a result ID."""
    return _BY_PREFIX.get(subject_id.split("-", maxsplit=1)[0])


def headline(result: StageResult) -> str:
    """What came of a stage, and of which agent and dataset, in a sentence for tables, logs and gates."""
    return STAGES[result.stage].headline(result)


def contracts() -> dict[str, type[Contract]]:
    """Every stage's request and result, by name."""
    both = (contract for spec in STAGES.values() for contract in (spec.request, spec.result))
    return {contract.__name__: contract for contract in both}
