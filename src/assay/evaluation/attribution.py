"""Whose fault it is when a conversation does not pass: agent, user simulator, judge, dataset or infrastructure."""

from collections.abc import Collection, Sequence
from typing import Literal

from assay.contracts.analytics import Attribution
from assay.contracts.conversation import Conversation, FailureCause, StopReason
from assay.contracts.judgment import Judgment, Ruling
from assay.evaluation.results import TrialResult, quantity

Blamed = Literal["agent", "user_simulator", "judge", "dataset", "infrastructure"]

BLAMED: tuple[Blamed, ...] = ("agent", "user_simulator", "judge", "dataset", "infrastructure")

AGENTS_OWN = (FailureCause.AGENT_EXCEPTION, FailureCause.BAD_ANSWER)
"""Failures of the one who was called; the others are of what it runs on."""


def attribute(conversation: Conversation, judgment: Judgment, flawed_scenarios: Collection[str] = ()) -> Blamed | None:
    """None: it passed. The first rule that holds decides:

    1. A call failed: by what it runs on (time-out, rate limit, server, key) the infrastructure, whoever called;
       otherwise the agent, the user simulator or the judge, whichever it was.
    2. The user simulator made a mistake that is marked on the conversation: the user simulator.
    3. The scenario is flawed: the dataset.
    4. No ruling: the check could not look (dataset) or the judge abstained (judge).
    5. Otherwise the agent.
    """
    if judgment.passed is True:
        return None
    error = conversation.error or judgment.error
    if error is not None:
        if error.cause not in AGENTS_OWN:
            return "infrastructure"
        if conversation.stop_reason is StopReason.SIMULATOR_ERROR:
            return "user_simulator"
        return "judge" if conversation.error is None else "agent"
    if conversation.simulator_faults:
        return "user_simulator"
    if conversation.scenario_id in flawed_scenarios:
        return "dataset"
    if judgment.passed is None:
        abstained = [verdict for verdict in judgment.verdicts if verdict.ruling is Ruling.ABSTAINED]
        by_code = any(verdict.source == "code" for verdict in abstained)
        return "dataset" if by_code or not judgment.verdicts else "judge"
    return "agent"


def attributions(results: Sequence[TrialResult], flawed_scenarios: Collection[str] = ()) -> tuple[Attribution, ...]:
    """For each who may be blamed, how many conversations and which share of all, clustered by scenario."""
    import numpy as np

    from assay.statistics import clustered_mean

    blamed = [attribute(result.conversation, result.judgment, flawed_scenarios) for result in results]
    scenarios = np.array([result.judgment.scenario_id for result in results], dtype=object)
    rows = []
    for who in BLAMED:
        inside = [result for result, name in zip(results, blamed, strict=True) if name == who]
        share = clustered_mean(np.array([float(name == who) for name in blamed]), scenarios)
        rows.append(
            Attribution(
                blamed=who,
                conversations=len(inside),
                share=quantity(share),
                conversation_ids=tuple(result.conversation.conversation_id for result in inside)[:20],
            )
        )
    return tuple(rows)
