"""assay session"""

from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import say, table
from assay.cli.token import open_accounts

app = App(name="assay session", help="Who is logged in at the server, and an end to it.")


@app.command(name="list")
def list_() -> None:
    """List the sessions of everybody who is logged in."""
    rows = [
        (s.session_id, s.name, ", ".join(s.groups), f"{s.created_at:%Y-%m-%d %H:%M}", f"{s.expires_at:%Y-%m-%d %H:%M}")
        for s in open_accounts().sessions()
    ]
    table("sessions", ("id", "name", "groups", "since", "until"), rows)


@app.command
def revoke(
    session: Annotated[str, Parameter(help="Its id, as `assay session list` shows it, or a person's name.")],
) -> None:
    """End a session, or all sessions of a person. They can log in again as long as the provider lets them."""
    for ended in open_accounts().revoke_sessions(session):
        say(f"{ended.session_id} of {ended.name} is ended")
