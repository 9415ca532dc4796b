"""How commands read JSON, show progress, print results and end."""

import asyncio
import errno
import functools
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import App, Parameter
from pydantic import BaseModel, ValidationError

from assay.contracts.base import JsonObject
from assay.errors import AssayError, BadInput

if TYPE_CHECKING:
    from assay.contracts.notification import Notification
    from assay.contracts.stage import Stage, Usage
    from assay.evaluation.exchange import Rows
    from assay.settings import Settings
    from assay.stages.context import Context, Progress

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

BAD_INPUT, WAITING, STOPPED = 2, 3, 4
"""STOPPED is also used if too little was measured."""
CANCELLED, TERMINATED = 130, 143
GO_ON = "Run the same command again: it continues with what is left."

WIDE = 240
"""Columns of a table that goes to a file or a pipe, where lines should not wrap."""


Model = Annotated[
    str | None, Parameter(help="Model, such as openai:gpt-5-mini; `offline` uses rules (default: from the settings).")
]
Seed = Annotated[int | None, Parameter(help="Random seed.")]
Concurrency = Annotated[int | None, Parameter(help="Number of conversations in flight (default: 16).")]
MaxTurns = Annotated[int | None, Parameter(help="Maximum number of turns of a conversation (default: the scenario's).")]


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """The project of a command, and its output."""

    project: Annotated[str | None, Parameter(help="Project, which is an MLflow experiment (default: `default`).")] = (
        None
    )
    output: Annotated[Path | None, Parameter(help="Write the result as JSON to this file, or - for stdout.")] = None
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print the result as JSON.")] = False

    @property
    def name(self) -> str:
        return self.project or "default"

    @property
    def as_json(self) -> bool:
        """Whether JSON goes to stdout, so that nothing else can."""
        return self.json or str(self.output) == "-"


@Parameter(name="*")
@dataclass(frozen=True)
class InOut(Output):
    """The input and output of a command that takes a request."""

    input: Annotated[Path | None, Parameter(help="Read the whole request as JSON from this file, or - for stdin.")] = (
        None
    )
    gated: Annotated[
        bool | None, Parameter(negative="", help="Start only if everything it depends on is approved.")
    ] = None


def exit_with(app: App, arguments: Sequence[str]) -> int:
    """Runs the command; a named error is one red message and exit code 2, never a traceback."""
    from assay.errors import AssayError

    try:
        settings()  # from here on logs go to stderr, also in commands that open no store
        code = app(arguments, result_action="return_value", exit_on_error=False, print_error=True)
    except AssayError as error:
        print_error(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(f"Cancelled. {GO_ON}", file=sys.stderr)  # noqa: T201
        return CANCELLED
    except Terminated:
        print(f"Stopped by SIGTERM. {GO_ON}", file=sys.stderr)  # noqa: T201
        return TERMINATED
    except BrokenPipeError:
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    except Exception as error:
        from cyclopts import CycloptsError

        if isinstance(error, CycloptsError):
            return BAD_INPUT
        if (full := disk_full(error)) is not None:
            print_error(full)
            return BAD_INPUT
        raise
    return code if isinstance(code, int) else 0


class Terminated(BaseException):
    """The process received SIGTERM; work in progress is kept."""


def disk_full(error: BaseException) -> AssayError | None:
    """The error to show if the disk is full, whatever its cause. None: it is another error."""
    cause: BaseException | None = error
    while cause is not None:
        if (isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)) or (
            "database or disk is full" in str(cause)
        ):
            where = f" for {cause.filename}" if isinstance(cause, OSError) and cause.filename else ""
            return AssayError(f"no space left on the disk{where}: free some space, then run the same command again")
        cause = cause.__cause__ or cause.__context__
    return None


def print_error(error: AssayError) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text.assemble((f"{error.title}: ", "bold red"), str(error)))


def in_context(
    work: "Callable[[Context], Awaitable[T]]", *, quiet: bool = False, changes: Mapping[str, Any] | None = None
) -> T:
    """Runs the work with an open store and progress on stderr. `changes`: settings that flags override."""
    from assay.cli.server import asked_server, only_here

    if client := asked_server():
        raise only_here(client)
    chosen = settings().model_copy(update={name: value for name, value in (changes or {}).items() if value is not None})

    _say_if_new(chosen)

    async def run() -> T:
        from assay.stages.context import open_context

        with progress_bars(quiet) as progress, notified(chosen) as announce:
            async with open_context(chosen, progress, announce) as context, ends_on_sigterm():
                return await work(context)

    return asyncio.run(run())


@asynccontextmanager
async def ends_on_sigterm() -> "AsyncIterator[None]":
    """SIGTERM ends the work as Ctrl-C does: work in progress is kept and the MLflow run is closed."""
    task, asked = asyncio.current_task(), False

    def end() -> None:
        nonlocal asked
        asked = True
        if task is not None:
            task.cancel()

    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGTERM, end)
    except (NotImplementedError, ValueError, RuntimeError):  # Windows, or not the main thread
        yield
        return
    try:
        yield
    except asyncio.CancelledError:
        if asked:
            raise Terminated from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@contextmanager
def notified(chosen: "Settings") -> "Iterator[Callable[[Notification], None]]":
    """Sends notifications; waits at the end for those still being sent."""
    from assay.stages.context import unheard

    if not chosen.notify:
        yield unheard
        return
    from assay.integrations.notifications import Notifier, read_routes

    notifier = Notifier(read_routes(chosen.notify.get_secret_value()))
    try:
        yield notifier
    finally:
        notifier.close()


def settings():
    from assay.settings import Settings

    try:
        loaded = Settings()
    except ValidationError as error:
        raise BadInput.from_validation("environment", error) from error
    set_up_logs(loaded.log_level)
    if "home" not in loaded.model_fields_set and loaded.home.is_absolute():
        _say_once(f"using the store {loaded.home} of a parent folder; set ASSAY_HOME=.assay to use one here")
    return loaded


def _say_if_new(chosen: "Settings") -> None:
    """So that nobody looks for results in a store that this command has just created."""
    database = Path(chosen.store.removeprefix("sqlite:///"))
    if chosen.store.startswith("sqlite:///") and not database.exists():
        _say_once(f"creating a new store, {database}; set ASSAY_HOME or ASSAY_TRACKING_URI to use another")


@functools.cache
def _say_once(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def set_up_logs(level: str) -> None:
    """Structured logs on stderr, as JSON if stderr is not a terminal."""
    import structlog

    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise BadInput(f"ASSAY_LOG_LEVEL: {level} is not a log level: use debug, info, warning or error")
    # the stage's own messages announce a retry; its details are for debugging
    minor = {"stamina.retry_scheduled"} if numeric > logging.DEBUG else set()

    def without_retries(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if event.get("event") in minor:
            raise structlog.DropEvent
        return event

    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            without_retries,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the stream that is there when it is written
    )


@contextmanager
def progress_bars(quiet: bool) -> "Iterator[Progress]":
    """One progress bar per stage on stderr, if stderr is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    from assay.stages.context import silent

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield silent
        return
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[spent]}"),
    )
    bars = Bars(*columns, console=console, transient=True)
    tasks: dict[str, Any] = {}

    def tell(stage: "Stage", done: int, total: int, spent: "Usage | None" = None) -> None:
        if stage not in tasks or done == 0:
            for task in tasks.values():
                bars.update(task, visible=False)
            tasks[stage] = bars.add_task(stage.value, total=total, spent="")
        bars.update(tasks[stage], completed=done, total=total, spent=took(spent) if spent and spent.calls else "")
        # Drawn only while work is left: the bar must not cover a question at a gate.
        if done < total:
            bars.start()
        else:
            bars.stop()

    try:
        yield tell
    finally:
        bars.stop()


def took(usage: "Usage") -> str:
    """The usage as text."""
    if not usage.calls:
        return "no paid calls"
    cost = "cost not known" if usage.cost_usd is None else f"{usage.cost_usd:.4f} USD"
    known = [count for count in (usage.input_tokens, usage.output_tokens) if count is not None]
    tokens = f"{sum(known):,} tokens" if known else "tokens not known"
    return f"{usage.calls:,} calls, {tokens}, {cost}"


def read_json(path: Path) -> JsonObject:
    """A JSON object from a file, or from stdin for `-`."""
    from assay.evaluation.exchange.rows import parsed_json

    where, text = read_text(path)
    if not text.strip():
        hint = ": did the previous command fail?" if where == "stdin" else ": a JSON object is required"
        raise BadInput(f"{where} is empty{hint}")
    loaded = parsed_json(text, where, document=True)
    if not isinstance(loaded, dict):
        raise BadInput(f"{where}: expected a JSON object, not a {type(loaded).__name__}")
    return loaded


def read_text(path: Path) -> tuple[str, str]:
    """(its name for messages, its text)"""
    from assay.contracts.text import clean
    from assay.evaluation.exchange.encodings import decoded

    where, data = read_bytes(path)
    text, note = decoded(data, where)
    print_notes([note] if note else [])
    return where, clean(text)


def read_bytes(path: Path) -> tuple[str, bytes]:
    """(its name for messages, its content)"""
    from assay.evaluation.exchange.rows import bytes_of

    if str(path) == "-":
        return "stdin", sys.stdin.buffer.read()
    return str(path), bytes_of(path)


@contextmanager
def rows_of(path: Path) -> "Iterator[Rows]":
    """The rows of a file or of stdin; prints notes about them on stderr afterwards."""
    from assay.evaluation.exchange import Rows

    where, data = read_bytes(path)
    rows = Rows(data, where)
    yield rows
    print_notes(rows.notes)


def print_notes(notes: Sequence[str]) -> None:
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for note in notes:
        console.print(note, markup=False)


def load_as(model: type[M], path: Path) -> M:
    """A contract from a JSON file."""
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        raise BadInput.from_validation(str(path), error) from error


def asked(model: type[M], io: InOut, /, **flags: Any) -> M:
    """The request from --input, if given, overridden by the flags that are set.

    Raises BadInput if it is not valid, or if --output cannot be written.
    """
    check_output(io.output)
    fields: dict[str, Any] = read_json(io.input) if io.input else {}
    given = {"project": io.project, "gated": io.gated, **flags}
    fields |= {name: value for name, value in given.items() if value is not None}
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise BadInput.from_validation(str(io.input or "request"), error) from error


def check_output(path: Path | None) -> None:
    """Raises BadInput if the result cannot be written there."""
    if path is None or str(path) == "-":
        return
    if path.is_dir():
        raise BadInput(f"--output: {path} is a folder: give a file in it")
    if not path.parent.is_dir():
        raise BadInput(f"--output: {path.parent} is not a folder: create it, or give a file elsewhere")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadInput(f"--output: {path} is not writable: check its permissions")


def answer(result: object, io: Output, lines: Sequence[str]) -> None:
    """Prints JSON if requested, otherwise the lines.

    `result`: a contract, a dataclass, or a sequence of these.
    """
    write_json(result, io)
    if not io.as_json:
        say(*lines)


def answer_table(
    items: Sequence[object], io: Output, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Prints a JSON array of the items if requested, otherwise a table, or one line if there are none."""
    write_json(items, io)
    if io.as_json:
        return
    if rows:
        table(title, columns, rows)
    else:
        say(f"{title}: none")


def write_json(result: object, io: Output) -> None:
    """Writes --output, and stdout with --json."""
    from pydantic_core import to_json

    text = to_json(result, indent=2, inf_nan_mode="strings").decode() + "\n"
    if io.output is not None and str(io.output) != "-":
        try:
            io.output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{io.output}: cannot be written: {error.strerror}") from error
    if io.as_json:
        sys.stdout.write(text)


def say(*lines: str) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    for line in lines:
        console.print(line, markup=False)


def note(line: str) -> None:
    """Prints a line on stderr, so that it does not mix with JSON on stdout."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(line, markup=False)


def warn(line: str) -> None:
    """Prints a red line on stderr, so that it does not mix with JSON on stdout."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text(line, style="bold red"))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(drawn)
