"""The prepared questions about judged conversations."""

from assay.evaluation.prepared_questions import Prepared, differing, either, estimated, listed

COUNTED = listed(
    "SELECT side, {by}count(*) AS conversations, count(*) FILTER (passed IS NOT NULL) AS judged, "
    "count(*) FILTER (passed) AS passes, count(*) FILTER (NOT passed) AS failures FROM results WHERE {where} "
    "GROUP BY ALL ORDER BY ALL"
)

RESULTS_QUESTIONS = (
    Prepared(
        r"\bslowest|\bfastest|longest",
        "The conversations whose answers took longest",
        listed(
            "SELECT side, scenario_id, trial, latency_s, conversation_id FROM results "
            "WHERE latency_s IS NOT NULL AND {where} ORDER BY latency_s DESC, conversation_id LIMIT 10"
        ),
    ),
    Prepared(r"\bslow|latency|\bfast|speed|answer time|response time", "Answer time", estimated("latency_s")),
    Prepared(
        r"cost|expensive|token|price|cheap|money|usd|dollar",
        "Cost and tokens a conversation",
        estimated("cost_usd", "output_tokens"),
    ),
    Prepared(
        r"error|fault|time.?out|broke|crash",
        "Errors and simulator faults",
        listed(
            "SELECT side, coalesce(error, simulator_fault) AS what, count(*) AS conversations FROM results "
            "WHERE coalesce(error, simulator_fault) IS NOT NULL AND {where} GROUP BY ALL "
            "ORDER BY conversations DESC, what, side"
        ),
    ),
    Prepared(
        r"\bwhy\b|reason|rationale|wrong|mistake|not met|expectation",
        "What was not met most often, and one judge's reason",
        listed(
            "SELECT side, expectation, count(*) AS failures, min(rationale) AS for_example FROM verdicts "
            "WHERE ruling = 'not_met' AND conversation_id IN (SELECT conversation_id FROM results WHERE {where}) "
            "GROUP BY side, expectation ORDER BY failures DESC, expectation, side LIMIT 10"
        ),
    ),
    Prepared(
        r"worst|hardest|weak|fail(s|ed|ing)? (the )?most|which (scenarios?|ones?) fail|never pass",
        "The scenarios that pass least often",
        listed(
            "SELECT side, scenario_id, topic, count(*) FILTER (passed) AS passes, "
            "count(*) FILTER (passed IS NOT NULL) AS judged FROM results WHERE {where} "
            "GROUP BY side, scenario_id, topic HAVING judged > 0 "
            "ORDER BY passes / judged, judged DESC, scenario_id, side LIMIT 10"
        ),
    ),
    Prepared(r"how many|how often|count\b|number of", "How many conversations", COUNTED),
    Prepared(r"how long|\bturns?\b", "Agent turns a conversation", estimated("agent_turns")),
    Prepared(
        r"\bbetter|differ|compar|versus|\bvs\b|improve|regress|gain|lost",
        "The difference in pass rate, paired by scenario",
        differing("passed"),
    ),
    Prepared(r"score|expectations met", "Expectations met", estimated("score")),
    Prepared(r"pass|rate\b|how good|quality|overall|success|fail", "Pass rate", either(estimated("passed"), COUNTED)),
)
"""The first whose pattern fits is taken; the last where only a group or a value was named."""
