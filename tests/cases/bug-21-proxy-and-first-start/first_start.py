"""Three commands at once on a store that is not there yet all end well."""

import contextlib
import shutil
from pathlib import Path

INPUTS = Path(__file__).parent.parent / "bug-15-postgres-second-project"


def check(bench):
    files = bench.folder / "first-start"  # a scenarios.jsonl in the case's own folder would be taken by other parts
    files.mkdir()
    for name in ("transcripts.jsonl", "scenarios.jsonl"):
        shutil.copy(INPUTS / name, files / name)
    env = {"ASSAY_HOME": str(bench.folder / "new")}
    transcripts, scenarios = str(files / "transcripts.jsonl"), str(files / "scenarios.jsonl")
    asked = ("simulate", "import", transcripts, "--dataset", scenarios, "--agent", "support@1")
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(bench.process(*asked, "--project", project, env=env))
            for project in ("one", "two", "one")
        ]
        assert [process.wait(600) for process in started] == [0, 0, 0]
    for project in ("one", "two"):
        assert "support@1" in bench.assay("judge", "list", "--project", project, env=env).stdout
