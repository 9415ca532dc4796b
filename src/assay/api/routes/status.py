"""The server's health and settings, and the caller's identity."""

import asyncio
from operator import attrgetter

from fastapi import APIRouter
from pydantic import SecretStr

from assay.api.access import Need
from assay.api.guard import GuardedRoute
from assay.api.probes import is_ready
from assay.api.routes.runs import has_pages
from assay.api.server import Here, Who
from assay.contracts.api import Health, Me, MeasureItem, MeasureTable, ShownSetting, ShownSettings
from assay.contracts.plugins import Plugins
from assay.settings import Settings

router = APIRouter(route_class=GuardedRoute, tags=["server"])


@router.get("/health", operation_id="health")
async def health(server: Here, who: Who) -> Health:
    """Returns whether the server and its store respond.

    Authenticated callers also see the workers, and admins see on which hosts they run.
    """
    from assay.tracking.connection import shown
    from assay.tracking.projects import assay_version

    status = "ok" if await is_ready(server) else "degraded"
    if not who.known:
        return Health(status=status)
    access = None
    if status == "ok":
        access = "sql" if await server.read(attrgetter("schema_is_known")) else "api"
    workers = tuple(await server.jobs.workers())
    if not who.may(Need.GOVERN, None):
        workers = tuple(worker.replace(worker_id=f"worker-{n}", host="", pid=0) for n, worker in enumerate(workers, 1))
        return Health(status=status, version=assay_version(), access=access, workers=workers)
    return Health(
        status=status,
        version=assay_version(),
        tracking=shown(server.tracking.uri),
        access=access,
        workers=workers,
    )


@router.get("/me", operation_id="me")
async def me(server: Here, who: Who) -> Me:
    """Returns who you are and what you can do. Works without a login."""
    from assay.tracking.mlflow_page import base

    settings = server.settings
    return Me(
        name=who.name,
        auth=settings.auth,
        login=settings.auth == "on" and settings.oidc_issuer is not None,
        known=who.known,
        roles=who.grants,
        csrf_token=who.csrf_token,
        mlflow=base(server.tracking) if who.known and has_pages(server, who) else None,
    )


@router.get("/plugins", operation_id="list_plugins")
async def list_plugins() -> Plugins:
    """Lists the built-in kinds and the plug-ins that cards, requests, routes and policies can use here."""
    from assay.plugins import plugins

    return await asyncio.to_thread(plugins)


@router.get("/measures", operation_id="list_measures")
async def list_measures() -> MeasureTable:
    """Lists the measures of a conversation. Each can be a guardrail."""
    from assay.evaluation.measures import MEASURES

    return MeasureTable(items=tuple(MeasureItem.model_validate(measure) for measure in MEASURES.values()))


@router.get("/settings", operation_id="show_settings")
async def show_settings(server: Here) -> ShownSettings:
    """Returns the settings of the server, with secrets masked."""
    return ShownSettings(items=tuple(shown_settings(server.settings)))


def shown_settings(settings: Settings) -> list[ShownSetting]:
    """Every setting with the name of its variable. Of a secret, only whether it is set."""
    from assay.tracking.connection import shown, without_secrets

    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        variable = field.validation_alias if isinstance(field.validation_alias, str) else f"ASSAY_{name.upper()}"
        match value:
            case SecretStr():
                text = "********"
            case None:
                text = ""
            case str() if "://" in value:
                text = without_secrets(shown(value))
            case dict():
                text = ", ".join(f"{who}: {_roles(grants)}" for who, grants in value.items())
            case _:
                text = str(value)
        origin = "set" if name in settings.model_fields_set else "default"
        rows.append(ShownSetting.model_validate({"name": variable, "value": text, "origin": origin}))
    return rows


def _roles(grants: dict) -> str:
    return "; ".join(f"{project} {'+'.join(role.value for role in held)}" for project, held in grants.items())
