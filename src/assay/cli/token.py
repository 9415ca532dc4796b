"""assay token"""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from pydantic import ValidationError

from assay.cli.console import Output, answer, say, settings, table
from assay.contracts.api import EVERYWHERE, NewToken, NewTokenMade, TokenItem
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.api.accounts import Accounts

app = App(name="assay token", help="Create, list and revoke API tokens.")


@app.command
def create(
    name: Annotated[str, Parameter(help="What the token is for.")],
    *,
    role: Annotated[tuple[str, ...], Parameter(help="viewer, evaluator, approver or admin; can be repeated.")],
    days: Annotated[int, Parameter(help="Days until it expires; 0: as long as ASSAY_TOKEN_DAYS allows.")] = 90,
    io: Output = Output(),
) -> None:
    """Create a token for --project, or for all projects. It is shown only once."""
    fields: dict[str, Any] = {"name": name, "roles": {io.project or EVERYWHERE: role}}
    try:
        asked = NewToken.model_validate({**fields, "expires_in_days": days or None})
    except ValidationError as error:
        raise BadInput.from_validation("token", error) from error
    token, item = open_accounts().create_token(asked, settings().person)
    answer(
        NewTokenMade(token=token, item=item),
        io,
        (token, f"  {item.token_id}: {_roles(item)}; save it now, it is not shown again"),
    )


@app.command(name="list")
def list_() -> None:
    """List all tokens, without their secrets."""
    rows = [
        (t.token_id, t.name, _roles(t), t.by, _day(t.created_at), _day(t.expires_at) or "never", _state(t))
        for t in open_accounts().tokens()
    ]
    table("tokens", ("id", "name", "roles", "by", "created", "expires", "state"), rows)


@app.command
def revoke(token_id: Annotated[str, Parameter(help="Token ID from `assay token list`.")]) -> None:
    """Revoke a token. It stops working immediately."""
    item = open_accounts().revoke_token(token_id)
    say(f"revoked {item.token_id} ({item.name})")


def open_accounts() -> "Accounts":
    from assay.api.accounts import Accounts
    from assay.lifecycle.jobs import prepare_database

    chosen = settings()
    if chosen.jobs_url is None:
        chosen.home.mkdir(parents=True, exist_ok=True)
    prepare_database(chosen.jobs_store)
    return Accounts(chosen.jobs_store, token_days=chosen.token_days)


def _roles(item: TokenItem) -> str:
    places = {EVERYWHERE: "all projects"}
    return "; ".join(f"{'+'.join(held)} in {places.get(project, project)}" for project, held in item.roles.items())


def _state(item: TokenItem) -> str:
    return f"revoked {_day(item.revoked_at)}" if item.revoked_at else f"used {_day(item.used_at) or 'never'}"


def _day(at) -> str:
    return at.date().isoformat() if at else ""
