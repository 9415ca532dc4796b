"""What failed calls cost a result: in words, and whether too little was measured."""

from collections.abc import Sequence

from assay.contracts.conversation import Failures, Simulation
from assay.contracts.dataset import DatasetResult
from assay.contracts.judgment import Judging
from assay.contracts.stage import StageResult

_SIDES = {"agent": "agent", "user_simulator": "user simulator", "judge": "judge", "conversation": "time limit"}


def failure_lines(result: StageResult) -> list[str]:
    """Each cause of failed calls with its count, the commonest first; empty where none failed."""
    match result:
        case Simulation():
            return [_line(failed, result.conversations, "conversations") for failed in result.failures]
        case Judging():
            broken = sum(result.errors.values()) - _total(result.failures)
            asked = result.conversations - broken
            lines = [_line(failed, asked, "judge calls") for failed in result.failures]
            if broken:
                lines.append(f"{broken} of {result.conversations} conversations ended in an error and were not judged")
            return lines
        case DatasetResult():
            return [_line(failed, len(result.dataset.scenarios), "reference attempts") for failed in result.failures]
        case _:
            return []


def measured(result: StageResult) -> float | None:
    """Share of conversations that no failed call spoilt; None: the result is not made of conversations."""
    if not isinstance(result, Simulation | Judging):
        return None
    return 1 - sum(result.errors.values()) / result.conversations if result.conversations else 0.0


def too_little(result: StageResult, least: float) -> str | None:
    """Why the result measures too little to go on with, in words; None: it measures enough."""
    share = measured(result)
    if share is None or share >= least or not isinstance(result, Simulation | Judging):
        return None
    failed = sum(result.errors.values())
    return (
        f"failed calls spoilt {failed} of {result.conversations} conversations, more than {1 - least:.0%}: once the "
        "cause is fixed, run the same command again, and only these are done (ASSAY_LEAST_MEASURED changes the limit)"
    )


def _line(failed: Failures, of: int, what: str) -> str:
    side = "" if failed.side == "judge" or failed.detail.startswith("the agent") else f"{_SIDES[failed.side]}: "
    return f"{failed.count} of {of} {what} failed: {side}{failed.detail}"


def _total(failures: Sequence[Failures]) -> int:
    return sum(failed.count for failed in failures)
