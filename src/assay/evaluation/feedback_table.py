"""Production feedback as read-only SQL tables, for the chat that answers questions about it."""

from collections.abc import Sequence

from assay.contracts.estimate import Estimate
from assay.contracts.feedback import Feedback, ProductionReport
from assay.evaluation.read_only import Column, Row, Table
from assay.evaluation.table_estimates import Measure, Measured, MeasuredTables

MEASURED = Measured(
    table="feedback",
    cluster="whose",
    clustered_by="users",
    side=None,
    by=("topic", "complaint", "agent"),
    measures=(
        Measure("satisfied", "items that are not negative", "share", better="higher"),
        Measure("rating", "mean rating", "score", better="higher"),
    ),
)


class FeedbackTable(MeasuredTables):
    """The tables `feedback`, `complaints` and `forecast` of one production report."""

    measured = MEASURED

    def __init__(self, report: ProductionReport, items: Sequence[Feedback]) -> None:
        """Without the items only what the report itself holds can be asked. Those on other versions are left out."""
        items = [item for item in items if item.agent in (None, report.agent)]
        complaint = {name: cluster.name for cluster in report.clusters for name in cluster.feedback_ids}
        super().__init__(
            (
                Table(
                    "feedback",
                    "one row an item that a user left",
                    FEEDBACK,
                    [_item(item, report, complaint.get(item.feedback_id)) for item in items],
                ),
                Table(
                    "complaints",
                    "one row a group of negative items that are alike",
                    COMPLAINTS,
                    [
                        {
                            "complaint": cluster.name,
                            "for_example": cluster.description,
                            "items": cluster.items,
                            "in_dataset": cluster.in_dataset,
                            "conversations": len(cluster.conversation_ids),
                        }
                        for cluster in report.clusters
                    ],
                ),
                Table("forecast", "one row, where the release was forecast", FORECAST, _forecast(report)),
            )
        )


def _item(item: Feedback, report: ProductionReport, complaint: str | None) -> Row:
    said = [turn.text for turn in item.turns if turn.role == "user"]
    return {
        "feedback_id": item.feedback_id,
        "conversation_id": item.conversation_id,
        "whose": item.user or item.conversation_id or item.feedback_id,
        "agent": str(item.agent or report.agent),
        "at_time": item.at.isoformat() if item.at else None,
        "topic": item.topic,
        "thumbs": item.thumbs,
        "rating": item.rating,
        "satisfied": None if item.negative is None else not item.negative,
        "comment": item.comment,
        "complaint": complaint,
        "first_words": said[0] if said else None,
    }


def _forecast(report: ProductionReport) -> list[Row]:
    if report.forecast is None:
        return []
    observed = report.forecast.observed
    return [
        {
            "predicted": report.forecast.predicted.value,
            "observed": observed.value if isinstance(observed, Estimate) else None,
            "covered": report.forecast.covered,
            "brier": report.forecast.brier,
        }
    ]


FEEDBACK = (
    Column("feedback_id", "VARCHAR"),
    Column("conversation_id", "VARCHAR", "NULL: not linked"),
    Column("whose", "VARCHAR", "a pseudonym"),
    Column("agent", "VARCHAR", "which version it speaks of"),
    Column("at_time", "VARCHAR", "ISO time"),
    Column("topic", "VARCHAR"),
    Column("thumbs", "VARCHAR", "up, down"),
    Column("rating", "BIGINT", "from 1 to 5"),
    Column("satisfied", "BOOLEAN", "rated 3 to 5, or thumbs up; NULL: not rated"),
    Column("comment", "VARCHAR", "the user's words"),
    Column("complaint", "VARCHAR", "the group in complaints; NULL: no complaint"),
    Column("first_words", "VARCHAR", "what the user said to the agent first"),
)
COMPLAINTS = (
    Column("complaint", "VARCHAR"),
    Column("for_example", "VARCHAR"),
    Column("items", "BIGINT"),
    Column("in_dataset", "BOOLEAN", "some scenario tests it already"),
    Column("conversations", "BIGINT", "linked to an item"),
)
FORECAST = (
    Column("predicted", "DOUBLE", "pass rate before the release"),
    Column("observed", "DOUBLE", "judged pass rate of a sample of production"),
    Column("covered", "BOOLEAN", "their intervals meet; NULL: too little data"),
    Column("brier", "DOUBLE"),
)
