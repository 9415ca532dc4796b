"""Labels beside stage 4: drawn, taken from people, and made into the judge's certificate. People are the yardstick."""

import asyncio
from collections.abc import Sequence

from assay.contracts.calibration import CertifyRequest, JudgeCertificate
from assay.contracts.judgment import Judging, Ruling, Verdict
from assay.contracts.labels import LabelAgreement, LabelDraw, LabelsTaken, LabelTask
from assay.contracts.stage import Stage
from assay.errors import BadInput, NotFound
from assay.evaluation.judges.certificate import Labelled, certify, judge_key
from assay.evaluation.judges.labels import agreement, draw, judged_verdicts, task_of
from assay.evaluation.results import TrialResult, quantity
from assay.stages.context import Context
from assay.stages.material import load_results

DRAWS = "labels"
"""The folder of a judging's run in which its drawings are kept."""


async def draw_labels(
    context: Context, project: str, judging_id: str, *, count: int, seed: int = 0
) -> tuple[LabelDraw, list[LabelTask]]:
    """Draws conversations to label, keeps the lots' chances in MLflow, and gives them blind.

    Raises BadInput where nothing is left to label, NotFound where there is no such judging.
    """
    from assay.tracking import log_artifacts

    judging, results = await load_results(context, project, judging_id, None)
    run_id = _run_of(judging)
    earlier = await draws_of(context, judging)
    drawn = draw(results, count, judging_id=judging_id, earlier=earlier, seed=seed, made_at=context.now())
    path = f"{DRAWS}/draw-{drawn.number:03}.json"
    await asyncio.to_thread(log_artifacts, context.tracking, run_id, {path: drawn.model_dump_json(indent=1).encode()})
    return drawn, tasks_of(results, judging, drawn.drawn)


async def open_tasks(context: Context, project: str, judging_id: str, by: str) -> list[LabelTask]:
    """What was drawn and this person has not labelled yet, in the order of the drawings."""
    from assay.tracking import read_human_labels

    judging, results = await load_results(context, project, judging_id, None)
    names = [name for drawing in await draws_of(context, judging) for name in drawing.drawn]
    labels = await asyncio.to_thread(read_human_labels, context.tracking, project, names)
    done = {name for name, said in labels.items() if any(verdict.judge == by for verdict in said)}
    return tasks_of(results, judging, [name for name in names if name not in done], by)


def tasks_of(
    results: Sequence[TrialResult], judging: Judging, conversation_ids: Sequence[str], by: str = ""
) -> list[LabelTask]:
    by_id = {result.conversation.conversation_id: result for result in results}
    return [task_of(by_id[name], judging.subject_id, {}, by) for name in conversation_ids if name in by_id]


async def take_labels(context: Context, project: str, tasks: Sequence[LabelTask]) -> LabelsTaken:
    """Stores what people ruled as HUMAN assessments on the traces. A person's later ruling replaces the earlier one.

    Raises BadInput for labels of several judgings, without a name, or on what the judge was not asked.
    """
    from assay.tracking import write_human_labels

    judging_ids = {task.judging_id for task in tasks}
    if len(judging_ids) != 1:
        raise BadInput(f"judging_id: labels of one judging at a time are taken, not of {sorted(judging_ids) or 'none'}")
    judging_id = judging_ids.pop()
    _, results = await load_results(context, project, judging_id, None)
    asked = {
        result.conversation.conversation_id: {verdict.expectation_id for verdict in judged_verdicts(result)}
        for result in results
    }
    labels: dict[str, list[Verdict]] = {}
    left_open = 0
    for task in tasks:
        if task.conversation_id not in asked:
            raise BadInput(f"conversation_id: {task.conversation_id} is none of {judging_id}'s conversations")
        for ask in task.asks:
            if ask.ruling is None:
                left_open += 1
                continue
            if ask.expectation_id not in asked[task.conversation_id]:
                raise BadInput(
                    f"expectation_id: {ask.expectation_id} was not the judge's to rule in {task.conversation_id}: "
                    f"label {', '.join(sorted(asked[task.conversation_id])) or 'nothing, code ruled on all'}"
                )
            if not task.by.strip():
                raise BadInput(f"by: who labelled {task.conversation_id}? Write a name, so that people can be compared")
            labels.setdefault(task.conversation_id, []).append(_verdict(task, ask.expectation_id, ask.ruling, ask.note))
    if labels:
        await asyncio.to_thread(write_human_labels, context.tracking, project, labels)
    return LabelsTaken(
        project=project,
        judging_id=judging_id,
        conversations=len(labels),
        rulings=sum(map(len, labels.values())),
        raters=tuple(sorted({task.by for task in tasks if task.conversation_id in labels})),
        left_open=left_open,
    )


def _verdict(task: LabelTask, expectation_id: str, ruling: Ruling, note: str) -> Verdict:
    return Verdict(
        expectation_id=expectation_id,
        rationale=note or "ruled by a person",
        ruling=ruling,
        confidence=0.0 if ruling is Ruling.ABSTAINED else 1.0,
        source="human",
        judge=task.by.strip(),
    )


async def label_agreement(context: Context, project: str, judging_id: str) -> LabelAgreement:
    """How far the people who labelled a judging agree."""
    found = await _labelled(context, project, judging_id)
    agreed = agreement(found.results, found.labels)
    return LabelAgreement(
        project=project,
        judging_id=judging_id,
        raters=agreed.raters,
        rulings=agreed.rulings,
        rated_twice=agreed.rated_twice,
        alpha=quantity(agreed.alpha),
        split=agreed.split,
        words=agreed.words,
    )


async def certify_judge(request: CertifyRequest, context: Context, *, by: str | None = None) -> JudgeCertificate:
    """Makes the judge's certificate from the labels there are, and keeps it as its newest. by: None: who runs this.

    Raises BadInput for judgings of several judges, and where nobody has labelled.
    """
    from assay.tracking import keep_certificate

    sources = [await _labelled(context, request.project, name) for name in request.judging_ids]
    made = certify(sources, level=request.level, made_at=context.now(), by=by or context.settings.person)
    return await asyncio.to_thread(keep_certificate, context.tracking, made)


async def same_judge(context: Context, project: str, judging_id: str) -> tuple[str, ...]:
    """The judgings of this one's judge that people have labelled, this one first."""
    from assay.tracking import list_results, load_result

    t = context.tracking

    async def judging(name: str) -> Judging:
        return Judging.model_validate(await asyncio.to_thread(load_result, t, project, Stage.JUDGE, name))

    wanted = judge_key(await judging(judging_id))
    found = [judging_id]
    for run in await asyncio.to_thread(list_results, t, project, Stage.JUDGE):
        if run.subject_id != judging_id and judge_key(await judging(run.subject_id)) == wanted:
            source = await _labelled(context, project, run.subject_id)
            if source.labels:
                found.append(run.subject_id)
    return tuple(found)


async def draws_of(context: Context, judging: Judging) -> list[LabelDraw]:
    """The judging's drawings, the first one first."""
    from assay.tracking import list_artifacts, read_text

    run_id = _run_of(judging)
    there = await asyncio.to_thread(list_artifacts, context.tracking, run_id, DRAWS)
    texts = [await asyncio.to_thread(read_text, context.tracking, run_id, path) for path in sorted(there)]
    return [LabelDraw.model_validate_json(text) for text in texts]


async def _labelled(context: Context, project: str, judging_id: str) -> Labelled:
    from assay.tracking import read_human_labels

    judging, results = await load_results(context, project, judging_id, None)
    names = [result.conversation.conversation_id for result in results if judged_verdicts(result)]
    labels = await asyncio.to_thread(read_human_labels, context.tracking, project, names)
    asked = {r.conversation.conversation_id: {v.expectation_id for v in judged_verdicts(r)} for r in results}
    kept = {
        name: said
        for name, all_said in labels.items()
        if (said := [verdict for verdict in all_said if verdict.expectation_id in asked[name]])
    }
    return Labelled(judging, results, kept, await draws_of(context, judging))


def _run_of(judging: Judging) -> str:
    if judging.run_id is None:
        raise NotFound(f"judging {judging.subject_id} was not stored: run it again before you label")
    return judging.run_id
