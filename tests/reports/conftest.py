"""Results as the stages would hand them in, small and made up."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from assay.contracts.agents_report import AgentsReport, PlatformAgentReport
from assay.contracts.analytics import AnalyticsReport, Attribution, FailureCluster, Narrative, SliceRate
from assay.contracts.comparison import (
    ComparePolicy,
    ComparisonReport,
    CostDifference,
    Flip,
    PairedResult,
    Recommendation,
    Side,
    SliceDifference,
)
from assay.contracts.conversation import Conversation, StopReason, ToolCall, Turn
from assay.contracts.dataset import (
    CoverageCell,
    Dataset,
    DatasetFinding,
    DatasetReport,
    DatasetResult,
    DatasetRule,
    Difficulty,
    Expectation,
    Persona,
    Scenario,
)
from assay.contracts.estimate import Estimate, Insufficient
from assay.contracts.feedback import ComplaintCluster, ForecastScore, ProductionReport
from assay.contracts.report import Fact
from assay.contracts.stage import AgentRef, DatasetRef
from assay.evaluation.comparison_facts import comparison_facts
from assay.evaluation.production_facts import production_facts

MADE_AT = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)
OLD = AgentRef(agent_id="shop", version="v1")
NEW = AgentRef(agent_id="shop", version="v2")
DATASET = DatasetRef(name="shop-core", version="9f2c4e7ab1d03358")
LEFT, RIGHT = "a" * 32, "b" * 32


def estimate(value: float, low: float, high: float, clusters: int | None = 40) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=120, clusters=clusters, method="clustered by scenario, t")


def conversation(conversation_id: str, agent: AgentRef, *turns: Turn) -> Conversation:
    return Conversation(
        conversation_id=conversation_id,
        scenario_id="refund-late",
        trial=0,
        seed=1,
        agent=agent,
        turns=turns,
        stop_reason=StopReason.GOAL_REACHED,
        started_at=MADE_AT,
    )


def user(text: str) -> Turn:
    return Turn(role="user", text=text)


def agent(text: str, *calls: ToolCall) -> Turn:
    return Turn(role="agent", text=text, tool_calls=calls)


@pytest.fixture
def conversations() -> dict[str, Conversation]:
    refund = ToolCall(name="issue_refund", arguments={"order": "J41", "amount": 20.0})
    return {
        LEFT: conversation(LEFT, OLD, user("I want my money back."), agent("Which order?"), user("J41")),
        RIGHT: conversation(RIGHT, NEW, user("I want my money back."), agent("Done.", refund)),
    }


@pytest.fixture
def comparison() -> ComparisonReport:
    report = ComparisonReport(
        project="shop",
        gated=True,
        subject_id="comparison-1",
        run_id="r1",
        champion=OLD,
        challenger=NEW,
        champion_side=Side(judging_id="judging-1"),
        challenger_side=Side(judging_id="judging-2"),
        dataset=DATASET,
        policy=ComparePolicy(test="non_inferiority", margin=0.05),
        recommendation=Recommendation.REJECT,
        reason="The challenger is worse by more than 5 points: -12.0 points (-17.0 to -7.0, 95 % interval).",
        next_steps=("Keep the champion.",),
        champion_rate=estimate(0.84, 0.8, 0.88),
        challenger_rate=estimate(0.72, 0.67, 0.77),
        scenarios=40,
        pass_rate=PairedResult(difference=estimate(-0.12, -0.17, -0.07), p=0.0001, mcnemar_p=0.002, champion_only=9),
        score=PairedResult(difference=estimate(-0.06, -0.1, -0.02), p=0.01),
        slices=(
            SliceDifference(
                dimension="topic", value="refunds", difference=estimate(-0.4, -0.6, -0.2), p_holm=0.0004, worse=True
            ),
            SliceDifference(
                dimension="topic",
                value="invoices",
                difference=Insufficient(reason="3 scenarios on both sides", n=12),
                p_holm=None,
                worse=False,
            ),
        ),
        costs=(
            CostDifference(
                measure="cost_usd", champion=0.02, challenger=0.01, difference=estimate(-0.01, -0.012, -0.008)
            ),
            CostDifference(
                measure="output_tokens",
                champion=None,
                challenger=None,
                difference=Insufficient(reason="not measured", n=0),
            ),
        ),
        flips=(
            Flip(
                scenario_id="refund-late",
                trial=0,
                direction="broken",
                champion_conversation=LEFT,
                challenger_conversation=RIGHT,
                reason="Must not: The agent refunds without asking. Found: it did.",
            ),
            Flip(
                scenario_id="refund-late",
                trial=1,
                direction="broken",
                champion_conversation="c" * 32,
                challenger_conversation="d" * 32,
                reason="Must not: The agent refunds without asking. Found: it did.",
            ),
        ),
        left_out={"agent_error": 2, "timeout": 0},
        facts=(),
        narrative=Narrative(text="It refunds **too early**.\n\n- See `refund-late`.", author="offline"),
    )
    return report.replace(facts=comparison_facts(report))


@pytest.fixture
def analytics() -> AnalyticsReport:
    rate = estimate(0.75, 0.66, 0.84)
    return AnalyticsReport(
        project="shop",
        gated=True,
        subject_id="analytics-1",
        offline=True,
        judging_id="judging-1",
        agent=OLD,
        dataset=DATASET,
        scenarios=12,
        conversations=36,
        judged=35,
        pass_rate=rate,
        pass_hat_k=(rate, estimate(0.6, 0.5, 0.7)),
        pass_at_k=(rate, estimate(0.9, 0.8, 0.95)),
        mean_score=estimate(0.9, 0.85, 0.95),
        slices=(
            SliceRate(dimension="topic", value="refunds", pass_rate=estimate(0.5, 0.3, 0.7)),
            SliceRate(dimension="topic", value="stock", pass_rate=Insufficient(reason="2 scenarios", n=6)),
        ),
        expectations_failed={"asks-first": 6, "names-date": 3},
        clusters=(
            FailureCluster(
                name="refunds too early",
                description="Refunds without asking.",
                conversations=6,
                share_of_failures=0.66,
                conversation_ids=(LEFT,),
                expectation_ids=("asks-first",),
            ),
        ),
        attributions=(
            Attribution(blamed="agent", conversations=8, share=estimate(0.22, 0.1, 0.3), conversation_ids=(LEFT,)),
            Attribution(blamed="judge", conversations=0, share=estimate(0, 0, 0.1), conversation_ids=()),
        ),
        facts=(
            Fact(fact_id="pass_rate", label="Conversations that pass", value=rate, unit="share"),
            Fact(fact_id="failed", label="Conversations that failed", value=9, conversation_ids=(LEFT,)),
        ),
        narrative=Narrative(text="It does well.", author="offline"),
    )


def scenario(number: int) -> Scenario:
    return Scenario(
        scenario_id=f"s-{number}",
        topic="refunds",
        persona=Persona(name="calm", description="Calm."),
        goal="Money back.",
        expectations=(Expectation(expectation_id="asks-first", text="The agent asks first."),),
    )


@pytest.fixture
def dataset_result() -> DatasetResult:
    dataset = Dataset(name="shop-core", scenarios=tuple(scenario(number) for number in range(3)))
    return DatasetResult(
        project="shop",
        gated=False,
        subject_id="dataset-1",
        agent=OLD,
        dataset=dataset,
        report=DatasetReport(
            dataset=dataset.ref,
            scenarios=3,
            expectations=3,
            checked_by_code=0.0,
            coverage=(
                CoverageCell(topic="refunds", persona="calm", difficulty=Difficulty.MEDIUM, scenarios=3),
                CoverageCell(topic="stock", persona="calm", difficulty=Difficulty.HARD, scenarios=1),
            ),
            findings=(
                DatasetFinding(
                    rule=DatasetRule.VAGUE,
                    severity="warning",
                    scenario_ids=("s-1",),
                    message="nobody can check 'nicely'",
                    fix="say what the agent must do",
                ),
                DatasetFinding(
                    rule=DatasetRule.TOO_SMALL, severity="error", message="3 scenarios", fix="add more scenarios"
                ),
            ),
            score=0.57,
            threshold=0.8,
            passed=False,
            detectable_difference=0.4,
        ),
    )


@pytest.fixture
def production() -> ProductionReport:
    report = ProductionReport(
        project="shop",
        gated=True,
        subject_id="production-1",
        agent=NEW,
        items=12,
        linked=7,
        satisfaction=estimate(0.5, 0.3, 0.7),
        mean_rating=Insufficient(reason="no ratings", n=0),
        by_topic={"refunds": estimate(0.4, 0.2, 0.6), "stock": Insufficient(reason="1 user", n=1)},
        clusters=(
            ComplaintCluster(
                name="no invoice",
                description="Where is my invoice?",
                items=3,
                share_of_negative=0.5,
                feedback_ids=("f-1",),
                conversation_ids=(),
                in_dataset=False,
            ),
        ),
        forecast=ForecastScore(
            predicted=estimate(0.9, 0.85, 0.95), observed=estimate(0.5, 0.3, 0.7), covered=False, brier=0.2
        ),
        proposed_scenarios=(scenario(9),),
        facts=(),
        narrative=Narrative(text="Users want invoices.", author="offline"),
    )
    return report.replace(facts=production_facts(report))


@pytest.fixture
def agents_report() -> AgentsReport:
    idle = Insufficient(reason="no reports to count yet", n=0)
    judge = PlatformAgentReport(
        agent="judge",
        model="openai:m",
        calls=1200,
        errors=3,
        error_rate=estimate(0.0025, 0.001, 0.007, None),
        latency_p50_s=0.8,
        latency_p95_s=2.0,
        tokens=123456,
        cost_usd=Decimal("3.5"),
        determinism=estimate(0.9, 0.6, 0.98, None),
        adherence=estimate(0.97, 0.95, 0.99, None),
        adherence_rule="verdicts in which every quote stands in the transcript",
        share_of_calls=1.0,
    )
    analyst = judge.replace(
        agent="analyst",
        calls=0,
        errors=0,
        error_rate=idle,
        latency_p50_s=None,
        latency_p95_s=None,
        tokens=None,
        cost_usd=None,
        determinism=idle,
        adherence=idle,
        share_of_calls=0.0,
    )
    return AgentsReport(project="shop", agents=(judge, analyst), facts=(), offline=False, run_id="r9")
