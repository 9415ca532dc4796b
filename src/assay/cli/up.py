"""assay up"""

from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import say, settings

app = App(name="assay up", help="API, page, worker and MLflow's pages in one process.")


@app.default
def up(
    *,
    host: Annotated[str, Parameter(help="Other than loopback takes ASSAY_AUTH=on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="0: any free one.")] = 8000,
    worker: Annotated[bool, Parameter(help="Do what is queued here; without, `assay worker` does it.")] = True,
    mlflow: Annotated[bool, Parameter(help="Show MLflow's own pages under /mlflow.")] = True,
) -> None:
    """Serve until Ctrl-C. On a fresh machine it needs nothing but this."""
    from assay.api.serve import serve

    chosen = settings()

    def ready(url: str) -> None:
        from assay.api.app import PAGE

        lines = [f"Assay is at {url}  (MLflow: {url}/mlflow/, API: {url}/api/v1/openapi.json)", "Stop it with Ctrl-C."]
        if not (PAGE / "index.html").is_file():
            lines.append("The web page is not built: run `make web` in the checkout.")
        say(*lines)

    serve(chosen, host=host, port=port, worker=worker, mlflow_page=mlflow, ready=ready)
