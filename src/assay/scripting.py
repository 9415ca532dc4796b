"""What the scripts in `scripts/` are: JSON in from a file or stdin, one stage or agent run, JSON out."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from assay.cli.console import (
    BAD_INPUT,
    CANCELLED,
    GO_ON,
    STOPPED,
    TERMINATED,
    Terminated,
    check_output,
    disk_full,
    in_context,
    print_error,
    read_json,
    read_text,
    warn,
)
from assay.contracts.pipeline import PipelineRequest
from assay.contracts.stage import Stage
from assay.errors import AssayError, BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context


def stage_script(stage: Stage) -> int:
    """Runs one stage on its request, or on the result of the stage before: results pipe into the next script."""
    arguments = _arguments(f"Stage {stage}: JSON in, JSON out.", stage=True)
    codes: list[int] = []

    async def work(context: "Context") -> BaseModel:
        from assay.evaluation.failures import failure_lines, too_little
        from assay.lifecycle.follow import request_for
        from assay.lifecycle.gates import approved_as_it_is, decide
        from assay.lifecycle.run import run_stage

        given, changes = read_json(arguments.input), _changes(arguments.set)
        if arguments.gated:
            changes["gated"] = True
        request = await request_for(stage, given, context, changes, _where(arguments.input))
        result = await run_stage(request, context)
        for line in failure_lines(result):
            warn(line)
        if short := too_little(result, context.settings.least_measured):
            warn(f"Too little was measured: {short}")
            codes.append(STOPPED)
            return result
        if arguments.approve_all and result.gated and not await approved_as_it_is(result, context):
            await decide(
                context,
                result.project,
                result.subject_id,
                "approve",
                by=context.settings.person,
                reason="--approve-all: nobody looked",
                mode="approve_all",
            )
        return result

    return _run(work, arguments.output) or (codes[0] if codes else 0)


def agent_script(request: type[BaseModel], ask: Callable[[Any, "Context"], Awaitable[BaseModel]]) -> int:
    """Asks one platform agent directly."""
    arguments = _arguments(f"{request.__name__}: JSON in, JSON out.")

    async def work(context: "Context") -> BaseModel:
        given = read_json(arguments.input)
        try:
            question = request.model_validate(_with_changes(given, arguments.set))
        except ValidationError as error:
            raise BadInput.from_validation(_where(arguments.input), error) from error
        return await ask(question, context)

    return _run(work, arguments.output)


def pipeline_script() -> int:
    """Runs the whole lifecycle; ends 0 finished, 3 waiting at a gate, 4 stopped."""
    from assay.cli.pipeline import CODES, run_request

    arguments = _arguments("The whole lifecycle: JSON in, JSON out.", pipeline=True)
    codes: list[int] = []

    async def work(context: "Context") -> BaseModel:
        given = _with_changes(read_json(arguments.input), arguments.set)
        try:
            request = PipelineRequest.model_validate(given)
        except ValidationError as error:
            raise BadInput.from_validation(_where(arguments.input), error) from error
        result = await run_request(request, context, everyone=arguments.approve_all, quiet=True)
        codes.append(CODES[result.state])
        return result

    return _run(work, arguments.output) or codes[0]


def _run(work: "Callable[[Context], Awaitable[BaseModel]]", output: Path) -> int:
    try:
        check_output(output)
        text = in_context(work).model_dump_json(indent=2) + "\n"
        if str(output) == "-":
            sys.stdout.write(text)
        else:
            output.write_text(text, encoding="utf-8")
    except AssayError as error:
        print_error(error)
        return BAD_INPUT
    except (KeyboardInterrupt, Terminated) as stopped:
        print(f"Stopped. {GO_ON}", file=sys.stderr)  # noqa: T201
        return CANCELLED if isinstance(stopped, KeyboardInterrupt) else TERMINATED
    except Exception as error:
        if (full := disk_full(error)) is None:
            raise
        print_error(full)
        return BAD_INPUT
    return 0


def _arguments(description: str, *, stage: bool = False, pipeline: bool = False) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--input", type=Path, default=Path("-"), help="JSON file, or - for stdin (default)")
    parser.add_argument("--output", type=Path, default=Path("-"), help="JSON file, or - for stdout (default)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="set a field, as JSON or text; @FILE reads .json, .jsonl or .csv; a.b reaches inside",
    )
    if stage:
        parser.add_argument(
            "--gated", action="store_true", help="part of the lifecycle: needs its predecessor approved"
        )
    if stage or pipeline:
        parser.add_argument("--approve-all", action="store_true", help="approve the results, recorded as unseen")
    return parser.parse_args()


def _with_changes(given: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """`given` with each FIELD=VALUE set."""
    from assay.lifecycle.follow import set_field

    changed = dict(given)
    for name, value in _changes(changes).items():
        set_field(changed, name, value)
    return changed


def _changes(given: Sequence[str]) -> dict[str, Any]:
    changes = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"--set {text}: write it as FIELD=VALUE")
        changes[name] = _value(value)
    return changes


def _value(text: str) -> Any:
    if text.startswith("@"):
        return _file(Path(text[1:]))
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _file(path: Path) -> Any:
    """Scenarios and feedback as the CLI reads them; JSON as it is."""
    from assay.cli.dataset import load_dataset_file
    from assay.evaluation.exchange import Rows, feedback_of

    if path.suffix == ".json":
        return read_json(path)
    where, text = read_text(path)
    first = text.lstrip()[:4000]
    if path.suffix == ".jsonl" and '"scenario_id"' not in first.split("\n", 1)[0]:
        return [item.model_dump(mode="json") for item in feedback_of(Rows(text, where))]
    return load_dataset_file(path, None).model_dump(mode="json")


def _where(path: Path) -> str:
    return "stdin" if str(path) == "-" else str(path)
