"""When a complaint is closed, and when it is open again: derived from what happened, so that nothing can be lost."""

from collections.abc import Sequence

from assay.contracts.complaint import Complaint, ComplaintEvent, ComplaintState
from assay.contracts.dataset import Scenario
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Judgment
from assay.contracts.stage import AgentRef, DatasetRef
from assay.evaluation.clusters import covered, scenario_text
from assay.evaluation.similarity import words


def about(item: Feedback, scenario: Scenario) -> bool:
    """Whether a complaint is about what the scenario tests."""
    return item.feedback_id == scenario.origin_ref or covered([item], [set(words(scenario_text(scenario)))])


def tried(scenario_id: str, judgments: Sequence[Judgment]) -> tuple[int, int]:
    """(passed, trials) of the scenario among the judged conversations."""
    ours = [j for j in judgments if j.scenario_id == scenario_id and j.passed is not None]
    return sum(bool(judgment.passed) for judgment in ours), len(ours)


def state_after(events: Sequence[ComplaintEvent]) -> tuple[ComplaintState, AgentRef | None]:
    """The state, and the version that closed it last. events: in the order of time.

    Closed by a judging in which all of at least k trials passed (pass^k); open again when a later judging fails it or
    a user complains of it again.
    """
    state: ComplaintState = "proposed"
    closed_by = None
    for event in events:
        match event.what:
            case "tested" if state == "proposed":
                state = "tested"
            case "passed":
                state, closed_by = "closed", event.agent
            case "failed" | "said" if state == "closed":
                state = "reopened"
    return state, closed_by


def complaint(
    scenario: Scenario,
    said: str,
    feedback_ids: Sequence[str],
    dataset: DatasetRef | None,
    events: Sequence[ComplaintEvent],
    k: int,
) -> Complaint:
    ordered = sorted(events, key=lambda event: event.at)
    state, closed_by = state_after(ordered)
    last = next((event for event in reversed(ordered) if event.what in ("passed", "failed")), None)
    counted = f"{last.passed} of {last.trials} trials passed" if last else "nobody has played it yet"
    told = {
        "proposed": "no dataset tests it yet: `assay feedback propose` adds its scenario",
        "tested": f"its scenario is in the dataset; {counted}; {k} of {k} close it",
        "closed": f"{counted} with {closed_by}",
        "reopened": f"it came back after {closed_by} had closed it",
    }[state]
    return Complaint(
        scenario=scenario,
        said=said,
        feedback_ids=tuple(dict.fromkeys(feedback_ids)),
        state=state,
        dataset=dataset,
        agent=closed_by,
        events=tuple(ordered),
        words=told,
    )
