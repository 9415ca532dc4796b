"""Judges' certificates: a run each, found again by the judge that they are of."""

from assay.contracts.calibration import JudgeCertificate
from assay.contracts.estimate import Estimate
from assay.contracts.text import clean_model
from assay.tracking.artifacts import read_json, write_artifact
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.projects import ensure_project, find_project
from assay.tracking.results import search_runs
from assay.tracking.runs import StageRun, standard_tags

STAGE = "certificate"
"""The tag `stage` of such a run; it is none of the lifecycle's."""
CERTIFICATE = "certificate.json"


@reports_outages
def keep_certificate(t: Tracking, certificate: JudgeCertificate) -> JudgeCertificate:
    """Stores it as the judge's newest, with the run's id. The same content again changes nothing."""
    certificate = clean_model(certificate)
    project = certificate.project
    there = find_certificate(t, project, certificate.judge_key)
    if there is not None and there.certificate_id == certificate.certificate_id:
        return there
    tags = standard_tags(project, STAGE, certificate.judge_key, agent=None, dataset_version=None)
    tags |= {
        "subject_id": certificate.certificate_id,
        "judge": certificate.judge[:500],
        "admitted": "true" if certificate.admitted else "false",
    }
    name = f"certificate of {certificate.judge}"[:250]
    run_id = t.client.create_run(ensure_project(t, project), tags=tags, run_name=name).info.run_id
    run = StageRun(t, run_id)
    run.log_params({"judge": certificate.judge, "level": certificate.level, "rubric_hash": certificate.rubric_hash})
    run.log_metrics(_metrics(certificate))
    kept = certificate.replace(run_id=run_id)
    write_artifact(t, run_id, CERTIFICATE, kept.model_dump_json(indent=2).encode())
    t.client.set_terminated(run_id, "FINISHED")
    return kept


@reports_outages
def find_certificate(t: Tracking, project: str, judge_key: str) -> JudgeCertificate | None:
    """The judge's newest; else the newest of any judge, which is void for this one; None: there is none."""
    if (experiment_id := find_project(t, project)) is None:
        return None
    for tags in ({"stage": STAGE, "config_hash": judge_key}, {"stage": STAGE}):
        if found := search_runs(t, experiment_id, tags, status=("FINISHED",), limit=1):
            return JudgeCertificate.model_validate(read_json(t, found[0].info.run_id, CERTIFICATE))
    return None


@reports_outages
def list_certificates(t: Tracking, project: str, *, limit: int = 100) -> list[JudgeCertificate]:
    """The project's certificates, the newest first."""
    if (experiment_id := find_project(t, project)) is None:
        return []
    found = search_runs(t, experiment_id, {"stage": STAGE}, status=("FINISHED",), limit=limit)
    return [JudgeCertificate.model_validate(read_json(t, run.info.run_id, CERTIFICATE)) for run in found]


def _metrics(certificate: JudgeCertificate) -> dict[str, float]:
    metrics = {"rulings": float(certificate.rulings), "admitted": float(certificate.admitted)}
    for name in ("sensitivity", "specificity", "accuracy", "agreement"):
        value = getattr(certificate, name)
        if isinstance(value, Estimate):
            metrics |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
    return metrics
