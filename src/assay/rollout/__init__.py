"""Production: traffic split between two versions, what watches it, and the gateway that carries it."""

TRAFFIC = "rollout/traffic"
"""Under which a project keeps who gets which share."""
