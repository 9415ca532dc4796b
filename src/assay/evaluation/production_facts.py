"""The numbers that a production report may speak of."""

from assay.contracts.feedback import ProductionReport
from assay.contracts.report import Fact
from assay.evaluation.facts import fact_key


def production_facts(report: ProductionReport) -> tuple[Fact, ...]:
    """Satisfaction, ratings, complaints, and the forecast against what came."""
    facts = [
        Fact(fact_id="items", label="Feedback items", value=report.items),
        Fact(fact_id="linked", label="Items linked to a conversation", value=report.linked),
        Fact(
            fact_id="satisfaction",
            label="Rated items that are not negative (3 to 5, or thumbs up)",
            value=report.satisfaction,
            unit="share",
        ),
        Fact(fact_id="mean_rating", label="Mean rating, of 5", value=report.mean_rating, unit="score"),
        Fact(fact_id="proposed", label="Scenarios proposed", value=len(report.proposed_scenarios)),
        Fact(
            fact_id="missed_clusters",
            label="Complaints that no scenario tests",
            value=sum(not cluster.in_dataset for cluster in report.clusters),
        ),
    ]
    if report.positive is not None:
        label = "Rated items that are positive (4 or 5, or thumbs up)"
        facts.append(Fact(fact_id="positive", label=label, value=report.positive, unit="share"))
    if report.response_rate is not None:
        label = "Conversations that somebody rated"
        facts.append(Fact(fact_id="response_rate", label=label, value=report.response_rate, unit="share"))
    if report.satisfaction_bounds is not None:
        low, high = report.satisfaction_bounds
        facts += [
            Fact(fact_id="satisfaction_low", label="Not negative, if all unrated ones were", value=low, unit="share"),
            Fact(fact_id="satisfaction_high", label="Not negative, if no unrated one was", value=high, unit="share"),
        ]
    facts += [
        Fact(fact_id=f"version_{place}", label=f"Items on {version.agent}", value=version.items)
        for place, version in enumerate(report.other_versions, start=1)
    ]
    facts += [
        Fact(fact_id=f"topic.{fact_key(topic)}", label=f"Satisfaction, topic {topic}", value=rate, unit="share")
        for topic, rate in report.by_topic.items()
    ]
    facts += [
        Fact(
            fact_id=f"complaint_{place}",
            label=f"Complaints: {cluster.name}",
            value=cluster.items,
            conversation_ids=cluster.conversation_ids[:50],
        )
        for place, cluster in enumerate(report.clusters, start=1)
    ]
    if report.forecast is not None:
        facts += [
            Fact(fact_id="predicted", label="Predicted pass rate", value=report.forecast.predicted, unit="share"),
            Fact(
                fact_id="observed", label="Judged pass rate in production", value=report.forecast.observed, unit="share"
            ),
        ]
        if report.forecast.brier is not None:
            facts.append(
                Fact(fact_id="brier", label="Brier score of the forecast", value=report.forecast.brier, unit="score")
            )
    return tuple(facts)
