"""assay schema"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import say
from assay.errors import NotFound

if TYPE_CHECKING:
    from assay.contracts.base import Contract

app = App(name="assay schema", help="The JSON Schemas of requests, results and other contracts.")


@app.command(name="list")
def list_() -> None:
    """List the contracts that have a schema."""
    say(*published())


@app.command
def show(name: Annotated[str, Parameter(help="A contract, such as JudgeRequest.")]) -> None:
    """Print one schema."""
    from assay.contracts.schemas import schema_text

    if (contract := published().get(name)) is None:
        raise NotFound(f"{name} has no schema: `assay schema list` lists all that have one")
    sys.stdout.write(schema_text(contract))


@app.command
def export(folder: Annotated[Path, Parameter(help="Folder for the files.")] = Path("schemas")) -> None:
    """Write each schema to a file, and the API's OpenAPI document."""
    from assay.contracts.schemas import schema_text

    folder.mkdir(parents=True, exist_ok=True)
    documents = published()
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(schema_text(document), encoding="utf-8")
    (folder / "openapi.json").write_text(openapi_text(), encoding="utf-8")
    say(f"wrote {len(documents)} schemas and the API's openapi.json to {folder}/")


def published() -> "dict[str, type[Contract]]":
    """The contracts that have a schema: those of every stage, and those that stand on their own."""
    from assay.contracts.schemas import DOCUMENTS
    from assay.stages import contracts

    return {**contracts(), **DOCUMENTS}


def openapi_text() -> str:
    """The OpenAPI document, as stored in `schemas/`."""
    import json

    from assay.api.app import create_app, openapi_document
    from assay.settings import Settings

    document = openapi_document(create_app(Settings()))
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
