"""What of MLflow's API reads and changes nothing: an exact table, since a path's words do not tell.

Whatever is not in it takes an admin, whatever its method: MLflow's gateway proxies, assistants, jobs and webhooks are
left out on purpose, and what a new version of MLflow adds is left out until it is written here.
"""

import re

from assay.tracking.mlflow_page import PREFIX

_TWO = {
    "GET": (
        "artifacts/list experiments/get experiments/get-by-name experiments/search"
        " logged-models/<id> logged-models/<id>/artifacts/directories"
        " metrics/get-history metrics/get-history-bulk-interval"
        " model-versions/get model-versions/get-download-uri model-versions/search"
        " registered-models/alias registered-models/get registered-models/get-latest-versions registered-models/search"
        " runs/get traces traces/<id>/info"
    ),
    "POST": ("experiments/search logged-models/search registered-models/get-latest-versions runs/search"),
}
_THREE = {
    "GET": (
        "datasets/<id> datasets/<id>/experiment-ids datasets/<id>/records datasets/search"
        " issues/<id> label-schemas/get label-schemas/get-by-name label-schemas/list"
        " prompt-optimization/jobs/<id> prompt-optimization/jobs/search"
        " review-queues/get review-queues/get-by-name review-queues/items/list review-queues/list"
        " scorers/get scorers/list scorers/online-configs scorers/versions server-info"
        " traces/<id> traces/<id>/assessments/<id> traces/batchGet traces/get workspaces workspaces/<id>"
    ),
    "POST": (
        "datasets/search issues/search prompt-optimization/jobs/search traces/batchGetInfos"
        " traces/calculate-filter-correlation traces/metrics traces/search"
    ),
}
_TWO_OF_PAGES = {
    "GET": "get-trace-artifact logged-models/<id>/artifacts/files metrics/get-history-bulk",
    "POST": "experiments/search-datasets",
}
_THREE_OF_PAGES = {"GET": "get-trace-artifact ui-telemetry"}
"""What MLflow has for its own pages alone, under `ajax-api`."""
_REST = {
    "GET": "/ /get-artifact /health /model-versions/get-artifact /static-files/<path> /version",
    "POST": "/graphql",
}
"""GraphQL is for searching alone in MLflow: a test holds its mutations."""

READS: frozenset[tuple[str, str]] = frozenset(
    (method, f"{PREFIX}/{api}/{version}/mlflow/{name}")
    for api, version, table in (
        ("api", "2.0", _TWO),
        ("ajax-api", "2.0", _TWO),
        ("ajax-api", "2.0", _TWO_OF_PAGES),
        ("api", "3.0", _THREE),
        ("ajax-api", "3.0", _THREE),
        ("ajax-api", "3.0", _THREE_OF_PAGES),
    )
    for method, names in table.items()
    for name in names.split()
) | frozenset((method, f"{PREFIX}{path}") for method, paths in _REST.items() for path in paths.split())
"""(method, path), where `<id>` stands for one part of a path and `<path>` for any number."""

_TEMPLATES = {
    method: re.compile(
        "|".join(
            re.escape(path).replace("<id>", "[^/]+").replace("<path>", ".+")
            for of, path in sorted(READS)
            if of == method
        )
    )
    for method in ("GET", "POST")
}


def only_reads(method: str, path: str) -> bool:
    """path: as the server routes it, percent signs resolved."""
    table = _TEMPLATES.get("GET" if method == "HEAD" else method)
    return table is not None and table.fullmatch(path) is not None
