"""People who are not who they say, and roles that were taken away."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from assay.contracts.api import Role
from assay.settings import Settings
from tests.api.conftest import Served, serving
from tests.api.test_secrets import Provider, log_in, provider
from tests.conftest import copy_store

__all__ = ["provider"]

ROLES = {
    "ada@example.org": {"*": (Role.ADMIN,)},
    "group:support": {"shop": (Role.EVALUATOR,)},
}


@pytest.fixture(scope="module")
def home(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("logins")
    copy_store(template, home)
    return home


def settings(home: Path, provider: Provider, **more) -> Settings:
    fields = {"home": home, "auth": "on", "oidc_issuer": provider.url, "oidc_client_id": "assay", "roles": ROLES}
    return Settings.model_validate({**fields, "model": "offline", **more})


@pytest.fixture(scope="module")
def served(home: Path, provider: Provider) -> Iterator[Served]:
    with serving(settings(home, provider)) as started:
        yield started


def me(browser: httpx.Client) -> dict:
    return browser.get("/api/v1/me").json()


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "ada@example.org", "email_verified": False},
        {"email": "ada@example.org", "email_verified": "true"},
        {"email": "ada@example.org", "email_verified": None},
        {"email": None, "sub": "ada@example.org"},
        {"email": "", "sub": "ada@example.org"},
        {"email": "group:support"},
        {"email": "GROUP:support"},
        {"email": "*"},
        {"email": ["ada@example.org"]},
        {"email": "a\u202eda@example.org"},
        {"aud": ["assay", "another"], "azp": "another"},
        {"aud": ["assay", "another"]},
        {"aud": "assay", "azp": "another"},
    ],
)
def test_whom_the_provider_does_not_vouch_for_is_not_let_in(served: Served, provider: Provider, claims: dict):
    browser, answer = log_in(served, provider, **claims)
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert me(browser)["known"] is False


@pytest.mark.parametrize(
    "claims", [{"email": "Ada@Example.ORG"}, {"email": "ada@example.org", "aud": ["assay", "x"], "azp": "assay"}]
)
def test_the_same_address_in_another_case_is_the_same_person(served: Served, provider: Provider, claims: dict):
    browser, answer = log_in(served, provider, **claims)
    assert answer.status_code == 303 and me(browser)["roles"] == {"*": ["admin"]}


def test_a_letter_that_only_looks_like_another_is_another_person(served: Served, provider: Provider):
    """KELVIN SIGN folds to k, so a folded comparison would make two mailboxes one."""
    from assay.api.oidc import roles_of

    here = Settings.model_validate({"roles": {"kate@example.org": {"*": ["admin"]}}})
    assert roles_of(here, "\u212aate@example.org", ()) == {}
    assert roles_of(here, "KATE@example.org", ()) == {"*": (Role.ADMIN,)}


def test_a_provider_that_sets_the_addresses_itself_can_be_trusted(home: Path, provider: Provider):
    with serving(settings(home, provider, oidc_trust_email=True)) as served:
        browser, answer = log_in(served, provider, email_verified=None)
        assert answer.status_code == 303 and me(browser)["known"]
        _, answer = log_in(served, provider, email_verified=False)
        assert answer.status_code == 401


def test_a_role_that_is_taken_away_is_gone_at_the_next_request(home: Path, provider: Provider):
    with serving(settings(home, provider)) as before:
        browser, _ = log_in(before, provider, email="ada@example.org")
        cookie = browser.cookies["assay_page"]
        assert me(browser)["roles"] == {"*": ["admin"]}
    with serving(settings(home, provider, roles={})) as after, after.client(cookies={"assay_page": cookie}) as page:
        told = page.get("/me").json()
        asked = {"name": "for ever", "roles": {"*": ["admin"]}}
        made = page.post("/tokens", json=asked, headers={"X-CSRF-Token": told["csrf_token"]})
    assert told["known"] and told["roles"] == {} and made.status_code == 403


def test_a_session_is_ended_by_an_admin(served: Served, provider: Provider):
    browser, _ = log_in(served, provider, email="eve@example.org")
    assert me(browser)["known"]
    with served.client(served.token(Role.ADMIN)) as admin, served.client(served.token(Role.ADMIN, project="x")) as few:
        assert few.get("/sessions").status_code == 403
        listed = [row for row in admin.get("/sessions").json()["items"] if row["name"] == "eve@example.org"]
        assert len(listed) == 1
        assert admin.delete(f"/sessions/{listed[0]['session_id']}").status_code == 200
        assert admin.delete(f"/sessions/{listed[0]['session_id']}").status_code == 404
    assert me(browser)["known"] is False
    told = browser.get("/api/v1/projects")
    assert told.status_code == 401 and told.json()["type"] == "urn:assay:SessionEnded"


def test_no_token_lives_longer_than_the_longest_life(served: Served):
    with served.client(served.token(Role.ADMIN)) as admin:
        too_long = admin.post("/tokens", json={"name": "t", "roles": {"*": ["admin"]}, "expires_in_days": 366})
        longest = admin.post("/tokens", json={"name": "t", "roles": {"*": ["admin"]}, "expires_in_days": None})
    assert too_long.status_code == 422 and "ASSAY_TOKEN_DAYS" in too_long.json()["detail"]
    assert longest.status_code == 201 and longest.json()["item"]["expires_at"] is not None


def test_a_forged_or_foreign_login_is_refused(served: Served, provider: Provider):
    provider.claims = {"email": "ada@example.org", "email_verified": True}
    mine, theirs = (httpx.Client(base_url=served.url, timeout=60) for _ in range(2))
    away = mine.get("/api/v1/auth/login")
    back = httpx.get(away.headers["location"]).headers["location"]
    assert theirs.get("/api/v1/auth/login").status_code == 303
    assert theirs.get(back).status_code == 401, "another browser's state"
    mine.cookies.set("assay_login", mine.cookies["assay_login"][:-4] + "AAAA")
    assert mine.get(back).status_code == 401, "a signature that does not hold"


def test_many_logins_at_once_are_cheap_and_limited(served: Served, provider: Provider):
    """They leave no row behind, and the server answers others meanwhile."""
    statuses = []
    with httpx.Client(base_url=served.url, timeout=60) as stranger, served.client(served.token(Role.ADMIN)) as admin:
        for _ in range(200):
            statuses.append(stranger.get("/api/v1/auth/login").status_code)
        assert admin.get("/me").status_code == 200
        limited = stranger.get("/api/v1/auth/login")
    assert set(statuses) == {303, 429} and statuses[:30] == [303] * 30
    assert limited.status_code == 429 and limited.headers["retry-after"]
    import sqlalchemy as sa

    engine = sa.create_engine(served.settings.jobs_store)
    with engine.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        assert "assay_logins" not in tables
    engine.dispose()


def test_the_cookie_is_bound_to_its_host(home: Path, provider: Provider):
    more = {"public_url": "https://assay.example.org"}
    with serving(settings(home, provider, **more)) as served:
        session = served.accounts.begin_session("ada@example.org", (), 1)
        host = {"Host": "assay.example.org"}
        with served.client(headers={**host, "Cookie": f"assay_page={session}"}) as planted:
            assert planted.get("/me").json()["known"] is False, "a name that another host can set"
        with served.client(headers={**host, "Cookie": f"__Host-assay_page={session}"}) as page:
            told = page.get("/me").json()
            assert told["known"]
            csrf = {"X-CSRF-Token": told["csrf_token"]}
            for origin, status in (("https://assay.example.org", 201), ("http://evil.example.org", 403)):
                answer = page.post("/projects", json={"project": "p"}, headers={**csrf, "Origin": origin})
                assert answer.status_code == status, origin
            plain = page.post("/projects", json={"project": "p"}, headers={**csrf, "Origin": "ws://assay.example.org"})
            assert plain.status_code == 403


def test_the_gateways_cookie_is_no_session_here(served: Served):
    session = served.accounts.begin_session("ada@example.org", (), 1)
    with served.client(cookies={"assay_session": session}) as confused:
        assert confused.get("/me").json()["known"] is False
