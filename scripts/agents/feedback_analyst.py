"""The Feedback Analyst asked directly: JSON in, JSON out. See `--help`."""

from assay.contracts.platform_agents import FeedbackQuestion
from assay.lifecycle.ask import ask_feedback_analyst
from assay.scripting import agent_script

if __name__ == "__main__":
    raise SystemExit(agent_script(FeedbackQuestion, ask_feedback_analyst))
