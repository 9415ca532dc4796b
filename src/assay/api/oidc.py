"""Login by OpenID Connect: authorization code with PKCE and a nonce, the ID token checked against the provider's keys.

Source: OpenID Connect Core 1.0, section 3.1; RFC 7636.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.api.access import NotKnown
from assay.api.accounts import Accounts, Login
from assay.contracts.api import EVERYWHERE, Grants, Role
from assay.errors import BadInput
from assay.settings import Settings

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Never `none`, and never one whose key is the client's secret."""
KNOWN_FOR_S = 600.0
TIMEOUT_S = 10.0
LEEWAY_S = 60


@dataclass(frozen=True, slots=True)
class Provider:
    """As it describes itself."""

    issuer: str
    client_id: str
    client_secret: str | None
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str

    @classmethod
    async def discover(cls, issuer: str, client_id: str, client_secret: str | None) -> "Provider":
        """Raises BadInput where the issuer does not answer as one."""
        known = _known.get(issuer)
        if known is None or known[0] < time.monotonic():
            known = (time.monotonic() + KNOWN_FOR_S, await _describe(issuer))
            _known[issuer] = known
        told = known[1]
        return cls(
            issuer=issuer,
            client_id=client_id,
            client_secret=client_secret,
            authorization_endpoint=told["authorization_endpoint"],
            token_endpoint=told["token_endpoint"],
            jwks_uri=told["jwks_uri"],
        )

    def client(self, redirect_uri: str) -> "AsyncOAuth2Client":
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            client_id=self.client_id,
            client_secret=self.client_secret,
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self.client_secret else "none",
            timeout=TIMEOUT_S,
        )


_known: dict[str, tuple[float, dict[str, str]]] = {}


async def begin_login(accounts: Accounts, provider: Provider, redirect_uri: str, target: str) -> tuple[str, str]:
    """(the state, for a cookie; where the browser goes)"""
    state, login = secrets.token_urlsafe(32), Login(secrets.token_urlsafe(32), secrets.token_urlsafe(48), target)
    await asyncio.to_thread(accounts.begin_login, state, login)
    async with provider.client(redirect_uri) as client:  # pyright: ignore[reportGeneralTypeIssues]
        url, _ = client.create_authorization_url(
            provider.authorization_endpoint, state=state, nonce=login.nonce, code_verifier=login.verifier
        )
    return state, url


async def end_login(
    accounts: Accounts, provider: Provider, redirect_uri: str, state: str, code: str
) -> tuple[Login, dict[str, Any]]:
    """(what was begun, the ID token's claims). Raises NotKnown for whatever does not fit together."""
    from authlib.integrations.base_client import OAuthError
    from httpx import HTTPError

    login = await asyncio.to_thread(accounts.take_login, state)
    if login is None:
        raise NotKnown("this login is too old, or was used already: log in again")
    try:
        async with provider.client(redirect_uri) as client:  # pyright: ignore[reportGeneralTypeIssues]
            token = await client.fetch_token(provider.token_endpoint, code=code, code_verifier=login.verifier)
            keys = (await client.request("GET", provider.jwks_uri, withhold_token=True)).raise_for_status().json()
    except (OAuthError, HTTPError, ValueError) as error:
        raise NotKnown(f"the OpenID provider did not let you in ({type(error).__name__}): log in again") from None
    return login, checked_claims(token.get("id_token", ""), keys, provider, login.nonce)


def checked_claims(id_token: str, keys: Any, provider: Provider, nonce: str) -> dict[str, Any]:
    """Raises NotKnown unless the provider signed it, for us, for this login, and it is still good."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        token = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(token.claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotKnown(f"the OpenID provider's token does not hold ({type(error).__name__}): log in again") from None
    return dict(token.claims)


def roles_of(settings: Settings, name: str, groups: list[Any]) -> Grants:
    """What ASSAY_ROLES gives to a person, to the groups and to everybody who is logged in, together."""
    held: dict[str, set[Role]] = {}
    for who in (EVERYWHERE, name, *(f"group:{group}" for group in groups)):
        for project, roles in settings.roles.get(who, {}).items():
            held.setdefault(project, set()).update(roles)
    return {project: tuple(sorted(roles)) for project, roles in held.items()}


async def _describe(issuer: str) -> dict[str, str]:
    import httpx

    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            told = (await client.get(address)).raise_for_status().json()
        if told["issuer"] != issuer:
            raise BadInput(f"ASSAY_OIDC_ISSUER: {issuer} calls itself {told['issuer']}: write it so")
        return {name: told[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"ASSAY_OIDC_ISSUER: {issuer} does not answer as an OpenID provider ({type(error).__name__})"
        ) from error
