"""How much data a comparison needs, and judges' certificates."""

import asyncio
from typing import Any

from fastapi import APIRouter

from assay.api.guard import GuardedRoute
from assay.api.server import Here, Project, Who
from assay.api.submitting import of_project
from assay.contracts.api import CertificateItem, Certificates, NewCertificate
from assay.contracts.calibration import CertifyRequest, JudgeCertificate
from assay.contracts.plan import Plan, PlanRequest
from assay.contracts.stage import Stage
from assay.errors import NotFound

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute, tags=["judgments"])


@router.post("/plan", operation_id="plan")
async def plan(server: Here, project: Project, asked: PlanRequest) -> Plan:
    """Computes what is needed to detect a difference, and what the existing data can detect. Stores nothing."""
    from assay.lifecycle.plans import plan_from_store

    return await _aside(plan_from_store(of_project(asked, project), server.context))


@router.get("/certificates", operation_id="list_certificates")
async def certificates(server: Here, project: Project) -> Certificates:
    """Lists the judges' certificates, newest first."""
    from assay.api.routes.projects import item_of
    from assay.tracking import list_certificates

    await item_of(server, project)
    found = await server.read(list_certificates, project)
    return Certificates(items=tuple(_item(row) for row in found))


@router.post("/certificates", operation_id="certify_judge", status_code=201)
async def certify(server: Here, who: Who, project: Project, asked: NewCertificate) -> CertificateItem:
    """Certifies a judge with human labels: how often it is right, and whether it may gate."""
    from assay.lifecycle.publish import publish_certificate
    from assay.stages.labelling import certify_judge, same_judge
    from assay.tracking import list_results

    names = asked.judging_ids
    if not names:
        newest = await server.read(list_results, project, Stage.JUDGE, limit=1)
        if not newest:
            raise NotFound(f"project {project} has no judging to certify a judge with")
        names = await same_judge(server.context, project, newest[0].subject_id)
    elif asked.all_of_judge:
        names = tuple(dict.fromkeys((*names, *await same_judge(server.context, project, names[0]))))
    request = CertifyRequest(project=project, judging_ids=names, level=asked.level)
    made = await _aside(certify_judge(request, server.context, by=who.name))
    await publish_certificate(made, server.context)
    return _item(made)


async def _aside(work: Any) -> Any:
    """Runs in a thread with its own event loop, because it computes for longer than other requests should wait."""
    return await asyncio.to_thread(asyncio.run, work)


def _item(made: JudgeCertificate) -> CertificateItem:
    return CertificateItem.model_validate(made.model_dump(include=set(CertificateItem.model_fields)))
