"""Each result's report, stored beside it in MLflow as HTML, PDF and JSON."""

import asyncio
from collections.abc import Sequence

from assay.contracts.agent import AgentVersion
from assay.contracts.analytics import AnalyticsReport
from assay.contracts.calibration import JudgeCertificate
from assay.contracts.comparison import ComparisonReport
from assay.contracts.conversation import Conversation, Simulation
from assay.contracts.dataset import DatasetResult
from assay.contracts.feedback import ProductionReport
from assay.contracts.judgment import Judging
from assay.contracts.probes import JudgeProbeReport
from assay.contracts.report import Report
from assay.contracts.rollout import Rollout
from assay.contracts.stage import StageResult
from assay.lifecycle.report_blocks import add_report_blocks
from assay.stages.context import Context

NAMES = {
    DatasetResult: "dataset",
    Simulation: "simulation",
    Judging: "judging",
    AnalyticsReport: "analytics",
    ComparisonReport: "comparison",
    Rollout: "rollout",
    ProductionReport: "production",
}
"""Which results have a report, and its file's name."""

FORMATS = ("html", "pdf", "json")
HEADLINE = "headline"
"""The tag of a run that says what was found."""


async def publish(result: StageResult, context: Context) -> None:
    """Lays the report out, renders it and logs it; the report of a result that was read back stays."""
    name = NAMES.get(type(result))
    if name is None or result.run_id is None:
        return
    from assay.tracking import list_artifacts

    there = await asyncio.to_thread(list_artifacts, context.tracking, result.run_id, "reports")
    if result.subject_id in context.read_back and all(f"reports/{name}.{ending}" in there for ending in FORMATS):
        return
    report = await add_report_blocks(await lay_out(result, context), result, context)
    await store_report(report, name, result.run_id, context)


async def keep_headline(result: StageResult, context: Context) -> None:
    """What it found, in a sentence, on its run: lists of hundreds of results show it without reading them all."""
    if result.run_id is None:
        return
    from assay.lifecycle.headline import headline
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

    name = NAMES.get(type(result))
    if name is None or result.run_id is None:
        return {}
    label = f"{name} {agent}" if (agent := getattr(result, "agent", None)) else name
    uri = await asyncio.to_thread(artifact_uri, context.tracking, result.run_id, f"reports/{name}.html")
    return {label: uri}


async def lay_out(result: StageResult, context: Context) -> Report:
    """The report on a result. Raises TypeError for a result that has none."""
    from assay import reports

    made_at = context.now()
    match result:
        case DatasetResult():
            return reports.lay_out_dataset(result, made_at=made_at)
        case Simulation():
            return reports.lay_out_simulation(result, made_at=made_at)
        case Judging():
            return reports.lay_out_judging(result, made_at=made_at)
        case AnalyticsReport():
            shown = [name for cluster in result.clusters for name in cluster.conversation_ids[:1]]
            conversations = await _conversations(context, result.project, [result.judging_id], shown)
            return reports.lay_out_analytics(result, made_at=made_at, conversations=conversations)
        case ComparisonReport():
            shown = [
                name for flip in result.flips for name in (flip.champion_conversation, flip.challenger_conversation)
            ]
            sides = [result.champion_side.judging_id, result.challenger_side.judging_id]
            conversations = await _conversations(context, result.project, sides, shown)
            return reports.lay_out_comparison(result, made_at=made_at, conversations=conversations)
        case Rollout():
            return reports.lay_out_rollout(result, made_at=made_at)
        case ProductionReport():
            return reports.lay_out_production(result, made_at=made_at)
        case AgentVersion() | _:
            raise TypeError(f"{type(result).__name__} has no report")


async def _conversations(
    context: Context, project: str, judging_ids: Sequence[str], wanted: Sequence[str]
) -> dict[str, Conversation]:
    """The conversations that a report quotes, by their id."""
    from assay.stages.material import load_results

    names = set(wanted)
    found: dict[str, Conversation] = {}
    for judging_id in dict.fromkeys(judging_ids):
        _, results = await load_results(context, project, judging_id, None)
        found |= {
            r.conversation.conversation_id: r.conversation for r in results if r.conversation.conversation_id in names
        }
    return found
