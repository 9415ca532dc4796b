"""assay up"""

from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import say, settings

app = App(name="assay up", help="Serve the API, the web UI, a worker and MLflow's UI.")


@app.default
def up(
    *,
    host: Annotated[
        str, Parameter(help="Address to listen on; other than loopback needs ASSAY_AUTH=on.")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port; 0 uses any free one.")] = 8000,
    worker: Annotated[bool, Parameter(help="Run queued jobs here; otherwise use `assay worker`.")] = True,
    mlflow: Annotated[bool, Parameter(help="Serve MLflow's UI under /mlflow.")] = True,
) -> None:
    """Serve until Ctrl-C. On a new machine, this is the only command you need."""
    from assay.api.serve import serve

    chosen = settings()

    def ready(url: str) -> None:
        from assay.api.app import PAGE

        lines = [f"Assay is at {url}  (MLflow: {url}/mlflow/, API: {url}/api/v1/openapi.json)", "Stop it with Ctrl-C."]
        if not (PAGE / "index.html").is_file():
            lines.append("The web UI is not built: run `make web` in the checkout.")
        say(*lines)

    serve(chosen, host=host, port=port, worker=worker, mlflow_page=mlflow, ready=ready)
