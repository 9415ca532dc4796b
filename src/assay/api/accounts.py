"""Tokens, sessions and answers that were given: small tables beside the jobs.

They are not in MLflow, because MLflow's pages show all that is there to whoever may see a project. Of tokens and
sessions only the SHA-256 is kept; each is 256 random bits, so a plain hash cannot be guessed backwards.
"""

import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from assay.api.access import Identity
from assay.contracts.api import Grants, NewToken, Role, TokenItem
from assay.errors import BadInput, NotFound, Refused
from assay.tracking.connection import make_tables

TOKEN_PREFIX = "assay_"  # noqa: S105, by which scanners for leaked secrets know it
USED_EVERY_S = 60.0
"""How often a token's last use is written down."""
ANSWERS_KEPT_S = 24 * 3600.0
ANSWERING_S = 60.0
"""A request that was not answered for so long is taken for one whose server died, and may be asked again."""
MOST_SHOWN = 1000

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
    "assay_logged_in",
    METADATA,
    sa.Column("session_id", sa.String(24), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(250), nullable=False),
    sa.Column("groups", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)
"""Who is logged in. It holds no roles: they follow from name and groups at each request."""
SECRETS = sa.Table(
    "assay_secrets",
    METADATA,
    sa.Column("name", sa.String(50), primary_key=True),
    sa.Column("value", sa.String(100), nullable=False),
)
"""Keys that all servers of one installation share."""
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
class Session:
    """Somebody who logged in."""

    session_id: str
    name: str
    groups: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """One that was given to a request with an idempotency key."""

    asked_hash: str
    status: int | None
    """None: it is being worked on."""
    headers: dict[str, str]
    body: bytes


class Accounts:
    """In the database of jobs. All methods block. `token_days`: the longest life of a token."""

    def __init__(self, url: str, *, token_days: int = 365) -> None:
        self._token_days = token_days
        self._engine = sa.create_engine(url, pool_pre_ping=True)
        make_tables(self._engine, METADATA)

    def close(self) -> None:
        self._engine.dispose()

    def create_token(self, asked: NewToken, by: str, now: datetime | None = None) -> tuple[str, TokenItem]:
        """(the token, shown this once; what is kept of it). Raises BadInput for a life longer than the longest."""
        if asked.expires_in_days is not None and asked.expires_in_days > self._token_days:
            raise BadInput(
                f"expires_in_days: is {asked.expires_in_days}, and a token lives {self._token_days} days at most "
                "(ASSAY_TOKEN_DAYS)"
            )
        at = now or datetime.now(UTC)
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        expires = at + timedelta(days=asked.expires_in_days or self._token_days)
        row = {
            "token_id": f"tok-{secrets.token_hex(8)}",
            "hash": hashed(token),
            "name": asked.name,
            "roles": _roles_text(asked.roles),
            "made_by": by,
            "created_at": at.timestamp(),
            "expires_at": expires.timestamp(),
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(TOKENS).values(**row))
        return token, self.token(str(row["token_id"]))

    def _item(self, row: sa.Row) -> TokenItem:
        return TokenItem(
            token_id=row.token_id,
            name=row.name,
            roles=_grants(row.roles),
            by=row.made_by,
            created_at=_when(row.created_at),
            expires_at=_when(self._ends(row)),
            used_at=None if row.used_at is None else _when(row.used_at),
            revoked_at=None if row.revoked_at is None else _when(row.revoked_at),
        )

    def _ends(self, row: sa.Row) -> float:
        """When the token ends: also one that was made without an end, or under a longer limit."""
        longest = row.created_at + self._token_days * 86_400.0
        return longest if row.expires_at is None else min(row.expires_at, longest)

    def token(self, token_id: str) -> TokenItem:
        """Raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(TOKENS).where(TOKENS.c.token_id == token_id)).first()
        if row is None:
            raise NotFound(f"token {token_id} does not exist: `assay token list` shows which do")
        return self._item(row)

    def tokens(self, *, limit: int = 1000, after: tuple[float, str] | None = None) -> list[TokenItem]:
        """The newest first. `after`: (created_at, token_id) of the last one that was shown."""
        query = sa.select(TOKENS).order_by(TOKENS.c.created_at.desc(), TOKENS.c.token_id).limit(limit)
        if after is not None:
            at, token_id = after
            older = TOKENS.c.created_at < at
            query = query.where(older | ((TOKENS.c.created_at == at) & (TOKENS.c.token_id > token_id)))
        with self._engine.connect() as connection:
            return [self._item(row) for row in connection.execute(query)]

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
        if row is None or row.revoked_at is not None or self._ends(row) <= now:
            return None
        if row.used_at is None or now - row.used_at > USED_EVERY_S:
            with self._engine.begin() as connection:
                connection.execute(sa.update(TOKENS).where(TOKENS.c.token_id == row.token_id).values(used_at=now))
        return Identity(f"{row.made_by} (token {row.name})", _grants(row.roles), account=f"token/{row.token_id}")

    def begin_session(self, name: str, groups: Sequence[str], hours: float) -> str:
        """Its secret, for the cookie."""
        session = secrets.token_urlsafe(32)
        now = time.time()
        row = {
            "session_id": f"ses-{secrets.token_hex(8)}",
            "hash": hashed(session),
            "name": name,
            "groups": json.dumps(list(groups)),
            "created_at": now,
            "expires_at": now + hours * 3600,
        }
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.expires_at <= now))
            connection.execute(sa.insert(SESSIONS).values(**row))
        return session

    def of_session(self, session: str) -> Session | None:
        """None: there is none, it was ended or is too old."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(SESSIONS).where(SESSIONS.c.hash == hashed(session))).first()
        return None if row is None or row.expires_at <= time.time() else _session(row)

    def sessions(self) -> list[Session]:
        """Of everybody who is logged in, the newest first."""
        query = sa.select(SESSIONS).where(SESSIONS.c.expires_at > time.time())
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(SESSIONS.c.created_at.desc()).limit(MOST_SHOWN))
            return [_session(row) for row in rows]

    def end_session(self, session: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.hash == hashed(session)))

    def revoke_sessions(self, whose: str) -> list[Session]:
        """Ends the session with this id, or all of the person with this name. Raises NotFound where there is none."""
        ended = [row for row in self.sessions() if whose in (row.session_id, row.name)]
        if not ended:
            raise NotFound(f"session {whose} does not exist: `assay session list` shows which do")
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.session_id.in_([row.session_id for row in ended])))
        return ended

    def signing_key(self) -> str:
        """Of cookies; made at the first call, and the same for every server on this database."""
        query = sa.select(SECRETS.c.value).where(SECRETS.c.name == "cookies")
        with self._engine.connect() as connection:
            if (key := connection.execute(query).scalar()) is not None:
                return key
        with contextlib.suppress(IntegrityError), self._engine.begin() as connection:
            connection.execute(sa.insert(SECRETS).values(name="cookies", value=secrets.token_urlsafe(48)))
        with self._engine.connect() as connection:
            return str(connection.execute(query).scalar_one())

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


def _session(row: sa.Row) -> Session:
    groups = tuple(json.loads(row.groups))
    return Session(row.session_id, row.name, groups, _when(row.created_at), _when(row.expires_at))


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _roles_text(roles: Grants) -> str:
    return json.dumps({project: sorted(role.value for role in held) for project, held in roles.items()})


def _grants(text: str) -> Grants:
    return {project: tuple(Role(role) for role in held) for project, held in json.loads(text).items()}
