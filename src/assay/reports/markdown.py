"""A comparison as Markdown, for a pull request or a CI job's summary: verdict first, then what flipped."""

import re

from assay.contracts.comparison import ComparisonReport, Flip, Recommendation
from assay.evaluation.facts import show_quantity

SIGNS = {Recommendation.PROMOTE: "✅", Recommendation.REJECT: "❌", Recommendation.INCONCLUSIVE: "❔"}
MOST_FLIPS = 15


def comparison_markdown(report: ComparisonReport) -> str:
    """Title, one sentence, the numbers, what to do next, flips, slices that got worse."""
    rows = [
        ("Challenger minus champion", show_quantity(report.decided_on.difference, "difference")),
        (f"Champion {code(str(report.champion))}", show_quantity(report.champion_rate, "share")),
        (f"Challenger {code(str(report.challenger))}", show_quantity(report.challenger_rate, "share")),
    ]
    verdict = f"{SIGNS[report.recommendation]} {report.recommendation}"
    parts = [
        f"### {verdict}: {code(str(report.challenger))} against {code(str(report.champion))}",
        prose(report.reason),
        _table(("", ""), rows),
    ]
    if report.next_steps:
        parts.append("**Next**\n" + "\n".join(f"- {prose(step)}" for step in report.next_steps))
    if worse := [f"{prose(s.dimension)} {code(s.value)}" for s in report.slices if s.worse]:
        parts.append(f"**Worse, and not by chance:** {', '.join(worse)}")
    if report.flips:
        shown = sorted(report.flips, key=lambda flip: flip.direction)[:MOST_FLIPS]
        flips = _table(("", "Scenario", "Trial", "Why"), [_flip(flip) for flip in shown])
        left = len(report.flips) - len(shown)
        more = f"\n{left} more are in the report." if left else ""
        parts.append(f"<details><summary>{len(report.flips)} flips</summary>\n\n{flips}{more}\n</details>")
    parts.append(
        f"<sub>{report.scenarios} scenarios of {code(str(report.dataset))}; {report.policy.test.replace('_', '-')}, "
        f"margin {100 * report.policy.margin:g} points. {prose(report.judge.words)} Result `{report.subject_id}`.</sub>"
    )
    return "\n\n".join(parts) + "\n"


def _flip(flip: Flip) -> tuple[str, ...]:
    return (flip.direction, code(flip.scenario_id), str(flip.trial), code(flip.reason[:200]))


def code(text: str) -> str:
    """Any text as a code span: no mention, link, image, HTML or reference in it takes effect."""
    line = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def prose(text: str) -> str:
    """Text that may quote an agent or a user, escaped: Markdown and HTML show as they stand, nobody is mentioned."""
    escaped = re.sub(r"([\\`*_\[\]<>#!|~&])", r"\\\1", text)
    return escaped.replace("@", "@\u2060")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """A table ends a cell at each bar that no backslash stands before, in code spans too."""
    return " ".join(re.sub(r"(?<!\\)\|", r"\\|", text).split())
