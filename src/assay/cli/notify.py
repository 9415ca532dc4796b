"""assay notify"""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import Output, say, settings
from assay.contracts.notification import Notification, NotificationKind
from assay.errors import BadInput

app = App(name="assay notify", help="Notifications by mail, Slack, Teams and webhooks (ASSAY_NOTIFY).")


@app.command
def test(
    title: Annotated[str, Parameter(help="Text of the notification.")] = "A test of Assay's notifications",
    *,
    kind: Annotated[NotificationKind, Parameter(help="Kind of notification.")] = NotificationKind.TEST,
    io: Output = Output(),
) -> None:
    """Send one notification over every matching route and report the result."""
    from assay.integrations.notifications import Notifier, read_routes

    notify = settings().notify
    routes = read_routes(notify.get_secret_value() if notify else None)
    if not routes:
        raise BadInput(
            "ASSAY_NOTIFY: no routes: set a JSON list such as "
            '[{"url_env": "TEAM_SLACK", "kinds": ["gate_waiting", "rollback"]}]'
        )
    notifier = Notifier(routes, attempts=2)
    notifier(Notification(kind=kind, project=io.name, title=title, at=datetime.now(UTC)))
    notifier.close()
    say(f"{notifier.sent} delivered, {notifier.failed} failed, of {len(routes)} routes")
    if notifier.failed or not notifier.sent:
        raise BadInput("ASSAY_NOTIFY: not every route delivered: check the addresses and that the receivers respond")
