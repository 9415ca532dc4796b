"""The brief report on a simulation: how the conversations ended, and what did not go as it should."""

from datetime import datetime

from assay.contracts.conversation import Simulation, StopReason
from assay.contracts.estimate import Estimate
from assay.contracts.report import ChartBlock, ChartPoint, FactsBlock, Report, Section, TableBlock, TextBlock
from assay.evaluation.facts import show_quantity
from assay.reports.palette import Tone
from assay.reports.parts import (
    caveats,
    drawn,
    failures_section,
    kept,
    method,
    odd_answers,
    point,
    provenance,
    row,
    words_of,
)
from assay.reports.usage import count, usage_facts

TONES: dict[StopReason, Tone] = {
    StopReason.GOAL_REACHED: "good",
    StopReason.GAVE_UP: "unsure",
    StopReason.MAX_TURNS: "unsure",
    StopReason.AGENT_ERROR: "bad",
    StopReason.SIMULATOR_ERROR: "bad",
    StopReason.TIMEOUT: "bad",
    StopReason.IMPORTED: "plain",
}


def lay_out_simulation(simulation: Simulation, *, made_at: datetime) -> Report:
    errors = sum(simulation.errors.values())
    faults = sum(simulation.simulator_faults.values())
    return Report(
        title=f"Simulation of {simulation.agent}",
        headline=_headline(simulation, errors, faults),
        tone="unsure" if errors or faults else "plain",
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
        sections=kept(
            _ends(simulation, errors, faults),
            _wrong(simulation),
            odd_answers(simulation.finish_reasons, simulation.silent_turns),
            failures_section(simulation.failures),
            _user(simulation),
            Section(
                title="What it took",
                blocks=(
                    FactsBlock(
                        facts=(
                            *usage_facts(simulation.agent_usage, "agent", "Agent"),
                            *usage_facts(simulation.simulator_usage, "simulator", "User simulator"),
                        )
                    ),
                ),
            ),
            method(
                f"Each scenario was played {simulation.trials} times, each with a seed of its own.",
                "How a conversation ended does not say whether it went well: that is for the judge.",
                "Faults of the user simulator are marked apart, so that the agent is not blamed for them.",
            ),
        ),
    )


def _headline(simulation: Simulation, errors: int, faults: int) -> str:
    if not errors and not faults:
        return f"All {simulation.conversations} conversations were played to their end, without an error."
    return (
        f"{simulation.conversations} conversations were played: {errors} ended in an error and {faults} have a fault "
        "of the user simulator."
    )


def _ends(simulation: Simulation, errors: int, faults: int) -> Section:
    facts = (
        count("conversations", "Conversations", simulation.conversations),
        count("errors", "Ended in an error", errors),
        count("faults", "With a fault of the user simulator", faults),
    )
    stops = sorted(simulation.stop_reasons.items(), key=lambda item: (list(TONES).index(item[0]), item[0]))
    points = tuple(
        ChartPoint(label=words_of(reason.value).capitalize(), value=times, tone=TONES[reason])
        for reason, times in stops
    )
    chart = ChartBlock(chart="bars", title="Conversations by how they ended", points=points)
    return Section(title="How conversations ended", blocks=(FactsBlock(facts=facts), *((chart,) if points else ())))


FIT = 0.1
"""Share of faulty conversations up to which a user simulator is called fit."""


def _user(simulation: Simulation) -> Section:
    """The user simulator's certificate: how often it errs, by kind."""
    faulty = simulation.faulty
    if faulty is None:
        return Section(title="The user simulator's certificate", blocks=())
    if isinstance(faulty, Estimate) and faulty.high <= FIT:
        said = f"**Fit**: surely at most {100 * FIT:.0f} % of conversations have a fault of the user simulator"
    elif isinstance(faulty, Estimate) and faulty.low > FIT:
        said = f"**Not fit**: surely more than {100 * FIT:.0f} % of conversations have a fault of the user simulator"
    else:
        said = f"Whether at most {100 * FIT:.0f} % of conversations have a fault of the user simulator is not clear"
    again = sum(simulation.rerun_faults.values())
    first = simulation.first_attempts_at_fault
    text = f"{said}: {show_quantity(faulty, 'share')}."
    if simulation.played_again:
        text += (
            f" {simulation.played_again} conversations were played again because of {again} faults; what was still "
            "faulty then stays, marked."
        )
    if first:
        text += (
            f" The first attempt of {first} of {simulation.conversations} conversations was at fault: the gate says no "
            "above a share that is set (20 % unless ASSAY_SIMULATOR_FAULT_LIMIT says otherwise)."
        )
    points = drawn(
        (
            point("Any fault", faulty),
            *(point(words_of(kind.value), rate) for kind, rate in simulation.fault_rates.items()),
        )
    )
    chart = ChartBlock(
        chart="forest",
        title="Share of conversations with a fault of the user simulator",
        points=points,
        unit="share",
        reference=FIT,
        reference_label=f"limit: {100 * FIT:.0f} %",
    )
    return Section(
        title="The user simulator's certificate", blocks=(TextBlock(text=text), *((chart,) if points else ()))
    )


def _wrong(simulation: Simulation) -> Section:
    named = (("Error", simulation.errors), ("Fault of the user simulator", simulation.simulator_faults))
    rows = tuple(
        row(kind, words_of(name.value), times) for kind, found in named for name, times in found.items() if times
    )
    if not rows:
        return Section(title="Errors and faults", blocks=(TextBlock(text="There are none."),))
    table = TableBlock(columns=("Kind", "What", "Conversations"), rows=rows)
    return Section(title="Errors and faults", blocks=(table,))
