"""Reports for people: a lay-out for each result, and one contract rendered as HTML, PDF and JSON."""

from assay.reports.agents import lay_out_agents
from assay.reports.analytics import lay_out_analytics
from assay.reports.certificate import lay_out_certificate
from assay.reports.comparison import lay_out_comparison
from assay.reports.dataset import lay_out_dataset
from assay.reports.html import render_html
from assay.reports.judge_probes import lay_out_probes
from assay.reports.judging import lay_out_judging
from assay.reports.pdf import render_pdf
from assay.reports.production import lay_out_production
from assay.reports.rollout import lay_out_rollout
from assay.reports.simulation import lay_out_simulation

__all__ = [
    "lay_out_agents",
    "lay_out_analytics",
    "lay_out_certificate",
    "lay_out_comparison",
    "lay_out_dataset",
    "lay_out_judging",
    "lay_out_probes",
    "lay_out_production",
    "lay_out_rollout",
    "lay_out_simulation",
    "render_html",
    "render_pdf",
]
