"""The platform's own agents, one folder each: an LLM version, an offline version by rules, and the prompt as a file."""
