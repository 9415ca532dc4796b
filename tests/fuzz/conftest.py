"""How much is tried, and how much was.

`make test` tries a little at each door; `make fuzz` sets FUZZ_EXAMPLES and tries a lot.
"""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
"""Examples for each test; those that write to a store take a tenth of it."""
TRIED: Counter[str] = Counter()
"""Examples by door."""

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=SLOW)
some = settings(max_examples=max(10, EXAMPLES // 10), deadline=None, suppress_health_check=SLOW)


def tried(door: str) -> None:
    TRIED[door] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TRIED and os.environ.get("FUZZ_EXAMPLES"):
        terminalreporter.section("examples by door")
        for door, count in sorted(TRIED.items()):
            terminalreporter.write_line(f"{door:<28} {count:>9,}")
        terminalreporter.write_line(f"{'all':<28} {sum(TRIED.values()):>9,}")
