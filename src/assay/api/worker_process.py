"""The server's worker as a process of its own: whatever a job does to it, the server answers and starts another.

The settings go to it through its standard input, which stays open: when it closes, the server is gone, and the worker
ends too.
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import structlog

from assay.settings import Settings

log = structlog.get_logger("assay")

LOOK_S = 0.5
"""How often it is looked at."""
BEGIN_S = 180.0
"""How long it may take until it is first heard of: imports, migrations, a busy machine."""
SILENT_LIMITS = 4
"""Heartbeat limits of silence after which a worker that still runs is ended: a job keeps it from everything else."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEADY_S = 60.0
"""One that lived for so long is replaced at once when it ends."""
END_S = 20.0
"""How long it may take to end in order."""


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """Keeps one worker alive until the block ends; then it ends, and all that it started."""
    stop = threading.Event()
    keeper = threading.Thread(target=_keep, args=(settings, dict(os.environ), stop), name="worker-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join(END_S + 10)


def _keep(settings: Settings, environment: Mapping[str, str], stop: threading.Event) -> None:
    pause = FIRST_PAUSE_S
    while not stop.is_set():
        began = time.monotonic()
        process = _start(settings, environment)
        try:
            _watch(process, settings, stop)
        finally:
            _end(process, patience_s=END_S if stop.is_set() else 0.0)
        if not stop.is_set():
            pause = FIRST_PAUSE_S if time.monotonic() - began > STEADY_S else min(2 * pause, LONGEST_PAUSE_S)
            log.error("the worker ended: another one is started", code=process.returncode, after_s=pause)
            stop.wait(pause)


def _start(settings: Settings, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "assay.cli", "worker", "--of-server"],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C is the server's alone, which then ends the worker in order
    )
    assert process.stdin is not None  # noqa: S101, it was asked for
    with suppress(BrokenPipeError):
        pickle.dump(settings, process.stdin)
        process.stdin.flush()
    return process


def _watch(process: "subprocess.Popen[bytes]", settings: Settings, stop: threading.Event) -> None:
    """Returns when it has ended, is to end, or does not answer any more."""
    from assay.lifecycle.heartbeats import Heartbeats

    beats: Heartbeats | None = None
    heard_at: float | None = None
    began = looked_at = time.monotonic()
    try:
        while not stop.wait(LOOK_S) and process.poll() is None:
            now = time.monotonic()
            if now - looked_at < settings.heartbeat_limit_s / 4:
                continue
            looked_at = now
            try:
                beats = beats or Heartbeats(settings.jobs_store, "", settings.heartbeat_limit_s)
                alive = process.pid in {worker.pid for worker in beats.alive()}
            except Exception as error:  # no reason to end a worker: it may well be heard by others
                log.warning("the database of jobs does not answer", error=type(error).__name__)
                heard_at, began = heard_at and now, now
                continue
            if alive:
                heard_at = now
            silent = now - (heard_at or began)
            if silent > (BEGIN_S if heard_at is None else SILENT_LIMITS * settings.heartbeat_limit_s):
                log.error("the worker does not answer: it is ended", silent_s=round(silent))
                return
    finally:
        if beats is not None:
            beats.close()


def _end(process: "subprocess.Popen[bytes]", patience_s: float) -> None:
    """In order where it takes part; by force, with all that it started, where it does not."""
    if process.poll() is None and patience_s:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def settings_from_parent() -> Settings:
    """The worker's own side: what the server that started this process wrote."""
    _die_with_parent()
    return pickle.load(sys.stdin.buffer)  # noqa: S301, from our parent's pipe


def call_when_parent_ends(then: Callable[[], object]) -> None:
    """From a thread, once the server has closed the pipe or is gone."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):  # not the buffered reader, whose lock would outlive the thread
            pass
        then()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _die_with_parent() -> None:
    """Also where a job keeps this process from noticing that the server is gone. Linux alone has this."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    set_parent_death_signal = 1
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
