"""What the gateway counts, as Prometheus reads it: of one process, or of all that share PROMETHEUS_MULTIPROC_DIR."""

import os
from collections import Counter as Counts
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which processes share their counts. It must be set before prometheus_client is imported."""
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
PREFIX = "assay_gateway_"
COUNTERS = {
    "taken_over": "Requests that the champion answered because the challenger failed",
    "ejections": "Times that an arm was left alone because it failed too often",
    "traffic_read_failures": "Times that the rollout could not be read from MLflow",
    "traces_written": "Requests that were stored in their conversation's trace",
    "traces_dropped": "Requests that were not recorded because too many were waiting",
    "trace_write_failures": "Batches that could not be stored at once",
    "feedback_written": "Items of feedback that were stored",
}
Mode = Literal["livesum", "livemostrecent"]
GAUGES: dict[str, tuple[str, Mode]] = {
    "in_flight": ("Requests being answered", "livesum"),
    "reading": ("Requests whose body has not arrived in full", "livesum"),
    "traces_waiting": ("Requests that wait to be stored", "livesum"),
    "feedback_waiting": ("Items of feedback that wait to be stored", "livesum"),
    "ejected": ("Arms that are left alone now", "livesum"),
    "recorder_running": ("Processes whose recorder runs", "livesum"),
    "share": ("Of sessions that the challenger gets", "livemostrecent"),
    "traffic_number": ("Number of the rollout's change that is served", "livemostrecent"),
}


class Numbers:
    """Of this process. `text()` shows those of all processes that share a folder."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.counts: Counts[str] = Counts()
        """Counters of this process alone, by name, with the label's value after a slash."""
        self._requests = Counter(
            f"{PREFIX}requests", "Answers by arm and status; 0: none", ("arm", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            f"{PREFIX}seconds", "Until the whole answer", ("arm",), buckets=BUCKETS, registry=self.registry
        )
        self._labelled = {
            "refused": Counter(f"{PREFIX}refused", "Requests not passed on", ("why",), registry=self.registry),
            "set_aside": Counter(
                f"{PREFIX}set_aside",
                "Requests and feedback that could not be stored and were put in a file",
                ("what",),
                registry=self.registry,
            ),
        }
        self._counters = {
            name: Counter(PREFIX + name, help_, registry=self.registry) for name, help_ in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(PREFIX + name, help_, registry=self.registry, multiprocess_mode=mode)
            for name, (help_, mode) in GAUGES.items()
        }

    def answered(self, arm: str, status: int, seconds: float) -> None:
        self.counts[f"requests/{arm}"] += 1
        self._requests.labels(arm, str(status)).inc()
        self._seconds.labels(arm).observe(seconds)

    def count(self, name: str, number: int = 1) -> None:
        self.counts[name] += number
        self._counters[name].inc(number)

    def count_as(self, name: str, label: str, number: int = 1) -> None:
        self.counts[name] += number
        self.counts[f"{name}/{label}"] += number
        self._labelled[name].labels(label).inc(number)

    def set(self, name: str, value: float) -> None:
        self._gauges[name].set(value)

    def text(self) -> bytes:
        """Prometheus's text format."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)

    def close(self) -> None:
        """This process's gauges count no longer."""
        if MULTIPROCESS in os.environ:
            mark_process_dead(os.getpid())
