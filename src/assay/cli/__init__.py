"""The command line. `--help` is made from this table alone; a command's own module is imported when it is called."""

import atexit
import gc
import os
import sys
from importlib import import_module

COMMANDS = {
    "agent": "Register, probe and list agent versions (stage 1)",
    "dataset": "Build, validate, import, export datasets; chat with the Dataset Builder (stage 2)",
    "simulate": "Play simulated users against an agent; import conversations (stage 3)",
    "judge": "Judge conversations: a verdict on every expectation (stage 4)",
    "label": "Draw conversations for people to label; take their labels; see whether they agree",
    "evaluate": "Simulate and judge in one go, each conversation as soon as it ends (stages 3 and 4)",
    "plan": "How many scenarios, trials, votes and labels a question takes",
    "analytics": "Report on results; chat with the Analyst (stage 5)",
    "compare": "Compare two agent versions: PROMOTE, REJECT or INCONCLUSIVE (stage 6)",
    "deploy": "Move a version through the registry; plan its rollout (stage 7)",
    "rollout": "A rollout under way: start, watch, widen, pause, roll back (stage 7)",
    "gateway": "Split production traffic between two versions, session by session (stage 7)",
    "feedback": "Ingest and report on production feedback (stage 8)",
    "gate": "See, approve and reject what waits at the gates; verify the ledger",
    "pipeline": "Run the whole lifecycle; report on the platform's own agents",
    "job": "Work in the background: submit, watch, cancel, retry",
    "worker": "Take jobs from the queue, on this machine or any number of others",
    "schedule": "What happens by itself: feedback, judging, evaluations, looks at the rollout, retention",
    "notify": "Who is told what outside of Assay: try the routes",
    "check": "A verdict as CI wants it: exit code, JUnit, Markdown, a comment on the pull request",
    "up": "API, page, worker and MLflow's pages in one process",
    "token": "API tokens: create, list, revoke",
    "session": "Who is logged in: list, revoke",
    "plugin": "What installed packages bring: connectors, judges, importers, notifiers, report blocks",
    "settings": "How Assay is set up, with secrets masked",
    "schema": "Export the JSON Schemas of all contracts",
}


def _freeze() -> None:
    """Spares the last collection at the exit, unless DuckDB was used: its objects are then reported as leaked."""
    if "_duckdb" not in sys.modules:
        gc.freeze()


def main(argv: list[str] | None = None) -> None:
    """Runs one command and exits: 0 done, 2 bad input or a named error, 3 waiting at a gate, 4 stopped."""
    arguments = sys.argv[1:] if argv is None else argv
    # Imports make a million objects that live as long as the process: looking through them again and again took a
    # tenth of an evaluation's CPU time (benchmarks/throughput), and most of a second at the exit.
    gc.set_threshold(50_000, 20, 50)
    # Conversations in flight wait less for the thread that writes to MLflow.
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
            "The lifecycle of LLM agents: from a scenario to a gated verdict, with everything in MLflow.",
            "",
            "Commands:",
            *(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()),
            "",
            "  -h, --help     this text; `assay COMMAND --help` for a command",
            "  --version      the version",
            "  --server URL   before the command: have the server at URL do it (ASSAY_SERVER, ASSAY_TOKEN)",
            "",
            "Exit codes: 0 done, 1 a fault of Assay, 2 bad input or a named error, 3 waiting at a gate, 4 stopped or",
            "too little measured, 5 a verdict that `check` does not let through, 130 and 143 stopped by a signal.",
        ]
    )
