"""Stage `deploy`: JSON in, JSON out. See `--help`."""

from assay.contracts.stage import Stage
from assay.scripting import stage_script

if __name__ == "__main__":
    raise SystemExit(stage_script(Stage.DEPLOY))
