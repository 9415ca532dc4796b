"""The report on a rollout: where the version stands, how it came there and what comes next."""

from datetime import datetime

from assay.contracts.report import Cell, ChartBlock, ChartPoint, Report, Section, TableBlock
from assay.contracts.rollout import Rollout, RolloutState
from assay.evaluation.facts import show_value
from assay.reports.palette import Tone
from assay.reports.parts import caveats, kept, method, provenance, row
from assay.reports.words import written_date

TONES: dict[RolloutState, Tone] = {
    RolloutState.PLANNED: "plain",
    RolloutState.RUNNING: "good",
    RolloutState.PAUSED: "unsure",
    RolloutState.COMPLETED: "good",
    RolloutState.ROLLED_BACK: "bad",
}


def lay_out_rollout(rollout: Rollout, *, made_at: datetime) -> Report:
    return Report(
        title=f"Rollout of {rollout.challenger}",
        headline=_headline(rollout),
        tone=TONES[rollout.state],
        made_at=made_at,
        provenance=provenance(
            rollout,
            {
                "Champion": rollout.champion,
                "Challenger": rollout.challenger,
                "Comparison": rollout.comparison_id,
                "Registered model": f"{rollout.registered_model}, version {rollout.registry_version}",
            },
        ),
        caveats=caveats(rollout),
        sections=kept(_plan(rollout), _moves(rollout), _method()),
    )


def _headline(rollout: Rollout) -> str:
    where = f"{rollout.challenger} is in {rollout.registry_stage}"
    share = show_value(rollout.steps[min(rollout.step, len(rollout.steps) - 1)].share, "share")
    match rollout.state:
        case RolloutState.PLANNED:
            return f"{where}; the rollout is planned and starts at {share} of traffic."
        case RolloutState.RUNNING:
            return f"{where} and has {share} of traffic."
        case RolloutState.PAUSED:
            return f"{where}; the rollout is paused at {share} of traffic."
        case RolloutState.COMPLETED:
            return f"{where} and has all traffic."
        case RolloutState.ROLLED_BACK:
            return f"{rollout.challenger} was rolled back: {rollout.champion} has all traffic again."


def _plan(rollout: Rollout) -> Section:
    points = tuple(
        ChartPoint(label=f"Step {place + 1}", value=step.share, tone=_tone(rollout, place))
        for place, step in enumerate(rollout.steps)
    )
    chart = ChartBlock(chart="bars", title="Share of traffic, step by step", points=points, unit="share")
    rows = tuple(
        row(
            f"Step {place + 1}",
            show_value(step.share, "share"),
            _lasting(step.min_duration_s),
            f"{step.min_conversations:,}" if step.min_conversations else "–",
            Cell(text=_standing(rollout, place), tone=_tone(rollout, place)),
        )
        for place, step in enumerate(rollout.steps)
    )
    columns = ("", "Share of traffic", "Lasts at least", "Conversations at least", "Where it stands")
    return Section(title="The plan", blocks=(chart, TableBlock(columns=columns, rows=rows)))


def _standing(rollout: Rollout, place: int) -> str:
    match rollout.state:
        case RolloutState.COMPLETED:
            return "done"
        case RolloutState.PLANNED:
            return "to come"
        case RolloutState.ROLLED_BACK:
            return "done" if place < rollout.step else "rolled back here" if place == rollout.step else "not reached"
        case RolloutState.RUNNING | RolloutState.PAUSED:
            here = "now" if rollout.state is RolloutState.RUNNING else "paused here"
            return "done" if place < rollout.step else here if place == rollout.step else "to come"


def _tone(rollout: Rollout, place: int) -> Tone:
    return TONES[rollout.state] if _standing(rollout, place) in ("now", "paused here", "rolled back here") else "plain"


def _lasting(seconds: float) -> str:
    if not seconds:
        return "no least time"
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds / size
            return f"{count:g} {name}{'s' * (count != 1)}"
    return f"{seconds:g} seconds"


def _moves(rollout: Rollout) -> Section:
    rows = tuple(
        row(
            written_date(move.at),
            f"{move.from_stage} → {move.to_stage}",
            move.by,
            move.reason,
            ", ".join(f"{name} {value[:28]}" for name, value in move.evidence.items()),
        )
        for move in rollout.transitions
    )
    table = TableBlock(columns=("When", "Move", "Who", "Why", "What was looked at"), rows=rows)
    return Section(title="How it came there", blocks=(table,) if rows else ())


def _method() -> Section:
    return method(
        "A step ends when it has lasted long enough and seen enough conversations.",
        "Every move is recorded in the model registry with who made it, why and on what evidence.",
    )
