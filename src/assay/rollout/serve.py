"""The gateway as a server: uvicorn, one process or several, ended by a signal when requests in flight have ended."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from assay.contracts.base import Contract, Seconds, Slug
from assay.contracts.conversation import Conversation
from assay.contracts.feedback import Feedback
from assay.contracts.traffic import Traffic
from assay.errors import BadInput
from assay.rollout import TRAFFIC

if TYPE_CHECKING:
    from assay.rollout.gateway import Gateway
    from assay.rollout.recorder import Write, WriteFeedback
    from assay.rollout.sources import Read, TrafficSource

VARIABLE = "ASSAY_GATEWAY"
"""The environment variable in which worker processes find what they serve."""


class GatewaySettings(Contract):
    """All that a gateway process is started with."""

    project: Slug
    store: str | None
    """MLflow's address; None: nothing is read from there or recorded."""
    jobs_url: str | None = None
    """The database of jobs, which keeps the traffic where the store is an MLflow server."""
    home: Path
    traffic: Traffic | None = None
    """Served as it is; None: what the project's tag in MLflow says, followed as it changes."""
    tester_token: SecretStr | None = None
    most_bytes: int = Field(default=2_000_000, ge=1)
    timeout_s: Seconds = 120.0
    most_in_flight: int = Field(default=2_000, ge=1)
    idle_s: Seconds = 20.0
    every_s: Seconds = 2.0


def application() -> "Gateway":
    """What a worker process serves. Raises BadInput where nothing says what."""
    return open_gateway(GatewaySettings.model_validate(json.loads(os.environ[VARIABLE])))


def open_gateway(settings: GatewaySettings) -> "Gateway":
    """Raises BadInput where there is no traffic to serve: not given, not in MLflow and none kept on disk."""
    from assay.rollout.gateway import Gateway, GatewayLimits
    from assay.rollout.recorder import Recorder
    from assay.rollout.sources import TrafficSource, keep, kept

    file = settings.home / "gateway" / f"{settings.project}.json"
    traffic, read = settings.traffic, None
    if traffic is None:
        read = _reader(settings)
        try:
            traffic = read()
        except Exception:  # whatever MLflow's trouble is, the gateway starts with what it served last
            traffic = None
        if traffic is not None:
            keep(file, traffic)
        traffic = traffic or kept(file)
    if traffic is None:
        raise BadInput(
            f"traffic: project {settings.project} has no rollout under way, and none was served here before: "
            "`assay rollout start ROLLOUT`, or name --champion-url"
        )
    token = settings.tester_token.get_secret_value() if settings.tester_token else None
    source = TrafficSource(traffic, read, every_s=settings.every_s, file=file)
    return Gateway(
        source=source,
        recorder=Recorder(_writer(settings, source), _feedback_writer(settings), idle_s=settings.idle_s),
        limits=GatewayLimits(settings.most_bytes, settings.timeout_s, most_in_flight=settings.most_in_flight),
        tester_token=token,
    )


def run(settings: GatewaySettings, *, host: str, port: int, workers: int = 1, drain_s: int = 30) -> None:
    """Serves until it is told to end. Requests in flight then have `drain_s` seconds."""
    import uvicorn

    shown = settings.model_dump(mode="json")
    if settings.tester_token is not None:
        shown["tester_token"] = settings.tester_token.get_secret_value()
    os.environ[VARIABLE] = json.dumps(shown)
    open_gateway(settings)  # what is wrong is said here, once, and not by each worker
    uvicorn.run(
        "assay.rollout.serve:application",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop" if os.name == "posix" else "asyncio",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=drain_s,
        backlog=4096,
    )


def _reader(settings: GatewaySettings) -> "Read":
    def read() -> Traffic | None:
        from assay.tracking import connect, read_kept

        if settings.store is None:
            return None
        text = read_kept(connect(settings.store, jobs_url=settings.jobs_url), settings.project, TRAFFIC)
        return Traffic.model_validate_json(text) if text else None

    return read


def _writer(settings: GatewaySettings, source: "TrafficSource") -> "Write":
    def write(conversations: Sequence[Conversation], kind: str) -> None:
        from assay.tracking import connect, write_conversations

        if settings.store is None:
            return
        traffic = source.now
        for arm in ("champion", "challenger"):
            upstream = traffic.champion if arm == "champion" else traffic.challenger
            ours = [(c, None) for c in conversations if upstream is not None and c.agent == upstream.agent]
            if ours:
                write_conversations(
                    connect(settings.store, jobs_url=settings.jobs_url),
                    settings.project,
                    ours,
                    simulation_id=kind,
                    run_id=None,
                    dataset=None,
                    tags={"origin": "gateway", "rollout_id": traffic.rollout_id, "arm": arm},
                )

    return write


def _feedback_writer(settings: GatewaySettings) -> "WriteFeedback":
    def write(items: Sequence[Feedback]) -> None:
        from assay.tracking import connect, write_feedback

        if settings.store is not None:
            write_feedback(connect(settings.store, jobs_url=settings.jobs_url), settings.project, items)

    return write
