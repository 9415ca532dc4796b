"""The numbers that a comparison report may speak of."""

from collections.abc import Iterator

from assay.contracts.comparison import ComparisonReport, Flip
from assay.contracts.report import Fact
from assay.evaluation.facts import slice_fact_id
from assay.evaluation.measures import MEASURES


def comparison_facts(report: ComparisonReport) -> tuple[Fact, ...]:
    """The difference, both rates, flips, slices that got worse, costs."""
    fixed = [flip for flip in report.flips if flip.direction == "fixed"]
    broken = [flip for flip in report.flips if flip.direction == "broken"]
    shared = ", over the shared scenarios" if report.unpaired is not None else ""
    facts: list[Fact] = [
        Fact(
            fact_id="difference",
            label="Challenger minus champion in pass rate",
            value=report.pass_rate.difference,
            unit="difference",
        ),
        Fact(fact_id="champion_rate", label=f"Champion's pass rate{shared}", value=report.champion_rate, unit="share"),
        Fact(
            fact_id="challenger_rate",
            label=f"Challenger's pass rate{shared}",
            value=report.challenger_rate,
            unit="share",
        ),
        Fact(
            fact_id="score_difference",
            label="Challenger minus champion in expectations met",
            value=report.score.difference,
            unit="difference",
        ),
        Fact(fact_id="margin", label="Margin declared before looking", value=report.policy.margin, unit="share"),
        Fact(fact_id="scenarios", label="Scenarios on both sides", value=report.scenarios),
        Fact(fact_id="fixed", label="Trials that the challenger fixed", value=len(fixed), conversation_ids=_ids(fixed)),
        Fact(
            fact_id="broken", label="Trials that the challenger broke", value=len(broken), conversation_ids=_ids(broken)
        ),
        Fact(
            fact_id="slices_worse",
            label="Slices that got worse",
            value=sum(difference.worse for difference in report.slices),
        ),
        Fact(fact_id="left_out", label="Conversations left out of the test", value=sum(report.left_out.values())),
    ]
    if report.corrected is not None:
        facts.insert(
            1,
            Fact(
                fact_id="corrected_difference",
                label="The same, set right by people's labels",
                value=report.corrected.difference,
                unit="difference",
            ),
        )
    if report.set_apart:
        facts.append(Fact(fact_id="set_apart", label="Conversations set apart as broken", value=report.set_apart))
    facts += _unpaired(report)
    if report.others:
        label = "Other comparisons on this dataset version"
        facts.append(Fact(fact_id="others", label=label, value=len(report.others)))
    if report.as_scored is not None:
        label = "The same with broken conversations as they were scored"
        facts.append(Fact(fact_id="as_scored", label=label, value=report.as_scored.difference, unit="difference"))
    if report.pass_rate.p is not None:
        facts.append(Fact(fact_id="p", label="p of the paired difference", value=report.pass_rate.p, unit="score"))
    if report.p_holm is not None:
        label = "p corrected for all comparisons on this dataset version (Holm)"
        facts.append(Fact(fact_id="p_holm", label=label, value=report.p_holm, unit="score"))
    if report.pass_rate.mcnemar_p is not None:
        facts.append(
            Fact(fact_id="mcnemar_p", label="p of McNemar's exact test", value=report.pass_rate.mcnemar_p, unit="score")
        )
    facts += [
        Fact(
            fact_id=slice_fact_id(difference.dimension, difference.value),
            label=f"Difference, {difference.dimension} {difference.value}",
            value=difference.difference,
            unit="difference",
        )
        for difference in report.slices
    ]
    for cost in report.costs:
        measure = MEASURES[cost.measure]
        for side, value in (("champion", cost.champion), ("challenger", cost.challenger)):
            if value is not None:
                facts.append(
                    Fact.model_validate(
                        {
                            "fact_id": f"{cost.measure}.{side}",
                            "label": f"{measure.label}, {side}",
                            "value": value,
                            "unit": measure.unit,
                        }
                    )
                )
    return tuple(facts)


def _unpaired(report: ComparisonReport) -> Iterator[Fact]:
    found = report.unpaired
    if found is None:
        return
    for side, alone, whole in (
        ("champion", found.champion, found.champion_of),
        ("challenger", found.challenger, found.challenger_of),
    ):
        label = f"Judged conversations of the {side} without a partner"
        yield Fact(fact_id=f"unpaired.{side}", label=label, value=f"{alone} of {whole}", unit="text")
    for row in found.slices:
        for side, passed, whole in (
            ("champion", row.champion_passed, row.champion),
            ("challenger", row.challenger_passed, row.challenger),
        ):
            fact_id = f"unpaired.{slice_fact_id(row.dimension, row.value)}.{side}"
            label = f"Passes of the {side} in {row.dimension} {row.value}, where the sides share no scenario"
            yield Fact(fact_id=fact_id, label=label, value=f"{passed} of {whole}", unit="text")


def _ids(flips: list[Flip]) -> tuple[str, ...]:
    return tuple(flip.challenger_conversation for flip in flips)[:50]
