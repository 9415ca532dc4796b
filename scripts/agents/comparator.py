"""The Comparator asked directly: JSON in, JSON out. See `--help`."""

from assay.contracts.platform_agents import ComparatorQuestion
from assay.lifecycle.ask import ask_comparator
from assay.scripting import agent_script

if __name__ == "__main__":
    raise SystemExit(agent_script(ComparatorQuestion, ask_comparator))
