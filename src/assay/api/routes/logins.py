"""Logging in at an OpenID provider, and out again."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from assay.api.access import NotKnown
from assay.api.guard import COOKIE, PREFIX, GuardedRoute
from assay.api.oidc import Provider, begin_login, end_login, roles_of
from assay.api.server import Here, Server
from assay.contracts.base import Text
from assay.errors import BadInput, NotFound

router = APIRouter(prefix="/auth", route_class=GuardedRoute, tags=["login"])
STATE_COOKIE = "assay_login"
REDIRECT: dict[int | str, dict] = {
    303: {"description": "Elsewhere.", "headers": {"Location": {"schema": {"type": "string"}}}}
}


@router.get("/login", operation_id="log_in", response_class=Response, status_code=303, responses=REDIRECT)
async def login(
    server: Here,
    request: Request,
    target: Annotated[str, Query(alias="next", max_length=500, description="Where to go afterwards, a path.")] = "/",
) -> Response:
    """Sends the browser to the OpenID provider."""
    provider = await _provider(server)
    if not target.startswith("/") or target.startswith(("//", "/\\")):
        raise BadInput("next: is a path of this server, as in /projects/shop")
    state, url = await begin_login(server.accounts, provider, _callback(server, request), target)
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        STATE_COOKIE,
        state,
        max_age=600,
        httponly=True,
        secure=is_secure(server, request),
        samesite="lax",
        path=f"{PREFIX}/auth",
    )
    return answer


@router.get("/callback", operation_id="logged_in", response_class=Response, status_code=303, responses=REDIRECT)
async def callback(
    server: Here,
    request: Request,
    code: Annotated[Text | None, Query(max_length=4000)] = None,
    state: Annotated[Text | None, Query(max_length=200)] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Where the provider sends the browser back to."""
    provider = await _provider(server)
    if error is not None or code is None or state is None:
        raise NotKnown("the OpenID provider did not let you in: log in again")
    if request.cookies.get(STATE_COOKIE) != state:
        raise NotKnown("this login was not begun in this browser: log in again")
    login, claims = await end_login(server.accounts, provider, _callback(server, request), state, code)
    settings = server.settings
    name = str(claims.get(settings.oidc_name_claim) or claims["sub"])
    groups = claims.get(settings.oidc_groups_claim)
    roles = roles_of(settings, name, groups if isinstance(groups, list) else [])
    session = await asyncio.to_thread(server.accounts.begin_session, name, roles, settings.session_hours)
    answer = RedirectResponse(login.target, 303)
    answer.set_cookie(
        COOKIE,
        session,
        max_age=int(settings.session_hours * 3600),
        httponly=True,
        secure=is_secure(server, request),
        samesite="lax",
        path="/",
    )
    answer.delete_cookie(STATE_COOKIE, path=f"{PREFIX}/auth")
    return answer


@router.post("/logout", operation_id="log_out", status_code=204, response_class=Response)
async def logout(server: Here, request: Request) -> Response:
    """Ends the session."""
    if session := request.cookies.get(COOKIE):
        await asyncio.to_thread(server.accounts.end_session, session)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def is_secure(server: Server, request: Request) -> bool:
    """Cookies go over plain HTTP on this machine alone."""
    from assay.api.guard import is_loopback

    public = server.settings.public_url
    if public is not None:
        return public.startswith("https://")
    return request.url.scheme == "https" or not is_loopback(request.url.hostname or "")


async def _provider(server: Server) -> Provider:
    settings = server.settings
    if settings.auth == "off" or settings.oidc_issuer is None or settings.oidc_client_id is None:
        raise NotFound("nobody can log in here: set ASSAY_AUTH=on, ASSAY_OIDC_ISSUER and ASSAY_OIDC_CLIENT_ID")
    secret = settings.oidc_client_secret
    return await Provider.discover(
        settings.oidc_issuer, settings.oidc_client_id, secret.get_secret_value() if secret else None
    )


def _callback(server: Server, request: Request) -> str:
    base = server.settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}{PREFIX}/auth/callback"
