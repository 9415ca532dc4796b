"""assay worker"""

from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import notified, say, settings

app = App(name="assay worker", help="Take jobs from the queue, on this machine or any number of others.")


@app.default
def worker(
    *, at_once: Annotated[int, Parameter(help="Parts of simulations that it plays at the same time.")] = 1
) -> None:
    """Works until it is stopped; what it had under way then goes to another worker."""
    import asyncio

    from assay.lifecycle.workers import work

    chosen = settings()
    say(f"worker on {_shown(chosen.jobs_store)}; stop it with Ctrl-C")
    with notified(chosen) as announce:
        asyncio.run(work(chosen, at_once=at_once, announce=announce))


def _shown(url: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)
