"""Production: traffic split between two versions, what watches it, and the gateway that carries it."""
