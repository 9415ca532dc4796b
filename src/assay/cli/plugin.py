"""assay plugin"""

from cyclopts import App

from assay.cli.console import BAD_INPUT, Output, answer, answer_table
from assay.contracts.plugins import BUILT_IN

app = App(
    name="assay plugin",
    help="List and check plug-ins: connectors, judges, importers, notifiers, report blocks.",
)


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List every name that a card, a request, a route or a policy can use. No package is imported."""
    from assay.plugins import plugins

    found = plugins()
    rows = [(group.noun, name, "Assay", "") for group, names in BUILT_IN.items() for name in names]
    rows += [(one.group.noun, one.name, f"{one.package} {one.version}", one.target) for one in found.items]
    answer_table(found.items, io, "Plug-ins", ("kind", "name", "package", "entry point"), sorted(rows, key=_kind))


@app.command
def check(*, io: Output = Output()) -> int:
    """Import every installed plug-in and report problems. Exits with 2 if there are any."""
    from assay.plugins import check as checked

    found = checked()
    broken = [one for one in found if one.problem is not None]
    lines = [f"{one.plugin.words}: {one.problem or 'loads'}" for one in found]
    answer(found, io, lines or ("No installed package has plug-ins.",))
    return BAD_INPUT if broken else 0


def _kind(row: tuple[str, str, str, str]) -> str:
    return row[0]
