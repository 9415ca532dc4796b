"""The Analyst asked directly: JSON in, JSON out. See `--help`."""

from assay.contracts.analytics import AnalystQuestion
from assay.lifecycle.ask import ask_analyst
from assay.scripting import agent_script

if __name__ == "__main__":
    raise SystemExit(agent_script(AnalystQuestion, ask_analyst))
