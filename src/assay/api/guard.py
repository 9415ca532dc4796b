"""What stands before every route: who asks, whether they may, whether it was their own page that asked, and whether
the same was asked and answered before."""

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute

from assay.api.access import EVERYTHING, NOBODY, NOBODY_ANY_MORE, ROUTES, Identity, Need, NotAllowed, NotKnown, Rule
from assay.api.accounts import TOKEN_PREFIX, csrf_token, hashed
from assay.api.oidc import roles_of
from assay.api.server import Server
from assay.contracts.api import PAGE_COOKIE, SECURE_PREFIX
from assay.errors import BadInput, Refused

PREFIX = "/api/v1"
COOKIE = PAGE_COOKIE
"""Of who is logged in. The gateway's cookie has another name: cookies ignore ports."""
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
SECRET_OR_STREAMED = ("/tokens", "/messages", "/auth/logout")
"""Answers that are not kept for their idempotency key: secrets must not be, and streams have a key of their own."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def route_key(method: str, path: str) -> str:
    """How the table of routes names it."""
    return f"{method} {path.removeprefix(PREFIX).replace(':path}', '}')}"


class GuardedRoute(APIRoute):
    """Looks before the body is read, so that nobody learns from an error what they may not ask."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        method = min(self.methods or {"GET"})
        rule = ROUTES.get(route_key(method, self.path_format))

        async def guarded(request: Request) -> Response:
            if rule is None:
                raise NotAllowed(f"{method} {self.path_format} is not in the table of routes")
            request.state.who = await admit(request, rule)
            # what the handler itself has to allow must not be answered from what was kept
            return await (inner(request) if rule.where == "asked" else once(request, inner))

        return guarded


async def admit(request: Request, rule: Rule) -> Identity:
    """Who asks. Raises NotKnown, NotAllowed, or NotFound for a job or a chat that is not there."""
    server: Server = request.app.state.server
    who = await identify(server, request)
    if request.method in UNSAFE:
        from_own_page(request, who)
    if rule.need is Need.NOTHING:
        return who
    if not who.known:
        who.require(Need.KNOWN, None)
    match rule.where:
        case "everywhere":
            who.require(rule.need, None)
        case "project":
            who.require(rule.need, request.path_params["project"])
        case "job":
            job = await server.jobs.show(request.path_params["job_id"])
            who.require(rule.need, job.project)
        case "chat":
            who.require(rule.need, await server.chats.project_of(request.path_params["chat_id"]))
        case "asked" | "own":
            pass  # the handler knows the project
    return who


async def identify(server: Server, request: Request) -> Identity:
    """By API token, else by session. Raises NotKnown for a token that is not good: it is not taken for nobody."""
    if server.settings.auth == "off":
        return Identity(server.settings.person, EVERYTHING)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        good = token.startswith(TOKEN_PREFIX) and await asyncio.to_thread(server.accounts.of_token, token)
        if not good:
            raise NotKnown("the token is not known, was revoked or has expired: `assay token create` makes a new one")
        return good
    secret = request.cookies.get(cookie_name(server, request, COOKIE))
    session = await asyncio.to_thread(server.accounts.of_session, secret) if secret else None
    if secret is None or session is None:
        return NOBODY if secret is None else NOBODY_ANY_MORE
    # roles follow from the settings in force now, so that one that was taken away is gone at once
    roles = roles_of(server.settings, session.name, session.groups)
    return Identity(session.name, roles, csrf_token=csrf_token(secret), account=f"person/{session.name}")


def is_secure(server: Server, request: Request) -> bool:
    """Whether cookies ask for TLS: they go over plain HTTP on this machine alone."""
    public = server.settings.public_url
    if public is not None:
        return public.startswith("https://")
    return request.url.scheme == "https" or not is_loopback(request.url.hostname or "")


def cookie_name(server: Server, request: Request, name: str) -> str:
    return SECURE_PREFIX + name if is_secure(server, request) else name


def from_own_page(request: Request, who: Identity) -> None:
    """Raises NotAllowed for a change that somebody else's page sent with this person's cookie."""
    origin = request.headers.get("origin")
    if origin is not None and not same_origin(request, origin):
        raise NotAllowed("the request came from a page of another site, which may change nothing here")
    if who.csrf_token is None:
        return
    given = request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(given.encode(), who.csrf_token.encode()):
        raise NotAllowed("X-CSRF-Token: is missing or wrong: take the one of GET /api/v1/me")


def same_origin(request: Request, origin: str) -> bool:
    """Whether the page that asks is this server's: scheme, host and port.

    Behind a proxy that ends TLS the server sees plain HTTP, so without ASSAY_PUBLIC_URL either scheme counts.
    """
    public = request.app.state.server.settings.public_url
    asked = urlsplit(origin)
    if public is not None and (asked.scheme, asked.netloc) == (urlsplit(public).scheme, urlsplit(public).netloc):
        return True
    schemes = (request.url.scheme,) if public is not None else (request.url.scheme, "https")
    return asked.netloc == request.headers.get("host", "") and asked.scheme in schemes


def from_own_site(request: Request, who: Identity) -> None:
    """As `from_own_page`, for MLflow's pages, which send no CSRF token: with a cookie the browser itself must say that
    the request comes from this server. Raises NotAllowed."""
    origin = request.headers.get("origin")
    own = same_origin(request, origin) if origin is not None else request.headers.get("sec-fetch-site") == "same-origin"
    if origin is not None and not own:
        raise NotAllowed("the request came from a page of another site, which may change nothing here")
    given = request.headers.get("x-csrf-token", "")
    token = who.csrf_token is not None and hmac.compare_digest(given.encode(), who.csrf_token.encode())
    if who.csrf_token is not None and not own and not token:
        raise NotAllowed("a change with a cookie needs the browser's Origin or X-CSRF-Token: use an API token instead")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_auth_or_loopback(host: str, auth: str) -> None:
    """Raises Refused where everybody could reach a server that asks nobody who they are."""
    if auth == "off" and not is_loopback(host):
        raise Refused(
            f"host {host}: without authentication everybody who reaches it may do everything: set ASSAY_AUTH=on "
            "(`assay token create` makes the first token), or bind to 127.0.0.1"
        )


async def once(request: Request, inner: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    """The route's answer; with an idempotency key that came before, the answer that was given then."""
    key = request.headers.get("idempotency-key")
    if request.method not in UNSAFE or key is None or request.url.path.endswith(SECRET_OR_STREAMED):
        return await inner(request)
    if not 1 <= len(key) <= 200:
        raise BadInput("Idempotency-Key: has 1 to 200 characters, as a UUID has")
    accounts = request.app.state.server.accounts
    whole_key = f"{request.state.who.account}/{request.method} {request.url.path}/{key}"
    asked_hash = hashed((await request.body()).hex())
    before = await asyncio.to_thread(accounts.begin_answer, whole_key, asked_hash)
    if before is not None:
        if before.status is None:
            raise Refused("Idempotency-Key: the same request is being worked on: ask again in a moment")
        headers = {**before.headers, "Idempotency-Replayed": "true"}
        return Response(before.body, before.status, headers=headers)
    try:
        answer = await inner(request)
    except BaseException:
        await asyncio.to_thread(accounts.drop_answer, whole_key)
        raise
    headers = {name: value for name, value in answer.headers.items() if name in ("content-type", "location")}
    await asyncio.to_thread(accounts.keep_answer, whole_key, answer.status_code, headers, bytes(answer.body))
    return answer
