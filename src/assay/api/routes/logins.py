"""Login with an OpenID provider, and logout."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from assay.api.access import NotKnown
from assay.api.guard import COOKIE, PREFIX, GuardedRoute, cookie_name, is_secure
from assay.api.oidc import LOGIN_S, Provider, begin_login, end_login, login_under_way, person_of
from assay.api.server import Here, Server
from assay.contracts.api import LOGIN_COOKIE
from assay.contracts.base import Text
from assay.errors import BadInput, NotFound

router = APIRouter(prefix="/auth", route_class=GuardedRoute, tags=["login"])
REDIRECT: dict[int | str, dict] = {
    303: {"description": "Redirect.", "headers": {"Location": {"schema": {"type": "string"}}}}
}


@router.get("/login", operation_id="log_in", response_class=Response, status_code=303, responses=REDIRECT)
async def login(
    server: Here,
    request: Request,
    target: Annotated[str, Query(alias="next", max_length=500, description="Path to open after the login.")] = "/",
) -> Response:
    """Redirects the browser to the OpenID provider."""
    server.logins.take(_address(request))
    provider = await _provider(server)
    if not target.startswith("/") or target.startswith(("//", "/\\")):
        raise BadInput("next: is a path of this server, as in /projects/shop")
    signed, url = begin_login(server.signing_key, provider, _callback(server, request), target)
    answer = RedirectResponse(url, 303)
    _set_cookie(server, request, answer, LOGIN_COOKIE, signed, LOGIN_S)
    return answer


@router.get("/callback", operation_id="logged_in", response_class=Response, status_code=303, responses=REDIRECT)
async def callback(
    server: Here,
    request: Request,
    code: Annotated[Text | None, Query(max_length=4000)] = None,
    state: Annotated[Text | None, Query(max_length=200)] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Completes the login when the provider redirects the browser back."""
    server.logins.take(_address(request))
    provider = await _provider(server)
    if error is not None or code is None or state is None:
        raise NotKnown("the OpenID provider did not let you in: log in again")
    login = login_under_way(server.signing_key, request.cookies.get(cookie_name(server, request, LOGIN_COOKIE)), state)
    claims = await end_login(login, provider, _callback(server, request), code)
    settings = server.settings
    name, groups = person_of(settings, claims)
    session = await asyncio.to_thread(server.accounts.begin_session, name, groups, settings.session_hours)
    answer = RedirectResponse(login.target, 303)
    _set_cookie(server, request, answer, COOKIE, session, int(settings.session_hours * 3600))
    _delete_cookie(server, request, answer, LOGIN_COOKIE)
    return answer


@router.post("/logout", operation_id="log_out", status_code=204, response_class=Response)
async def logout(server: Here, request: Request) -> Response:
    """Ends the session."""
    if session := request.cookies.get(cookie_name(server, request, COOKIE)):
        await asyncio.to_thread(server.accounts.end_session, session)
    answer = Response(status_code=204)
    _delete_cookie(server, request, answer, COOKIE)
    return answer


def _set_cookie(server: Server, request: Request, answer: Response, name: str, value: str, max_age: int) -> None:
    secure = is_secure(server, request)
    whole = cookie_name(server, request, name)
    answer.set_cookie(whole, value, max_age=max_age, httponly=True, secure=secure, samesite="lax", path="/")


def _delete_cookie(server: Server, request: Request, answer: Response, name: str) -> None:
    whole = cookie_name(server, request, name)
    answer.delete_cookie(whole, path="/", httponly=True, secure=is_secure(server, request), samesite="lax")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


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
