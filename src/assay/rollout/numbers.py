"""What the gateway counts, as Prometheus reads it."""

from collections import Counter
from dataclasses import dataclass, field

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass
class Numbers:
    """Since the process began."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By arm and status."""
    buckets: dict[str, list[int]] = field(default_factory=dict)
    seconds: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """Not passed on, by why."""
    taken_over: int = 0
    """The champion answered for a challenger that did not."""
    in_flight: int = 0

    def answered(self, arm: str, status: int, seconds: float) -> None:
        self.requests[arm, status] += 1
        self.seconds[arm] += seconds  # type: ignore[assignment]
        counts = self.buckets.setdefault(arm, [0] * (len(BUCKETS) + 1))
        for place, bound in enumerate(BUCKETS):
            if seconds <= bound:
                counts[place] += 1
                return
        counts[-1] += 1

    def text(self, more: dict[str, float]) -> str:
        """Prometheus's text format. more: gauges of others, by name."""
        lines = ["# TYPE assay_gateway_requests_total counter"]
        for (arm, status), count in sorted(self.requests.items()):
            lines.append(f'assay_gateway_requests_total{{arm="{arm}",status="{status}"}} {count}')
        lines.append("# TYPE assay_gateway_seconds histogram")
        for arm, counts in sorted(self.buckets.items()):
            total = 0
            for bound, count in zip((*BUCKETS, "+Inf"), counts, strict=True):
                total += count
                lines.append(f'assay_gateway_seconds_bucket{{arm="{arm}",le="{bound}"}} {total}')
            lines.append(f'assay_gateway_seconds_sum{{arm="{arm}"}} {self.seconds[arm]:.6f}')
            lines.append(f'assay_gateway_seconds_count{{arm="{arm}"}} {total}')
        lines.append("# TYPE assay_gateway_refused_total counter")
        lines += [f'assay_gateway_refused_total{{why="{why}"}} {n}' for why, n in sorted(self.refused.items())]
        gauges = {"in_flight": self.in_flight, "taken_over_total": self.taken_over, **more}
        for name, value in gauges.items():
            lines += [f"# TYPE assay_gateway_{name} gauge", f"assay_gateway_{name} {value:g}"]
        return "\n".join(lines) + "\n"
