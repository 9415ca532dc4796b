"""The prepared questions about production feedback."""

from assay.evaluation.prepared_questions import Prepared, either, estimated, listed

COUNTED = listed(
    "SELECT {by}count(*) AS items, count(*) FILTER (satisfied) AS not_negative, "
    "count(*) FILTER (NOT satisfied) AS negative, count(*) FILTER (satisfied IS NULL) AS not_rated "
    "FROM feedback WHERE {where} GROUP BY ALL ORDER BY ALL"
)
COMPLAINTS = """
    SELECT complaint, items, CASE WHEN in_dataset THEN 'tested' ELSE 'not tested yet' END AS so_far, for_example
    FROM complaints
    WHERE complaint IN (SELECT complaint FROM feedback WHERE {where}) OR NOT EXISTS (SELECT 1 FROM feedback)
    ORDER BY items DESC, complaint
"""
MISSED = """
    SELECT complaint, items, for_example FROM complaints WHERE NOT in_dataset ORDER BY items DESC, complaint
"""

FEEDBACK_QUESTIONS = (
    Prepared(
        r"not (yet )?tested|untested|missing|missed|\bgaps?\b|no scenario|uncovered|not covered|\bnew\b",
        "Complaints that no scenario tests yet",
        listed(MISSED),
    ),
    Prepared(
        r"forecast|predict|expected|brier",
        "The forecast and what came",
        listed("SELECT predicted, observed, covered, brier FROM forecast", none="The release was not forecast."),
    ),
    Prepared(
        r"what do (users|people|they) say|comments?\b|said\b|quote|words|examples?",
        "What users wrote",
        listed(
            "SELECT comment, rating, thumbs, topic, conversation_id FROM feedback "
            "WHERE comment IS NOT NULL AND {where} ORDER BY satisfied NULLS LAST, feedback_id LIMIT 10"
        ),
    ),
    Prepared(
        r"complain|why\b|problem|wrong|unhappy|negative|angry|dissatisf|worst|common",
        "What users complain of, most frequent first",
        listed(COMPLAINTS),
    ),
    Prepared(r"how many|how often|count\b|number of", "How many items", COUNTED),
    Prepared(r"rating|stars?\b|\bmarks?\b", "Mean rating, of 1 to 5", estimated("rating")),
    Prepared(
        r"satisf|happy|content|thumbs|like|positive|rate\b|good|mood|feedback",
        "Rated items that are not negative",
        either(estimated("satisfied"), COUNTED),
    ),
)
"""The first whose pattern fits is taken; the last where only a group or a value was named."""
