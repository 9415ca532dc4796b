"""Tokens, sessions, logins under way and answers that were given: small tables beside the jobs.

They are not in MLflow, because MLflow's pages show all that is there to whoever may see a project. Of tokens and
sessions only the SHA-256 is kept; each is 256 random bits, so a plain hash cannot be guessed backwards.
"""

import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from assay.api.access import Identity
from assay.contracts.api import Grants, NewToken, Role, TokenItem
from assay.errors import NotFound, Refused

TOKEN_PREFIX = "assay_"  # noqa: S105, by which scanners for leaked secrets know it
USED_EVERY_S = 60.0
"""How often a token's last use is written down."""
ANSWERS_KEPT_S = 24 * 3600.0
ANSWERING_S = 60.0
"""A request that was not answered for so long is taken for one whose server died, and may be asked again."""
LOGIN_S = 600.0

METADATA = sa.MetaData()
TOKENS = sa.Table(
    "assay_tokens",
    METADATA,
    sa.Column("token_id", sa.String(24), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("made_by", sa.String(250), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float),
    sa.Column("used_at", sa.Float),
    sa.Column("revoked_at", sa.Float),
)
SESSIONS = sa.Table(
    "assay_sessions",
    METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(250), nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)
LOGINS = sa.Table(
    "assay_logins",
    METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("nonce", sa.String(100), nullable=False),
    sa.Column("verifier", sa.String(200), nullable=False),
    sa.Column("target", sa.String(1000), nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)
ANSWERS = sa.Table(
    "assay_answers",
    METADATA,
    sa.Column("key_hash", sa.String(64), primary_key=True),
    sa.Column("asked_hash", sa.String(64), nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.Text),
    sa.Column("body", sa.LargeBinary),
    sa.Column("at", sa.Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Login:
    """One that is under way."""

    nonce: str
    verifier: str
    target: str
    """Where the person goes afterwards."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One that was given to a request with an idempotency key."""

    asked_hash: str
    status: int | None
    """None: it is being worked on."""
    headers: dict[str, str]
    body: bytes


class Accounts:
    """In the database of jobs. All methods block."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, pool_pre_ping=True)
        METADATA.create_all(self._engine, checkfirst=True)

    def close(self) -> None:
        self._engine.dispose()

    def create_token(self, asked: NewToken, by: str, now: datetime | None = None) -> tuple[str, TokenItem]:
        """(the token, shown this once; what is kept of it)"""
        at = now or datetime.now(UTC)
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        expires = None if asked.expires_in_days is None else at + timedelta(days=asked.expires_in_days)
        row = {
            "token_id": f"tok-{secrets.token_hex(8)}",
            "hash": hashed(token),
            "name": asked.name,
            "roles": _roles_text(asked.roles),
            "made_by": by,
            "created_at": at.timestamp(),
            "expires_at": None if expires is None else expires.timestamp(),
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(TOKENS).values(**row))
        return token, self.token(str(row["token_id"]))

    def token(self, token_id: str) -> TokenItem:
        """Raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(TOKENS).where(TOKENS.c.token_id == token_id)).first()
        if row is None:
            raise NotFound(f"token {token_id} is not there: `assay token list` shows which are")
        return _token_item(row)

    def tokens(self, *, limit: int = 1000, after: tuple[float, str] | None = None) -> list[TokenItem]:
        """The newest first. `after`: (created_at, token_id) of the last one that was shown."""
        query = sa.select(TOKENS).order_by(TOKENS.c.created_at.desc(), TOKENS.c.token_id).limit(limit)
        if after is not None:
            at, token_id = after
            older = TOKENS.c.created_at < at
            query = query.where(older | ((TOKENS.c.created_at == at) & (TOKENS.c.token_id > token_id)))
        with self._engine.connect() as connection:
            return [_token_item(row) for row in connection.execute(query)]

    def revoke_token(self, token_id: str) -> TokenItem:
        """From now on nobody gets in with it. Raises NotFound."""
        with self._engine.begin() as connection:
            alive = (TOKENS.c.token_id == token_id) & TOKENS.c.revoked_at.is_(None)
            connection.execute(sa.update(TOKENS).where(alive).values(revoked_at=time.time()))
        return self.token(token_id)

    def of_token(self, token: str) -> Identity | None:
        """None: it is none of ours, was revoked or is too old."""
        now = time.time()
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(TOKENS).where(TOKENS.c.hash == hashed(token))).first()
        if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            return None
        if row.used_at is None or now - row.used_at > USED_EVERY_S:
            with self._engine.begin() as connection:
                connection.execute(sa.update(TOKENS).where(TOKENS.c.token_id == row.token_id).values(used_at=now))
        return Identity(f"{row.made_by} (token {row.name})", _grants(row.roles))

    def begin_session(self, name: str, roles: Grants, hours: float) -> str:
        """Its secret, for the cookie."""
        session = secrets.token_urlsafe(32)
        now = time.time()
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.expires_at <= now))
            row = {"hash": hashed(session), "name": name, "roles": _roles_text(roles), "expires_at": now + hours * 3600}
            connection.execute(sa.insert(SESSIONS).values(**row))
        return session

    def of_session(self, session: str) -> Identity | None:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(SESSIONS).where(SESSIONS.c.hash == hashed(session))).first()
        if row is None or row.expires_at <= time.time():
            return None
        return Identity(row.name, _grants(row.roles), csrf_token=csrf_token(session))

    def end_session(self, session: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.hash == hashed(session)))

    def begin_login(self, state: str, login: Login) -> None:
        now = time.time()
        with self._engine.begin() as connection:
            connection.execute(sa.delete(LOGINS).where(LOGINS.c.expires_at <= now))
            row = {"hash": hashed(state), "nonce": login.nonce, "verifier": login.verifier, "target": login.target}
            connection.execute(sa.insert(LOGINS).values(**row, expires_at=now + LOGIN_S))

    def take_login(self, state: str) -> Login | None:
        """Once: a second time it is gone."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(LOGINS).where(LOGINS.c.hash == hashed(state))).first()
            gone = connection.execute(sa.delete(LOGINS).where(LOGINS.c.hash == hashed(state))).rowcount
        if row is None or gone != 1 or row.expires_at <= time.time():
            return None
        return Login(row.nonce, row.verifier, row.target)

    def begin_answer(self, key: str, asked_hash: str) -> Answer | None:
        """None: nobody asked with this key yet, and from now on somebody did.

        Raises Refused where the key was used for another request.
        """
        now = time.time()
        with self._engine.begin() as connection:
            connection.execute(sa.delete(ANSWERS).where(ANSWERS.c.at <= now - ANSWERS_KEPT_S))
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(ANSWERS).values(key_hash=hashed(key), asked_hash=asked_hash, at=now))
        except IntegrityError:
            with self._engine.connect() as connection:
                row = connection.execute(sa.select(ANSWERS).where(ANSWERS.c.key_hash == hashed(key))).first()
            if row is None:
                return self.begin_answer(key, asked_hash)
            if row.asked_hash != asked_hash:
                raise Refused("Idempotency-Key: was used for another request: take a new one") from None
            if row.status is None and row.at <= now - ANSWERING_S:
                with self._engine.begin() as connection:
                    mine = (ANSWERS.c.key_hash == hashed(key)) & (ANSWERS.c.at == row.at)
                    if connection.execute(sa.update(ANSWERS).where(mine).values(at=now)).rowcount:
                        return None
            return Answer(row.asked_hash, row.status, json.loads(row.headers or "{}"), row.body or b"")
        return None

    def keep_answer(self, key: str, status: int, headers: dict[str, str], body: bytes) -> None:
        with self._engine.begin() as connection:
            mine = ANSWERS.c.key_hash == hashed(key)
            values = {"status": status, "headers": json.dumps(headers), "body": body}
            connection.execute(sa.update(ANSWERS).where(mine).values(**values))

    def drop_answer(self, key: str) -> None:
        """It came to nothing, so it may be asked again."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(ANSWERS).where(ANSWERS.c.key_hash == hashed(key)))


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_token(session: str) -> str:
    """Follows from the session's secret and does not lead back to it."""
    return hashed(f"csrf/{session}")


def _token_item(row: sa.Row) -> TokenItem:
    return TokenItem(
        token_id=row.token_id,
        name=row.name,
        roles=_grants(row.roles),
        by=row.made_by,
        created_at=_when(row.created_at),
        expires_at=None if row.expires_at is None else _when(row.expires_at),
        used_at=None if row.used_at is None else _when(row.used_at),
        revoked_at=None if row.revoked_at is None else _when(row.revoked_at),
    )


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _roles_text(roles: Grants) -> str:
    return json.dumps({project: sorted(role.value for role in held) for project, held in roles.items()})


def _grants(text: str) -> Grants:
    return {project: tuple(Role(role) for role in held) for project, held in json.loads(text).items()}
