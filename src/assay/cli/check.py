"""assay check"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import Output, answer, in_context, say
from assay.cli.references import the_only
from assay.contracts.comparison import ComparisonReport, Recommendation
from assay.contracts.stage import Stage
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay check", help="Report a verdict to CI: exit code, JUnit, Markdown, pull request comment.")

FAILED = 5
"""Exit code for a verdict that does not pass."""


@app.default
def check(
    comparison: Annotated[str | None, Parameter(help="Comparison ID; required if there are several.")] = None,
    *,
    fail_on: Annotated[
        Literal["reject", "inconclusive"], Parameter(help="inconclusive: only PROMOTE passes.")
    ] = "reject",
    junit: Annotated[Path | None, Parameter(help="Write JUnit XML to this file.")] = None,
    markdown: Annotated[Path | None, Parameter(help="Write the summary to this file.")] = None,
    github: Annotated[
        bool, Parameter(negative="", help="Comment on the pull request and set the commit status.")
    ] = False,
    io: Output = Output(),
) -> int:
    """Check a comparison's verdict: exit code 0 if it passes, otherwise 5."""
    from assay.reports.junit import comparison_junit
    from assay.reports.markdown import comparison_markdown

    async def work(context: "Context") -> ComparisonReport:
        from assay.lifecycle.gates import load_subject

        found = await load_subject(context, io.name, comparison or await the_only(context, io.name, Stage.COMPARE))
        if not isinstance(found, ComparisonReport):
            raise BadInput(f"comparison: {comparison} is not a comparison")
        return found

    report = in_context(work, quiet=True)
    summary = comparison_markdown(report)
    if junit is not None:
        _write(junit, comparison_junit(report))
    if markdown is not None:
        _write(markdown, summary)
    if step := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(step).open("a", encoding="utf-8") as file:
            file.write(summary)
    answer(report, io, (f"{report.recommendation}: {report.reason}",))
    if github:
        from assay.integrations.github import Place, publish_comparison

        if url := publish_comparison(report, Place.here()):
            say(f"comment: {url}")
    bad = {Recommendation.REJECT} if fail_on == "reject" else {Recommendation.REJECT, Recommendation.INCONCLUSIVE}
    return FAILED if report.recommendation in bad else 0


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file}: cannot be written: {error.strerror}") from error
