"""Probes of a judge beside stage 4: the same conversations, changed in ways that must not change the ruling."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.contracts.dataset import Expectation
from assay.contracts.judgment import Judging, Ruling, Verdict
from assay.contracts.probes import JudgeProbeReport, JudgeProbeRequest, ProbeKind
from assay.contracts.stage import Stage
from assay.errors import BadInput, CallError
from assay.evaluation.judges.labels import RULED, judged_verdicts
from assay.evaluation.judges.probes import ProbeTrial, attack_results, probe, probe_results
from assay.evaluation.results import TrialResult
from assay.models.usage import UsageSum
from assay.stages.context import Context
from assay.stages.material import load_results

if TYPE_CHECKING:
    from assay.agents.judge import Judge

REPORT = "judging/probes.json"
"""The artifact of the judging's run that holds the report."""


async def probe_judge(request: JudgeProbeRequest, context: Context) -> JudgeProbeReport:
    """Has the judging's conversations ruled on anew, as they are and with each probe, and keeps the report.

    The judge is asked alone, with one vote. Raises BadInput where no judge ruled in that judging, or where it was no
    model's or rules' but an MLflow scorer.
    """
    from assay.agents.judge import PROMPT, judge
    from assay.tracking import log_artifacts

    judging, results = await load_results(context, request.project, request.judging_id, None)
    # One trial of every scenario before a second of any: scenarios are what is independent.
    spread = sorted(results, key=lambda result: (result.judgment.trial, result.judgment.scenario_id))
    material = [result for result in spread if _ruled(result)][: request.conversations]
    if not material:
        raise BadInput(f"judging_id: no judge ruled in {request.judging_id}: code alone decides there")
    bench = judge(context.chat_model(_model(judging)), await context.prompt("judge", PROMPT))
    work = _Probing(request, bench, context, len(material))
    gate = asyncio.Semaphore(request.concurrency)

    async def one(number: int, result: TrialResult) -> None:
        async with gate:
            await work.probe(number, result)

    async with asyncio.TaskGroup() as group:
        for number, result in enumerate(material):
            group.create_task(one(number, result))
    trials = sorted(work.trials, key=lambda trial: (request.kinds.index(trial.kind), trial.conversation_id))
    report = JudgeProbeReport(
        project=request.project,
        judging_id=request.judging_id,
        judge=bench.name,
        rubric_hash=judging.rubric_hash,
        made_at=context.now(),
        conversations=len(material),
        failed=work.failed,
        results=probe_results(trials),
        attacks=attack_results(trials),
        usage=work.usage.total,
        run_id=judging.run_id,
    )
    if judging.run_id is not None:
        content = report.model_dump_json(indent=2).encode()
        await asyncio.to_thread(log_artifacts, context.tracking, judging.run_id, {REPORT: content})
    return report


@dataclass
class _Probing:
    request: JudgeProbeRequest
    judge: "Judge"
    context: Context
    total: int
    trials: list[ProbeTrial] = field(default_factory=list)
    failed: int = 0
    done: int = 0
    usage: UsageSum = field(default_factory=UsageSum)

    async def probe(self, number: int, result: TrialResult) -> None:
        """One conversation with all probes."""
        expectations = _expectations(result)
        before = await self._rule(result, expectations, 0)
        if before is not None:
            for kind in self.request.kinds:
                await self._one(number, result, expectations, before, kind)
        self.done += 1
        self.context.tell(Stage.JUDGE, self.done, self.total)

    async def _one(
        self,
        number: int,
        result: TrialResult,
        expectations: Sequence[Expectation],
        before: dict[str, Ruling],
        kind: ProbeKind,
    ) -> None:
        ruled = Ruling.NOT_MET if Ruling.NOT_MET in before.values() else Ruling.MET
        changed = probe(kind, result.conversation, expectations, ruled, number=number, seed=self.request.seed)
        conversation = TrialResult(changed.conversation, result.judgment, result.scenario)
        after = await self._rule(conversation, changed.expectations, 1)
        if after is None:
            return
        for expectation in expectations:
            name = expectation.expectation_id
            first = before.get(name)
            if first is None or first not in RULED or (changed.wanted is not None and first is changed.wanted):
                continue
            self.trials.append(
                ProbeTrial(
                    kind=kind,
                    conversation_id=result.conversation.conversation_id,
                    scenario_id=result.judgment.scenario_id,
                    expectation_id=name,
                    before=first,
                    after=after.get(name, Ruling.ABSTAINED),
                    wanted=changed.wanted,
                    attack=changed.attack,
                )
            )

    async def _rule(
        self, result: TrialResult, expectations: Sequence[Expectation], attempt: int
    ) -> dict[str, Ruling] | None:
        """None: the judge gave no answer."""
        try:
            ruled = await self.judge.rule(
                result.conversation,
                expectations,
                scenario=result.scenario,
                rubric="",
                votes=1,
                seed=result.conversation.seed + attempt,
            )
        except CallError:
            self.failed += 1
            return None
        self.usage.add(ruled.usage)
        return {verdict.expectation_id: verdict.ruling for verdict in ruled.verdicts}


def _ruled(result: TrialResult) -> list[Verdict]:
    return [verdict for verdict in judged_verdicts(result) if verdict.ruling in RULED]


def _expectations(result: TrialResult) -> tuple[Expectation, ...]:
    """What the judge was asked of this conversation."""
    told = {e.expectation_id: e for e in (result.scenario.expectations if result.scenario else ())}
    return tuple(
        told.get(v.expectation_id)
        or Expectation(expectation_id=v.expectation_id, text=v.expectation_id.replace("-", " "))
        for v in judged_verdicts(result)
    )


def _model(judging: Judging) -> str:
    """The first judge of the panel. Raises BadInput for one that is no model, which is asked otherwise."""
    name = judging.judge.split(" + ")[0].split(" x")[0]
    if name != "offline" and ":" not in name:
        raise BadInput(f"judging_id: {name} is no model: only models and the offline judge are probed")
    return name
