"""assay session"""

from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import say, table
from assay.cli.token import open_accounts

app = App(name="assay session", help="List and revoke login sessions of the server.")


@app.command(name="list")
def list_() -> None:
    """List the sessions of everyone who is logged in."""
    rows = [
        (s.session_id, s.name, ", ".join(s.groups), f"{s.created_at:%Y-%m-%d %H:%M}", f"{s.expires_at:%Y-%m-%d %H:%M}")
        for s in open_accounts().sessions()
    ]
    table("sessions", ("id", "name", "groups", "since", "until"), rows)


@app.command
def revoke(
    session: Annotated[str, Parameter(help="Session ID from `assay session list`, or a person's name.")],
) -> None:
    """End a session, or all sessions of a person. They can log in again if the provider allows it."""
    for ended in open_accounts().revoke_sessions(session):
        say(f"ended {ended.session_id} of {ended.name}")
