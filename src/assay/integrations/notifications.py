"""Notifications by apprise or a notifier of another package: routed, told once, tried again, and never waited for."""

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from assay.contracts.notification import Notification, NotificationRoute
from assay.contracts.plugins import PluginGroup
from assay.errors import AssayError, BadInput
from assay.plugins import load, names, unknown

log = structlog.get_logger("assay")

ROUTES: TypeAdapter[tuple[NotificationRoute, ...]] = TypeAdapter(tuple[NotificationRoute, ...])
Deliver = Callable[[Notification], bool]


def read_routes(text: str | None) -> tuple[NotificationRoute, ...]:
    """From ASSAY_NOTIFY: a JSON list of routes, or the name of a file that holds one. None: nobody is told.

    Raises BadInput with the field that does not fit, or for a notifier that is not installed, never with an address.
    """
    if not text:
        return ()
    where = "ASSAY_NOTIFY"
    if not text.lstrip().startswith("["):
        where = text
        try:
            text = Path(text).read_text(encoding="utf-8")
        except OSError as error:
            raise BadInput(f"ASSAY_NOTIFY: {where} cannot be read: {error.strerror}") from error
    try:
        routes = ROUTES.validate_python(json.loads(text))
    except json.JSONDecodeError as error:
        raise BadInput(f"{where}: not JSON ({error.msg} at line {error.lineno}): give a list of routes") from error
    except ValidationError as error:
        raise BadInput.from_validation(where, error) from error
    there = names(PluginGroup.NOTIFIERS) if any(route.notifier for route in routes) else ()
    for place, route in enumerate(routes):
        if route.notifier is not None and route.notifier not in there:
            raise BadInput(unknown(PluginGroup.NOTIFIERS, route.notifier, f"{where}: {place}.notifier"))
    return routes


@dataclass
class Notifier:
    """Call it with a notification: it comes back at once, and a thread of its own delivers.

    The same kind about the same subject is told once within `window_s`. A receiver that fails is tried again with
    longer and longer pauses; then, and where too many wait, it is counted and let go.
    """

    routes: Sequence[NotificationRoute]
    window_s: float = 300.0
    attempts: int = 5
    pause_s: float = 0.5
    most_waiting: int = 1_000
    sent: int = 0
    failed: int = 0
    dropped: int = 0
    repeated: int = 0
    _told: dict[tuple[str, str, str, str], float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: "queue.Queue[tuple[NotificationRoute, Notification] | None]" = field(init=False)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._waiting = queue.Queue(self.most_waiting)

    def __call__(self, told: Notification) -> None:
        routes = [route for route in self.routes if route.wants(told)]
        if not routes or self._is_repeated(told):
            return
        self._start()
        for route in routes:
            try:
                self._waiting.put_nowait((route, told))
            except queue.Full:
                self.dropped += 1
                log.warning("notification dropped: too many wait", kind=told.kind)

    def close(self, timeout_s: float = 15.0) -> None:
        """Waits for what is on its way, so long at the most."""
        if self._thread is None:
            return
        self._waiting.put(None)
        self._thread.join(timeout_s)
        self._thread = None

    def _is_repeated(self, told: Notification) -> bool:
        key = (told.kind.value, told.project, told.subject_id, told.title)
        now = time.monotonic()
        with self._lock:
            self._told = {known: at for known, at in self._told.items() if now - at < self.window_s}
            if key in self._told:
                self.repeated += 1
                return True
            self._told[key] = now
            return False

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="assay-notifications", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            route, told = item
            if self._tried(route, told):
                self.sent += 1
            else:
                self.failed += 1
                log.error("notification not delivered", kind=told.kind, project=told.project, attempts=self.attempts)

    def _tried(self, route: NotificationRoute, told: Notification) -> bool:
        try:
            deliver = _deliverer(route)
        except AssayError as error:
            log.error("notification cannot be delivered", kind=told.kind, error=str(error))
            return False
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
            try:
                if deliver(told):
                    return True
            except Exception as error:  # a receiver's trouble must never be the caller's
                # the error's own words may hold the address
                cause, by = type(error.__cause__ or error).__name__, route.notifier or "apprise"
                log.warning("notification not delivered yet", kind=told.kind, notifier=by, error=cause)
        return False


def _deliverer(route: NotificationRoute) -> Deliver:
    """Raises BadInput where the address is missing, PluginFailed where the notifier cannot be loaded."""
    address = _address(route)
    if address is None and (route.notifier is None or route.url_env is not None):
        raise BadInput(f"url_env: the variable {route.url_env} is not set: set it to the address")
    if route.notifier is None:
        return lambda told: by_apprise(address or "", told)
    notifier = load(PluginGroup.NOTIFIERS, route.notifier, "notifier")
    return lambda told: notifier(told, address=address, options=dict(route.options)) is not False


def by_apprise(address: str, told: Notification) -> bool:
    import logging

    import apprise

    # apprise's own lines hold addresses, and addresses hold secrets
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    speaker = apprise.Apprise()
    if not speaker.add(address):
        raise BadInput("url: apprise does not know this kind of address")
    title = f"[{told.project}] {told.title}"
    return bool(speaker.notify(title=title, body=told.body or told.title))


def _address(route: NotificationRoute) -> str | None:
    if route.url is not None:
        return route.url.get_secret_value()
    return os.environ.get(route.url_env or "") or None
