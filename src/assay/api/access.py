"""Who may do what: one table of roles and one of routes. The server and the matrix test read the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from assay.contracts.api import EVERYWHERE, Grants, Role
from assay.contracts.job import JobKind, OtherJob
from assay.errors import AssayError
from assay.stages import STAGES, StageSpec


class Need(StrEnum):
    """What a request asks of who sends it."""

    NOTHING = "nothing"
    """Anybody, known or not."""
    KNOWN = "known"
    """Anybody who is logged in or has a token; the answer holds only what they may see."""
    SEE = "see"
    RUN = "run"
    """Start work, chat, label."""
    DECIDE = "decide"
    """At gates and on rollouts."""
    GOVERN = "govern"
    """Policy, tokens, and what reaches into the server."""


ALLOWED: dict[Need, frozenset[Role]] = {
    Need.SEE: frozenset(Role),
    Need.RUN: frozenset({Role.EVALUATOR, Role.ADMIN}),
    Need.DECIDE: frozenset({Role.APPROVER, Role.ADMIN}),
    Need.GOVERN: frozenset({Role.ADMIN}),
}

Where = Literal["everywhere", "project", "job", "chat", "asked", "own"]
"""In which project the role must be held: in all; in the path's; in the job's or the chat's that the path names; in
what the body or the query names, which the handler looks up; own: the handler shows only what the roles cover."""


@dataclass(frozen=True, slots=True)
class Rule:
    need: Need
    where: Where = "project"


def _start(spec: StageSpec) -> Need:
    """What it takes to start a stage."""
    return Need.DECIDE if spec.decides else Need.RUN


_P = "/projects/{project}"
ROUTES: dict[str, Rule] = {
    "GET /health": Rule(Need.NOTHING, "own"),
    "GET /me": Rule(Need.NOTHING, "own"),
    "GET /auth/login": Rule(Need.NOTHING, "own"),
    "GET /auth/callback": Rule(Need.NOTHING, "own"),
    "POST /auth/logout": Rule(Need.NOTHING, "own"),
    "GET /settings": Rule(Need.GOVERN, "everywhere"),
    "GET /plugins": Rule(Need.KNOWN, "own"),
    "GET /measures": Rule(Need.KNOWN, "own"),
    "GET /projects": Rule(Need.KNOWN, "own"),
    "POST /projects": Rule(Need.GOVERN, "everywhere"),
    f"GET {_P}": Rule(Need.SEE),
    f"GET {_P}/policy": Rule(Need.SEE),
    f"PUT {_P}/policy": Rule(Need.GOVERN),
    f"GET {_P}/experiments": Rule(Need.SEE),
    f"POST {_P}/experiments": Rule(Need.GOVERN, "everywhere"),
    f"DELETE {_P}/experiments/{{experiment}}": Rule(Need.GOVERN, "everywhere"),
    f"GET {_P}/agents": Rule(Need.SEE),
    f"POST {_P}/agents": Rule(Need.RUN),
    f"GET {_P}/agents/{{agent}}@{{version}}": Rule(Need.SEE),
    f"GET {_P}/datasets": Rule(Need.SEE),
    f"POST {_P}/datasets": Rule(Need.RUN),
    f"GET {_P}/datasets/{{name}}@{{version}}": Rule(Need.SEE),
    f"POST {_P}/datasets/{{name}}/versions": Rule(Need.RUN),
    **{
        f"{method} {_P}/{spec.resource}{rest}": Rule(need)
        for spec in STAGES.values()
        if spec.resource is not None
        for method, rest, need in (
            ("GET", "", Need.SEE),
            ("POST", "", _start(spec)),
            ("GET", "/{subject_id}", Need.SEE),
            ("GET", "/{subject_id}/report", Need.SEE),
        )
    },
    f"GET {_P}/traffic": Rule(Need.SEE),
    f"GET {_P}/traffic/looks": Rule(Need.SEE),
    f"GET {_P}/complaints": Rule(Need.SEE),
    f"POST {_P}/traffic": Rule(Need.DECIDE),
    f"POST {_P}/traffic/look": Rule(Need.DECIDE),
    f"POST {_P}/traffic/{{change}}": Rule(Need.DECIDE),
    f"GET {_P}/runs": Rule(Need.SEE),
    f"GET {_P}/runs/{{run_id}}": Rule(Need.SEE),
    f"GET {_P}/runs/{{run_id}}/artifacts/{{path}}": Rule(Need.SEE),
    f"GET {_P}/conversations": Rule(Need.SEE),
    f"GET {_P}/conversations/{{conversation_id}}": Rule(Need.SEE),
    f"GET {_P}/labels/queue": Rule(Need.RUN),
    f"POST {_P}/labels/draws": Rule(Need.RUN),
    f"POST {_P}/labels": Rule(Need.RUN),
    f"GET {_P}/labels/agreement": Rule(Need.SEE),
    f"GET {_P}/certificates": Rule(Need.SEE),
    f"POST {_P}/certificates": Rule(Need.RUN),
    f"POST {_P}/plan": Rule(Need.SEE),
    f"GET {_P}/schedules": Rule(Need.SEE),
    f"PUT {_P}/schedules/{{name}}": Rule(Need.GOVERN),
    f"DELETE {_P}/schedules/{{name}}": Rule(Need.GOVERN),
    f"POST {_P}/feedback/{{subject_id}}/propose": Rule(Need.RUN),
    f"GET {_P}/gates": Rule(Need.SEE),
    f"POST {_P}/gates/{{stage}}/{{subject_id}}": Rule(Need.DECIDE),
    f"GET {_P}/ledger": Rule(Need.SEE),
    f"POST {_P}/files/scenarios": Rule(Need.RUN),
    f"POST {_P}/files/feedback": Rule(Need.RUN),
    f"POST {_P}/files/conversations": Rule(Need.RUN),
    f"POST {_P}/pipelines": Rule(Need.RUN),
    f"GET {_P}/agents-report": Rule(Need.SEE),
    f"POST {_P}/agents-report": Rule(Need.RUN),
    f"GET {_P}/chats": Rule(Need.SEE),
    f"POST {_P}/chats": Rule(Need.RUN),
    "GET /chats/{chat_id}": Rule(Need.SEE, "chat"),
    "GET /chats/{chat_id}/events": Rule(Need.SEE, "chat"),
    "POST /chats/{chat_id}/messages": Rule(Need.RUN, "chat"),
    "POST /chats/{chat_id}/drafts/{number}": Rule(Need.RUN, "chat"),
    "POST /chats/{chat_id}/save": Rule(Need.RUN, "chat"),
    "GET /jobs": Rule(Need.KNOWN, "own"),
    "POST /jobs": Rule(Need.KNOWN, "asked"),
    "GET /jobs/{job_id}": Rule(Need.SEE, "job"),
    "POST /jobs/{job_id}/cancel": Rule(Need.RUN, "job"),
    "POST /jobs/{job_id}/retry": Rule(Need.RUN, "job"),
    "GET /jobs/{job_id}/events": Rule(Need.SEE, "job"),
    "GET /events": Rule(Need.SEE, "asked"),
    "GET /sessions": Rule(Need.GOVERN, "everywhere"),
    "DELETE /sessions/{session}": Rule(Need.GOVERN, "everywhere"),
    "GET /tokens": Rule(Need.GOVERN, "everywhere"),
    "POST /tokens": Rule(Need.GOVERN, "everywhere"),
    "DELETE /tokens/{token_id}": Rule(Need.GOVERN, "everywhere"),
}
"""Every route of the API, without its prefix. A route that is not in here is answered to nobody."""

KINDS: dict[JobKind, Need] = {
    **{stage: _start(spec) for stage, spec in STAGES.items()},
    **dict.fromkeys(OtherJob, Need.RUN),
}
"""What a job of this kind asks, whichever route it comes by."""


class NotKnown(AssayError):
    """Nobody is logged in, or the token is no longer good."""

    title = "Not logged in"


class SessionEnded(NotKnown):
    """The cookie is of a session that was ended or is too old."""

    title = "Session ended"


class TooMany(AssayError):
    """More requests than one address may send."""

    title = "Too many requests"


class NotAllowed(AssayError):
    """Whoever asks lacks the role."""

    title = "Not allowed"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks."""

    name: str
    grants: Grants
    known: bool = True
    csrf_token: str | None = None
    """None: it came without a cookie, so nobody else's page can have sent it."""
    account: str = "local"
    """The token or the person behind the request, which no other account shares."""

    def may(self, need: Need, project: str | None) -> bool:
        """project: None stands for all of them."""
        match need:
            case Need.NOTHING:
                return True
            case Need.KNOWN:
                return self.known
            case _:
                held = {*self.grants.get(EVERYWHERE, ()), *(self.grants.get(project, ()) if project else ())}
                return self.known and bool(held & ALLOWED[need])

    def require(self, need: Need, project: str | None) -> None:
        """Raises NotKnown or NotAllowed."""
        if self.may(need, project):
            return
        if self == NOBODY_ANY_MORE:
            raise SessionEnded("the session has ended: log in again at /api/v1/auth/login")
        if not self.known:
            raise NotKnown("log in at /api/v1/auth/login, or send `Authorization: Bearer TOKEN`")
        where = f"project {project}" if project else "all projects"
        roles = " or ".join(sorted(role.value for role in ALLOWED.get(need, ())))
        raise NotAllowed(f"{self.name} may not do this in {where}: it takes the role {roles}, which an admin can give")

    def seen(self, projects: Iterable[str]) -> list[str]:
        """Those of them that it may see."""
        return [project for project in projects if self.may(Need.SEE, project)]


EVERYTHING: Grants = {EVERYWHERE: tuple(Role)}
NOBODY = Identity("nobody", {}, known=False)
NOBODY_ANY_MORE = Identity("nobody", {}, known=False, account="ended")
"""Whose session has ended."""
