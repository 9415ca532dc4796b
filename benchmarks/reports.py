"""What a report takes to render: HTML and PDF beside the same report as JSON, the floor, in one run."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assay.reports import render_html, render_pdf
from tests.reports.test_html import small_report


def best_s(work: Callable[[], object], times: int = 5) -> float:
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    report = small_report()
    floor = best_s(lambda: report.model_dump_json())
    for name, work in (("HTML", lambda: render_html(report)), ("PDF", lambda: render_pdf(report))):
        taken = best_s(work)
        print(f"{name:<5} {1000 * taken:8.1f} ms  {taken / floor:8.0f} x JSON ({1000 * floor:.2f} ms)")


if __name__ == "__main__":
    main()
