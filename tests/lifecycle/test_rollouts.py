"""A week of production in seconds: two versions behind the real gateway, synthetic users whose liking is known."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from assay.contracts.dataset import Expectation, SaysCheck
from assay.contracts.feedback import Feedback
from assay.contracts.notification import Notification
from assay.contracts.rollout import RegistryStage, RolloutState, RolloutStep
from assay.contracts.stage import Stage
from assay.contracts.traffic import Guardrail, RolloutEvaluation, RolloutPolicy, RolloutStart
from assay.errors import BadInput, Refused
from assay.lifecycle.gates import read_decisions, verify
from assay.lifecycle.pipeline import approve_all, run_pipeline
from assay.lifecycle.rollouts import change, look, looks_at, start, thinned, traffic_of
from assay.rollout.client import send_feedback
from assay.rollout.serve import GatewaySettings, open_gateway
from assay.stages.context import Context
from assay.tracking import list_results, read_conversations, read_feedback, stage_of, write_feedback
from tests.rollout.conftest import Agent, agent_server, served

STEPS = (
    RolloutStep(share=0.3, min_conversations=40),
    RolloutStep(share=0.6, min_conversations=40),
    RolloutStep(share=1),
)
RAILS = (
    Guardrail(measure="feedback", margin=0.05),
    Guardrail(measure="errors", margin=0.15),
    Guardrail(measure="slow", margin=0.15, limit=5.0),
)


@pytest.fixture
async def deployed(context, request_) -> str:
    """The rollout's id, once the lifecycle is through."""
    done = await run_pipeline(request_.replace(steps=STEPS, feedback=()), context, approve_all("tester"))
    assert done.state == "finished", done.reason
    return list_results(context.tracking, "shop", Stage.DEPLOY)[0].subject_id


@contextlib.asynccontextmanager
async def live(context: Context, rollout_id: str, **policy) -> AsyncIterator[tuple[str, Agent, Agent]]:
    """The rollout begun, both versions and a gateway before them."""
    with agent_server("one") as one, agent_server("two") as two:
        rules = RolloutPolicy(guardrails=policy.pop("guardrails", RAILS), **policy)
        asked = RolloutStart(
            project="shop",
            rollout_id=rollout_id,
            champion_url=one.url,
            challenger_url=two.url,
            policy=rules,
            by="ann",
            reason="the comparison says so",
        )
        await start(asked, context)
        settings = context.settings
        ours = GatewaySettings(project="shop", store=settings.store, home=settings.home, idle_s=0.05, every_s=0.1)
        gateway = open_gateway(ours)
        gateway.recorder.flush_s = 0.05
        with served(gateway) as url:
            yield url, one, two


class Users:
    """People who come with their own session each, and say whether they are content."""

    def __init__(self, url: str, content: dict[str, float], seed: int = 1) -> None:
        self.url = url
        self.content = content
        self.random = random.Random(seed)
        self.came = 0
        self.arms: dict[str, str] = {}
        self.receipts: dict[str, str] = {}

    async def day(self, context: Context, count: int) -> None:
        names = [f"user-{self.came + n}" for n in range(count)]
        self.came += count
        async with aiohttp.ClientSession() as http:
            told = await asyncio.gather(*(self._ask(http, name) for name in names))
        items = [
            Feedback(feedback_id=name, user=name, conversation_id=conversation, thumbs=thumbs)
            for name, (conversation, thumbs) in zip(names, told, strict=True)
        ]
        for _ in range(100):  # until the gateway has stored what it saw
            stored = {c.conversation_id for c in read_conversations(context.tracking, "shop", "production")}
            if {conversation for conversation, _ in told} <= stored:
                break
            await asyncio.sleep(0.1)
        await asyncio.to_thread(write_feedback, context.tracking, "shop", items)

    async def _ask(self, http: aiohttp.ClientSession, name: str) -> tuple[str, str]:
        body = {"messages": [{"role": "user", "content": f"I am {name}. Where is my parcel?"}]}
        async with http.post(f"{self.url}/v1/chat/completions", json=body, headers={"x-session-id": name}) as answer:
            assert answer.status == 200
            self.arms[name] = answer.headers["x-assay-arm"]
            self.receipts[name] = answer.headers["x-assay-receipt"]
            version = answer.headers["x-assay-version"].split("@")[1]
            return answer.headers["x-assay-conversation"], (
                "up" if self.random.random() < self.content[version] else "down"
            )


def test_old_looks_are_thinned_out_and_what_they_did_stays():
    first = RolloutEvaluation.model_validate(
        {
            "project": "shop",
            "rollout_id": "rollout-1",
            "at": "2026-01-01T00:00:00Z",
            "step": 0,
            "share": 0.1,
            "guardrails": [],
            "split_p": None,
            "champion": 0,
            "challenger": 0,
            "action": "wait",
            "words": "Wait.",
        }
    )
    looks = []
    for number in range(1000):
        looks = list(thinned([*looks, first.replace(champion=number, action="ask" if number == 333 else "wait")], 100))
    seen = [look.champion for look in looks]
    assert len(looks) <= 101 and seen == sorted(seen) and seen[0] == 0 and seen[-40:] == list(range(960, 1000))
    assert 333 in seen


async def test_the_better_one_reaches_all_traffic_by_approvals(context, deployed):
    async with live(context, deployed) as (url, _, _):
        users = Users(url, {"v1": 0.5, "v2": 0.95})
        asked = []
        for _ in range(14):
            await users.day(context, 100)
            found = await look(context, "shop")
            if found.action == "ask":
                asked.append(found.words)
                await change(context, "shop", "advance", by="ann", reason="the guardrails are good")
                await asyncio.sleep(0.4)
            elif found.action == "done":
                break
        traffic = await traffic_of(context, "shop")
        looks = (await looks_at(context, "shop")).looks
    assert len(looks) >= 3 and looks[-1].action == "done" and [x.at for x in looks] == sorted(x.at for x in looks)
    assert len(asked) == 2 and "a person may open 60 % of traffic" in asked[0]
    assert traffic.state is RolloutState.COMPLETED and traffic.share == 1.0
    decisions = [d for d in await read_decisions(context, "shop") if d.subject_id.startswith(f"{deployed}.")]
    assert [d.mode for d in decisions] == ["person", "person", "person", "policy"]
    assert [d.by for d in decisions] == ["ann", "ann", "ann", "policy"]
    assert (await verify(context, "shop")).intact


async def test_a_worse_one_is_rolled_back_by_itself_before_six_hundred_conversations(context, deployed):
    async with live(context, deployed) as (url, _, _):
        users = Users(url, {"v1": 0.95, "v2": 0.45})
        while (found := await look(context, "shop")).action != "roll_back":
            assert users.came < 600, found
            await users.day(context, 100)
        traffic = await traffic_of(context, "shop")
        assert traffic.state is RolloutState.ROLLED_BACK and traffic.share == 0.0
        await asyncio.sleep(0.4)
        users.arms.clear()
        await users.day(context, 30)
        assert set(users.arms.values()) == {"champion"}  # within one evaluation, without a restart
    version = await context.agent_version("shop", traffic.challenger.agent, gated=True)
    at = stage_of(context.tracking, version.registered_model, version.registry_version)
    assert at is RegistryStage.ARCHIVED
    last = (await read_decisions(context, "shop"))[-1]
    assert (last.decision, last.mode) == ("reject", "policy") and "users' feedback: worse" in last.reason


async def test_an_arm_that_breaks_is_rolled_back_though_nobody_noticed(context, deployed):
    async with live(context, deployed, guardrails=(Guardrail(measure="errors", margin=0.05),)) as (url, _, two):
        users = Users(url, {"v1": 0.9, "v2": 0.9})
        two.status = 500
        for _ in range(5):
            await users.day(context, 60)
            if (found := await look(context, "shop")).action in ("roll_back", "stop"):
                break
        assert found.action in ("roll_back", "stop")


async def test_what_a_rollouts_state_does_not_allow_is_refused(context, deployed):
    async with live(context, deployed) as (_, _, _):
        with pytest.raises(Refused, match="complete it or roll it back first"):
            again = RolloutStart(project="shop", rollout_id=deployed, champion_url="http://h", by="ann", reason="again")
            await start(again.replace(challenger_url="http://h"), context)
        await change(context, "shop", "pause", by="ann", reason="holiday")
        assert (await look(context, "shop")).action == "none"
        with pytest.raises(Refused, match="advance: .* is paused"):
            await change(context, "shop", "advance", by="ann", reason="now")
        await change(context, "shop", "resume", by="ann", reason="back")
        await change(context, "shop", "roll_back", by="ann", reason="a whim")
        with pytest.raises(Refused, match="is rolled back"):
            await change(context, "shop", "resume", by="ann", reason="no")


async def test_the_registry_says_production_only_of_the_version_that_has_all_traffic(context, deployed):
    async def at(agent) -> RegistryStage:
        version = await context.agent_version("shop", agent, gated=True)
        return stage_of(context.tracking, version.registered_model, version.registry_version)

    async with live(context, deployed):
        traffic = await traffic_of(context, "shop")
        champion, challenger = traffic.champion.agent, traffic.challenger.agent
        assert (await at(champion), await at(challenger)) == (RegistryStage.PRODUCTION, RegistryStage.STAGING)
        with pytest.raises(Refused, match="`assay rollout advance` until it has all"):
            await change(context, "shop", "complete", by="ann", reason="at once")
        for _ in STEPS[1:]:
            await change(context, "shop", "advance", by="ann", reason="good")
        with pytest.raises(Refused, match="`assay rollout complete` ends the rollout"):
            await change(context, "shop", "advance", by="ann", reason="more")
        assert "`assay rollout complete` ends the rollout" in (await look(context, "shop")).words
        assert await at(challenger) is RegistryStage.STAGING
        done = await change(context, "shop", "complete", by="ann", reason="a quiet week")
        assert done.state is RolloutState.COMPLETED
        assert (await at(champion), await at(challenger)) == (RegistryStage.ARCHIVED, RegistryStage.PRODUCTION)


async def test_quality_is_judged_as_conversations_come(context, deployed):
    """The champion says `one`, the challenger does not, and code can tell: the guardrail of quality rolls back."""
    says = Expectation(expectation_id="one", text="Says one.", check=SaysCheck(pattern="i am one"))
    rails = (Guardrail(measure="quality", margin=0.05),)
    async with live(context, deployed, guardrails=rails, expectations=(says,)) as (url, _, _):
        users = Users(url, {"v1": 1.0, "v2": 1.0})
        await users.day(context, 150)
        found = await look(context, "shop")
    assert found.action == "roll_back" and "judged quality: worse" in found.words
    state = found.guardrails[0]
    assert state.value == pytest.approx(-1.0) and state.champion + state.challenger == 150


async def test_an_application_sends_feedback_to_the_gateway(context, deployed):
    async with live(context, deployed) as (url, _, _):
        users = Users(url, {"v1": 1.0, "v2": 1.0})
        async with aiohttp.ClientSession() as http:
            conversation, _ = await users._ask(http, "ann")
        receipt = users.receipts["ann"]
        sent = {"feedback_id": "f-1", "conversation_id": receipt, "thumbs": "down", "comment": "Wrong."}
        await asyncio.to_thread(lambda: send_feedback(url, **sent))
        with pytest.raises(BadInput, match="feedback says nothing"):
            await asyncio.to_thread(lambda: send_feedback(url, feedback_id="f-2", conversation_id=receipt))
        with pytest.raises(BadInput, match="x-assay-receipt"):
            await asyncio.to_thread(
                lambda: send_feedback(url, feedback_id="f-3", conversation_id=conversation, thumbs="up")
            )
    with pytest.raises(BadInput, match="cannot be reached"):
        await asyncio.to_thread(lambda: send_feedback("http://127.0.0.1:9", **sent))
    assert read_feedback(context.tracking, "shop", [conversation])[conversation][0].comment == "Wrong."


async def test_first_in_the_shadow_then_by_steps_and_people_are_told(context, deployed):
    told: list[Notification] = []
    context = replace(context, announce=told.append)
    async with live(context, deployed, shadow=True) as (url, _, two):
        users = Users(url, {"v1": 1.0, "v2": 1.0})
        await users.day(context, 20)
        assert set(users.arms.values()) == {"champion"} and len(two.seen) == 20
        assert (await look(context, "shop")).action == "wait"
        await change(context, "shop", "advance", by="ann", reason="the shadow's answers are good")
        await asyncio.sleep(0.4)
        await users.day(context, 60)
        assert "challenger" in users.arms.values() and len(two.seen) < 80
        await change(context, "shop", "roll_back", by="ann", reason="enough for today")
    shadows = read_conversations(context.tracking, "shop", "shadow")
    assert len(shadows) == 20 and {str(c.agent) for c in shadows} == {"shop-support@v2"}
    assert [one.kind.value for one in told] == ["rollout_changed"] * 3
    assert "enough for today" in told[-1].body
