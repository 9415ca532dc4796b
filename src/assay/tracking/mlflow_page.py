"""MLflow's own pages and API, inside this process."""

import os
from typing import Any

from assay.errors import BadInput
from assay.tracking.connection import Tracking

PREFIX = "/mlflow"


def mlflow_app(t: Tracking) -> Any:
    """The ASGI application, which answers under `PREFIX`. Takes a second or two, most of it imports.

    Raises BadInput for a store behind a server, which has its own pages. One store a process: MLflow's server is set
    up by variables of the environment.
    """
    if t.uri.startswith("http"):
        raise BadInput(f"tracking URI {t.uri}: is a server, which has its own pages")
    root = t.artifact_root or ""
    os.environ |= {
        "_MLFLOW_STATIC_PREFIX": PREFIX,
        "_MLFLOW_SERVER_FILE_STORE": t.uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": t.uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": root,
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": root,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "false",
    }
    # who may come in, and by which host name, is decided in front of it
    os.environ.setdefault("MLFLOW_SERVER_ALLOWED_HOSTS", "*")
    from mlflow.server.fastapi_app import app

    return app


def run_page(t: Tracking, experiment_id: str, run_id: str) -> str:
    return f"{base(t)}/#/experiments/{experiment_id}/runs/{run_id}"


def trace_page(t: Tracking, experiment_id: str, trace_id: str) -> str:
    return f"{base(t)}/#/experiments/{experiment_id}/traces?selectedEvaluationId={trace_id}"


def base(t: Tracking) -> str:
    """Where MLflow's pages are: on this server, or on the one that is the store."""
    from assay.tracking.connection import shown

    return shown(t.uri).rstrip("/") if t.uri.startswith("http") else PREFIX
