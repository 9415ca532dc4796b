"""assay evaluate"""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import Concurrency, InOut, MaxTurns, Seed, answer, asked, in_context, took
from assay.cli.judge import PackageJudges, judge_specs, package_judges
from assay.cli.references import agent_ref, dataset_ref, only_dataset
from assay.cli.stage import Fresh, Occasion, end_if_too_little, next_commands, occasion_of, stored
from assay.contracts.evaluation import EvaluateRequest, Evaluation
from assay.contracts.judgment import JudgeSpec

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay evaluate", help="Simulate and judge together (stages 3 and 4).")


@app.default
def evaluate(
    *,
    agent: Annotated[str | None, Parameter(help="agent_id@version to test.")] = None,
    dataset: Annotated[str | None, Parameter(help="name@version; required if there are several.")] = None,
    trials: Annotated[int | None, Parameter(help="Trials of each scenario (default: 3).")] = None,
    seed: Seed = None,
    fresh: Fresh = False,
    occasion: Occasion = None,
    max_turns: MaxTurns = None,
    concurrency: Concurrency = None,
    model: Annotated[str | None, Parameter(help="Model of the user simulator; `offline` uses rules.")] = None,
    judge_model: Annotated[tuple[str, ...], Parameter(help="Model of a judge; several form a panel.")] = (),
    judge: PackageJudges = (),
    votes: Annotated[int | None, Parameter(help="Votes per judge.")] = None,
    rubric: Annotated[str | None, Parameter(help="Additional instructions for the judge.")] = None,
    max_cost_usd: Annotated[Decimal | None, Parameter(help="Stop before the cost exceeds this.")] = None,
    max_tokens: Annotated[int | None, Parameter(help="Stop before more tokens are used (input and output).")] = None,
    max_calls: Annotated[int | None, Parameter(help="Stop before more calls are made.")] = None,
    max_time_s: Annotated[float | None, Parameter(help="Stop after this many seconds.")] = None,
    record: Annotated[
        Path | None, Parameter(help="Record every answer of the models and the agent in this file.")
    ] = None,
    replay: Annotated[Path | None, Parameter(help="Take every answer from this recording; make no calls.")] = None,
    estimate: Annotated[
        bool, Parameter(negative="", help="Only estimate calls, tokens and cost; make no calls.")
    ] = False,
    io: InOut = InOut(),
) -> None:
    """Play every scenario with the agent, and judge each conversation as soon as it ends.

    If it is stopped, run it again: it does only what is missing.
    """
    ref = dataset_ref(dataset) if dataset else None
    if ref is None and io.input is None:
        ref = only_dataset(io.name)
    limits = {"cost_usd": max_cost_usd, "tokens": max_tokens, "calls": max_calls, "time_s": max_time_s}
    given = {name: value for name, value in limits.items() if value is not None}
    request = asked(
        EvaluateRequest,
        io,
        agent=agent_ref(agent) if agent else None,
        dataset=ref,
        trials=trials,
        seed=seed,
        occasion=occasion_of(fresh, occasion),
        max_turns=max_turns,
        concurrency=concurrency,
        model=model,
        judges=_judges(judge_model, judge, votes),
        rubric=rubric,
        limits=given or None,
    )

    if estimate:
        return _estimate(request, io)

    async def work(context: "Context") -> tuple[Evaluation, list[str]]:
        from assay.lifecycle.evaluate import evaluate

        done = await evaluate(request, context)
        return done, await lines(done, context)

    done, said = in_context(work, quiet=io.json, changes={"record": record, "replay": replay})
    answer(done, io, said)
    end_if_too_little(done.simulation, done.judging)


def _estimate(request: EvaluateRequest, io: InOut) -> None:
    from assay.lifecycle import cost

    found = in_context(lambda context: cost.estimate(request, context), quiet=True)
    dollars = "cost not known"
    if found.cost_usd is not None and found.cost_usd_at_most is not None:
        dollars = f"{found.cost_usd:.2f} USD (at most {found.cost_usd_at_most:.2f})"
    answer(
        found,
        io,
        (
            f"{found.conversations} conversations left to play and judge",
            f"  {found.calls:,} calls (at most {found.calls_at_most:,}), {found.tokens:,} tokens "
            f"(at most {found.tokens_at_most:,}), {dollars}",
            f"  based on {found.basis}",
            "  to set a limit: --max-cost-usd, --max-tokens, --max-calls, --max-time-s",
        ),
    )


def _judges(models: tuple[str, ...], judges: tuple[str, ...], votes: int | None) -> tuple[JudgeSpec, ...] | None:
    """None: use the judges of the request."""
    named = [*({"model": model} for model in models), *package_judges(judges)]
    if not named and votes is None:
        return None
    return judge_specs(named or [{}], votes)


async def lines(done: Evaluation, context: "Context") -> list[str]:
    from assay.lifecycle.publish import report_uris
    from assay.stages import headline

    said = []
    for result in (done.simulation, done.judging):
        said += [f"{result.stage} {result.subject_id}{stored(result, context)}", f"  {headline(result)}"]
        said += [f"  report: {uri}" for uri in (await report_uris(result, context)).values()]
    return [*said, f"  took {took(done.spent)}", *(f"  next: {step}" for step in next_commands(done.judging))]
