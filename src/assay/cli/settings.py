"""assay settings"""

from cyclopts import App

from assay.cli.console import Output, answer, settings, table
from assay.contracts.api import ShownSettings

app = App(name="assay settings", help="Show the settings from the environment and .env, with secrets masked.")


@app.default
def show(*, io: Output = Output()) -> None:
    """Print every setting with the name of its variable."""
    from assay.api.routes.status import shown_settings

    rows = shown_settings(settings())
    if io.json or io.output is not None:
        answer(ShownSettings(items=tuple(rows)), io, ())
        return
    table("settings", ("variable", "value", "origin"), [(row.name, row.value, row.origin) for row in rows])
