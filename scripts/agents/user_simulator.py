"""The user simulator asked directly: JSON in, JSON out. See `--help`."""

from assay.contracts.platform_agents import MoveRequest
from assay.lifecycle.ask import move
from assay.scripting import agent_script

if __name__ == "__main__":
    raise SystemExit(agent_script(MoveRequest, move))
