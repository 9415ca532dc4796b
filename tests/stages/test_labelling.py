"""People's labels: drawn, taken, made into a certificate, and what that makes of rates and verdicts.

The world is planted: what the agent did stands in its words, and the judge, a real HTTP model, is wrong on a tenth of
the conversations.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import numpy as np
import pytest

from assay.contracts.agent import DevelopRequest
from assay.contracts.analytics import AnalyzeRequest
from assay.contracts.base import content_hash
from assay.contracts.calibration import CertifyRequest
from assay.contracts.comparison import ComparePolicy, CompareRequest, Side
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.dataset import Dataset, DatasetRequest, Expectation, Persona, Scenario
from assay.contracts.estimate import Estimate
from assay.contracts.judgment import JudgeRequest, Ruling
from assay.contracts.labels import LabelTask
from assay.contracts.stage import AgentRef
from assay.errors import BadInput
from assay.evaluation.exchange import Rows, labels_of, labels_to_csv, labels_to_jsonl
from assay.settings import Settings
from assay.stages.analyze import analyze
from assay.stages.compare import compare
from assay.stages.context import Context, open_context
from assay.stages.dataset import dataset as build
from assay.stages.develop import develop
from assay.stages.judge import judge
from assay.stages.labelling import certify_judge, draw_labels, label_agreement, open_tasks, same_judge, take_labels
from tests.lifecycle.conversing import card_at
from tests.stub_answers import Answer, Json, Reply
from tests.stub_llm import StubLLM

SCENARIOS, TRIALS = 40, 4
EXPECTATION = Expectation(expectation_id="helps", text="The agent solves what the user asked for.")
CARD = card_at("http://127.0.0.1:9/v1")
DID = re.compile(r"case-([0-9a-z-]+) (solved|refused)")


def wrong(case: str) -> bool:
    """Whether the judge errs on it: every tenth, for no reason that it could know."""
    return int(hashlib.sha256(case.encode()).hexdigest(), 16) % 10 == 0


def rules(asked: Json, nth: int) -> Answer:
    del nth
    case, did = DID.search(json.dumps(asked["messages"])).groups()
    met = (did == "solved") != wrong(case)
    opinion = {
        "expectation_id": "helps",
        "rationale": "It says so.",
        "evidence": [{"turn": 1, "quote": did}],
        "ruling": "met" if met else "not_met",
        "confidence": 0.7 if wrong(case) else 0.95,
    }
    return Reply({"opinions": [opinion]})


def played(version: str, lift: float) -> list[Conversation]:
    rng = np.random.default_rng(8)
    chance = np.clip(rng.beta(3, 2, SCENARIOS) + lift, 0, 1)
    found = []
    for number in range(SCENARIOS):
        for trial in range(TRIALS):
            did = "solved" if rng.random() < chance[number] else "refused"
            words = f"case-{version}-{number}-{trial} {did}"
            found.append(
                Conversation(
                    conversation_id=content_hash([version, number, trial])[:32],
                    scenario_id=f"case-{number}",
                    trial=trial,
                    seed=trial,
                    agent=AgentRef(agent_id=CARD.agent_id, version=version),
                    turns=(Turn(role="user", text="Please solve it."), Turn(role="agent", text=words)),
                    stop_reason=StopReason.IMPORTED,
                    started_at=datetime(2026, 3, 1, tzinfo=UTC),
                )
            )
    return found


def solved(conversation: Conversation) -> bool:
    return conversation.turns[1].text.endswith("solved")


def filled(tasks: Sequence[LabelTask], by: str = "ada") -> list[LabelTask]:
    """What a person writes who can read."""
    return [
        task.replace(
            by=by,
            asks=[
                ask.replace(ruling=Ruling.MET if task.turns[1].text.endswith("solved") else Ruling.NOT_MET)
                for ask in task.asks
            ],
        )
        for task in tasks
    ]


def planted() -> Dataset:
    return Dataset(
        name="cases",
        scenarios=tuple(
            Scenario(
                scenario_id=f"case-{number}",
                topic="cases",
                persona=Persona(name="plain", description="Says what is needed."),
                goal="Get it solved.",
                expectations=(EXPECTATION,),
            )
            for number in range(SCENARIOS)
        ),
    )


@asynccontextmanager
async def judged(store_uri: str, tmp_path, **rubric: str) -> AsyncIterator[tuple[Context, list[str], StubLLM]]:
    """Two versions, the second 30 points better, judged by the stub."""
    with StubLLM(rules) as stub:
        settings = Settings(
            tracking_uri=store_uri,
            home=tmp_path,
            model="openai:stub",
            openai_base_url=stub.base_url,
            openai_api_key="k",
        )
        async with open_context(settings) as context:
            await develop(DevelopRequest(card=CARD, probe=False), context)
            agent = CARD.ref
            built = await build(
                DatasetRequest(agent=agent, dataset=planted(), threshold=0.0, reference_attempt=False), context
            )
            names = []
            for version, lift in (("v1", 0.0), ("v2", 0.3)):
                done = await judge(
                    JudgeRequest(
                        conversations=tuple(played(version, lift)), dataset=built.dataset.ref, concurrency=40, **rubric
                    ),
                    context,
                )
                names.append(done.subject_id)
            yield context, names, stub


async def labelled(context: Context, judging_id: str, count: int, by: str = "ada") -> None:
    _, tasks = await draw_labels(context, "default", judging_id, count=count)
    await take_labels(context, "default", filled(tasks, by))


async def test_a_judge_that_nobody_labelled_decides_nothing_and_an_admitted_one_does(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, _):
        sides = {"champion": Side(judging_id=names[0]), "challenger": Side(judging_id=names[1])}
        before = await compare(CompareRequest(**sides, model="offline"), context)
        assert before.judge.state == "uncalibrated"
        assert before.recommendation == "INCONCLUSIVE"
        assert "The judge may not gate" in before.reason and "it would be PROMOTE" in before.reason
        assert f"assay label draw --judging {names[0]}" in before.next_steps[0]
        assert isinstance(before.whatever_the_judge, Estimate)
        assert (before.whatever_the_judge.low, before.whatever_the_judge.high) == (-1, 1)  # no code ruled on anything
        risky = await compare(CompareRequest(**sides, model="offline", policy=ComparePolicy(judge="any")), context)
        assert risky.recommendation == "PROMOTE"

        for name in names:
            await labelled(context, name, 150)
        made = await certify_judge(CertifyRequest(judging_ids=tuple(names)), context)
        assert made.admitted, made.reason
        assert isinstance(made.sensitivity, Estimate) and made.sensitivity.low <= 0.9 <= made.sensitivity.high
        after = await compare(CompareRequest(**sides, model="offline"), context)
        assert after.judge.state == "admitted" and after.judge.certificate_id == made.certificate_id
        assert after.recommendation == "PROMOTE" and after.calibrated
        assert after.corrected is not None and isinstance(after.corrected.difference, Estimate)
        truth = np.mean([solved(c) for c in played("v2", 0.3)]) - np.mean([solved(c) for c in played("v1", 0.0)])
        found = after.corrected.difference
        assert found.low <= truth <= found.high
        assert isinstance(after.pass_rate.difference, Estimate)
        assert abs(found.value - truth) < abs(after.pass_rate.difference.value - truth)


async def test_the_analytics_report_says_the_rate_that_people_would_have_found(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, _):
        truth = float(np.mean([solved(c) for c in played("v1", 0.0)]))
        raw = await analyze(AnalyzeRequest(judging_id=names[0], model="offline"), context)
        assert raw.corrected_pass_rate is None and not raw.calibrated
        await labelled(context, names[0], 60)
        await certify_judge(CertifyRequest(judging_ids=(names[0],)), context)
        own = await analyze(AnalyzeRequest(judging_id=names[0], model="offline"), context)
        assert own.subject_id != raw.subject_id  # new labels make a new report
        assert isinstance(own.corrected_pass_rate, Estimate)
        assert own.corrected_pass_rate.low <= truth <= own.corrected_pass_rate.high
        assert "prediction-powered, 60 labels" in own.corrected_pass_rate.method

        # The other judging of the same judge has no labels of its own: Rogan and Gladen, by these.
        other = await analyze(AnalyzeRequest(judging_id=names[1], model="offline"), context)
        assert isinstance(other.corrected_pass_rate, Estimate)
        assert "Rogan-Gladen, 60 labels" in other.corrected_pass_rate.method
        planted_rate = float(np.mean([solved(c) for c in played("v2", 0.3)]))
        assert other.corrected_pass_rate.low <= planted_rate <= other.corrected_pass_rate.high


async def test_another_rubric_makes_the_certificate_void(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, _):
        await labelled(context, names[0], 60)
        made = await certify_judge(CertifyRequest(judging_ids=(names[0],)), context)
    async with judged(store_uri, tmp_path, rubric="Be strict.") as (context, names, _):
        report = await analyze(AnalyzeRequest(judging_id=names[0], model="offline"), context)
        assert report.judge.state == "void" and report.corrected_pass_rate is None
        assert f"{made.certificate_id} is void here: its prompt or rubric changed" in report.judge.words
        assert await same_judge(context, "default", names[0]) == (names[0],)


async def test_a_later_drawing_draws_others_and_the_chances_add_up(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, _):
        first, _ = await draw_labels(context, "default", names[0], count=30)
        second, tasks = await draw_labels(context, "default", names[0], count=30)
        assert len(first.drawn) == 30 and not set(first.drawn) & set(second.drawn)
        assert second.number == 2 and 20 <= len(second.drawn) <= 40
        assert sum(first.chances.values()) == pytest.approx(30)
        assert all(ask.ruling is None for task in tasks for ask in task.asks)
        assert "confidence" not in tasks[0].model_dump_json()
        assert len(await open_tasks(context, "default", names[0], "ada")) == 30 + len(second.drawn)
        await take_labels(context, "default", filled(tasks))
        assert len(await open_tasks(context, "default", names[0], "ada")) == 30
        with pytest.raises(BadInput, match="nothing is left|no conversation of .* is left"):
            for _ in range(20):
                await draw_labels(context, "default", names[0], count=160)


async def test_people_who_do_not_agree_give_labels_that_are_too_noisy(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, _):
        _, tasks = await draw_labels(context, "default", names[0], count=60)
        before = await label_agreement(context, "default", names[0])
        assert before.rulings == 0 and "nobody has labelled yet" in before.words
        await take_labels(context, "default", filled(tasks))
        contrary = [
            task.replace(asks=[a.replace(ruling=Ruling.MET if place % 2 else Ruling.NOT_MET) for a in task.asks])
            for place, task in enumerate(filled(tasks, "bob"))
        ]
        await take_labels(context, "default", contrary)
        found = await label_agreement(context, "default", names[0])
        assert found.rated_twice == 60 and "too noisy to calibrate with" in found.words
        made = await certify_judge(CertifyRequest(judging_ids=(names[0],)), context)
        assert made.too_noisy and not made.admitted and "too noisy to calibrate with" in made.reason
        report = await analyze(AnalyzeRequest(judging_id=names[0], model="offline"), context)
        assert report.corrected_pass_rate is None and "too noisy" in report.correction


async def test_labels_that_are_missing_by_what_the_judge_said_are_pointed_out(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, _):
        _, tasks = await draw_labels(context, "default", names[0], count=120)
        lazy = [task for task in tasks if task.turns[1].text.endswith("solved")]  # the hard ones were left out
        await take_labels(context, "default", filled(lazy))
        made = await certify_judge(CertifyRequest(judging_ids=(names[0],)), context)
        assert made.missing_at_random is False and "not missing at random" in made.missing
        assert made.unlabelled == 120 - len(lazy) and not made.admitted


async def test_who_was_not_drawn_does_not_count_where_lots_were_drawn(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, _):
        drawn, tasks = await draw_labels(context, "default", names[0], count=40)
        await take_labels(context, "default", filled(tasks))
        volunteered = [
            task.replace(conversation_id=c.conversation_id, turns=c.turns)
            for task, c in zip(
                tasks, (c for c in played("v1", 0) if c.conversation_id not in drawn.drawn), strict=False
            )
        ][:10]
        await take_labels(context, "default", filled(volunteered))
        made = await certify_judge(CertifyRequest(judging_ids=(names[0],)), context)
        assert made.volunteered == 10 and len(made.labelled) == 40


async def test_bad_labels_are_refused_by_name(store_uri, tmp_path):
    async with judged(store_uri, tmp_path) as (context, names, _):
        _, tasks = await draw_labels(context, "default", names[0], count=3)
        good = filled(tasks)
        for bad, said in (
            (good[0].replace(by=""), "by: who labelled"),
            (good[0].replace(conversation_id="0" * 32), "conversation_id: 0{32} is none"),
            (good[0].replace(asks=[good[0].asks[0].replace(expectation_id="other")]), "expectation_id: other"),
        ):
            with pytest.raises(BadInput, match=said):
                await take_labels(context, "default", [bad])
        with pytest.raises(BadInput, match="nobody has labelled"):
            await certify_judge(CertifyRequest(judging_ids=(names[0],)), context)
        with pytest.raises(BadInput, match="one at a time|of one judging"):
            await take_labels(context, "default", [good[0], good[1].replace(judging_id="judging-x")])


def test_a_labelling_file_comes_back_as_it_went():
    task = LabelTask(
        judging_id="judging-1",
        conversation_id="a" * 32,
        scenario_id="s",
        trial=1,
        turns=(Turn(role="user", text='He said: "1,2"'), Turn(role="agent", text="Yes.\nNo.")),
        asks=({"expectation_id": "e", "text": "Says, and does.", "ruling": "met", "note": "n"},),
        by="ada",
    )
    assert labels_of(Rows(labels_to_jsonl([task]), "f")) == (task,)
    (back,) = labels_of(Rows(labels_to_csv([task]), "f"))
    assert back == task.replace(turns=())
    with pytest.raises(BadInput, match="f: conversation_id, expectation_id, ruling, by is missing"):
        labels_of(Rows('{"judging_id": "j"}', "f"))
    broken = labels_to_csv([task]).replace(",met,", ",perhaps,")
    with pytest.raises(BadInput, match="ruling: 'perhaps' is none of met"):
        labels_of(Rows(broken, "f"))
    with pytest.raises(BadInput, match="f: by is missing"):
        labels_of(Rows("judging_id,conversation_id,expectation_id,ruling\nj,c,e,met\n", "f"))
    with pytest.raises(BadInput, match="f: holds no label"):
        labels_of(Rows("judging_id,conversation_id,expectation_id,ruling,by\n", "f"))
