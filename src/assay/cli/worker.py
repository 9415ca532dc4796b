"""assay worker"""

from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import notified, say, set_up_logs, settings

app = App(name="assay worker", help="Run jobs from the queue, on this machine or on several.")


@app.default
def worker(
    *,
    at_once: Annotated[int, Parameter(help="Number of parts of simulations to run at the same time.")] = 1,
    of_server: Annotated[bool, Parameter(show=False, negative="")] = False,
) -> None:
    """Run jobs until stopped. Another worker then takes over unfinished work."""
    import asyncio

    from assay.lifecycle.workers import work

    if of_server:
        _of_server()
        return
    chosen = settings()
    say(f"worker on {_shown(chosen.jobs_store)}; stop it with Ctrl-C")
    with notified(chosen) as announce:
        asyncio.run(work(chosen, at_once=at_once, announce=announce))


def _of_server() -> None:
    """The worker that `assay up` starts: it reads its settings from stdin and ends with the server."""
    import asyncio
    import signal
    from contextlib import suppress

    from assay.api.worker_process import call_when_parent_ends, settings_from_parent
    from assay.lifecycle.workers import work

    chosen = settings_from_parent()
    set_up_logs(chosen.log_level)

    async def until_told() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

        def end() -> None:
            with suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(stop.set)

        call_when_parent_ends(end)
        with notified(chosen) as announce:
            await work(chosen, until=stop, announce=announce)

    asyncio.run(until_told())


def _shown(url: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)
