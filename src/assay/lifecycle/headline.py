"""Each stage's result in one sentence, for tables, logs and gates."""

from assay.contracts.agent import AgentVersion, Finding, ProbeReport
from assay.contracts.analytics import AnalyticsReport
from assay.contracts.comparison import ComparisonReport
from assay.contracts.conversation import FinishReason, Simulation
from assay.contracts.dataset import DatasetResult
from assay.contracts.feedback import ProductionReport
from assay.contracts.judgment import Judging
from assay.contracts.rollout import Rollout
from assay.contracts.stage import StageResult
from assay.evaluation.facts import show_quantity


def by_rules(judging: Judging) -> str:
    """That no model judged, and how often rules could not tell."""
    return (
        f"rules, not a model, looked at {judging.ruled_by_rules} expectations without a check and could not tell on "
        f"{judging.rules_abstained}"
    )


def headline(result: StageResult) -> str:
    """What came of a stage, and of which agent and dataset."""
    return f"{subject(result)}: {finding(result)}" if subject(result) else finding(result)


def subject(result: StageResult) -> str:
    """The agent and dataset that a result is about."""
    match result:
        case AgentVersion():
            return str(result.card.ref)
        case DatasetResult():
            return f"{result.dataset.ref} for {result.agent}"
        case ComparisonReport():
            return f"{result.challenger} against {result.champion} on {result.dataset}"
        case Simulation() | Judging() | AnalyticsReport():
            return f"{result.agent} on {result.dataset}" if result.dataset else str(result.agent)
        case Rollout():
            return str(result.challenger)
        case ProductionReport():
            return str(result.agent)
        case _:
            return ""


def finding(result: StageResult) -> str:
    """What came of a stage, without saying of what."""
    match result:
        case AgentVersion(probe=None):
            return f"registered as {result.registered_model} version {result.registry_version}, not probed"
        case AgentVersion(probe=ProbeReport() as probe):
            able = [check.name.replace("_", " ") for check in probe.checks if check.finding is Finding.YES]
            return f"registered as version {result.registry_version}; the probe found: {', '.join(able)}"
        case DatasetResult(report=report):
            verdict = "passes" if report.passed else "FAILS"
            count = len(report.findings)
            return (
                f"{report.scenarios} scenarios, {report.expectations} expectations; validation {verdict}: score "
                f"{report.score:.2f}, at least {report.threshold:.2f} needed, {count} finding{'s' * (count != 1)}"
            )
        case Simulation():
            faults = sum(result.simulator_faults.values())
            return (
                f"{result.conversations} conversations, {sum(result.errors.values())} with errors, "
                f"{faults} simulator faults{_odd_answers(result)}"
            )
        case Judging():
            skipped = "".join(f"; {count} traces skipped: {why}" for why, count in result.skipped_traces.items())
            rules = f"; {by_rules(result)}" if result.ruled_by_rules else ""
            return (
                f"{result.passed} passed, {result.failed} failed, {result.unjudged} without a verdict"
                f"{rules}{_odd_answers(result)}{skipped}"
            )
        case AnalyticsReport():
            name = "pass rate" if result.corrected_pass_rate is None else "corrected pass rate"
            left_out = f"; left out: {result.left_out}" if result.left_out else ""
            return f"{name} {show_quantity(result.expected, 'share')}{left_out}"
        case ComparisonReport():
            return f"{result.recommendation}: {result.reason}"
        case Rollout():
            shares = ", ".join(f"{100 * step.share:g} %" for step in result.steps)
            return f"version {result.registry_version} is in {result.registry_stage}; rollout plan {shares}"
        case ProductionReport():
            falling = f"; RATINGS ARE FALLING: {result.decline}" if result.falling else ""
            apart = sum(version.items for version in result.other_versions)
            others = f"; {apart} items on other versions left out" if apart else ""
            return (
                f"{result.items} items, not negative {show_quantity(result.satisfaction, 'share')}"
                f"{falling}{others}; {len(result.proposed_scenarios)} scenarios proposed"
            )
        case _:
            return result.subject_id


def _odd_answers(result: Simulation | Judging) -> str:
    """The agent's turns that are no whole answer; empty where there are none."""
    counts = {
        "cut": result.finish_reasons.get(FinishReason.LENGTH, 0),
        "filtered": result.finish_reasons.get(FinishReason.CONTENT_FILTER, 0),
        "refused": result.finish_reasons.get(FinishReason.REFUSAL, 0),
        "silent": result.silent_turns,
    }
    named = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"; answers not whole: {named}" if named else ""
