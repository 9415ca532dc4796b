"""Short reports on the stages between: simulation, judging and rollout."""

from datetime import datetime

from assay.contracts.conversation import Simulation
from assay.contracts.judgment import Judging
from assay.contracts.report import ChartBlock, ChartPoint, Fact, FactsBlock, Report, Section, TableBlock, TextBlock
from assay.contracts.rollout import Rollout
from assay.reports.parts import caveats, method, provenance, row


def lay_out_simulation(simulation: Simulation, *, made_at: datetime) -> Report:
    errors = sum(simulation.errors.values())
    faults = sum(simulation.simulator_faults.values())
    counts = tuple(
        Fact(fact_id=name, label=label, value=value)
        for name, label, value in (
            ("conversations", "Conversations", simulation.conversations),
            ("errors", "Ended in an error", errors),
            ("faults", "Simulator faults", faults),
        )
    )
    stops = tuple(
        ChartPoint(label=reason.value.replace("_", " "), value=count)
        for reason, count in simulation.stop_reasons.items()
    )
    rows = tuple(
        row(kind, name.value.replace("_", " "), count)
        for kind, named in (("error", simulation.errors), ("simulator fault", simulation.simulator_faults))
        for name, count in named.items()
    )
    return Report(
        title=f"Simulation of {simulation.agent}",
        headline=f"{simulation.conversations} conversations were played; {errors} ended in an error and {faults} have "
        "a fault of the user simulator.",
        tone="plain" if not errors else "unsure",
        made_at=made_at,
        provenance=provenance(
            simulation,
            {
                "Agent": simulation.agent,
                "Dataset": simulation.dataset,
                "Trials": simulation.trials,
                "User simulator": simulation.simulator_model,
            },
        ),
        caveats=caveats(simulation),
        sections=(
            Section(title="What was played", blocks=(FactsBlock(facts=counts),)),
            Section(
                title="How conversations ended", blocks=(ChartBlock(chart="bars", title="Stop reasons", points=stops),)
            ),
            Section(
                title="Errors and faults",
                blocks=(
                    TableBlock(columns=("", "What", "Conversations"), rows=rows)
                    if rows
                    else TextBlock(text="There are none."),
                ),
            ),
            method("Faults of the user simulator are marked apart, so that the agent is not blamed for them."),
        ),
    )


def lay_out_judging(judging: Judging, *, made_at: datetime) -> Report:
    points = (
        ChartPoint(label="passed", value=judging.passed, tone="good"),
        ChartPoint(label="failed", value=judging.failed, tone="bad"),
        ChartPoint(label="without a verdict", value=judging.unjudged, tone="unsure"),
    )
    return Report(
        title=f"Judging of {judging.agent}",
        headline=f"Of {judging.conversations} conversations {judging.passed} passed, {judging.failed} failed and "
        f"{judging.unjudged} have no verdict.",
        made_at=made_at,
        provenance=provenance(
            judging,
            {
                "Agent": judging.agent,
                "Dataset": judging.dataset,
                "Simulation": judging.simulation_id,
                "Judge": judging.judge,
                "Rubric": judging.rubric_hash[:16],
            },
        ),
        caveats=caveats(judging, calibrated=False),
        sections=(
            Section(title="Verdicts", blocks=(ChartBlock(chart="bars", title="Conversations", points=points),)),
            method(
                "A conversation passes when every expectation is met. Checks by code rule first, judges on the rest.",
                "Rates with intervals stand in the analytics report.",
            ),
        ),
    )


def lay_out_rollout(rollout: Rollout, *, made_at: datetime) -> Report:
    moves = tuple(
        row(
            m.at.strftime("%Y-%m-%d %H:%M"),
            m.from_stage.value,
            m.to_stage.value,
            m.by,
            m.reason,
            ", ".join(f"{k} {v[:24]}" for k, v in m.evidence.items()),
        )
        for m in rollout.transitions
    )
    steps = tuple(
        row(f"{100 * step.share:g} %", f"{step.min_duration_s:g} s", step.min_conversations) for step in rollout.steps
    )
    return Report(
        title=f"Rollout of {rollout.challenger}",
        headline=f"{rollout.challenger} is in {rollout.registry_stage} as version {rollout.registry_version} of "
        f"{rollout.registered_model}; the rollout is {rollout.state}.",
        tone="good",
        made_at=made_at,
        provenance=provenance(
            rollout,
            {"Champion": rollout.champion, "Challenger": rollout.challenger, "Comparison": rollout.comparison_id},
        ),
        caveats=caveats(rollout),
        sections=(
            Section(
                title="How it came there",
                blocks=(TableBlock(columns=("When", "From", "To", "Who", "Why", "Evidence"), rows=moves),),
            ),
            Section(
                title="The plan",
                blocks=(
                    TableBlock(columns=("Share of traffic", "At least for", "At least conversations"), rows=steps),
                ),
            ),
        ),
    )
