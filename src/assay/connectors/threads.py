"""Running an agent's blocking code without holding up the others."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Runs in a daemon thread of its own.

    asyncio.to_thread would share a few threads among hundreds of conversations, and one agent that hangs would keep
    the process from ending.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def end(settle: Callable[[], None]) -> None:
        def unless_given_up() -> None:
            if not done.done():
                settle()

        with suppress(RuntimeError):  # the loop is gone: nobody waits for this any more
            loop.call_soon_threadsafe(unless_given_up)

    def run() -> None:
        try:
            result = context.run(work)
        except BaseException as error:
            failed = _raisable(error)
            end(lambda: done.set_exception(failed))
        else:
            end(lambda: done.set_result(result))

    threading.Thread(target=run, name="assay-agent", daemon=True).start()
    return await done


def _raisable(error: BaseException) -> BaseException:
    """A future refuses StopIteration, and SystemExit would end the loop."""
    if isinstance(error, StopIteration | SystemExit | KeyboardInterrupt):
        return RuntimeError(f"the agent raised {type(error).__name__}: {error}")
    return error
