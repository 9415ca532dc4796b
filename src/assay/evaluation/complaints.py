"""When a complaint is closed, and when it is open again: derived from what happened, so that nothing can be lost."""

from collections.abc import Sequence

from assay.contracts.complaint import Complaint, ComplaintEvent, ComplaintState
from assay.contracts.conversation import Turn
from assay.contracts.dataset import Scenario
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Judgment, Verdict
from assay.contracts.stage import AgentRef, DatasetRef
from assay.contracts.text import normalise
from assay.evaluation.clusters import covered, scenario_text
from assay.evaluation.judges.labels import judgment_by_people
from assay.evaluation.similarity import words


def about(item: Feedback, scenario: Scenario) -> bool:
    """Whether a complaint is about what the scenario tests."""
    return item.feedback_id == scenario.origin_ref or covered([item], [set(words(scenario_text(scenario)))])


def ruled(judgment: Judgment, labels: Sequence[Verdict], *, admitted: bool) -> bool | None:
    """Whether a trial passed by a check, a person or an admitted judge. None: none of these decides it.

    labels: people's rulings on the conversation. admitted: whether a certificate admits the judge.
    """
    return judgment.passed if admitted and not labels else judgment_by_people(judgment, labels)


def transcript(turns: Sequence[Turn]) -> tuple[str, ...]:
    """What the agent said, for telling whether two conversations are the same."""
    return tuple(" ".join(normalise(turn.text).casefold().split()) for turn in turns if turn.role == "agent")


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
    last = next((event for event in reversed(ordered) if event.what in ("passed", "failed", "undecided")), None)
    counted = _counted(last) if last else "nobody has played it yet"
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


def _counted(event: ComplaintEvent) -> str:
    text = f"{event.passed} of {event.trials} trials passed"
    if event.undecided:
        text += f", {event.undecided} more are not decided: a check, a person or an admitted judge decides"
    elif event.what == "undecided":
        text += f" with {event.agent}, the version complained of: that closes nothing"
    return text
