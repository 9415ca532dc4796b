"""Notifications to a real SMTP server and a real webhook receiver: told once, tried again, never waited for."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from structlog.testing import capture_logs

from assay.contracts.notification import Notification, NotificationKind, NotificationRoute
from assay.errors import BadInput
from assay.integrations.notifications import Notifier, read_routes
from tests.conftest import PATIENCE_S


def told(kind: str = "gate_waiting", subject: str = "comparison-1", **changes) -> Notification:
    fields = {"kind": kind, "project": "shop", "title": "A gate waits", "body": "Approve it.", "subject_id": subject}
    return Notification(**{**fields, **changes}, at=datetime(2026, 3, 1, tzinfo=UTC))


class Webhook:
    """Keeps what it is told; the first `failing` times it answers 500, or it hangs."""

    def __init__(self) -> None:
        self.got: list[dict] = []
        self.failing = 0
        self.hangs = False
        self.tries = 0
        self.port = 0

    async def take(self, request: web.Request) -> web.Response:
        self.tries += 1
        if self.hangs:
            await asyncio.sleep(30)
        if self.tries <= self.failing:
            return web.Response(status=500)
        self.got.append(await request.json())
        return web.Response(text="ok")


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook, loop, ready = Webhook(), asyncio.new_event_loop(), threading.Event()

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/hook", hook.take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        hook.port = site._server.sockets[0].getsockname()[1]
        ready.set()
        await asyncio.Event().wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    yield hook


def route(hook: Webhook, **changes) -> NotificationRoute:
    return NotificationRoute(url=f"json://127.0.0.1:{hook.port}/hook?secret-token-17=x", **changes)


def test_a_mail_comes_to_a_real_smtp_server(monkeypatch):
    class Keep:
        def __init__(self) -> None:
            self.mails: list[str] = []

        async def handle_DATA(self, server, session, envelope) -> str:
            self.mails.append(envelope.content.decode())
            return "250 OK"

    keep = Keep()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(keep, hostname="127.0.0.1", port=port)
    server.start()
    try:
        monkeypatch.setenv("TEAM_MAIL", f"mailto://127.0.0.1:{port}?from=assay@example.org&to=ann@example.org")
        notifier = Notifier([NotificationRoute(url_env="TEAM_MAIL")])
        notifier(told(title="v2 was rolled back", kind="rollback"))
        notifier.close()
    finally:
        server.stop()
    assert notifier.sent == 1 and len(keep.mails) == 1
    assert "ann@example.org" in keep.mails[0] and "v2 was rolled back" in keep.mails[0].replace("_", " ")


def test_a_webhook_is_told_what_it_asked_for_and_once(webhook):
    notifier = Notifier([route(webhook, kinds=("rollback", "gate_waiting"), projects=("shop",))])
    for one in (told(), told(), told(kind="job_failed"), told(project="other"), told(subject="comparison-2")):
        notifier(one)
    notifier.close()
    assert [got["title"] for got in webhook.got] == ["[shop] A gate waits"] * 2
    assert (notifier.sent, notifier.repeated) == (2, 1)


def test_after_a_while_it_is_told_again(webhook):
    notifier = Notifier([route(webhook)], window_s=0.05)
    notifier(told())
    time.sleep(0.1)
    notifier(told())
    notifier.close()
    assert len(webhook.got) == 2


def test_a_receiver_that_fails_is_tried_again(webhook):
    webhook.failing = 2
    notifier = Notifier([route(webhook)], pause_s=0.01)
    notifier(told())
    notifier.close()
    assert webhook.tries == 3 and notifier.sent == 1 and notifier.failed == 0


def test_one_that_never_answers_is_counted_and_told_in_no_secret(webhook):
    webhook.failing = 99
    notifier = Notifier([route(webhook), NotificationRoute(url_env="NOT_SET")], pause_s=0.01, attempts=2)
    with capture_logs() as lines:
        notifier(told())
        notifier.close()
    assert notifier.failed == 2 and notifier.sent == 0
    assert "secret-token-17" not in json.dumps(lines, default=str)


def test_nobody_waits_for_a_receiver_that_hangs(webhook):
    webhook.hangs = True
    notifier = Notifier([route(webhook)], most_waiting=3)
    for number in range(20):
        notifier(told(subject=f"comparison-{number}"))
    assert notifier.dropped >= 16


def test_routes_come_from_the_environment_or_a_file_and_are_named_where_they_are_wrong(tmp_path):
    (one,) = read_routes('[{"url_env": "TEAM_SLACK", "kinds": ["rollback"]}]')
    assert one.kinds == (NotificationKind.ROLLBACK,)
    file = tmp_path / "routes.json"
    file.write_text('[{"url_env": "TEAM_SLACK"}]')
    assert len(read_routes(str(file))) == 1 and read_routes(None) == ()
    with pytest.raises(BadInput, match="ASSAY_NOTIFY: 0: give either url_env"):
        read_routes('[{"url_env": "A", "url": "slack://secret-token-17"}]')
    with pytest.raises(BadInput, match="cannot be read"):
        read_routes(str(tmp_path / "other.json"))
    with pytest.raises(BadInput, match="not JSON"):
        read_routes("[{")
