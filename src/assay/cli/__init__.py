"""The command line. `--help` is built from this table only; a command's module is imported when it is called."""

import atexit
import gc
import os
import sys
from importlib import import_module

COMMANDS = {
    "agent": "Register, probe and list agent versions (stage 1)",
    "dataset": "Build, validate, import and export datasets; chat with the Dataset Builder (stage 2)",
    "simulate": "Simulate users who talk to an agent; import conversations (stage 3)",
    "judge": "Judge conversations: a verdict on every expectation (stage 4)",
    "label": "Draw conversations for human labelling; import the labels; check whether raters agree",
    "evaluate": "Simulate and judge together, each conversation as soon as it ends (stages 3 and 4)",
    "plan": "Compute how many scenarios, trials, votes and labels you need",
    "analytics": "Report on results; chat with the Analyst (stage 5)",
    "compare": "Compare two agent versions: PROMOTE, REJECT or INCONCLUSIVE (stage 6)",
    "deploy": "Move a version through the registry; plan its rollout (stage 7)",
    "rollout": "Control a rollout: start, watch, advance, pause, roll back (stage 7)",
    "gateway": "Split production traffic between two versions, by session (stage 7)",
    "feedback": "Ingest production feedback and report on it (stage 8)",
    "stage": "Run any stage with a request as JSON; list its results",
    "gate": "List, approve and reject results at the gates; verify the ledger",
    "pipeline": "Run the whole lifecycle; report on the built-in agents",
    "job": "Run work in the background: submit, watch, cancel, retry",
    "worker": "Run jobs from the queue, on this machine or on several",
    "schedule": "Schedule recurring work: feedback, judging, evaluations, rollout looks, retention",
    "notify": "Test the notification routes",
    "check": "Report a verdict to CI: exit code, JUnit, Markdown, pull request comment",
    "up": "Serve the API, the web UI, a worker and MLflow's UI",
    "token": "Create, list and revoke API tokens",
    "session": "List and revoke login sessions",
    "plugin": "List and check plug-ins: connectors, judges, importers, notifiers, report blocks",
    "settings": "Show the settings, with secrets masked",
    "schema": "Export the JSON Schemas of all contracts",
}


def _freeze() -> None:
    """Skips the last garbage collection at exit, unless DuckDB is loaded: it would report its objects as leaked."""
    if "_duckdb" not in sys.modules:
        gc.freeze()


def main(argv: list[str] | None = None) -> None:
    """Runs one command and exits with one of the codes listed in `root_help`."""
    arguments = sys.argv[1:] if argv is None else argv
    # Imports create a million objects that live as long as the process. Scanning them repeatedly took a tenth of an
    # evaluation's CPU time (benchmarks/throughput), and most of a second at exit.
    gc.set_threshold(50_000, 20, 50)
    # With a short interval, conversations in flight wait less for the thread that writes to MLflow.
    sys.setswitchinterval(0.0005)
    atexit.register(_freeze)
    arguments = of_a_server(arguments)
    match arguments:
        case [] | ["--help" | "-h" | "help"]:
            print(root_help())  # noqa: T201
            raise SystemExit(0)
        case ["--version"]:
            from importlib.metadata import version

            print(version("assay"))  # noqa: T201
            raise SystemExit(0)
        case [name, *rest] if name in COMMANDS:
            app = import_module(f"assay.cli.{name}").app
            from assay.cli.console import exit_with

            raise SystemExit(exit_with(app, rest))
        case [name, *_]:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean `assay {near[0]}`?" if near else "`assay --help` lists all"
            print(f"Error: no such command: {name}: {hint}", file=sys.stderr)  # noqa: T201
            raise SystemExit(2)


def of_a_server(arguments: list[str]) -> list[str]:
    """`--server URL` before the command is the setting ASSAY_SERVER."""
    match arguments:
        case ["--server", address, *rest]:
            os.environ["ASSAY_SERVER"] = address
            return rest
        case [first, *rest] if first.startswith("--server="):
            os.environ["ASSAY_SERVER"] = first.removeprefix("--server=")
            return rest
    return arguments


def root_help() -> str:
    width = max(map(len, COMMANDS))
    return "\n".join(
        [
            "Usage: assay COMMAND [ARGUMENTS]",
            "",
            "Evaluate LLM agents, from scenarios to an approved rollout, with everything in MLflow.",
            "",
            "Commands:",
            *(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()),
            "",
            "  -h, --help     show this help; `assay COMMAND --help` shows the help of a command",
            "  --version      show the version",
            "  --server URL   before the command: run it on the server at URL (ASSAY_SERVER, ASSAY_TOKEN)",
            "",
            "Exit codes: 0 done, 1 bug in Assay, 2 bad input or another known error, 3 waiting at a gate, 4 stopped or",
            "too little measured, 5 verdict rejected by `check`, 130 and 143 stopped by a signal.",
        ]
    )
