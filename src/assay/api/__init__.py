"""The HTTP API: a router per resource over the same functions that the command line calls."""
