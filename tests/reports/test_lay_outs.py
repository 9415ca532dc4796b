"""What each report says, to a project manager first."""

import re
from collections.abc import Iterator

import pytest

from assay.contracts.calibration import JudgeStanding
from assay.contracts.comparison import Recommendation
from assay.contracts.conversation import FailureCause, Simulation, SimulatorFaultKind, StopReason
from assay.contracts.estimate import Insufficient
from assay.contracts.judgment import Judging
from assay.contracts.report import (
    ChartBlock,
    FactsBlock,
    Report,
    Section,
    TableBlock,
    TextBlock,
    TranscriptBlock,
)
from assay.contracts.rollout import RegistryStage, Rollout, RolloutState, RolloutStep, Transition
from assay.contracts.stage import Usage
from assay.reports import (
    lay_out_agents,
    lay_out_analytics,
    lay_out_comparison,
    lay_out_dataset,
    lay_out_judging,
    lay_out_production,
    lay_out_rollout,
    lay_out_simulation,
    render_html,
    render_pdf,
)
from assay.reports.parts import SHOWN_TURNS, of_100, p_value, transcript
from tests.reports.conftest import DATASET, LEFT, MADE_AT, NEW, OLD, RIGHT, agent, conversation, estimate, user


def words(report: Report) -> str:
    """All that the report says in its own words, its tables included."""
    said = [report.headline, *report.caveats]
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, TextBlock):
                said.append(block.text)
            elif isinstance(block, TableBlock):
                said += [" | ".join(cell.text for cell in row) for row in block.rows]
    return "\n".join(said)


def blocks(report: Report, kind: type) -> Iterator:
    return (block for section in report.sections for block in section.blocks if isinstance(block, kind))


def section(report: Report, title: str) -> Section:
    return next(section for section in report.sections if section.title == title)


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(
        project="shop",
        gated=True,
        subject_id="sim-1",
        agent=OLD,
        dataset=DATASET,
        trials=3,
        conversations=36,
        stop_reasons={StopReason.TIMEOUT: 1, StopReason.GOAL_REACHED: 35},
        simulator_faults={SimulatorFaultKind.LEFT_PERSONA: 2},
        errors={FailureCause.TIMEOUT: 1},
        agent_usage=Usage(calls=100, input_tokens=2000, latency_s=50),
        simulator_usage=Usage(calls=90),
        simulator_model="offline",
    )


@pytest.fixture
def judging() -> Judging:
    return Judging(
        project="shop",
        gated=True,
        subject_id="judging-1",
        simulation_id="sim-1",
        agent=OLD,
        dataset=None,
        conversations=36,
        passed=30,
        failed=5,
        unjudged=1,
        mean_score=0.9,
        judge="offline",
        rubric_hash="a" * 64,
        usage=Usage(calls=36),
    )


@pytest.fixture
def rollout() -> Rollout:
    return Rollout(
        project="shop",
        gated=True,
        subject_id="rollout-1",
        comparison_id="comparison-1",
        champion=OLD,
        challenger=NEW,
        registered_model="shop",
        registry_version="2",
        registry_stage=RegistryStage.STAGING,
        transitions=(
            Transition(
                from_stage=RegistryStage.NONE,
                to_stage=RegistryStage.STAGING,
                by="Ines",
                at=MADE_AT,
                reason="promoted",
                evidence={"verdict": "9c" * 32},
            ),
        ),
        steps=(RolloutStep(share=0.05, min_duration_s=86_400, min_conversations=1200), RolloutStep(share=1.0)),
        step=0,
        state=RolloutState.RUNNING,
    )


@pytest.fixture
def all_reports(
    comparison, analytics, dataset_result, production, agents_report, simulation, judging, rollout, conversations
) -> list[Report]:
    return [
        lay_out_comparison(comparison, made_at=MADE_AT, conversations=conversations),
        lay_out_analytics(analytics, made_at=MADE_AT, conversations=conversations),
        lay_out_dataset(dataset_result, made_at=MADE_AT),
        lay_out_production(production, made_at=MADE_AT),
        lay_out_agents(agents_report, made_at=MADE_AT),
        lay_out_simulation(simulation, made_at=MADE_AT),
        lay_out_judging(judging, made_at=MADE_AT),
        lay_out_rollout(rollout, made_at=MADE_AT),
    ]


def test_every_report_has_one_sentence_first_a_picture_and_its_method_last(all_reports):
    for report in all_reports:
        assert report.headline.endswith(".")
        assert list(blocks(report, ChartBlock)), report.title
        assert report.sections[-1].title == "Method"
        assert report.provenance["Project"] == "shop"


def test_every_report_is_rendered_and_read_back(all_reports):
    for report in all_reports:
        assert f"<title>{report.title}</title>".replace("'", "&#39;") in render_html(report)
        assert render_pdf(report).startswith(b"%PDF")
        assert Report.model_validate_json(report.model_dump_json()) == report


def test_no_section_is_empty_and_no_picture_has_nothing_in_it(all_reports):
    for report in all_reports:
        assert all(section.blocks for section in report.sections)
        assert all(chart.points for chart in blocks(report, ChartBlock))
        assert all(table.rows for table in blocks(report, TableBlock))
        assert all(facts.facts for facts in blocks(report, FactsBlock))


class TestComparison:
    def test_the_verdict_leads_and_is_pictured_as_conversations_of_a_hundred(self, comparison):
        report = lay_out_comparison(comparison, made_at=MADE_AT, conversations={})
        assert report.headline.startswith("REJECT: The challenger is worse")
        assert report.tone == "bad"
        assert "**about 12 fewer (7 to 17)** go well with `shop@v2`" in words(report)

    def test_a_difference_that_could_be_either_is_pictured_as_a_span(self, comparison):
        open_ = comparison.replace(
            recommendation=Recommendation.INCONCLUSIVE,
            pass_rate=comparison.pass_rate.replace(difference=estimate(0.01, -0.03, 0.05)),
        )
        report = lay_out_comparison(open_, made_at=MADE_AT, conversations={})
        assert report.tone == "unsure"
        assert "anything from 3 fewer to 5 more" in words(report)

    def test_the_declared_margin_is_the_reference_of_the_picture(self, comparison):
        report = lay_out_comparison(comparison, made_at=MADE_AT, conversations={})
        picture = next(blocks(report, ChartBlock))
        assert picture.reference == -0.05 and picture.reference_label == "accepted loss: 5 points"

    def test_slices_that_got_worse_are_named_and_those_with_too_little_data_too(self, comparison):
        said = words(lay_out_comparison(comparison, made_at=MADE_AT, conversations={}))
        assert "**Worse, and not by chance:** topic `refunds`. Too few scenarios to compare: topic `invoices`." in said
        assert "too little data (3 scenarios on both sides)" in said

    def test_trials_that_flipped_for_one_reason_share_a_row(self, comparison):
        report = lay_out_comparison(comparison, made_at=MADE_AT, conversations={})
        table = next(table for table in blocks(report, TableBlock) if table.title.startswith("Broken"))
        assert [cell.text for cell in table.rows[0]][:2] == ["refund-late", "0, 1"] and len(table.rows) == 1
        assert table.rows[0][3].link == LEFT

    def test_what_broke_stands_side_by_side(self, comparison, conversations):
        report = lay_out_comparison(comparison, made_at=MADE_AT, conversations=conversations)
        (found,) = blocks(report, TranscriptBlock)
        assert found.names == ("shop@v1", "shop@v2") and found.conversation_ids == (LEFT, RIGHT)
        assert found.columns[0][:2] == ("I want my money back.", "Which order?")
        assert found.columns[1] == ("I want my money back.", "Done.\n→ issue_refund(order: J41, amount: 20.0)", "")

    def test_the_method_says_what_was_declared_and_how_it_was_tested(self, comparison):
        report = lay_out_comparison(comparison, made_at=MADE_AT, conversations={})
        (block,) = report.sections[-1].blocks
        for said in ("Declared before looking: non-inferiority", "margin 5 points", "p < 0.001", "McNemar", "Holm"):
            assert said in block.text

    def test_a_cost_that_is_not_known_is_left_out_and_a_saving_is_good(self, comparison):
        report = lay_out_comparison(comparison, made_at=MADE_AT, conversations={})
        (table,) = section(report, "Speed and cost").blocks
        assert [row[0].text for row in table.rows] == ["Cost a conversation"]
        assert table.rows[0][3].tone == "good"

    def test_too_little_data_draws_nothing_and_says_so(self, comparison):
        few = Insufficient(reason="3 scenarios; a paired comparison needs 5", n=3)
        bare = comparison.replace(
            recommendation=Recommendation.INCONCLUSIVE,
            reason="There is too little data to tell: 3 scenarios; a paired comparison needs 5.",
            pass_rate=comparison.pass_rate.replace(difference=few, p=None),
            score=comparison.score.replace(difference=few),
            scenarios=3,
            slices=(),
            flips=(),
            facts=(),
        )
        report = lay_out_comparison(bare, made_at=MADE_AT, conversations={})
        assert not list(blocks(report, ChartBlock))
        assert any(caveat.startswith("Few scenarios: 3.") for caveat in report.caveats)
        assert render_pdf(report) and render_html(report)


class TestCaveats:
    def test_offline_uncalibrated_few_and_ungated_are_said_in_words(self, analytics):
        report = lay_out_analytics(analytics.replace(gated=False), made_at=MADE_AT, conversations={})
        leads = [re.split(r"[:.]", caveat)[0] for caveat in report.caveats]
        assert leads == ["Made offline by rules", "The judge is uncalibrated", "Few scenarios", "Ungated"]
        assert "no language model took part" in report.caveats[0]

    def test_a_sound_report_has_none(self, comparison):
        report = lay_out_comparison(
            comparison.replace(judge=JudgeStanding(state="by_code", words="No judge.")),
            made_at=MADE_AT,
            conversations={},
        )
        assert report.caveats == ()


class TestAnalytics:
    def test_the_headline_is_what_to_expect_of_a_hundred(self, analytics):
        report = lay_out_analytics(analytics, made_at=MADE_AT, conversations={})
        assert report.headline == (
            "Expect 75 of 100 conversations like these to meet every expectation (66 to 84, with 95 % confidence). "
            "Left out: 1 of 36 conversations, without a verdict."
        )

    def test_a_failure_is_shown_by_an_example(self, analytics, conversations):
        report = lay_out_analytics(analytics, made_at=MADE_AT, conversations=conversations)
        (found,) = blocks(report, TranscriptBlock)
        assert found.title == "For example: refunds too early (scenario refund-late, trial 0)"

    def test_those_who_are_not_to_blame_are_not_listed(self, analytics):
        report = lay_out_analytics(analytics, made_at=MADE_AT, conversations={})
        table = next(table for table in blocks(report, TableBlock) if table.columns[0] == "Put down to")
        assert [row[0].text for row in table.rows] == ["agent"]

    def test_nothing_failed_is_said(self, analytics):
        fine = analytics.replace(clusters=(), expectations_failed={}, attributions=())
        report = lay_out_analytics(fine, made_at=MADE_AT, conversations={})
        assert "No conversation failed." in words(report)

    def test_too_little_data_is_the_headline(self, analytics):
        few = analytics.replace(
            pass_rate=Insufficient(reason="2 scenarios", n=4), pass_hat_k=(), pass_at_k=(), slices=()
        )
        report = lay_out_analytics(few, made_at=MADE_AT, conversations={})
        assert report.headline == "There is too little data to say what to expect: 2 scenarios."
        assert "How steady it is" not in [section.title for section in report.sections]


class TestDataset:
    def test_a_dataset_that_fails_says_what_to_mend_errors_first(self, dataset_result):
        report = lay_out_dataset(dataset_result, made_at=MADE_AT)
        assert report.tone == "bad" and "1 error to mend first." in report.headline
        (table,) = (block for block in section(report, "What to mend").blocks if isinstance(block, TableBlock))
        assert [row[0].text for row in table.rows] == ["error", "warning"]
        assert table.rows[0][2].text == "the whole dataset"

    def test_gaps_in_the_coverage_are_counted_and_drawn(self, dataset_result):
        report = lay_out_dataset(dataset_result, made_at=MADE_AT)
        assert "2 of 4 pairs of topic and difficulty have no scenario" in words(report)
        heatmap = next(chart for chart in blocks(report, ChartBlock) if chart.chart == "heatmap")
        assert {(point.label, point.group): point.value for point in heatmap.points} == {
            ("refunds", "medium"): 3,
            ("refunds", "hard"): 0,
            ("stock", "medium"): 0,
            ("stock", "hard"): 1,
        }


class TestProduction:
    def test_what_no_scenario_tests_is_marked(self, production):
        report = lay_out_production(production, made_at=MADE_AT)
        assert "1 kind of complaint is tested by no scenario yet" in report.headline
        chart = next(blocks(report, ChartBlock))
        assert [point.tone for point in chart.points] == ["bad"]

    def test_a_forecast_that_did_not_hold_is_bad_news(self, production):
        report = lay_out_production(production, made_at=MADE_AT)
        assert report.tone == "bad" and "does not represent production yet" in words(report)

    def test_columns_that_say_nothing_are_left_out(self, production):
        report = lay_out_production(production, made_at=MADE_AT)
        table = next(blocks(report, TableBlock))
        assert "One of them" not in table.columns


class TestProgress:
    def test_a_simulation_without_a_fault_says_so(self, simulation):
        clean = simulation.replace(errors={}, simulator_faults={}, stop_reasons={StopReason.GOAL_REACHED: 36})
        report = lay_out_simulation(clean, made_at=MADE_AT)
        assert report.headline == "All 36 conversations were played to their end, without an error."

    def test_how_conversations_ended_goes_from_good_to_bad(self, simulation):
        chart = next(blocks(lay_out_simulation(simulation, made_at=MADE_AT), ChartBlock))
        assert [(point.label, point.tone) for point in chart.points] == [("Goal reached", "good"), ("Timeout", "bad")]

    def test_a_judging_counts_and_says_where_the_rates_stand(self, judging):
        report = lay_out_judging(judging, made_at=MADE_AT)
        assert report.headline == "Of 36 conversations 30 passed and 5 failed; 1 have no verdict."
        assert "in its certificate" in report.sections[-1].blocks[0].text

    @pytest.mark.parametrize(
        ("state", "said", "tone"),
        [
            (RolloutState.PLANNED, "is planned and starts at 5.0 % of traffic", "plain"),
            (RolloutState.RUNNING, "has 5.0 % of traffic", "good"),
            (RolloutState.PAUSED, "paused at 5.0 %", "unsure"),
            (RolloutState.COMPLETED, "has all traffic", "good"),
            (RolloutState.ROLLED_BACK, "was rolled back: shop@v1 has all traffic again", "bad"),
        ],
    )
    def test_a_rollout_says_where_it_stands(self, rollout, state, said, tone):
        report = lay_out_rollout(rollout.replace(state=state), made_at=MADE_AT)
        assert said in report.headline and report.tone == tone

    def test_a_step_is_told_in_days_and_a_move_with_who_and_why(self, rollout):
        said = words(lay_out_rollout(rollout, made_at=MADE_AT))
        assert "Step 1 | 5.0 % | 1 day | 1,200 | now" in said
        assert "24 November 2026, 13:05 UTC | None → Staging | Ines | promoted" in said


class TestAgents:
    def test_an_agent_without_work_has_dashes_and_words_for_numbers(self, agents_report):
        report = lay_out_agents(agents_report, made_at=MADE_AT)
        assert report.headline == "The 2 agents of the platform did 1,200 pieces of work; 3 of them failed."
        assert "Nothing to count yet: Analyst." in words(report)
        assert "Analyst | openai:m | 0 | too little data (no reports to count yet) | – | – | not known" in words(report)


def test_a_long_transcript_says_what_is_left_out():
    turns = [turn for number in range(20) for turn in (user(f"question {number}"), agent(f"answer {number}"))]
    block, rest = transcript("long", [("v1", conversation(LEFT, OLD, *turns))])
    assert isinstance(block, TranscriptBlock) and len(block.roles) == SHOWN_TURNS
    assert isinstance(rest, TextBlock) and rest.text == f"{40 - SHOWN_TURNS} more turns are in the trace."


def test_a_turn_that_goes_on_and_on_is_cut_and_says_so():
    (block,) = transcript("long", [("v1", conversation(LEFT, OLD, agent("word " * 1000)))])
    assert isinstance(block, TranscriptBlock)
    assert len(block.columns[0][0]) < 1300 and block.columns[0][0].endswith("(the rest is in the trace)")


@pytest.mark.parametrize(
    ("p", "said"), [(0.0001, "p < 0.001"), (0.0314, "p = 0.031"), (0.0, "p < 0.001"), (1.0, "p = 1.000")]
)
def test_p_is_never_shown_as_zero(p, said):
    assert p_value(p) == said


@pytest.mark.parametrize(("share", "said"), [(0.531, "53"), (-0.117, "12"), (0.004, "0.4"), (0.0, "0"), (1.0, "100")])
def test_a_share_is_so_many_of_a_hundred(share, said):
    assert of_100(share) == said
