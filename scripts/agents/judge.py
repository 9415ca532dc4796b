"""The judge asked directly: JSON in, JSON out. See `--help`."""

from assay.contracts.platform_agents import RuleRequest
from assay.lifecycle.ask import rule
from assay.scripting import agent_script

if __name__ == "__main__":
    raise SystemExit(agent_script(RuleRequest, rule))
