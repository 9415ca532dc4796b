"""MLflow's scorers as judges: built-in ones, registered ones and a team's own, each giving verdicts."""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assay.contracts.conversation import CallFailed, Conversation, FailureCause
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import Ruling, Verdict
from assay.errors import BadInput, CallError, NotFound
from assay.tracking.connection import Tracking, without_secrets
from assay.tracking.projects import find_project
from assay.tracking.spans import chat_messages, draft_trace
from assay.tracking.traces import trace_of

if TYPE_CHECKING:
    from mlflow.entities import Feedback, Trace
    from mlflow.genai.scorers import Scorer

RULINGS: dict[Any, Ruling] = {
    "yes": Ruling.MET,
    "true": Ruling.MET,
    "pass": Ruling.MET,
    "met": Ruling.MET,
    "no": Ruling.NOT_MET,
    "false": Ruling.NOT_MET,
    "fail": Ruling.NOT_MET,
    "not_met": Ruling.NOT_MET,
    "unknown": Ruling.ABSTAINED,
    "abstained": Ruling.ABSTAINED,
}
TIMEOUT_S = 60.0
"""For a scorer that has none of its own: MLflow's default of 300 s outlasts its ten silent retries."""
SOURCES: dict[str, Literal["code", "llm_judge", "human"]] = {"LLM_JUDGE": "llm_judge", "HUMAN": "human"}
_GUIDELINES = ("Guidelines", "ConversationalGuidelines")
_PER_EXPECTATION = ("ExpectationsGuidelines", "Correctness")
"""Built-in scorers that hold an answer against what is expected: asked once for each expectation."""


def score_with_mlflow(
    scorer: str,
    conversation: Conversation,
    expectations: Sequence[Expectation],
    scenario: Scenario | None,
    *,
    t: Tracking | None = None,
    project: str | None = None,
) -> list[Verdict]:
    """What the scorer says: yes, no, a share (met from 0.5) or MLflow Feedback, as verdicts.

    `scorer` is a class of mlflow.genai.scorers, a registered `name` or `name@version` of the project, or
    `module:function` (a `@scorer`, or a plain function of any of inputs, outputs, expectations, trace, session,
    conversation and scenario). A scorer that reads expectations rules on each; another rules on one of its own name.
    Raises BadInput for a scorer that cannot be loaded or answers with something else, CallError for one that fails.
    """
    material = _material(conversation, expectations, scenario)
    if ":" in scorer:
        found = _custom(scorer)
        return _verdicts(scorer, _called(scorer, found, material), expectations)
    builtin = _builtin(scorer)
    if builtin is None:
        return _verdicts(scorer, _called(scorer, _registered(scorer, t, project), material), expectations)
    if scorer not in (*_GUIDELINES, *_PER_EXPECTATION):
        return _verdicts(scorer, _called(scorer, _made(builtin, scorer), material), expectations)
    verdicts = []
    for expectation in expectations:
        one = _material(conversation, (expectation,), scenario)
        asked = {"guidelines": [_said(expectation)]} if scorer in _GUIDELINES else {}
        ruled = _verdicts(scorer, _called(scorer, _made(builtin, scorer, **asked), one), (expectation,))
        verdicts += [verdict.replace(expectation_id=expectation.expectation_id) for verdict in ruled]
    return verdicts


def _material(
    conversation: Conversation, expectations: Sequence[Expectation], scenario: Scenario | None
) -> dict[str, Any]:
    turns = conversation.turns
    last = max((index for index, turn in enumerate(turns) if turn.role == "agent"), default=len(turns))
    expected: dict[str, Any] = {expectation.expectation_id: expectation.text for expectation in expectations}
    if expectations:
        expected["expected_facts"] = [_said(expectation) for expectation in expectations]
        expected["guidelines"] = [_said(expectation) for expectation in expectations]
    return {
        "inputs": {"messages": chat_messages(turns[:last])},
        "outputs": turns[last].text if last < len(turns) else "",
        "expectations": expected,
        "trace": _trace(conversation, scenario),
        "session": _exchanges(conversation, scenario),
        "conversation": conversation,
        "scenario": scenario,
    }


def _said(expectation: Expectation) -> str:
    return f"The agent {'must' if expectation.kind == 'must' else 'must not'}: {expectation.text}"


def _trace(conversation: Conversation, scenario: Scenario | None) -> "Trace":
    draft = draft_trace(
        conversation, scenario, project="scorer", simulation_id="scorer", run_id=None, dataset=None, tags={}
    )
    return trace_of("0", draft)


def _exchanges(conversation: Conversation, scenario: Scenario | None) -> "list[Trace]":
    """A trace for each answer with what was asked, as MLflow's conversational scorers take a session."""
    found, start = [], 0
    for index, turn in enumerate(conversation.turns):
        if turn.role == "agent":
            part = conversation.replace(turns=conversation.turns[start : index + 1], simulator_faults=())
            found.append(_trace(part, scenario))
            start = index + 1
    for trace in found:
        trace.info.trace_metadata["mlflow.trace.session"] = conversation.conversation_id
    return found


def _called(name: str, scorer: Any, material: dict[str, Any]) -> Any:
    from mlflow.genai.scorers import Scorer
    from mlflow.utils.timeout import MlflowTimeoutError

    try:
        if isinstance(scorer, Scorer):
            if scorer.timeout is None:
                scorer.timeout = TIMEOUT_S
            given = {key: material[key] for key in ("inputs", "outputs", "expectations", "trace")}
            if scorer.is_session_level_scorer:
                given = {"session": material["session"], "expectations": material["expectations"]}
            return scorer.run(**given)
        takes = inspect.signature(scorer).parameters
        if unknown := set(takes) - set(material):
            raise BadInput(f"scorer {name} asks for {', '.join(sorted(unknown))}: it may take {', '.join(material)}")
        return scorer(**{key: value for key, value in material.items() if key in takes})
    except (BadInput, CallError):
        raise
    except MlflowTimeoutError as error:
        raise _failed(name, str(error), FailureCause.TIMEOUT) from error
    except Exception as error:
        # a team's own code may raise anything, and its failure is a result of this conversation alone
        raise _failed(name, f"{type(error).__name__}: {error}") from error


def _failed(name: str, detail: str, cause: FailureCause = FailureCause.BAD_ANSWER) -> CallError:
    return CallError(CallFailed(cause=cause, detail=without_secrets(f"scorer {name}: {detail[:500]}")))


def _custom(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise BadInput(f"scorer {name}: {error}: name a function as module:function that can be imported") from error
    if not callable(found):
        raise BadInput(f"scorer {name}: it is no function but {type(found).__name__}")
    return found


def _builtin(name: str) -> "type[Scorer] | None":
    from mlflow.genai import scorers

    found = getattr(scorers, name, None)
    return found if inspect.isclass(found) and issubclass(found, scorers.Scorer) else None


def _made(scorer: "type[Scorer]", name: str, **asked: Any) -> "Scorer":
    from pydantic import ValidationError

    try:
        return scorer(**asked)
    except (TypeError, ValueError, ValidationError) as error:
        raise BadInput(
            f"scorer {name} has settings of its own ({str(error).splitlines()[0]}): register one with them "
            "(scorer.register) and name that, or give module:function"
        ) from error


def _registered(name: str, t: Tracking | None, project: str | None) -> "Scorer":
    from mlflow.exceptions import MlflowException
    from mlflow.genai.scorers import Scorer

    plain, _, version = name.partition("@")
    if version and not version.isdecimal():
        raise BadInput(f"scorer {name}: a version is a number, as in {plain}@2")
    experiment_id = find_project(t, project) if t is not None and project else None
    if t is None or experiment_id is None:
        raise NotFound(f"scorer {name} is no built-in one of mlflow.genai.scorers, and there is no project to look in")
    try:
        stored = t.store.get_scorer(experiment_id, plain, int(version) if version else None)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        there = ", ".join(row.scorer_name for row in t.store.list_scorers(experiment_id)) or "none"
        raise NotFound(
            f"scorer {name} is no built-in one of mlflow.genai.scorers, and project {project} has {there} registered"
        ) from error
    return Scorer.model_validate(stored.serialized_scorer)


def _verdicts(name: str, given: Any, expectations: Sequence[Expectation]) -> list[Verdict]:
    rows = given if isinstance(given, list) else [given]
    known = {expectation.expectation_id for expectation in expectations}
    return [_verdict(name, row, known, alone=len(rows) == 1) for row in rows]


def _verdict(name: str, given: "Feedback | Any", known: set[str], *, alone: bool) -> Verdict:
    from mlflow.entities import Feedback

    if not isinstance(given, Feedback):
        given = Feedback(name=name, value=given)
    if given.error is not None:
        raise _failed(name, str(given.error.error_message or given.error.error_code))
    kind, judge = given.source.source_type, given.source.source_id
    ruling, confidence = _ruling(name, given.value)
    return Verdict(
        expectation_id=given.name if given.name in known else _slug(name if alone else given.name),
        rationale=(given.rationale or "").strip() or f"{name} says {given.value}",
        ruling=ruling,
        confidence=confidence,
        source=SOURCES.get(kind, "code"),
        judge=f"{name} ({judge})" if kind == "LLM_JUDGE" and judge else name,
    )


def _ruling(name: str, value: Any) -> tuple[Ruling, float]:
    if value is None:
        return Ruling.ABSTAINED, 0.0
    if isinstance(value, bool):
        return (Ruling.MET if value else Ruling.NOT_MET), 1.0
    if isinstance(value, int | float) and 0 <= value <= 1:
        return (Ruling.MET if value >= 0.5 else Ruling.NOT_MET), abs(2 * float(value) - 1)
    text = str(getattr(value, "value", value)).strip().lower()
    if text in RULINGS:
        return RULINGS[text], 0.0 if RULINGS[text] is Ruling.ABSTAINED else 1.0
    raise BadInput(f"scorer {name} answers {value!r}: have it give yes, no, true, false or a number from 0 to 1")


def _slug(name: str) -> str:
    """RelevanceToQuery to relevance_to_query, checks.shop:polite to checks.shop-polite."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", words).strip("-._")[:64] or "scorer"
