"""assay judge"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from pydantic import ValidationError

from assay.cli.console import Concurrency, InOut, Output, Seed, answer, answer_table, asked, in_context, say, table
from assay.cli.references import agent_ref, named_with_options, only, the_only
from assay.cli.stage import list_stage, run_and_answer
from assay.contracts.calibration import CertifyRequest, JudgeCertificate
from assay.contracts.judge_audit import JudgeAgreement
from assay.contracts.judgment import JudgeRequest, JudgeSpec, TraceQuery
from assay.contracts.probes import JudgeProbeReport, JudgeProbeRequest, ProbeKind
from assay.contracts.stage import Stage
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

PackageJudges = Annotated[
    tuple[str, ...], Parameter(help="Judge from an installed package, as NAME or NAME={JSON options}.")
]
app = App(name="assay judge", help="Judge conversations, with evidence and rationale (stage 4).")


@app.command
def run(
    *,
    simulation: Annotated[str | None, Parameter(help="Simulation ID; required if there are several.")] = None,
    agent: Annotated[str | None, Parameter(help="Judge the simulation of this agent_id@version.")] = None,
    experiment: Annotated[str | None, Parameter(help="Judge traces of this MLflow experiment instead.")] = None,
    filter: Annotated[str, Parameter(help="Filter for the traces, as in mlflow.search_traces.")] = "",
    sample: Annotated[int | None, Parameter(help="Judge a random sample of this many matching conversations.")] = None,
    seed: Annotated[int, Parameter(help="Seed of the sample.")] = 0,
    expect: Annotated[tuple[str, ...], Parameter(help="An expectation for every conversation, in words.")] = (),
    rubric: Annotated[str | None, Parameter(help="Additional instructions for the judge.")] = None,
    model: Annotated[tuple[str, ...], Parameter(help="Model of a judge; several form a panel.")] = (),
    scorer: Annotated[tuple[str, ...], Parameter(help="MLflow scorer to use as a judge.")] = (),
    judge: PackageJudges = (),
    votes: Annotated[int | None, Parameter(help="Votes per judge.")] = None,
    concurrency: Concurrency = None,
    io: InOut = InOut(),
) -> None:
    """Judge a simulation, or traces that are already in MLflow."""
    traces = TraceQuery(experiment=experiment, filter=filter, sample=sample, seed=seed) if experiment else None
    if simulation is None and traces is None and io.input is None:
        simulation = only(io.name, Stage.SIMULATE, agent_ref(agent) if agent else None)
    named: list[dict[str, Any]] = [{"model": name} for name in model]
    named += package_judges(judge)
    if votes is not None and not named and not scorer:
        named = [{}]
    judges = [*judge_specs(named, votes), *(JudgeSpec(kind="mlflow", scorer=name) for name in scorer)]
    expectations = [{"expectation_id": f"expect-{place}", "text": text} for place, text in enumerate(expect, start=1)]
    request = asked(
        JudgeRequest,
        io,
        simulation_id=simulation,
        traces=traces,
        expectations=expectations or None,
        rubric=rubric,
        judges=judges or None,
        concurrency=concurrency,
    )
    run_and_answer(request, io)


def package_judges(judges: Sequence[str]) -> list[dict[str, Any]]:
    """Judges of installed packages from `NAME` or `NAME={"option": …}`. Raises BadInput for other options."""
    return [named_with_options(text, "--judge") for text in judges]


def judge_specs(named: Sequence[dict[str, Any]], votes: int | None) -> tuple[JudgeSpec, ...]:
    """Judges with their votes. Raises BadInput for an invalid number of votes."""
    given = {} if votes is None else {"votes": votes}
    try:
        return tuple(JudgeSpec.model_validate({**judge, **given}) for judge in named)
    except ValidationError as error:
        raise BadInput.from_validation("judges", error) from error


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the judgings of a project, newest first."""
    list_stage(Stage.JUDGE, io)


@app.command
def certify(
    *,
    judging: Annotated[
        tuple[str, ...],
        Parameter(help="Judgings of one judge (default: all labelled judgings of the project's judge)."),
    ] = (),
    level: Annotated[
        float | None, Parameter(help="Lower bound that sensitivity and specificity must reach (default: 0.8).")
    ] = None,
    io: InOut = InOut(),
) -> None:
    """Certify a judge with human labels: how often it is right, and whether it may gate."""

    async def work(context: "Context") -> tuple[JudgeCertificate, list[str]]:
        from assay.lifecycle.publish import publish_certificate
        from assay.stages.labelling import certify_judge, same_judge

        names = judging
        if not names and io.input is None:
            names = await same_judge(context, io.name, await the_judge(context, io.name))
        made = await certify_judge(asked(CertifyRequest, io, judging_ids=names or None, level=level), context)
        return made, [await publish_certificate(made, context)]

    made, reports = in_context(work, quiet=io.json)
    verdict = "may gate" if made.admitted else "may not gate yet"
    answer(
        made,
        io,
        (
            f"{made.certificate_id}: the judge {made.judge} {verdict}",
            f"  {made.reason}",
            f"  {made.rulings} rulings by {', '.join(made.raters)}; {made.design}",
            f"  missing: {made.missing}",
            *(f"  report: {uri}" for uri in reports),
        ),
    )


async def the_judge(context: "Context", project: str) -> str:
    """A judging of the project's only judge. Raises BadInput if there are several judges."""
    from assay.contracts.judgment import Judging
    from assay.evaluation.judges.certificate import judge_key
    from assay.tracking import list_results, load_result

    judges: dict[str, Judging] = {}
    for run in await asyncio.to_thread(list_results, context.tracking, project, Stage.JUDGE, limit=1000):
        loaded = await asyncio.to_thread(load_result, context.tracking, project, Stage.JUDGE, run.subject_id)
        judging = Judging.model_validate(loaded)
        judges.setdefault(str(judge_key(judging)), judging)
    if len(judges) == 1:
        return next(iter(judges.values())).subject_id
    if not judges:
        return await the_only(context, project, Stage.JUDGE)
    listed = "\n".join(
        f"  {found.subject_id}  {found.judge}, rubric {found.rubric_hash[:8]}" for found in judges.values()
    )
    raise BadInput(f"project {project} has several judges: give a judging of one with --judging:\n{listed}")


@app.command
def probe(
    *,
    judging: Annotated[str | None, Parameter(help="Judging ID; required if there are several.")] = None,
    kind: Annotated[tuple[ProbeKind, ...], Parameter(help="Run only these probes (default: all).")] = (),
    conversations: Annotated[int | None, Parameter(help="Maximum number of conversations.")] = None,
    seed: Seed = None,
    concurrency: Concurrency = None,
    io: InOut = InOut(),
) -> None:
    """Test whether the judge can be fooled: by order, length, style, a user's claims or injected instructions."""

    async def work(context: "Context") -> tuple[JudgeProbeReport, str]:
        from assay.lifecycle.publish import publish_probes
        from assay.stages.probing import probe_judge

        chosen = judging or (None if io.input else await the_only(context, io.name, Stage.JUDGE))
        fields = {"conversations": conversations, "seed": seed, "concurrency": concurrency}
        request = asked(JudgeProbeRequest, io, judging_id=chosen, kinds=("repeat", *kind) if kind else None, **fields)
        made = await probe_judge(request, context)
        return made, await publish_probes(made, context)

    found, uri = in_context(work, quiet=io.json)
    lines = [f"{result.kind.replace('_', ' ')}: {result.state}; {result.words}" for result in found.results]
    worked = [attack for attack in found.attacks if attack.worked]
    lines.append(f"attacks that worked: {', '.join(a.attack_id for a in worked) or 'none'} (of {len(found.attacks)})")
    answer(found, io, (f"{found.judge} on {found.conversations} conversations", *lines, f"  report: {uri}"))


@app.command
def certificates(*, io: Output = Output()) -> None:
    """List the judges' certificates of a project, newest first."""

    async def work(context: "Context") -> list[JudgeCertificate]:
        from assay.tracking import list_certificates

        return await asyncio.to_thread(list_certificates, context.tracking, io.name)

    found = in_context(work, quiet=True)
    rows = [
        (
            made.certificate_id,
            made.judge,
            f"{made.made_at:%Y-%m-%d %H:%M}",
            "yes" if made.admitted else "no",
            made.reason,
        )
        for made in found
    ]
    without_labels = [made.model_dump(mode="json", exclude={"labelled"}) for made in found]
    columns = ("certificate", "judge", "made", "may gate", "why")
    answer_table(without_labels, io, f"Certificates in project {io.name}", columns, rows)


@app.command
def agreement(
    *,
    judging: Annotated[tuple[str, ...], Parameter(help="Two or more judgings of the same conversations.")],
    io: Output = Output(),
) -> None:
    """Show the agreement between judges."""
    from assay.evaluation.facts import show_quantity
    from assay.evaluation.judges.panel_agreement import judge_agreement

    async def work(context: "Context") -> JudgeAgreement:
        from assay.stages.material import load_results

        return judge_agreement([await load_results(context, io.name, name, None) for name in judging])

    found = in_context(work, quiet=io.json)
    answer(found, io, (f"{found.rulings} rulings; overall alpha {show_quantity(found.alpha, 'score')}",))
    if not io.as_json:
        rows = [
            (m.first, m.second, m.rulings, "" if m.same is None else f"{m.same:.0%}", show_quantity(m.kappa, "score"))
            for m in found.matches
        ]
        table("", ("judge", "judge", "rulings", "same", "Cohen's kappa"), rows)


def _share_or_none(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.2f}"


@app.command
def audit(
    items: Annotated[
        Path, Parameter(help="Pairs with gold labels, as JSONL, CSV or Excel: item_id, gold, optionally subset.")
    ],
    judgments: Annotated[
        Path, Parameter(help="The judges' answers, in the same formats: item_id, judge, winner_ab, winner_ba.")
    ],
    *,
    io: Output = Output(),
) -> None:
    """Compare judges with gold labels: accuracy, order effects, agreement, and how their errors affect a rate."""
    from assay.evaluation.facts import show_quantity
    from assay.evaluation.judges.audit import audit as audited
    from assay.integrations.importers.pairwise import read_items, read_verdicts

    found = audited(read_items(items), read_verdicts(judgments))
    answer(found, io, ())
    if io.as_json:
        return
    rows = [
        (
            judge.judge,
            show_quantity(judge.accuracy, "share"),
            _share_or_none(judge.order_consistency),
            _share_or_none(judge.prefers_first_shown),
            "yes" if judge.admitted else "no",
        )
        for judge in found.judges
    ]
    table(
        f"{len(rows)} judges on {found.items} pairs",
        ("judge", "right", "same in both orders", "prefers first", "may gate"),
        rows,
    )
    for judge in found.judges:
        said = f"{judge.judge}: {judge.admission}"
        if judge.unread or judge.ties:
            said += f". {judge.unread} answers could not be read, {judge.ties} were ties"
        if judge.correction.refused:
            said += f". Its rates cannot be corrected: {judge.correction.refused}"
        say("", said)
    say("", found.method)
