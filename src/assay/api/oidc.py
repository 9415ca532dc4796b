"""Login by OpenID Connect: authorization code with PKCE and a nonce, the ID token checked against the provider's keys.

What a login needs until it ends stands in a signed cookie of the browser that began it: beginning one costs no
database row and no connection.

Source: OpenID Connect Core 1.0, section 3.1; RFC 7636.
"""

import base64
import functools
import hashlib
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from assay.api.access import NotKnown
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
LOGIN_S = 600
"""How long a person may take at the provider."""
GROUP = "group:"
MOST_NAME_CHARS = 250


@dataclass(frozen=True, slots=True)
class Login:
    """One that is under way."""

    state: str
    nonce: str
    verifier: str
    target: str
    """Where the person goes afterwards."""


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
            token_endpoint_auth_method="client_secret_basic" if self.client_secret else "none",
            timeout=TIMEOUT_S,
            verify=ssl_context(),
        )


_known: dict[str, tuple[float, dict[str, str]]] = {}


@functools.cache
def ssl_context() -> ssl.SSLContext:
    """One for all connections: loading the certificates takes tens of milliseconds of the event loop."""
    return ssl.create_default_context()


def begin_login(key: str, provider: Provider, redirect_uri: str, target: str) -> tuple[str, str]:
    """(the signed login, for a cookie; where the browser goes)"""
    login = Login(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), target)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(login.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": SCOPE,
        "state": login.state,
        "nonce": login.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    joined = "&" if "?" in provider.authorization_endpoint else "?"
    return _signer(key).dumps(asdict(login)), f"{provider.authorization_endpoint}{joined}{urlencode(asked)}"


def login_under_way(key: str, cookie: str | None, state: str) -> Login:
    """The login that this browser began. Raises NotKnown for another one, a forged one or one that is too old."""
    from itsdangerous import BadData

    try:
        login = Login(**_signer(key).loads(cookie or "", max_age=LOGIN_S))
    except (BadData, TypeError):
        raise NotKnown("this login is too old, or was not begun in this browser: log in again") from None
    if not secrets.compare_digest(login.state.encode(), state.encode()):
        raise NotKnown("this login was not begun in this browser: log in again")
    return login


def _signer(key: str) -> Any:
    from itsdangerous import URLSafeTimedSerializer

    return URLSafeTimedSerializer(key, salt="assay.login", signer_kwargs={"digest_method": hashlib.sha256})


async def end_login(login: Login, provider: Provider, redirect_uri: str, code: str) -> dict[str, Any]:
    """The ID token's claims. Raises NotKnown for whatever does not fit together."""
    from authlib.integrations.base_client import OAuthError
    from httpx import HTTPError

    try:
        async with provider.client(redirect_uri) as client:  # pyright: ignore[reportGeneralTypeIssues]
            token = await client.fetch_token(provider.token_endpoint, code=code, code_verifier=login.verifier)
            keys = (await client.request("GET", provider.jwks_uri, withhold_token=True)).raise_for_status().json()
    except (OAuthError, HTTPError, ValueError) as error:
        raise NotKnown(f"the OpenID provider did not let you in ({type(error).__name__}): log in again") from None
    return checked_claims(token.get("id_token", ""), keys, provider, login.nonce)


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
        _check_party(token.claims, provider.client_id)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotKnown(f"the OpenID provider's token does not hold ({type(error).__name__}): log in again") from None
    return dict(token.claims)


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """The token was issued to us, not only for us among others. Source: OpenID Connect Core 3.1.3.7, 4 and 5."""
    audience, party = claims["aud"], claims.get("azp")
    several = isinstance(audience, list) and len(audience) > 1
    if party != client_id and (several or party is not None):
        raise ValueError("azp is another client")


def person_of(settings: Settings, claims: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """(name, groups) of who logged in.

    Raises NotKnown where the provider does not vouch for the e-mail address, gives no name, or gives one that
    ASSAY_ROLES could take for something else.
    """
    name = claims.get(settings.oidc_name_claim)
    if not isinstance(name, str) or not name.strip():
        raise NotKnown(f"the OpenID provider's token has no {settings.oidc_name_claim}: have it send the claim")
    if settings.oidc_name_claim == "email" and claims.get("email_verified") is not True:
        if not settings.oidc_trust_email:
            raise NotKnown(
                "the OpenID provider did not verify your e-mail address: verify it there, or have an admin set "
                "ASSAY_OIDC_TRUST_EMAIL where the provider sets the addresses itself"
            )
        if claims.get("email_verified") is False:
            raise NotKnown("the OpenID provider says that your e-mail address is not verified: verify it there")
    name = name.strip()
    if name == EVERYWHERE or name.lower().startswith(GROUP) or len(name) > MOST_NAME_CHARS or not name.isprintable():
        raise NotKnown("the name that the OpenID provider gives you is none that a person can have here")
    groups = claims.get(settings.oidc_groups_claim)
    return name, tuple(group for group in groups if isinstance(group, str)) if isinstance(groups, list) else ()


def roles_of(settings: Settings, name: str, groups: tuple[str, ...]) -> Grants:
    """What ASSAY_ROLES gives to a person, to the groups and to everybody who is logged in, together."""
    mail = settings.oidc_name_claim == "email"
    wanted = {EVERYWHERE, _folded(name) if mail else name, *(f"{GROUP}{group}" for group in groups)}
    held: dict[str, set[Role]] = {}
    for who, grants in settings.roles.items():
        if (_folded(who) if mail and not who.startswith(GROUP) else who) in wanted:
            for project, roles in grants.items():
                held.setdefault(project, set()).update(roles)
    return {project: tuple(sorted(roles)) for project, roles in held.items()}


def _folded(address: str) -> str:
    """Lower case for ASCII alone: to `str.casefold` KELVIN SIGN is a k, which would make two mailboxes one."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in address)


async def _describe(issuer: str) -> dict[str, str]:
    import httpx

    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, verify=ssl_context()) as client:
            told = (await client.get(address)).raise_for_status().json()
        if told["issuer"] != issuer:
            raise BadInput(f"ASSAY_OIDC_ISSUER: {issuer} calls itself {told['issuer']}: write it so")
        return {name: told[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"ASSAY_OIDC_ISSUER: {issuer} does not answer as an OpenID provider ({type(error).__name__})"
        ) from error
