"""assay compare"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import InOut, Model, Output, asked, in_context, note, read_text, say, settings, table, write_json
from assay.cli.references import agent_ref, only, trial_numbers
from assay.cli.stage import list_stage, run_and_answer
from assay.cli.stage import run as run_stage
from assay.contracts.comparison import CompareRequest, ComparisonReport
from assay.contracts.stage import Stage

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay compare", help="Compare two agent versions on one dataset version (stage 6).")


@app.command
def run(
    *,
    champion: Annotated[str | None, Parameter(help="agent_id@version or a judging ID.")] = None,
    challenger: Annotated[
        tuple[str, ...],
        Parameter(
            help="agent_id@version or a judging ID; several are corrected for multiple testing. Required if several "
            "pairs are possible."
        ),
    ] = (),
    champion_trials: Annotated[str | None, Parameter(help="Only these trials, such as 0,1.")] = None,
    challenger_trials: Annotated[str | None, Parameter(help="Only these trials, such as 2,3.")] = None,
    test: Annotated[
        Literal["superiority", "non_inferiority"] | None,
        Parameter(help="superiority: the challenger is better. non_inferiority: it is not worse by the margin."),
    ] = None,
    margin: Annotated[
        float | None, Parameter(help="Smallest difference in pass rate that matters (default: 0.05).")
    ] = None,
    confidence: Annotated[float | None, Parameter(help="Confidence of the interval (default: 0.95).")] = None,
    judge: Annotated[
        Literal["admitted", "any"] | None,
        Parameter(help="any: let a judge without an admitting certificate decide, at your own risk."),
    ] = None,
    narrative: Annotated[Path | None, Parameter(help="File with your own text; write numbers as {fact_id}.")] = None,
    model: Model = None,
    exception: Annotated[
        str | None, Parameter(help="Reason to depart from the project's policy; shown in the report.")
    ] = None,
    io: InOut = InOut(),
) -> None:
    """Decide PROMOTE, REJECT or INCONCLUSIVE. The champion is another version, or other trials of the same one."""
    pairs = [{}]
    if io.input is None or champion or challenger:
        pairs = [_sides(io.name, champion, one, champion_trials, challenger_trials) for one in challenger or (None,)]
    policy = {"test": test, "margin": margin, "confidence": confidence, "judge": judge}
    policy = {name: value for name, value in policy.items() if value is not None}
    requests = [
        asked(
            CompareRequest,
            io,
            policy=policy or None,
            narrative=read_text(narrative)[1] if narrative else None,
            model=model,
            exception={"by": settings().person, "reason": exception} if exception else None,
            together_with=[other for other in pairs if other is not sides] or None,
            **sides,
        )
        for sides in pairs
    ]
    if len(requests) > 1 and (io.json or io.output):
        write_json([run_stage(request, quiet=True)[0] for request in requests], io)
        return
    for request in requests:
        result = run_and_answer(request, io)
        assert isinstance(result, ComparisonReport)  # noqa: S101, the request's stage says so
        if not io.json:
            show_comparison(result)
            _say_corrected(result)


def _say_corrected(report: ComparisonReport) -> None:
    """Notes comparisons that were made on the dataset version after this one was stored."""
    from assay.cli.server import asked_server
    from assay.stages.compare import corrected_since

    if asked_server():
        return
    since = in_context(lambda context: corrected_since(report, context), quiet=True)
    if since is not None:
        others, p = since
        say(
            f"note: corrected for all {others} other comparisons on this dataset version, p = {p:.2g} (Holm). Some "
            "were made after this verdict. Compare all challengers together with --challenger A --challenger B"
        )


def _sides(
    project: str,
    champion: str | None,
    challenger: str | None,
    champion_trials: str | None,
    challenger_trials: str | None,
) -> dict:
    if champion is None and champion_trials is not None:
        before = after = _judging(project, challenger)
    elif _is_id(champion) and _is_id(challenger):
        before, after = champion, challenger
    else:
        before, after = in_context(lambda context: _pair(context, project, champion, challenger), quiet=True)
    return {
        "champion": {"judging_id": before, "trials": trial_numbers(champion_trials)},
        "challenger": {"judging_id": after, "trials": trial_numbers(challenger_trials)},
    }


async def _pair(context: "Context", project: str, champion: str | None, challenger: str | None) -> tuple[str, str]:
    from assay.stages.pairs import pair

    sides = [agent_ref(named) if named and not _is_id(named) else named for named in (champion, challenger)]
    before, after = await pair(context, project, *sides)
    note(f"comparing {after.agent} ({after.subject_id}) with {before.agent} ({before.subject_id}) on {after.dataset}")
    return before.subject_id, after.subject_id


def _is_id(named: str | None) -> bool:
    return named is not None and "@" not in named


def _judging(project: str, named: str | None) -> str:
    if named is not None and _is_id(named):
        return named
    return only(project, Stage.JUDGE, agent_ref(named) if named else None)


def show_comparison(report: ComparisonReport) -> None:
    """Prints the numbers behind the verdict."""
    from assay.evaluation.facts import show

    main = [fact for fact in report.facts if not fact.fact_id.startswith("slice.")]
    table("", ("what", "value"), [(fact.label, show(fact)) for fact in main])
    worse = [f"{slice_.dimension} {slice_.value}" for slice_ in report.slices if slice_.worse]
    say("", report.narrative.text, "")
    say(*(f"next: {step}" for step in report.next_steps))
    if worse:
        say(f"worse in: {', '.join(worse)}")


@app.command
def chat(
    question: Annotated[str | None, Parameter(help="One question; omit it to start a chat.")] = None,
    *,
    comparison: Annotated[str | None, Parameter(help="Comparison ID; required if there are several.")] = None,
    model: Model = None,
    io: Output = Output(),
) -> None:
    """Ask the Comparator about both versions."""
    from assay.cli.chats import comparator_chat

    in_context(lambda context: comparator_chat(context, io, comparison, question, model), quiet=True)


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the comparisons of a project, newest first."""
    list_stage(Stage.COMPARE, io)
