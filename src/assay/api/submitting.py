"""How a request becomes a job: of the project in the path, under the name of who asks, answered with 202."""

from typing import Annotated, Any, TypeVar

from fastapi import Header, Response

from assay.api.access import KINDS, Identity, Need
from assay.api.guard import PREFIX
from assay.api.server import Server
from assay.contracts.agent import (
    AgentCard,
    DevelopRequest,
    ExternalConnector,
    HttpConnector,
    MlflowConnector,
    OpenAIConnector,
    PythonConnector,
)
from assay.contracts.base import Document, JsonObject, content_hash
from assay.contracts.evaluation import EvaluateRequest
from assay.contracts.job import Job, JobKind, JobRequest
from assay.contracts.judgment import BUILT_IN as BUILT_IN_JUDGES
from assay.contracts.judgment import JudgeRequest, JudgeSpec
from assay.contracts.pipeline import PipelineRequest
from assay.contracts.stage import StageRequest
from assay.errors import BadInput, NotFound

R = TypeVar("R", bound=Document)
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key with the same request is done once, and answered the same.",
    ),
]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Queued. `Location` is where the job is.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "/api/v1/jobs/{id}"}},
        "links": {
            "job": {
                "operationId": "show_job",
                "parameters": {"job_id": "$response.body#/job_id"},
                "description": "How far it is.",
            }
        },
    }
}


async def submit(
    server: Server, who: Identity, response: Response, kind: JobKind, project: str, request: Document, key: str | None
) -> Job:
    """Queues it. Raises BadInput for a body of another project, NotAllowed for what takes another role."""
    named = of_project(request, project)
    if "by" in type(named).model_fields:
        named = named.replace(by=who.name)
    who.require(KINDS[kind], project)
    named = await under_policy(server, who, named, project)
    if why := reaches_into_server(named):
        try:
            who.require(Need.GOVERN, project)
        except Exception as error:
            raise type(error)(f"{error} ({why})") from None
    await require_readable(server, who, project, named)
    asked = JobRequest(
        kind=kind,
        request=plain(named),
        key=None if key is None else f"key-{content_hash([who.account, key])[:32]}",
        by=who.name,
    )
    job = await server.jobs.submit(asked)
    response.status_code = 202
    response.headers["Location"] = f"{PREFIX}/jobs/{job.job_id}"
    return job


async def under_policy(server: Server, who: Identity, request: R, project: str) -> R:
    """The request with the name of who allows its exception from the project's policy, if it has one.

    Raises NotAllowed for an exception that no admin asks for, Refused for a choice that the policy does not allow.
    """
    from assay.lifecycle.policy import bound

    if (exception := getattr(request, "exception", None)) is not None:
        who.require(Need.GOVERN, project)
        return request.replace(exception=exception.replace(by=who.name))
    if isinstance(request, StageRequest):
        await bound(request, server.context)
    return request


def of_project(request: R, project: str) -> R:
    """The request with the path's project. Raises BadInput where it names another one."""
    named = getattr(request, "project", project)
    if "project" in request.model_fields_set and named != project:
        raise BadInput(f"project: the body says {named} and the path {project}: leave it out of the body")
    return request.replace(project=project)


async def require_readable(server: Server, who: Identity, project: str, request: Document) -> None:
    """Raises NotFound where the request reads traces of an experiment that is not the project's.

    A project reads its own experiment and those that an admin linked to it; an admin of all projects reads any. The
    answer is the same for an experiment that does not exist, so that no name can be guessed.
    """
    from assay.tracking import may_read_experiment

    query = request.traces if isinstance(request, JudgeRequest) else None
    if query is None or who.may(Need.GOVERN, None):
        return
    if not await server.read(may_read_experiment, project, query.experiment):
        raise NotFound(
            f"traces.experiment: project {project} may read no experiment {query.experiment}: "
            f"an admin can link one with POST {PREFIX}/projects/{project}/experiments"
        )


def plain(request: Document) -> JsonObject:
    return request.model_dump(mode="json")


def reaches_into_server(request: Document) -> str | None:
    """Why it takes an admin: code that would run in the server, its files or its environment. None: it does not."""
    match request:
        case DevelopRequest(card=card, card_dir=folder):
            return _card_reaches(card, folder)
        case PipelineRequest():
            cards = [card for card in (request.challenger, request.champion) if card is not None]
            found = (_card_reaches(card, request.card_dir) for card in cards)
            return next((why for why in found if why), None) or _judges_reach(request.judges)
        case JudgeRequest(judges=judges) | EvaluateRequest(judges=judges):
            return _judges_reach(judges)
        case _:
            return None


def _card_reaches(card: AgentCard, folder: str) -> str | None:
    match card.connector:
        case PythonConnector():
            return "the agent's Python code runs in the server"
        case MlflowConnector():
            return "the model's code runs in the server, and it may be another project's model"
        case ExternalConnector(kind=kind):
            return f"the code of the connector `{kind}` runs in the server"
        case HttpConnector(headers=headers) if any("${" in value for value in headers.values()):
            return "the card sends variables of the server's environment"
        case OpenAIConnector(api_key_env=str(name)):
            return f"the card sends the server's {name}: set api_key_env to null where none is needed"
        case _:
            pass
    if card.files or card.checkpoints or folder != ".":
        return "the card names files of the server"
    if any("${" in value for value in getattr(card.connector, "headers", {}).values()):
        return "the card sends variables of the server's environment"
    return None


def _judges_reach(judges: tuple[JudgeSpec, ...]) -> str | None:
    for judge in judges:
        if judge.kind not in BUILT_IN_JUDGES:
            return f"the code of the judge `{judge.kind}` runs in the server"
        if ":" in (judge.scorer or ""):
            return f"the scorer {judge.scorer} is code of the server"
    return None
