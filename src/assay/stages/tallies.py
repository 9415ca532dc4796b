"""Running counts of conversations and judgments, in memory that does not grow with them."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from assay.contracts.conversation import (
    CallFailed,
    Conversation,
    FailureCause,
    Failures,
    FinishReason,
    Simulation,
    SimulatorFaultKind,
    StopReason,
)
from assay.contracts.estimate import Quantity
from assay.contracts.judgment import Judging, Judgment, Ruling
from assay.contracts.stage import Usage
from assay.evaluation.quantiles import bucket, quantile
from assay.models.usage import UsageSum, token_metrics

Side = Literal["agent", "user_simulator", "judge", "conversation"]
ALL, ANY = "all", "any"


class AnswerTally:
    """How the agent's turns ended."""

    def __init__(self) -> None:
        self.finish_reasons: Counter[FinishReason] = Counter()
        self.silent = 0

    def add(self, conversation: Conversation) -> None:
        for turn in conversation.turns:
            if turn.role == "agent":
                if turn.finish_reason is not None:
                    self.finish_reasons[turn.finish_reason] += 1
                self.silent += not turn.text.strip() and not turn.tool_calls


class ConversationTally:
    def __init__(self) -> None:
        self.conversations = 0
        self.stop_reasons: Counter[StopReason] = Counter()
        self.faults: Counter[SimulatorFaultKind] = Counter()
        """Conversations with at least one fault of the kind."""
        self.by_scenario: dict[str, Counter[str]] = {}
        """For each scenario how many conversations, how many with any fault, and with each kind."""
        self.played_again = 0
        self.first_attempts_at_fault = 0
        self.rerun_faults: Counter[SimulatorFaultKind] = Counter()
        self.errors: Counter[FailureCause] = Counter()
        self.answers = AnswerTally()
        self.failures = FailureTally()
        self.digest = hashlib.sha256()
        """Of the stored lines, as `tracking.conversations_hash` makes it."""
        self.agent = UsageSum()
        self.simulator = UsageSum()
        self.latencies: Counter[int] = Counter()
        """Of the agent's turns, in the buckets of evaluation.quantiles."""

    def add(self, conversation: Conversation) -> None:
        self.conversations += 1
        self.stop_reasons[conversation.stop_reason] += 1
        kinds = {fault.kind for fault in conversation.simulator_faults}
        self.faults.update(kinds)
        self.by_scenario.setdefault(conversation.scenario_id, Counter()).update(
            [ALL, *([ANY] if kinds else []), *kinds]
        )
        self.played_again += conversation.reruns > 0
        self.first_attempts_at_fault += conversation.reruns > 0 or bool(kinds)
        self.rerun_faults.update(fault.kind for fault in conversation.rerun_faults)
        if conversation.error is not None:
            self.errors[conversation.error.cause] += 1
            self.failures.add(side_of(conversation), conversation.error)
        if conversation.stop_reason is StopReason.AGENT_ERROR:
            self.agent.add(Usage(calls=1, failed_calls=1))
        self.answers.add(conversation)
        for turn in conversation.turns:
            if turn.role == "agent":
                self.agent.add(
                    Usage.model_construct(
                        calls=1,
                        failed_calls=0,
                        input_tokens=turn.input_tokens,
                        output_tokens=turn.output_tokens,
                        cost_usd=turn.cost_usd,
                        latency_s=turn.latency_s or 0.0,
                    )
                )
                if turn.latency_s is not None:
                    self.latencies[bucket(turn.latency_s)] += 1
        self.simulator.add(conversation.simulator_usage)

    def faulty(self) -> Quantity:
        """The share of conversations with any fault of the user simulator, clustered by scenario."""
        return self._share(ANY)

    def fault_rates(self) -> dict[SimulatorFaultKind, Quantity]:
        """The same for every kind that occurred."""
        return {kind: self._share(kind) for kind in sorted(self.faults)}

    def _share(self, what: str) -> Quantity:
        import numpy as np

        from assay.evaluation.results import quantity
        from assay.statistics import clustered_mean

        sizes = [counts[ALL] for counts in self.by_scenario.values()]
        values = [np.arange(counts[ALL]) < counts[what] for counts in self.by_scenario.values()]
        scenarios = np.repeat(np.arange(len(sizes)), sizes)
        return quantity(clustered_mean(np.concatenate([*values, []]).astype(float), scenarios))

    def metrics(self) -> dict[str, float]:
        """Counts, latency, tokens and cost, as MLflow metrics."""
        agent, simulator = self.agent.total, self.simulator.total
        metrics: dict[str, float] = {
            "conversations": self.conversations,
            "conversations_with_errors": self.errors.total(),
            "simulator_faults": self.faults.total(),
            "played_again": self.played_again,
            "agent_turns": agent.calls - agent.failed_calls,
            "agent_turns_cut": self.answers.finish_reasons[FinishReason.LENGTH],
            "agent_turns_filtered": self.answers.finish_reasons[FinishReason.CONTENT_FILTER],
            "agent_turns_refused": self.answers.finish_reasons[FinishReason.REFUSAL],
            "agent_turns_silent": self.answers.silent,
        }
        metrics |= token_metrics("agent", agent)
        for name, q in (("agent_latency_p50_s", 0.5), ("agent_latency_p95_s", 0.95)):
            if (latency_s := quantile(self.latencies, q)) is not None:
                metrics[name] = latency_s
        for usage, name in ((agent, "agent"), (simulator, "simulator")):
            if usage.cost_usd is not None:
                metrics[f"{name}_cost_usd"] = float(usage.cost_usd)
        return metrics


def side_of(conversation: Conversation) -> Literal["agent", "user_simulator", "conversation"]:
    """Whose call ended it, where it ended in an error."""
    match conversation.stop_reason:
        case StopReason.AGENT_ERROR:
            return "agent"
        case StopReason.SIMULATOR_ERROR:
            return "user_simulator"
        case _:
            return "conversation"


class FailureTally:
    """Failed calls by whose they were and why, with what the first of each said."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Side, FailureCause]] = Counter()
        self._details: dict[tuple[Side, FailureCause], str] = {}

    def add(self, side: Side, failed: CallFailed) -> None:
        self._counts[side, failed.cause] += 1
        self._details.setdefault((side, failed.cause), failed.detail)

    def total(self) -> int:
        return self._counts.total()

    def __iter__(self) -> Iterator[Failures]:
        """The commonest first."""
        for (side, cause), count in self._counts.most_common():
            yield Failures(side=side, cause=cause, count=count, detail=self._details[side, cause])


class JudgmentTally:
    def __init__(self) -> None:
        self.errors: Counter[FailureCause] = Counter()
        self.failures = FailureTally()
        """Of the judge's own calls."""
        self.digest = hashlib.sha256()
        """Of the stored lines, as `tracking.judgments_hash` makes it."""
        self.passed = 0
        self.failed = 0
        self.unjudged = 0
        self.ruled_by_rules = 0
        self.rules_abstained = 0
        self.usage = UsageSum()
        self._scores = 0.0
        self._scored = 0

    def add(self, judgment: Judgment) -> None:
        match judgment.passed:
            case True:
                self.passed += 1
            case False:
                self.failed += 1
            case None:
                self.unjudged += 1
        by_rules = [verdict for verdict in judgment.verdicts if verdict.source == "offline_judge"]
        self.ruled_by_rules += len(by_rules)
        self.rules_abstained += sum(verdict.ruling is Ruling.ABSTAINED for verdict in by_rules)
        if judgment.error is not None:
            self.errors[judgment.error.cause] += 1
            if judgment.error_of != "conversation":
                self.failures.add("judge", judgment.error)
        if judgment.score is not None:
            self._scores += judgment.score
            self._scored += 1
        self.usage.add(judgment.usage)

    @property
    def conversations(self) -> int:
        return self.passed + self.failed + self.unjudged

    @property
    def mean_score(self) -> float | None:
        """None: nothing was scored."""
        return self._scores / self._scored if self._scored else None

    def metrics(self) -> dict[str, float]:
        usage, judged = self.usage.total, self.passed + self.failed
        metrics: dict[str, float] = {
            "judged": judged,
            "passed": self.passed,
            "failed": self.failed,
            "unjudged": self.unjudged,
            "judge_failures": self.failures.total(),
        }
        metrics |= token_metrics("judge", usage)
        if judged:
            metrics["pass_rate"] = self.passed / judged
        if self.mean_score is not None:
            metrics["mean_score"] = self.mean_score
        if usage.cost_usd is not None:
            metrics["judge_cost_usd"] = float(usage.cost_usd)
        return metrics


def not_whole(result: Simulation | Judging) -> str:
    """The agent's turns that are no whole answer, in words; empty where there are none."""
    counts = {
        "cut": result.finish_reasons.get(FinishReason.LENGTH, 0),
        "filtered": result.finish_reasons.get(FinishReason.CONTENT_FILTER, 0),
        "refused": result.finish_reasons.get(FinishReason.REFUSAL, 0),
        "silent": result.silent_turns,
    }
    named = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"; answers not whole: {named}" if named else ""
