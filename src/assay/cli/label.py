"""assay label"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.analytics import judging_meant
from assay.cli.console import Output, answer, in_context, rows_of, say, settings
from assay.contracts.judgment import Ruling
from assay.contracts.labels import LabelsTaken, LabelTask
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay label", help="Label conversations, so that a judge can be admitted.")

Judging = Annotated[str | None, Parameter(help="Judging ID; required if there are several.")]
KEYS = {"y": Ruling.MET, "n": Ruling.NOT_MET, "u": Ruling.ABSTAINED}


@app.command
def draw(
    *,
    judging: Judging = None,
    count: Annotated[int, Parameter(help="Number of conversations.")] = 40,
    to: Annotated[Path | None, Parameter(help="Write them to this file (.jsonl or .csv), to fill in.")] = None,
    seed: Annotated[int, Parameter(help="Random seed.")] = 0,
    io: Output = Output(),
) -> None:
    """Draw random conversations to label, more often if the judge is uncertain.

    The probabilities are stored, to weight the labels.
    """
    from assay.evaluation.exchange import labels_to_csv, labels_to_jsonl

    chosen = judging_meant(judging, io.name)

    async def work(context: "Context"):
        from assay.stages.labelling import draw_labels

        return await draw_labels(context, io.name, chosen, count=count, seed=seed)

    if count < 1:
        raise BadInput(f"count: {count} is not possible: draw one or more")
    drawn, tasks = in_context(work, quiet=io.json)
    lines = [f"drew {len(drawn.drawn)} conversations of {chosen} (drawing {drawn.number})"]
    if to is not None:
        sheet = to.suffix.lower() == ".csv"
        text = labels_to_csv(tasks) if sheet else labels_to_jsonl(tasks)
        try:
            # Without the byte order mark, Excel does not recognise UTF-8.
            to.write_text(text, encoding="utf-8-sig" if sheet else "utf-8", newline="")
        except OSError as error:
            raise BadInput(f"{to}: cannot be written: {error.strerror}") from error
        lines.append(f"  fill in `ruling` (met, not_met, abstained) and `by` in {to}, then: assay label take {to}")
    else:
        lines.append("  next: assay label start, or draw with --to FILE")
    answer(drawn, io, lines)


@app.command
def take(
    file: Annotated[Path, Parameter(help="Filled-in labels, as JSONL, CSV or Excel.")],
    *,
    by: Annotated[str | None, Parameter(help="The rater, if the file does not name one.")] = None,
    io: Output = Output(),
) -> None:
    """Store labels as human assessments on the traces in MLflow."""
    from assay.evaluation.exchange import labels_of

    with rows_of(file) as rows:
        tasks = [task.replace(by=task.by or by or "") for task in labels_of(rows)]

    async def work(context: "Context") -> LabelsTaken:
        from assay.stages.labelling import take_labels

        return await take_labels(context, io.name, tasks)

    taken = in_context(work, quiet=io.json)
    answer(taken, io, _taken(taken))


@app.command
def start(
    *,
    judging: Judging = None,
    by: Annotated[str | None, Parameter(help="Your name (default: ASSAY_USER).")] = None,
    io: Output = Output(),
) -> None:
    """Label the drawn conversations one by one, without seeing the judge's rulings."""
    chosen = judging_meant(judging, io.name)
    person = by or settings().person

    async def work(context: "Context") -> LabelsTaken | None:
        from assay.stages.labelling import open_tasks, take_labels

        tasks = await open_tasks(context, io.name, chosen, person)
        if not tasks:
            say(f"Nothing is left for {person} to label in {chosen}: draw more with `assay label draw`.")
            return None
        taken = None
        for place, task in enumerate(tasks, start=1):
            done = await asyncio.to_thread(_ask, task, f"{place} of {len(tasks)}")
            if done is None:
                break
            taken = await take_labels(context, io.name, [done])
        return taken

    in_context(work, quiet=True)


@app.command
def agreement(*, judging: Judging = None, io: Output = Output()) -> None:
    """Show whether the raters agree with each other."""
    chosen = judging_meant(judging, io.name)

    async def work(context: "Context"):
        from assay.stages.labelling import label_agreement

        return await label_agreement(context, io.name, chosen)

    found = in_context(work, quiet=io.json)
    lines = [
        f"{found.rulings} rulings by {', '.join(found.raters) or 'nobody'}; {found.rated_twice} by two or more raters",
        f"  {found.words}",
    ]
    answer(found, io, lines)


def _taken(taken: LabelsTaken) -> tuple[str, ...]:
    project = "" if taken.project == "default" else f" --project {taken.project}"
    raters = ", ".join(taken.raters) or "nobody"
    left = f"; {taken.left_open} were not filled in" if taken.left_open else ""
    return (
        f"{taken.rulings} rulings on {taken.conversations} conversations by {raters}{left}",
        f"  next: assay judge certify{project}",
    )


def _ask(task: LabelTask, place: str) -> LabelTask | None:
    """Shows one conversation and asks for each ruling. None: the rater quit."""
    say("", f"--- {place}: scenario {task.scenario_id}, trial {task.trial}. {task.goal}", "")
    say(*(f"{turn.role:>5}: {turn.text}" for turn in task.turns))
    asks = []
    for ask in task.asks:
        kind = "must" if ask.kind == "must" else "must not"
        say("", f"The agent {kind}: {ask.text}")
        ruling = None
        while ruling is None:
            try:
                said = input("Is this met? [y]es, [n]o, [u]nsure, [q]uit: ").strip().lower()
            except EOFError:
                return None
            if said.startswith("q"):
                return None
            ruling = KEYS.get(said[:1])
        asks.append(ask.replace(ruling=ruling))
    return task.replace(asks=tuple(asks))
