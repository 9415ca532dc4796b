"""Worker processes, as `assay worker` starts them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from assay.settings import Settings


@contextmanager
def worker(settings: Settings, more: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Killed at the end, if it still runs."""
    env = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")},
        "ASSAY_HOME": str(settings.home),
        "ASSAY_TRACKING_URI": settings.store,
        "ASSAY_JOBS_URL": settings.jobs_store,
        "ASSAY_HEARTBEAT_LIMIT_S": str(settings.heartbeat_limit_s),
        **more,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "assay.cli", "worker"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
