"""What the server tells Prometheus: requests by route, method and status, and how long they took."""

import time

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.types import Message, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Metrics:
    """Of one server. Routes are named by their template, so that no label holds a name of somebody's project."""

    def __init__(self) -> None:
        disable_created_metrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "assay_http_requests", "Requests answered.", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "assay_http_request_seconds",
            "From the request to the first byte of its answer.",
            ("route",),
            registry=self._registry,
        )
        self._workers = Gauge("assay_workers", "Workers that take jobs.", registry=self._registry)
        self._jobs = Gauge("assay_jobs", "Jobs that have not ended.", ("status",), registry=self._registry)

    def count(self, scope: Scope, send: Send) -> Send:
        """`send`, which counts the answer that it sends."""
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _route(scope)
                method = scope["method"] if scope["method"] in METHODS else "other"
                self._requests.labels(route, method, str(message["status"])).inc()
                self._seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        return counted

    def text(self, *, workers: int, jobs: dict[str, int]) -> bytes:
        """In Prometheus's text format. jobs: how many there are of each status that is not an end."""
        self._workers.set(workers)
        for status, count in jobs.items():
            self._jobs.labels(status).set(count)
        return generate_latest(self._registry)


def _route(scope: Scope) -> str:
    template = getattr(scope.get("route"), "path_format", None)
    if template is not None and template != "/{path}":
        return template
    return "mlflow" if scope["path"].startswith("/mlflow") else "page"
