"""Failures and complaints are grouped by what they have in common, and the groups have names that people can read."""

import random

import pytest
from sklearn.metrics import adjusted_rand_score

from assay.contracts.dataset import Scenario
from assay.contracts.feedback import Feedback
from assay.evaluation.clusters import complaint_clusters, complaint_groups, failure_clusters
from tests.conftest import SHOP
from tests.evaluation.themes import planted
from tests.judged import expectation, result, scenario, tau_results

BOOTS = expectation("refunds-boots", "The agent refunds the price of the boots.")
TENT = expectation("refunds-tent", "The agent refunds the price of the tent.")
NO_REFUND = expectation("no-refund", "The agent refunds the price of the boots.", "must_not")
SAYS_WHEN = expectation("says-when", "The agent says that the money is there in 5 working days.")


def failing():
    return [
        result(scenario("a", BOOTS, SAYS_WHEN), unmet=["refunds-boots"], rationale="It opened a ticket instead."),
        result(scenario("b", TENT, SAYS_WHEN), unmet=["refunds-tent", "says-when"]),
        result(scenario("c", TENT), unmet=["refunds-tent"], tools=["find_order"]),
        result(scenario("d", NO_REFUND, topic="privacy"), unmet=["no-refund"]),
        result(scenario("e", SAYS_WHEN, topic="stock"), unmet=["says-when"]),
    ]


def test_failures_that_lack_the_same_thing_are_one_cluster_though_scenarios_word_it_otherwise():
    clusters = failure_clusters(failing())
    assert [(cluster.conversations, cluster.expectation_ids) for cluster in clusters] == [
        (3, ("refunds-boots", "refunds-tent")),
        (1, ("no-refund",)),
        (1, ("says-when",)),
    ]
    assert sum(cluster.share_of_failures for cluster in clusters) == pytest.approx(1)


def test_a_conversation_that_lacks_two_things_stands_with_the_one_that_most_lack():
    of_b = failing()[1].conversation.conversation_id
    inside = [cluster for cluster in failure_clusters(failing()) if of_b in cluster.conversation_ids]
    assert [cluster.expectation_ids for cluster in inside] == [("refunds-boots", "refunds-tent")]


def test_what_must_be_done_and_what_must_not_are_never_one_cluster():
    names = [cluster.name for cluster in failure_clusters(failing())]
    assert "done, but must not be: refunds the price of the boots" in names
    assert "not done: refunds the price of the tent, and alike" in names


def test_a_cluster_tells_topics_tools_and_an_example():
    largest = failure_clusters(failing())[0]
    assert largest.description == (
        "Must: The agent refunds the price of the tent. / The agent refunds the price of the boots. "
        "Topics: returns (3). Last tool called: find_order (1). For example: It opened a ticket instead."
    )


def test_clusters_do_not_depend_on_the_order_of_the_conversations():
    rows = failing()
    whole = failure_clusters(rows)
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert failure_clusters(rows) == whole


def test_no_failure_gives_no_cluster():
    assert failure_clusters([]) == ()


def test_one_expectation_of_all_scenarios_is_split_by_topic():
    generic = expectation("outcome", "The database ends as it should.")
    rows = [result(scenario(f"s{n}", generic, topic=f"topic-{n % 3}"), unmet=["outcome"]) for n in range(12)]
    assert [cluster.name for cluster in failure_clusters(rows)] == [
        f"topic {n}: not done: The database ends as it should" for n in range(3)
    ]
    assert len(failure_clusters(rows[:6])) == 1


def test_a_failure_whose_scenario_is_not_known_is_clustered_by_its_expectations_name():
    known = result(scenario("a", expectation("stays-friendly")), unmet=["stays-friendly"])
    alone = failure_clusters([type(known)(known.conversation, known.judgment, None)])
    assert alone[0].name == "not done: stays friendly"


def test_recorded_failures_are_told_apart_by_topic_and_by_what_the_agent_did():
    """All 50 tasks share one expectation, so its words alone would put the 116 failures into one heap."""
    failed = [row for row in tau_results() if row.judgment.passed is False]
    clusters = failure_clusters(failed)
    assert sum(cluster.conversations for cluster in clusters) == len(failed) == 116
    assert len(clusters) == 7
    refused = next(cluster for cluster in clusters if cluster.name.startswith("information"))
    assert "cancel_reservation (12)" in refused.description  # it cancelled where it should have refused


def complaints():
    items = [Feedback.model_validate_json(line) for line in (SHOP / "feedback.jsonl").read_text().splitlines()]
    return [item for item in items if item.negative]


def scenarios():
    return [Scenario.model_validate_json(line) for line in (SHOP / "dataset.jsonl").read_text().splitlines()]


def test_what_users_miss_most_leads_and_no_scenario_tests_it():
    """Planted in the shop's feedback: invoices and gift cards, of which neither agent nor dataset knows anything."""
    clusters = complaint_clusters(complaints(), scenarios())
    assert [(cluster.name.partition(":")[0], cluster.in_dataset) for cluster in clusters[:3]] == [
        ("invoices", False),
        ("gift cards", False),
        ("order status", True),
    ]
    invoices = {item.feedback_id for item in complaints() if item.topic == "invoices"}
    assert set(clusters[0].feedback_ids) <= invoices
    assert len(clusters[0].feedback_ids) >= len(invoices) - 1


def test_what_scenarios_test_already_is_known_as_tested():
    tested = {name for c in complaint_clusters(complaints(), scenarios()) if c.in_dataset for name in c.feedback_ids}
    assert {"fb-011", "fb-018", "fb-024", "fb-042", "fb-044", "fb-055", "fb-059"} <= tested
    assert not tested & {item.feedback_id for item in complaints() if item.topic in ("invoices", "gift-cards")}


def test_complaints_without_topics_are_grouped_by_their_words():
    bare = [item.replace(topic=None) for item in complaints()]
    clusters = complaint_clusters(bare, scenarios())
    gifts = {item.feedback_id for item in complaints() if item.topic == "gift-cards"}
    assert any(set(cluster.feedback_ids) == gifts for cluster in clusters)


def test_every_complaint_stands_in_one_cluster_and_the_order_does_not_matter():
    items = complaints()
    clusters = complaint_clusters(items, scenarios())
    told = [name for cluster in clusters for name in cluster.feedback_ids]
    assert sorted(told) == sorted(item.feedback_id for item in items)
    random.Random(1).shuffle(items)
    assert complaint_clusters(items, scenarios()) == clusters


def test_a_rating_without_a_word_is_counted_apart():
    silent = [Feedback(feedback_id="s1", rating=1), Feedback(feedback_id="s2", thumbs="down", comment="!!")]
    spoken = Feedback(feedback_id="s3", rating=1, comment="The invoice is wrong.")
    clusters = complaint_clusters([*silent, spoken], scenarios())
    assert {cluster.name: cluster.items for cluster in clusters} == {"no comment": 2, "The invoice is wrong.": 1}


def test_no_complaint_gives_no_cluster_and_no_dataset_tests_nothing():
    assert complaint_clusters([], scenarios()) == ()
    assert not any(cluster.in_dataset for cluster in complaint_clusters(complaints(), []))


@pytest.mark.parametrize(("count", "seed"), [(80, 0), (200, 1), (640, 2)])
def test_planted_themes_are_found_few_and_whole(count, seed):
    """Before groups were merged by meaning there were 21 to 28 groups, and the index was 0.5."""
    rows = planted(count, seed)
    groups = complaint_groups([item for _, item in rows])
    assert len(set(groups)) <= 13
    assert adjusted_rand_score([theme for theme, _ in rows], groups) > 0.65
    clusters = complaint_clusters([item for _, item in rows], [])
    assert sum(cluster.items for cluster in clusters) == count
    assert len({cluster.name for cluster in clusters}) == len(clusters)


def test_complaints_like_no_other_stand_together():
    first = words_of("zebra quartz violin harbor pepper candle meadow tunnel anchor magnet ribbon saddle turtle walnut")
    then = words_of("folds sings burns rolls jumps melts drips hums glows snaps bends tilts spins creeps")
    last = words_of(
        "upward sideways backward nightly oddly gently loudly rarely twice slowly inward abroad early alone"
    )
    odd = [" ".join(words) for words in zip(first, then, last, strict=True)]
    items = [Feedback(feedback_id=f"o-{n}", thumbs="down", comment=text) for n, text in enumerate(odd)]
    [various] = complaint_clusters(items, [])
    assert various.name == "various: 14 complaints that are like no other"


def words_of(text: str) -> list[str]:
    return text.split()
