"""assay evaluate"""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import InOut, answer, asked, in_context
from assay.cli.references import agent_ref, dataset_ref, latest_dataset
from assay.contracts.evaluation import EvaluateRequest, Evaluation
from assay.contracts.judgment import JudgeSpec
from assay.contracts.stage import Usage

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay evaluate", help="Simulate and judge in one go (stages 3 and 4).")


@app.default
def evaluate(
    *,
    agent: Annotated[str | None, Parameter(help="agent_id@version to play against.")] = None,
    dataset: Annotated[str | None, Parameter(help="name@version; the newest if left out.")] = None,
    trials: Annotated[int | None, Parameter(help="Independent repeats of each scenario.")] = None,
    seed: int | None = None,
    max_turns: int | None = None,
    concurrency: Annotated[int | None, Parameter(help="Conversations in flight.")] = None,
    model: Annotated[str | None, Parameter(help="Of the user simulator; `offline` for the rules.")] = None,
    judge_model: Annotated[tuple[str, ...], Parameter(help="A judge's model; several make a panel.")] = (),
    votes: Annotated[int, Parameter(help="Votes of each judge.")] = 1,
    rubric: Annotated[str | None, Parameter(help="More that the judge should know.")] = None,
    max_cost_usd: Annotated[Decimal | None, Parameter(help="Stop before more is spent.")] = None,
    max_tokens: Annotated[int | None, Parameter(help="Stop before more are used, input and output.")] = None,
    max_calls: Annotated[int | None, Parameter(help="Stop before more calls are made.")] = None,
    max_time_s: Annotated[float | None, Parameter(help="Stop after so many seconds.")] = None,
    io: InOut = InOut(),
) -> None:
    """Play every scenario against the agent and judge each conversation as it ends.

    Run again after a stop, it does only what is missing.
    """

    async def newest(context: "Context"):
        return await latest_dataset(context, io.name)

    ref = dataset_ref(dataset) if dataset else None
    if ref is None and io.input is None:
        ref = in_context(newest, quiet=True)
    limits = {"cost_usd": max_cost_usd, "tokens": max_tokens, "calls": max_calls, "time_s": max_time_s}
    given = {name: value for name, value in limits.items() if value is not None}
    request = asked(
        EvaluateRequest,
        io,
        agent=agent_ref(agent) if agent else None,
        dataset=ref,
        trials=trials,
        seed=seed,
        max_turns=max_turns,
        concurrency=concurrency,
        model=model,
        judges=_judges(judge_model, votes),
        rubric=rubric,
        limits=given or None,
    )

    async def work(context: "Context") -> Evaluation:
        from assay.lifecycle.evaluate import evaluate

        return await evaluate(request, context)

    done = in_context(work, quiet=io.json)
    answer(done, io, lines(done, io))


def _judges(models: tuple[str, ...], votes: int) -> tuple[JudgeSpec, ...] | None:
    """None: as the request says."""
    if not models and votes == 1:
        return None
    return tuple(JudgeSpec(model=model, votes=votes) for model in models or (None,))


def lines(done: Evaluation, io: InOut) -> list[str]:
    from assay.lifecycle.headline import headline

    project = "" if io.name == "default" else f" --project {io.name}"
    return [
        f"simulate {done.simulation.subject_id}",
        f"  {headline(done.simulation)}",
        f"judge {done.judging.subject_id}",
        f"  {headline(done.judging)}",
        f"  took {took(done.spent)}",
        f"  next: assay analytics report{project}",
    ]


def took(usage: Usage) -> str:
    """What was paid for, in words."""
    if not usage.calls:
        return "no paid call"
    cost = "cost not known" if usage.cost_usd is None else f"{usage.cost_usd:.4f} USD"
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    return f"{usage.calls} calls, {tokens} tokens, {cost}"
