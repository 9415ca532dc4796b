"""The gateway as a server: uvicorn, one process or several, ended by a signal when requests in flight have ended."""

import contextlib
import functools
import json
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from assay.contracts.base import Contract, Seconds, Slug
from assay.contracts.exchange import Exchange
from assay.contracts.feedback import Feedback
from assay.contracts.traffic import Traffic
from assay.errors import BadInput
from assay.rollout import TRAFFIC

if TYPE_CHECKING:
    from assay.rollout.gateway import Gateway
    from assay.rollout.recorder import Store
    from assay.rollout.sources import Read
    from assay.tracking import Tracking

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
    feedback_token: SecretStr | None = None
    key: SecretStr | None = None
    """Signs receipts; None: a file of this machine holds one."""
    most_bytes: int = Field(default=2_000_000, ge=1)
    timeout_s: Seconds = 120.0
    most_in_flight: int = Field(default=2_000, ge=1)
    idle_s: Seconds = 2.0
    every_s: Seconds = 2.0


def application() -> "Gateway":
    """What a worker process serves. Raises BadInput where nothing says what."""
    return open_gateway(GatewaySettings.model_validate(json.loads(os.environ[VARIABLE])))


def open_gateway(settings: GatewaySettings) -> "Gateway":
    """Raises BadInput where there is no traffic to serve: not given, not in MLflow and none kept on disk."""
    from assay.rollout.aside import SetAside
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
    return Gateway(
        source=TrafficSource(traffic, read, every_s=settings.every_s, file=file),
        recorder=Recorder(
            _store(settings),
            aside=SetAside(aside_file(settings.home, settings.project)),
            idle_s=settings.idle_s,
        ),
        limits=GatewayLimits(settings.most_bytes, settings.timeout_s, most_in_flight=settings.most_in_flight),
        tester_token=settings.tester_token.get_secret_value() if settings.tester_token else None,
        feedback_token=settings.feedback_token.get_secret_value() if settings.feedback_token else None,
        key=receipt_key(settings),
    )


def run(settings: GatewaySettings, *, host: str, port: int, workers: int = 1, drain_s: int = 30) -> None:
    """Serves until it is told to end. Requests in flight then have `drain_s` seconds."""
    shown = settings.model_dump(mode="json")
    for name in ("tester_token", "feedback_token", "key"):
        secret = getattr(settings, name)
        shown[name] = secret.get_secret_value() if secret is not None else None
    os.environ[VARIABLE] = json.dumps(shown)
    with contextlib.ExitStack() as stack:
        if workers > 1:
            # before prometheus_client is imported, here and in the processes that inherit it
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-gateway-"))
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        open_gateway(settings)  # what is wrong is said here, once, and not by each worker
        _run(host, port, workers, drain_s)


def _run(host: str, port: int, workers: int, drain_s: int) -> None:
    import uvicorn

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


def _store(settings: GatewaySettings) -> "Store":
    from assay.rollout.conversations import assemble
    from assay.rollout.recorder import Store

    uri, project = settings.store, settings.project
    if uri is None:
        return Store(read=lambda _: {}, append=lambda *_: None)

    @functools.cache
    def tracking() -> "Tracking":
        from assay.tracking import connect

        return connect(uri, jobs_url=settings.jobs_url)

    def read(names: Sequence[str]) -> Mapping[str, Sequence[Exchange]]:
        from assay.tracking import read_exchanges

        return read_exchanges(tracking(), project, names)

    def append(exchanges: Mapping[str, Sequence[Exchange]], kind: str, tags: Mapping[str, Mapping[str, str]]) -> None:
        from assay.tracking import append_exchanges

        append_exchanges(tracking(), project, exchanges, assemble, simulation_id=kind, tags=tags)

    def write_feedback(items: Sequence[Feedback]) -> None:
        from assay.tracking import write_feedback as write

        write(tracking(), project, items)

    def check() -> None:
        from assay.tracking import read_project_tags

        read_project_tags(tracking(), project)

    return Store(read, append, write_feedback, check)


def aside_file(home: Path, project: str) -> Path:
    """Where a project's gateways on this machine put what cannot be stored."""
    return home / "gateway" / f"{project}-set-aside.jsonl"


def receipt_key(settings: GatewaySettings) -> bytes:
    """Of the settings; else of a file, made here once, that the gateways of this machine share."""
    if settings.key is not None:
        return settings.key.get_secret_value().encode("utf-8", "surrogateescape")
    file = settings.home / "gateway" / f"{settings.project}.key"
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(secrets.token_hex(32).encode())
        with contextlib.suppress(FileExistsError):
            os.link(beside, file)  # the first one stands, and it is never seen half written
    except OSError as error:
        if not file.exists():
            raise BadInput(f"{file} cannot be written ({error.strerror}): set ASSAY_GATEWAY_KEY instead") from error
    finally:
        beside.unlink(missing_ok=True)
    return file.read_bytes()
