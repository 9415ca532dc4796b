"""A report block: what a judging's counts come to in a hundred."""

from assay.contracts.judgment import Judging
from assay.contracts.report import Report, Section, TextBlock
from assay.contracts.stage import StageResult


def of_a_hundred(result: StageResult, report: Report) -> Section | None:
    """Called for every report of a project that names it; None: nothing to say of this one."""
    del report
    if not isinstance(result, Judging) or not result.conversations:
        return None
    passed = round(100 * result.passed / result.conversations)
    text = f"**{passed} of 100** conversations met every expectation ({result.passed} of {result.conversations})."
    return Section(title="Of a hundred", blocks=(TextBlock(text=text),))
