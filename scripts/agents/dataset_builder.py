"""The Dataset Builder asked directly: JSON in, JSON out. See `--help`."""

from assay.contracts.platform_agents import DraftRequest
from assay.lifecycle.ask import draft
from assay.scripting import agent_script

if __name__ == "__main__":
    raise SystemExit(agent_script(DraftRequest, draft))
