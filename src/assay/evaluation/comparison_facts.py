"""The numbers that a comparison report may speak of."""

from assay.contracts.comparison import ComparisonReport, Flip
from assay.contracts.report import Fact
from assay.evaluation.facts import slice_fact_id

COSTS = {
    "latency_s": ("Answer time", "seconds"),
    "output_tokens": ("Output tokens a conversation", "tokens"),
    "cost_usd": ("Cost a conversation", "usd"),
    "agent_turns": ("Agent turns a conversation", "count"),
}


def comparison_facts(report: ComparisonReport) -> tuple[Fact, ...]:
    """The difference, both rates, flips, slices that got worse, costs."""
    fixed = [flip for flip in report.flips if flip.direction == "fixed"]
    broken = [flip for flip in report.flips if flip.direction == "broken"]
    facts: list[Fact] = [
        Fact(
            fact_id="difference",
            label="Challenger minus champion in pass rate",
            value=report.pass_rate.difference,
            unit="difference",
        ),
        Fact(fact_id="champion_rate", label="Champion's pass rate", value=report.champion_rate, unit="share"),
        Fact(fact_id="challenger_rate", label="Challenger's pass rate", value=report.challenger_rate, unit="share"),
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
    if report.as_scored is not None:
        label = "The same with broken conversations as they were scored"
        facts.append(Fact(fact_id="as_scored", label=label, value=report.as_scored.difference, unit="difference"))
    if report.pass_rate.p is not None:
        facts.append(Fact(fact_id="p", label="p of the paired difference", value=report.pass_rate.p, unit="score"))
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
        label, unit = COSTS[cost.measure]
        for side, value in (("champion", cost.champion), ("challenger", cost.challenger)):
            if value is not None:
                facts.append(
                    Fact.model_validate(
                        {"fact_id": f"{cost.measure}.{side}", "label": f"{label}, {side}", "value": value, "unit": unit}
                    )
                )
    return tuple(facts)


def _ids(flips: list[Flip]) -> tuple[str, ...]:
    return tuple(flip.challenger_conversation for flip in flips)[:50]
