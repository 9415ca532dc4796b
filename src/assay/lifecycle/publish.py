"""Each result's report, stored beside it in MLflow as HTML, PDF and JSON."""

import asyncio

from assay.contracts.calibration import JudgeCertificate
from assay.contracts.probes import JudgeProbeReport
from assay.contracts.report import Report
from assay.contracts.stage import StageResult
from assay.lifecycle.report_blocks import add_report_blocks
from assay.stages import STAGES, headline
from assay.stages.context import Context

FORMATS = ("html", "pdf", "json")
HEADLINE = "headline"
"""The tag of a run that says what was found."""


async def publish(result: StageResult, context: Context) -> None:
    """Lays the report out, renders it and logs it; the report of a result that was read back stays."""
    spec = STAGES[result.stage]
    if spec.lay_out is None or result.run_id is None:
        return
    from assay.tracking import list_artifacts

    there = await asyncio.to_thread(list_artifacts, context.tracking, result.run_id, "reports")
    if result.subject_id in context.read_back and all(f"reports/{spec.noun}.{ending}" in there for ending in FORMATS):
        return
    report = await add_report_blocks(await spec.lay_out(result, context), result, context)
    await store_report(report, spec.noun, result.run_id, context)


async def keep_headline(result: StageResult, context: Context) -> None:
    """What it found, in a sentence, on its run: lists of hundreds of results show it without reading them all."""
    if result.run_id is None:
        return
    from assay.tracking import tag_run

    await asyncio.to_thread(tag_run, context.tracking, result.run_id, HEADLINE, headline(result))


async def store_report(report: Report, name: str, run_id: str, context: Context) -> None:
    """The three renderings of one report, as artifacts reports/<name>.*"""
    from assay.reports import render_html, render_pdf
    from assay.tracking import log_artifacts

    html = await asyncio.to_thread(render_html, report)
    pdf = await asyncio.to_thread(render_pdf, report)
    files = {
        f"reports/{name}.html": html.encode(),
        f"reports/{name}.pdf": pdf,
        f"reports/{name}.json": report.model_dump_json(indent=2).encode(),
    }
    await asyncio.to_thread(log_artifacts, context.tracking, run_id, files)


async def publish_probes(probes: JudgeProbeReport, context: Context) -> str:
    """The report on probes beside the judging; where it is."""
    from assay import reports
    from assay.tracking import artifact_uri

    assert probes.run_id is not None  # noqa: S101, a judging that can be read back has one
    await store_report(reports.lay_out_probes(probes, made_at=probes.made_at), "probes", probes.run_id, context)
    return await asyncio.to_thread(artifact_uri, context.tracking, probes.run_id, "reports/probes.html")


async def publish_certificate(certificate: JudgeCertificate, context: Context) -> str:
    """The certificate's report beside it; where it is."""
    from assay import reports
    from assay.tracking import artifact_uri

    assert certificate.run_id is not None  # noqa: S101, a kept certificate has one
    report = reports.lay_out_certificate(certificate, made_at=certificate.made_at)
    await store_report(report, "certificate", certificate.run_id, context)
    return await asyncio.to_thread(artifact_uri, context.tracking, certificate.run_id, "reports/certificate.html")


async def report_uris(result: StageResult, context: Context) -> dict[str, str]:
    """Where a result's HTML report is; empty where it has none."""
    from assay.tracking import artifact_uri

    spec = STAGES[result.stage]
    if spec.lay_out is None or result.run_id is None:
        return {}
    label = f"{spec.noun} {agent}" if (agent := getattr(result, "agent", None)) else spec.noun
    uri = await asyncio.to_thread(artifact_uri, context.tracking, result.run_id, f"reports/{spec.noun}.html")
    return {label: uri}
