"""Judged conversations as read-only SQL tables, for the chats that answer questions about them."""

from collections.abc import Mapping, Sequence

from assay.contracts.judgment import Ruling
from assay.evaluation.measures import agent_turns, compared
from assay.evaluation.read_only import Column, Row, Table
from assay.evaluation.results import TrialResult
from assay.evaluation.table_estimates import Measure, Measured, MeasuredTables


def measured() -> Measured:
    return Measured(
        table="results",
        cluster="scenario_id",
        clustered_by="scenarios",
        side="side",
        by=("topic", "persona", "difficulty", "language", "stop_reason", "trial"),
        measures=(
            Measure("passed", "pass rate", "share", better="higher"),
            Measure("score", "expectations met", "score", better="higher"),
            *(Measure(m.name, m.prose, m.unit, m.better) for m in compared()),
        ),
        named=("side", "scenario_id"),
    )


class ResultsTable(MeasuredTables):
    """The tables `results`, `verdicts` and `turns` of one side or two, by the names that the caller gives the sides."""

    def __init__(self, sides: Mapping[str, Sequence[TrialResult]]) -> None:
        self.measured = measured()
        self.sides = tuple(sides)
        every = [(side, trial) for side, trials in sides.items() for trial in trials]
        super().__init__(
            (
                Table(
                    "results",
                    "one row a conversation",
                    results_columns(),
                    [_result(side, trial) for side, trial in every],
                ),
                Table(
                    "verdicts",
                    "one row an expectation of a conversation",
                    VERDICTS,
                    [row for side, trial in every for row in _verdicts(side, trial)],
                ),
                Table(
                    "turns",
                    "one row a turn of a conversation",
                    TURNS,
                    [row for side, trial in every for row in _turns(side, trial)],
                ),
            )
        )


def _result(side: str, trial: TrialResult) -> Row:
    conversation, scenario = trial.conversation, trial.scenario
    error = conversation.error or trial.judgment.error
    return {
        "side": side,
        "conversation_id": conversation.conversation_id,
        "scenario_id": conversation.scenario_id,
        "trial": conversation.trial,
        "topic": scenario.topic if scenario else None,
        "persona": scenario.persona.name if scenario else None,
        "difficulty": scenario.difficulty.value if scenario else None,
        "language": scenario.persona.language if scenario else None,
        "goal": scenario.goal if scenario else None,
        "passed": trial.judgment.passed,
        "score": trial.judgment.score,
        "stop_reason": conversation.stop_reason.value,
        "error": error.cause.value if error else None,
        "simulator_fault": conversation.simulator_faults[0].kind.value if conversation.simulator_faults else None,
        "tool_calls": sum(len(turn.tool_calls) for turn in agent_turns(conversation)),
        **{measure.name: _whole(measure.of(conversation)) for measure in compared()},
    }


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value


def _verdicts(side: str, trial: TrialResult) -> list[Row]:
    expected = {e.expectation_id: e for e in trial.scenario.expectations} if trial.scenario else {}
    return [
        {
            "side": side,
            "conversation_id": trial.conversation.conversation_id,
            "scenario_id": trial.conversation.scenario_id,
            "topic": trial.scenario.topic if trial.scenario else None,
            "expectation_id": verdict.expectation_id,
            "expectation": expected[verdict.expectation_id].text if verdict.expectation_id in expected else None,
            "kind": expected[verdict.expectation_id].kind if verdict.expectation_id in expected else None,
            "ruling": Ruling(verdict.ruling).value,
            "rationale": verdict.rationale,
            "evidence": verdict.evidence[0].quote if verdict.evidence else None,
            "confidence": verdict.confidence,
            "judge": verdict.judge,
        }
        for verdict in trial.judgment.verdicts
    ]


def _turns(side: str, trial: TrialResult) -> list[Row]:
    return [
        {
            "side": side,
            "conversation_id": trial.conversation.conversation_id,
            "scenario_id": trial.conversation.scenario_id,
            "turn": place,
            "role": turn.role,
            "text": turn.text,
            "tools": ", ".join(call.name for call in turn.tool_calls) or None,
            "tool_error": next((call.error for call in turn.tool_calls if call.error), None),
            "latency_s": turn.latency_s,
        }
        for place, turn in enumerate(trial.conversation.turns)
    ]


WHOSE = (
    Column("side", "VARCHAR", "which agent version"),
    Column("conversation_id", "VARCHAR"),
    Column("scenario_id", "VARCHAR"),
)
RESULTS = (
    *WHOSE,
    Column("trial", "BIGINT", "which repeat of the scenario, from 0"),
    Column("topic", "VARCHAR"),
    Column("persona", "VARCHAR"),
    Column("difficulty", "VARCHAR", "easy, medium, hard"),
    Column("language", "VARCHAR"),
    Column("goal", "VARCHAR", "what the user wanted"),
    Column("passed", "BOOLEAN", "every expectation met; NULL: no verdict"),
    Column("score", "DOUBLE", "share of expectations met"),
    Column("stop_reason", "VARCHAR"),
    Column("error", "VARCHAR", "why a call failed; NULL: none did"),
    Column("simulator_fault", "VARCHAR", "a mistake of the simulated user; NULL: none"),
    Column("tool_calls", "BIGINT"),
)
WHOLE = ("count", "tokens")


def results_columns() -> tuple[Column, ...]:
    """Of `results`, a column for each measure among them."""
    return (
        *RESULTS,
        *(
            Column(m.name, "BIGINT" if m.unit in WHOLE else "DOUBLE", f"{m.about or m.prose}; NULL: not known")
            for m in compared()
        ),
    )


VERDICTS = (
    *WHOSE,
    Column("topic", "VARCHAR"),
    Column("expectation_id", "VARCHAR"),
    Column("expectation", "VARCHAR", "what the agent must or must not do"),
    Column("kind", "VARCHAR", "must, must_not"),
    Column("ruling", "VARCHAR", "met, not_met, abstained"),
    Column("rationale", "VARCHAR", "the judge's reason"),
    Column("evidence", "VARCHAR", "words of the conversation"),
    Column("confidence", "DOUBLE"),
    Column("judge", "VARCHAR"),
)
TURNS = (
    *WHOSE,
    Column("turn", "BIGINT", "from 0"),
    Column("role", "VARCHAR", "user, agent"),
    Column("text", "VARCHAR"),
    Column("tools", "VARCHAR", "names of the tools called, with commas"),
    Column("tool_error", "VARCHAR"),
    Column("latency_s", "DOUBLE"),
)
