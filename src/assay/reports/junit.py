"""A comparison as JUnit XML, which every CI system shows: a case for each scenario that flipped, and the verdict."""

from collections import defaultdict
from xml.etree import ElementTree

from assay.contracts.comparison import ComparisonReport, Flip, Recommendation


def comparison_junit(report: ComparisonReport) -> str:
    """The verdict as one case (failed by REJECT, skipped by INCONCLUSIVE), and one for each scenario with flips."""
    flips: dict[str, list[Flip]] = defaultdict(list)
    for flip in report.flips:
        flips[flip.scenario_id].append(flip)
    broken = {name: [f for f in rows if f.direction == "broken"] for name, rows in flips.items()}
    failures = sum(bool(rows) for rows in broken.values()) + (report.recommendation is Recommendation.REJECT)
    suite = ElementTree.Element(
        "testsuite",
        name=f"{report.challenger} against {report.champion}",
        tests=str(len(flips) + 1),
        failures=str(failures),
        skipped=str(int(report.recommendation is Recommendation.INCONCLUSIVE)),
    )
    verdict = ElementTree.SubElement(suite, "testcase", classname="assay", name="verdict")
    if report.recommendation is Recommendation.REJECT:
        _told(verdict, "failure", report.recommendation.value, report.reason)
    elif report.recommendation is Recommendation.INCONCLUSIVE:
        _told(verdict, "skipped", report.recommendation.value, report.reason)
    for name, rows in sorted(flips.items()):
        case = ElementTree.SubElement(suite, "testcase", classname="assay.scenarios", name=name)
        if broken[name]:
            lines = [f"trial {f.trial}: {f.reason} (conversation {f.challenger_conversation})" for f in broken[name]]
            _told(case, "failure", f"{len(broken[name])} of {len(rows)} flipped trials broke", "\n".join(lines))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _told(case: ElementTree.Element, kind: str, message: str, text: str) -> None:
    element = ElementTree.SubElement(case, kind, message=message)
    element.text = "".join(sign for sign in text if sign >= " " or sign in "\n\t")
