"""assay notify"""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import Output, say, settings
from assay.contracts.notification import Notification, NotificationKind
from assay.errors import BadInput

app = App(name="assay notify", help="Who is told what outside of Assay: mail, Slack, Teams, webhooks (ASSAY_NOTIFY).")


@app.command
def test(
    title: Annotated[str, Parameter(help="What to say.")] = "A test of Assay's notifications",
    *,
    kind: NotificationKind = NotificationKind.TEST,
    io: Output = Output(),
) -> None:
    """Send one notification by every route that wants it, and say how that went."""
    from assay.integrations.notifications import Notifier, read_routes

    notify = settings().notify
    routes = read_routes(notify.get_secret_value() if notify else None)
    if not routes:
        raise BadInput(
            "ASSAY_NOTIFY: no route is set up: give a JSON list such as "
            '[{"url_env": "TEAM_SLACK", "kinds": ["gate_waiting", "rollback"]}]'
        )
    notifier = Notifier(routes, attempts=2)
    notifier(Notification(kind=kind, project=io.name, title=title, at=datetime.now(UTC)))
    notifier.close()
    say(f"{notifier.sent} delivered, {notifier.failed} not, of {len(routes)} routes")
    if notifier.failed or not notifier.sent:
        raise BadInput("ASSAY_NOTIFY: not every route delivered: check the addresses and that the receivers answer")
