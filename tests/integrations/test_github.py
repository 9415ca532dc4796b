"""GitHub behind a local stub that checks every request against the models made from its published API description."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from aiohttp import web
from githubkit.versions.latest import models

from assay.contracts.comparison import Recommendation
from assay.errors import BadInput, CallError
from assay.integrations.github import MARK, Place, open_issue, publish_comparison
from assay.reports.junit import comparison_junit
from assay.reports.markdown import comparison_markdown
from tests.conftest import PATIENCE_S
from tests.reports.conftest import comparison, production  # noqa: F401

ROUTES = [
    ("GET", r"^/repos/acme/shop/issues/17/comments$", None),
    ("POST", r"^/repos/acme/shop/issues/17/comments$", models.ReposOwnerRepoIssuesIssueNumberCommentsPostBody),
    ("PATCH", r"^/repos/acme/shop/issues/comments/\d+$", models.ReposOwnerRepoIssuesCommentsCommentIdPatchBody),
    ("POST", r"^/repos/acme/shop/statuses/[0-9a-f]{40}$", models.ReposOwnerRepoStatusesShaPostBody),
    ("POST", r"^/repos/acme/shop/issues$", models.ReposOwnerRepoIssuesPostBody),
]
SHA = "a" * 40
USER = {"login": "assay-bot", "id": 1, "node_id": "n", "avatar_url": "http://h", "gravatar_id": "", "url": "http://h"}


class GitHubStub:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict]] = []
        self.comments: dict[int, str] = {n: f"comment {n}" for n in range(1, 131)}
        self.authors: dict[int, str] = {}
        """Who wrote a comment; all others are of the workflow's own account."""
        self.refuses = 0
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        assert request.headers["authorization"] == "token secret-token-17"
        text = await request.text()
        body = json.loads(text) if text else {}
        if self.refuses:
            return web.json_response({"message": "Resource not accessible by integration"}, status=self.refuses)
        model = next(
            (m for method, path, m in ROUTES if method == request.method and re.match(path, request.path)), "unknown"
        )
        if model == "unknown":
            return web.json_response({"message": f"{request.method} {request.path} is not described"}, status=404)
        if model is not None:
            model.model_validate(body)
            unknown = set(body) - {field.alias or name for name, field in model.model_fields.items()}
            assert not unknown, unknown
        self.asked.append((request.method, request.path, body))
        return web.json_response(self._made(request, body), status=201 if request.method == "POST" else 200)

    def _made(self, request: web.Request, body: dict):
        if request.method == "GET":
            page, size = int(request.query["page"]), int(request.query["per_page"])
            names = sorted(self.comments)[(page - 1) * size : page * size]
            return [self._comment(name) for name in names]
        if "comments" in request.path:
            name = int(request.path.split("/")[-1]) if request.method == "PATCH" else max(self.comments) + 1
            self.comments[name] = body["body"]
            return self._comment(name)
        return {"html_url": "http://h/issues/18", "id": 18, "number": 18, "state": body.get("state", "open")}

    def _comment(self, name: int) -> dict:
        login = self.authors.get(name, "github-actions[bot]")
        return {"id": name, "html_url": f"http://h/{name}", "body": self.comments[name], "user": {"login": login}}


@pytest.fixture
def github(monkeypatch) -> Iterator[GitHubStub]:
    stub, loop, ready = GitHubStub(), asyncio.new_event_loop(), threading.Event()

    async def main() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", stub.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        stub.port = site._server.sockets[0].getsockname()[1]
        ready.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True).start()
    assert ready.wait(PATIENCE_S)
    yield stub


def place(stub: GitHubStub, **changes: str) -> Place:
    return Place.here(
        {
            "GITHUB_TOKEN": "secret-token-17",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SHA": SHA,
            "GITHUB_REF": "refs/pull/17/merge",
            "GITHUB_API_URL": f"http://127.0.0.1:{stub.port}",
            **changes,
        }
    )


def test_the_comment_is_made_once_and_then_brought_up_to_date(github, comparison):  # noqa: F811
    before = len(github.comments)
    assert publish_comparison(comparison, place(github)) == "http://h/131"
    again = comparison.replace(recommendation=Recommendation.PROMOTE)
    assert publish_comparison(again, place(github)) == "http://h/131"
    assert len(github.comments) == before + 1
    assert "PROMOTE" in github.comments[131] and MARK in github.comments[131]
    statuses = [body for method, path, body in github.asked if "/statuses/" in path]
    assert [status["state"] for status in statuses] == ["failure", "success"]
    assert all(len(status["description"]) <= 140 for status in statuses)


def test_a_comment_of_somebody_else_with_our_mark_is_left_alone(github, comparison):  # noqa: F811
    github.comments[77], github.authors[77] = f"PROMOTE {MARK}", "attacker"
    assert publish_comparison(comparison, place(github)) == "http://h/131"
    assert github.comments[77] == f"PROMOTE {MARK}"
    assert publish_comparison(comparison, place(github)) == "http://h/131"


HOSTILE = "@acme/team ![x](http://h/x.png) <img src=x> [a](http://h) #12 | `tick` **bold**"


def test_an_agents_words_take_no_effect_in_the_comment(comparison):  # noqa: F811
    flip = comparison.flips[0].replace(reason=HOSTILE)
    text = comparison_markdown(comparison.replace(flips=(flip,), reason=HOSTILE, next_steps=(HOSTILE,)))
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)  # code spans show what they hold
    assert "@acme" not in bare and "@\u2060acme" in bare
    assert "](" not in bare.replace("\\](", "") and "<img" not in bare.replace("\\<", "")
    row = next(line for line in text.splitlines() if line.startswith(f"| {flip.direction}"))
    assert len(re.split(r"(?<!\\)\|", row)) == 6, "a bar in the agent's words adds no cell"


def test_outside_of_a_pull_request_only_the_status_is_set(github, comparison):  # noqa: F811
    assert publish_comparison(comparison, place(github, GITHUB_REF="refs/heads/main")) is None
    assert [method for method, _, _ in github.asked] == ["POST"]


def test_an_issue_says_what_production_taught(github, production):  # noqa: F811
    assert open_issue(production, place(github)) == "http://h/issues/18"
    (_, path, body) = github.asked[-1]
    assert path == "/repos/acme/shop/issues" and body["labels"] == ["assay"] and body["title"].startswith("Production:")


def test_a_refusal_is_told_in_githubs_words_and_without_the_token(github, comparison):  # noqa: F811
    github.refuses = 403
    with pytest.raises(CallError, match="GitHub answered 403: .*Resource not accessible") as refused:
        publish_comparison(comparison, place(github))
    assert "secret-token-17" not in str(refused.value)


def test_what_the_environment_lacks_is_named():
    with pytest.raises(BadInput, match="GITHUB_TOKEN: is not set"):
        Place.here({})


def test_the_head_of_a_pull_request_gets_the_status(github, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"sha": "b" * 40}}}))
    assert place(github, GITHUB_EVENT_PATH=str(event)).commit == "b" * 40


def test_markdown_and_junit_say_the_verdict_and_what_broke(comparison):  # noqa: F811
    text = comparison_markdown(comparison)
    assert text.startswith("### ❌ REJECT") and "flips</summary>" in text and comparison.reason in text
    suite = ElementTree.fromstring(comparison_junit(comparison))
    cases = {case.get("name"): case for case in suite}
    assert cases["verdict"].find("failure") is not None
    broken = {flip.scenario_id for flip in comparison.flips if flip.direction == "broken"}
    assert {name for name, case in cases.items() if name != "verdict" and case.find("failure") is not None} == broken
    assert int(suite.get("failures")) == len(broken) + 1
