"""Who gets in, and what never gets out: tokens, sessions, logins."""

import asyncio
import base64
import hashlib
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from assay.contracts.api import NewToken, Role
from assay.settings import Settings
from tests.api.conftest import Served, home_of, serving
from tests.conftest import PATIENCE_S, ROOT


def test_a_token_never_appears_in_a_log_an_error_or_a_store(lived_in: Path, tmp_path: Path):
    """Sent in its place and in every wrong one to a real server that logs all it can."""
    home = home_of(lived_in, tmp_path)
    environment = {"PATH": "/usr/bin:/bin", "ASSAY_HOME": str(home), "ASSAY_AUTH": "on", "ASSAY_LOG_LEVEL": "debug"}
    made = subprocess.run(
        [sys.executable, "-m", "assay.cli", "token", "create", "test", "--role", "admin", "--json"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    token = json.loads(made.stdout)["token"]
    process = subprocess.Popen(
        [sys.executable, "-m", "assay.cli", "up", "--port", "0"],
        env={**environment, "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    while "Assay is at" not in (line := process.stdout.readline()):
        assert line, "".join(said)
        said.append(line)
    url = next(word for word in line.split() if word.startswith("http://"))
    answers = []
    with httpx.Client(base_url=f"{url}/api/v1", timeout=PATIENCE_S) as client:
        right = {"Authorization": f"Bearer {token}"}
        assert client.get("/settings", headers=right).status_code == 200
        started = client.post("/projects/shop/agents-report", json={}, headers=right)
        assert started.status_code == 202
        wrong = [
            client.get("/settings", headers={"Authorization": f"Bearer {token}x"}),
            client.get("/settings", headers={"Authorization": f"Basic {token}"}),
            client.get("/settings", headers={"Cookie": f"assay_page={token}"}),
            client.get("/settings", headers={"Idempotency-Key": token}),
            client.get("/settings", params={"token": token}),
            client.get("/projects/shop/runs", params={"limit": "x"}, headers=right),
            client.post("/projects", json={"project": "!"}, headers=right),
            client.post(
                "/projects/shop/judgments", json={"simulation_id": "sim-none", "expectations": 3}, headers=right
            ),
            client.get("/nowhere", headers=right),
        ]
        answers = [started, *wrong]
        for _ in range(100):
            if client.get(f"/jobs/{started.json()['job_id']}", headers=right).json()["status"] == "SUCCEEDED":
                break
            time.sleep(0.1)
    process.terminate()
    said.append(process.communicate(timeout=PATIENCE_S)[0])
    assert all(token not in answer.text and token not in str(answer.headers) for answer in answers)
    assert token not in "".join(said)
    for file in home.rglob("*"):
        if file.is_file():
            assert token.encode() not in file.read_bytes(), file


def test_a_server_that_others_reach_wants_authentication():
    refused = subprocess.run(
        [sys.executable, "-m", "assay.cli", "up", "--host", "0.0.0.0", "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert refused.returncode == 2
    assert "ASSAY_AUTH=on" in refused.stderr + refused.stdout


def test_a_token_is_good_until_it_is_revoked_or_too_old(guarded: Served):
    with guarded.client(guarded.token(Role.ADMIN)) as admin:
        made = admin.post(
            "/tokens", json={"name": "nightly", "roles": {"shop": ["viewer"]}, "expires_in_days": 1}
        ).json()
        with guarded.client(made["token"]) as nightly:
            assert nightly.get("/projects/shop").status_code == 200
            listed = admin.get("/tokens").json()["items"]
            assert made["token"] not in json.dumps(listed) and made["item"]["token_id"] in json.dumps(listed)
            assert admin.delete(f"/tokens/{made['item']['token_id']}").status_code == 200
            gone = nightly.get("/projects/shop")
    assert gone.status_code == 401 and "revoked" in gone.json()["detail"]
    from datetime import UTC, datetime, timedelta

    asked = NewToken(name="old", roles={"shop": (Role.VIEWER,)}, expires_in_days=1)
    old, _ = guarded.accounts.create_token(asked, "tests", now=datetime.now(UTC) - timedelta(days=2))
    with guarded.client(old) as late:
        assert late.get("/projects/shop").status_code == 401


def test_a_session_is_refused_without_its_csrf_token_or_from_another_site(guarded: Served):
    session = guarded.accounts.begin_session("ann", (), 1)
    with guarded.client(cookies={"assay_page": session}) as page:
        csrf = page.get("/me").json()["csrf_token"]
        asked = {"json": {"project": "from-the-page"}}
        without = page.post("/projects", **asked)
        wrong = page.post("/projects", headers={"X-CSRF-Token": "guessed"}, **asked)
        foreign = page.post("/projects", headers={"X-CSRF-Token": csrf, "Origin": "https://evil.example"}, **asked)
        right = page.post("/projects", headers={"X-CSRF-Token": csrf, "Origin": guarded.url}, **asked)
        assert page.post("/auth/logout", headers={"X-CSRF-Token": csrf}).status_code == 204
        after = page.get("/projects", headers={"Cookie": f"assay_page={session}"})
    assert [answer.status_code for answer in (without, wrong, foreign)] == [403, 403, 403]
    assert "X-CSRF-Token" in without.json()["detail"] and "another site" in foreign.json()["detail"]
    assert right.status_code == 201 and after.status_code == 401


def test_a_name_that_is_not_the_servers_is_not_answered(open_to_all: Served):
    """DNS rebinding: a page of another name that points here gets nothing, though authentication is off."""
    with open_to_all.client() as client:
        answer = client.get("/projects", headers={"Host": "evil.example"})
        changed = client.post("/projects", json={"project": "x"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code in (400, 403, 421) and changed.status_code == 403


@dataclass
class Provider:
    """An OpenID provider that lets everybody in, as whoever it is told."""

    url: str = ""
    claims: dict = field(default_factory=dict)
    nonce: str | None = None
    """None: the one that it was asked with."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, parameters={"kid": "one"}))
    signs_with: RSAKey | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.describe)
        app.router.add_get("/authorize", self.authorize)
        app.router.add_post("/token", self.token)
        app.router.add_get("/jwks", self.jwks)
        return app

    async def describe(self, request: web.Request) -> web.Response:
        ends = {
            f"{name}_endpoint": f"{self.url}/{path}"
            for name, path in (("authorization", "authorize"), ("token", "token"))
        }
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **ends})

    async def authorize(self, request: web.Request) -> web.Response:
        code = secrets.token_urlsafe(8)
        self.codes[code] = dict(request.query)
        assert request.query["code_challenge_method"] == "S256" and request.query["response_type"] == "code"
        raise web.HTTPFound(f"{request.query['redirect_uri']}?code={code}&state={request.query['state']}")

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.codes.pop(str(form["code"]))
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"], "PKCE"
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "assay",
            "sub": "1",
            "iat": now,
            "exp": now + 60,
            "nonce": self.nonce or asked["nonce"],
            **self.claims,
        }
        key = self.signs_with or self.key
        id_token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        return web.json_response({"access_token": "a", "token_type": "Bearer", "id_token": id_token})

    async def jwks(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    stub = Provider()
    loop, began, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def run() -> None:
        runner = web.AppRunner(stub.app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        began.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert began.wait(PATIENCE_S)
    yield stub
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


@pytest.fixture(scope="module")
def with_logins(lived_in: Path, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = Settings(
        home=home_of(lived_in, tmp_path_factory.mktemp("oidc")),
        model="offline",
        auth="on",
        oidc_issuer=provider.url,
        oidc_client_id="assay",
        roles={"ann@example.org": {"shop": (Role.APPROVER,)}, "group:qa": {"shop": (Role.EVALUATOR,)}},
    )
    with serving(settings) as served:
        yield served


def log_in(served: Served, provider: Provider, **told) -> tuple[httpx.Client, httpx.Response]:
    """As a browser does: to the provider and back."""
    provider.claims = {"email": "ann@example.org", "email_verified": True, **told}
    browser = httpx.Client(base_url=served.url, follow_redirects=False, timeout=PATIENCE_S)
    away = browser.get("/api/v1/auth/login", params={"next": "/p/shop"})
    assert away.status_code == 303
    back = httpx.get(away.headers["location"], follow_redirects=False)
    return browser, browser.get(back.headers["location"])


def test_a_person_logs_in_at_the_provider_and_has_the_roles_of_their_name_and_groups(with_logins, provider):
    browser, answer = log_in(with_logins, provider, groups=["qa"])
    assert answer.status_code == 303 and answer.headers["location"] == "/p/shop"
    cookie = next(
        value for name, value in answer.headers.multi_items() if name == "set-cookie" and "assay_page" in value
    )
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    me = browser.get("/api/v1/me").json()
    assert me["name"] == "ann@example.org" and set(me["roles"]["shop"]) == {"approver", "evaluator"}
    gate = browser.get("/api/v1/projects/shop/gates").json()["items"][0]
    decided = browser.post(
        f"/api/v1/projects/shop/gates/{gate['stage']}/{gate['subject_id']}",
        json={"decision": "approve", "reason": "seen", "overrules": gate["decision"]["hash"]},
        headers={"X-CSRF-Token": me["csrf_token"]},
    )
    assert decided.status_code == 201 and decided.json()["by"] == "ann@example.org"


def test_cookies_are_secure_where_the_server_is_public(lived_in: Path, provider: Provider, tmp_path: Path):
    settings = Settings(
        home=home_of(lived_in, tmp_path),
        auth="on",
        oidc_issuer=provider.url,
        oidc_client_id="assay",
        public_url="https://assay.example.org",
    )
    with serving(settings) as served, served.client(headers={"Host": "assay.example.org"}) as client:
        away = client.get("/auth/login")
        cookie = away.headers["set-cookie"]
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    assert asked["redirect_uri"] == ["https://assay.example.org/api/v1/auth/callback"]
    assert cookie.startswith("__Host-") and "Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie


def test_a_login_that_does_not_fit_together_is_refused(with_logins: Served, provider: Provider, monkeypatch):
    attempts = {
        "another nonce": {"nonce": "stolen"},
        "another key": {"signs_with": RSAKey.generate_key(2048, parameters={"kid": "one"})},
    }
    for change in attempts.values():
        with monkeypatch.context() as patch:
            for name, value in change.items():
                patch.setattr(provider, name, value)
            _, answer = log_in(with_logins, provider)
        assert answer.status_code == 401, change
    for claims in ({"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}):
        _, answer = log_in(with_logins, provider, **claims)
        assert answer.status_code == 401, claims
    browser, answer = log_in(with_logins, provider)
    assert answer.status_code == 303
    again = browser.get(str(answer.request.url))
    assert again.status_code == 401, "a code is good once"
    stranger = httpx.get(str(answer.request.url))
    assert stranger.status_code == 401, "a login is ended in the browser that began it"


def test_a_login_leads_back_to_this_server_only(with_logins: Served):
    with with_logins.client() as client:
        for target in ("https://evil.example", "//evil.example", "/\\evil.example"):
            assert client.get("/auth/login", params={"next": target}).status_code == 422
