"""GitHub: a comment on the pull request that is kept up to date, a commit status, an issue from production."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assay.contracts.comparison import ComparisonReport, Recommendation
from assay.contracts.feedback import ProductionReport
from assay.errors import BadInput, CallError
from assay.reports.markdown import code, comparison_markdown, prose

if TYPE_CHECKING:
    from githubkit import GitHub

MARK = "<!-- assay -->"
"""Stands at the end of our comment, so that the next run finds it."""
STATES: dict[Recommendation, Literal["success", "failure", "error", "pending"]] = {
    Recommendation.PROMOTE: "success",
    Recommendation.REJECT: "failure",
    Recommendation.INCONCLUSIVE: "error",
}
LONGEST_STATUS = 140
ACTIONS_ACCOUNT = "github-actions[bot]"
"""Who comments with the token that a workflow is given."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a CI job runs, by what GitHub Actions says in the environment."""

    token: str
    owner: str
    repository: str
    commit: str
    pull_request: int | None
    """None: the job is of no pull request."""
    api: str = "https://api.github.com"

    @classmethod
    def here(cls, environment: Mapping[str, str] = os.environ) -> "Place":
        """Raises BadInput with the variable that is missing."""
        for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_SHA"):
            if not environment.get(name):
                raise BadInput(f"{name}: is not set: GitHub Actions sets it, the token by `env: GITHUB_TOKEN`")
        owner, _, repository = environment["GITHUB_REPOSITORY"].partition("/")
        return cls(
            token=environment["GITHUB_TOKEN"],
            owner=owner,
            repository=repository,
            commit=_commit(environment) or environment["GITHUB_SHA"],
            pull_request=_pull_request(environment.get("GITHUB_REF", "")),
            api=environment.get("GITHUB_API_URL", "https://api.github.com"),
        )


def publish_comparison(report: ComparisonReport, place: Place) -> str | None:
    """The commit's status, and the pull request's comment, made or brought up to date; the comment's address.

    Raises CallError with GitHub's own words where it refuses.
    """
    with _asking(place) as github:
        github.rest.repos.create_commit_status(
            place.owner,
            place.repository,
            place.commit,
            state=STATES[report.recommendation],
            context="assay",
            description=f"{report.recommendation}: {report.reason}"[:LONGEST_STATUS],
        )
        if place.pull_request is None:
            return None
        body = f"{comparison_markdown(report)}\n{MARK}"
        number = _ours(github, place)
        if number is None:
            made = github.rest.issues.create_comment(place.owner, place.repository, place.pull_request, body=body)
        else:
            made = github.rest.issues.update_comment(place.owner, place.repository, number, body=body)
        return str(made.json()["html_url"])


def open_issue(report: ProductionReport, place: Place) -> str:
    """An issue that says what production taught; its address."""
    complaints = (f"- {prose(c.name)}: {c.items} items" for c in report.clusters if not c.in_dataset)
    lines = [prose(report.narrative.text), "", *complaints]
    lines += ["", f"<sub>Production report `{report.subject_id}` of {code(str(report.agent))}.</sub>"]
    title = f"Production: {sum(not c.in_dataset for c in report.clusters)} kinds of complaint that no scenario tests"
    with _asking(place) as github:
        made = github.rest.issues.create(
            place.owner, place.repository, title=title, body="\n".join(lines), labels=["assay"]
        )
        return str(made.json()["html_url"])


def _ours(github: "GitHub", place: Place) -> int | None:
    """The comment that an earlier run left under the token's own account; None: there is none.

    Anybody can write the mark into a comment of theirs, and could then edit the verdict: their comments are not ours.
    """
    assert place.pull_request is not None  # noqa: S101, asked for on a pull request only
    own = _account(github)
    page = 1
    while True:
        found = github.rest.issues.list_comments(
            place.owner, place.repository, place.pull_request, per_page=100, page=page
        ).json()
        for comment in found:
            if MARK in (comment.get("body") or "") and (comment.get("user") or {}).get("login") == own:
                return int(comment["id"])
        if len(found) < 100:
            return None
        page += 1


def _account(github: "GitHub") -> str:
    """The account that comments with this token.

    The token of a workflow may not ask who it is; it belongs to the app that GitHub Actions is.
    """
    from githubkit.exception import RequestFailed

    try:
        return str(github.rest.users.get_authenticated().json()["login"])
    except RequestFailed as error:
        if error.response.status_code in (401, 403, 404):
            return ACTIONS_ACCOUNT
        raise


class _asking:
    """A client whose refusals are CallErrors in words, without the token."""

    def __init__(self, place: Place) -> None:
        from githubkit import GitHub, TokenAuthStrategy

        self.github = GitHub(TokenAuthStrategy(place.token), base_url=place.api, user_agent="assay", timeout=30)

    def __enter__(self) -> "GitHub":
        return self.github

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from githubkit.exception import GitHubException, RequestFailed

        if isinstance(error, RequestFailed):
            response = error.response
            raise _failed(f"GitHub answered {response.status_code}: {response.text[:300]}") from None
        if isinstance(error, GitHubException):
            raise _failed(f"GitHub could not be asked: {type(error).__name__}") from None


def _failed(detail: str) -> CallError:
    from assay.contracts.conversation import CallFailed, FailureCause

    return CallError(CallFailed(cause=FailureCause.SERVER_ERROR, detail=detail))


def _pull_request(ref: str) -> int | None:
    """`refs/pull/17/merge`"""
    parts = ref.split("/")
    return int(parts[2]) if len(parts) > 2 and parts[1] == "pull" and parts[2].isdigit() else None


def _commit(environment: Mapping[str, str]) -> str | None:
    """A pull request's own head: GITHUB_SHA is a merge that nobody sees. None: the event does not say."""
    import json

    try:
        event = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
        return event["pull_request"]["head"]["sha"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
