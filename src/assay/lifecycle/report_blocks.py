"""Sections from installed packages in reports, as named by the project's policy or the settings."""

import asyncio

import structlog

from assay.contracts.plugins import PluginGroup
from assay.contracts.report import Report, Section, TextBlock
from assay.contracts.stage import StageResult
from assay.errors import AssayError, BadInput
from assay.lifecycle.policy import read_policy
from assay.plugins import load, names, unknown
from assay.reports.parts import with_sections
from assay.stages.context import Context

log = structlog.get_logger("assay")
GROUP = PluginGroup.REPORT_BLOCKS


async def add_report_blocks(report: Report, result: StageResult, context: Context) -> Report:
    """The report with a section of each named block, in this order; a block may return None.

    If a block fails, its section gives the error, so the report is always made.
    """
    policy = await read_policy(context, result.project)
    wanted = dict.fromkeys([*context.settings.report_block_names, *policy.report_blocks])
    sections = [await asyncio.to_thread(_section, name, result, report) for name in wanted]
    return with_sections(report, [section for section in sections if section is not None])


def require_installed(blocks: tuple[str, ...]) -> None:
    """Raises BadInput for a block that is not installed."""
    there = names(GROUP)
    if missing := [unknown(GROUP, name, "report_blocks") for name in blocks if name not in there]:
        raise BadInput("\n".join(missing))


def _section(name: str, result: StageResult, report: Report) -> Section | None:
    try:
        block = load(GROUP, name, "report_blocks")
        section = block(result, report)
        if section is None or isinstance(section, Section):
            return section
        raise block.failed(TypeError(f"gave a {type(section).__name__}: give a Section of assay.contracts.report"))
    except AssayError as error:
        log.warning("report block left out", block=name, project=result.project, error=str(error))
        return Section(title=f"Report block {name}", blocks=(TextBlock(text=f"**Left out.** {error}"),))
