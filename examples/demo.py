"""The eight stages on the example shop, without a key or a network: what `make demo` runs.

Each run starts with a new store under .assay/demo, so that the demo always runs every stage.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"
HOME = ROOT / ".assay" / "demo"
PROJECT = "shop"


def assay(*arguments: str) -> int:
    """Runs one `assay` command in the demo's store, with offline agents regardless of the environment."""
    environment = {**os.environ, "ASSAY_HOME": str(HOME), "ASSAY_MODEL": "offline", "ASSAY_USER": "demo"}
    for name in ("ASSAY_TRACKING_URI", "MLFLOW_TRACKING_URI"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, "-m", "assay.cli", *arguments], cwd=ROOT, env=environment, check=False
    ).returncode


def main() -> int:
    began = time.perf_counter()
    shutil.rmtree(HOME, ignore_errors=True)
    print("Two versions of a shop's support agent. Is v2 better than v1, and is it ready for production?\n", flush=True)
    code = assay(
        "pipeline",
        "run",
        "--project",
        PROJECT,
        "--champion",
        str(SHOP / "v1.json"),
        "--challenger",
        str(SHOP / "v2.json"),
        "--dataset",
        str(SHOP / "dataset.jsonl"),
        "--feedback",
        str(SHOP / "feedback.jsonl"),
        "--approve-all",
    )
    if code:
        return code
    print("\nThe built-in agents:\n", flush=True)
    for command in (("pipeline", "agents"), ("gate", "verify")):
        if code := assay(*command, "--project", PROJECT):
            return code
    print(f"\nEverything took {time.perf_counter() - began:.0f} s.")
    print("Next: open the results in a browser with `ASSAY_HOME=.assay/demo make up`, and read docs/guides/.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
