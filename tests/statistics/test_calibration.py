"""What a judge's mistakes do to a rate: 12 real judges of LLMBar, definitions written out, and the limits."""

import json
import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.statistics import Estimate, Insufficient, PairedDifference, clustered_mean, clustered_se, paired_by_cluster
from assay.statistics.agreement import cohen_kappa
from assay.statistics.calibration import (
    TUNING_NEEDS,
    OperatingPoint,
    Refused,
    admission,
    auc,
    inclusion_probabilities,
    labels_needed,
    next_labels,
    operating_point,
    prediction_powered,
    prediction_powered_two_samples,
    pseudo_outcomes,
    rogan_gladen,
)
from assay.statistics.intervals import naive_mean
from tests.conftest import DATA

LLMBAR = DATA / "llmbar"
real = pytest.mark.skipif(not LLMBAR.exists(), reason=f"{LLMBAR.name} is not beside the repository (shared/data)")
quick = settings(max_examples=60, deadline=None)
SEEDS = range(5)

verdict = st.sampled_from([0.0, 1.0])
conversation = st.tuples(
    verdict, st.sampled_from([0.0, 1.0, math.nan]), st.sampled_from([0.2, 0.5, 1.0]), st.integers(0, 9)
)
conversations = st.lists(conversation, max_size=60)

JUDGES = [
    f"{judge}|{strategy}"
    for judge, strategies in (
        ("GPT-4", ("CoT", "Vanilla", "Rating")),
        ("ChatGPT", ("CoT", "Vanilla", "Rating")),
        ("LLaMA2", ("CoT", "Vanilla")),
        ("PaLM2", ("CoT", "Vanilla")),
        ("Falcon", ("CoT", "Vanilla")),
    )
    for strategy in strategies
]
CORRECTED = ["GPT-4|CoT", "ChatGPT|CoT", "LLaMA2|CoT", "PaLM2|Vanilla"]


def close(expected: Any) -> Any:
    return pytest.approx(expected, abs=5e-6)


def to_four_digits(expected: Any) -> Any:
    return pytest.approx(expected, abs=5e-5)


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return json.loads((LLMBAR / "expected.json").read_text())


@pytest.fixture(scope="module")
def gold() -> dict[str, str]:
    rows = [json.loads(line) for line in (LLMBAR / "items.jsonl").read_text().splitlines()]
    return {row["item_id"]: row["gold"] for row in rows}


@pytest.fixture(scope="module")
def said() -> dict[str, dict[str, dict[str, Any]]]:
    """What each judge said of each item."""
    judges: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in JUDGES}
    for line in (LLMBAR / "judgments.jsonl").read_text().splitlines():
        row = json.loads(line)
        judges[f"{row['judge']}|{row['strategy']}"][row["item_id"]] = row
    return judges


def right_in_both_orders(said: Any, gold: dict[str, str], judge: str) -> np.ndarray:
    """For each item the share of the two orders in which the judge was right. No answer is not right."""
    return np.array(
        [
            np.mean([said[judge][item][f"winner_{order}"] == best for order in ("ab", "ba")])
            for item, best in gold.items()
        ]
    )


@real
@pytest.mark.parametrize("judge", JUDGES)
def test_how_often_a_judge_is_right_agrees_with_itself_and_prefers_what_comes_first(truth, gold, said, judge):
    expected, answers = truth["judges"][judge], [said[judge][item] for item in gold]
    right = right_in_both_orders(said, gold, judge)
    found = naive_mean(right)
    assert isinstance(found, Estimate)
    assert found.value == close(expected["accuracy_avg_orders"])
    assert (found.low, found.high) == close(tuple(expected["ci95"]))
    assert (right == 1).mean() == close(expected["accuracy_both_orders"])
    # An answer that could not be read is an answer of its own here: None is what both orders can have in common.
    as_given, swapped = ([str(answer[f"winner_{order}"]) for answer in answers] for order in ("ab", "ba"))
    assert np.mean(np.array(as_given) == np.array(swapped)) == close(expected["order_consistency"])
    first = np.mean([np.array(as_given) == "1", np.array(swapped) == "2"])
    assert first == close(expected["prefers_first_shown"])
    kappa = cohen_kappa(as_given, swapped)
    assert isinstance(kappa, Estimate)
    assert kappa.value == close(expected["order_kappa"])
    if isinstance(expected["cohen_kappa_ab_vs_gold"], float):
        kappa = cohen_kappa(as_given, list(gold.values()))
        assert isinstance(kappa, Estimate)
        assert kappa.value == close(expected["cohen_kappa_ab_vs_gold"])


def halves(said: Any, gold: dict[str, str], judge: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Even items calibrate, odd ones are measured; met is "output 1 is better", in the order as given."""
    rows = [
        (place % 2, float(best == "1"), float(answer == "1"))
        for place, (item, best) in enumerate(gold.items())
        if (answer := said[judge][item]["winner_ab"]) in ("1", "2")
    ]
    part, human, verdicts = np.array(rows).T
    return verdicts[part == 1], human[part == 0], verdicts[part == 0]


@real
@pytest.mark.parametrize("judge", CORRECTED)
def test_a_rate_corrected_for_a_real_judges_mistakes(truth, gold, said, judge):
    expected = truth["bias_correction"][judge]
    apparent, human, verdicts = halves(said, gold, judge)
    assert (human.size, apparent.size) == (expected["n_cal"], expected["n_target"])
    assert apparent.mean() == close(expected["apparent"])
    point = operating_point(human, verdicts)
    assert isinstance(point.sensitivity, Estimate)
    assert isinstance(point.specificity, Estimate)
    assert point.sensitivity.value == close(expected["sensitivity"])
    assert point.specificity.value == close(expected["specificity"])
    found = rogan_gladen(apparent, human, verdicts, even_if_refused=True)
    assert isinstance(found, Estimate)
    assert found.value == to_four_digits(expected["rogan_gladen"])
    # The record rounds the normal quantile to 1.96, which shows where the interval is 600 wide.
    assert (found.low, found.high) == pytest.approx(tuple(expected["rogan_gladen_ci95"]), rel=3e-5, abs=5e-5)
    powered = prediction_powered_two_samples(apparent, human, verdicts)
    assert isinstance(powered, Estimate)
    assert powered.value == to_four_digits(expected["ppi"])
    assert (powered.low, powered.high) == to_four_digits(tuple(expected["ppi_ci95"]))
    assert powered.low < expected["truth_on_target"] < powered.high
    tuned = prediction_powered_two_samples(apparent, human, verdicts, tuned=True)
    assert isinstance(tuned, Estimate)
    assert tuned.high - tuned.low < powered.high - powered.low
    assert tuned.low < expected["truth_on_target"] < tuned.high


@real
@pytest.mark.parametrize(("judge", "refused"), zip(CORRECTED, (False, True, True, False), strict=True))
def test_a_judge_near_a_coin_is_refused_with_its_numbers(gold, said, judge, refused):
    found = rogan_gladen(*halves(said, gold, judge))
    assert isinstance(found, Refused if refused else Estimate)
    if isinstance(found, Refused):
        assert "hardly tells met from not met" in found.reason
        assert {"ChatGPT|CoT": "-0.18", "LLaMA2|CoT": "0.00"}[judge] in found.reason


@real
@pytest.mark.parametrize("judge", ["GPT-4", "ChatGPT"])
def test_ratings_tell_preferred_outputs_from_others(truth, gold, said, judge):
    expected = truth["pointwise_rating"][judge]
    outputs = [
        (float(score), best == output, item)
        for item, best in gold.items()
        for output in "12"
        if (score := said[f"{judge}|Rating"][item][f"score_{output}"])
    ]
    scores, preferred, items = zip(*outputs, strict=True)
    assert len(scores) == expected["n"]
    for clusters in (None, items):
        found = auc(scores, preferred, clusters)
        assert isinstance(found, Estimate)
        assert found.value == close(expected["auc"])
        assert found.low < found.value < found.high


@real
@pytest.mark.parametrize(
    ("name", "second", "first"),
    [
        ("GPT-4 Vanilla minus PaLM2 Vanilla", "GPT-4|Vanilla", "PaLM2|Vanilla"),
        ("GPT-4 CoT minus GPT-4 Vanilla", "GPT-4|CoT", "GPT-4|Vanilla"),
    ],
)
def test_one_judge_is_right_more_often_than_another(truth, gold, said, name, second, first):
    expected = truth["paired_accuracy_mean_of_orders"][name]
    before, after = (right_in_both_orders(said, gold, judge) for judge in (first, second))
    items = list(gold)
    found = paired_by_cluster(before, items, after, items)
    assert isinstance(found, PairedDifference)
    assert (found.n_pairs, found.clusters) == (expected["n_pairs"], expected["clusters"])
    assert (found.value, found.se, found.p) == close(
        (expected["difference"], expected["se_clustered_CR1"], expected["p_t_CR1"])
    )
    assert (found.low, found.high) == close(tuple(expected["ci95_t_CR1"]))
    assert clustered_se(after - before, items, "CR0") == close(expected["se_clustered_CR0"])
    assert clustered_se(after - before, items, "CR1") == close(expected["se_clustered_CR1"])


def planted(
    seed: int, scenarios: int = 40, share: float = 0.3, sensitivity: float = 0.9, specificity: float = 0.8
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Judge, people where they labelled, the chance of a label, scenarios, and the truth: three trials of each."""
    rng = np.random.default_rng(seed)
    met = (rng.random((scenarios, 3)) < rng.beta(0.7, 0.3, size=(scenarios, 1))).astype(float).ravel()
    judge = np.where(rng.random(met.size) < np.where(met == 1, sensitivity, specificity), met, 1 - met)
    human = np.where(rng.random(met.size) < share, met, np.nan)
    return judge, human, np.full(met.size, share), np.repeat(np.arange(scenarios), 3), met


def number(found: object) -> Estimate:
    assert isinstance(found, Estimate), found
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_the_four_counts_are_scikit_learns(seed):
    from sklearn.metrics import confusion_matrix

    judge, _, _, scenarios, met = planted(seed)
    point = operating_point(met, judge, scenarios)
    (true_not, false_met), (false_not, true_met) = confusion_matrix(met, judge)
    assert (point.judge_met_human_met, point.judge_not_met_human_met) == (true_met, false_not)
    assert (point.judge_met_human_not_met, point.judge_not_met_human_not_met) == (false_met, true_not)
    assert number(point.sensitivity).value == pytest.approx(true_met / (true_met + false_not))
    assert number(point.specificity).clusters == np.unique(scenarios[met == 0]).size
    assert (point.human_met, point.human_not_met) == (met.sum(), (1 - met).sum())


@quick
@given(st.lists(st.tuples(verdict, verdict), max_size=40), st.randoms())
def test_calling_met_not_met_swaps_sensitivity_and_specificity(pairs, random):
    human, judge = np.array(pairs, dtype=float).reshape(-1, 2).T
    point, turned = operating_point(human, judge), operating_point(1 - human, 1 - judge)
    # But for the words of what is missing, which name the class.
    if isinstance(point.sensitivity, Estimate):
        assert point.sensitivity == turned.specificity
    assert point.accuracy == turned.accuracy
    assert point.judge_met_human_not_met == turned.judge_not_met_human_met
    shuffled = np.array(random.sample(pairs, len(pairs)), dtype=float).reshape(-1, 2).T
    assert operating_point(*shuffled) == point


def test_a_class_that_people_never_chose_has_no_rate():
    point = operating_point([1, 1, 1], [1, 0, 1])
    assert isinstance(point.specificity, Insufficient)
    assert point.specificity.reason == "people found no conversation not met"
    assert isinstance(rogan_gladen([1, 0, 1], [1, 1, 1], [1, 0, 1]), Refused)
    nothing = operating_point([], [])
    assert isinstance(nothing.accuracy, Insufficient)


def point_of(met: int, right_met: int, not_met: int, right_not_met: int) -> OperatingPoint:
    human = np.repeat([1, 0], [met, not_met])
    judge = np.repeat([1, 0, 0, 1], [right_met, met - right_met, right_not_met, not_met - right_not_met])
    return operating_point(human, judge)


def test_a_judge_that_is_surely_right_is_admitted():
    found = admission(point_of(100, 95, 100, 92))
    assert found.admitted
    assert "sensitivity 0.95" in found.reason
    assert "specificity 0.92" in found.reason


def test_a_judge_that_may_be_right_is_told_how_many_labels_are_missing():
    found = admission(point_of(100, 95, 20, 18))
    assert not found.admitted
    assert "about 42 more labels on conversations that people find not met" in found.reason
    # 62 in all is what Wilson's bound needs at that rate, and one label fewer is not enough.
    assert number(admission_bound(62)).low >= 0.8 > number(admission_bound(61)).low


def admission_bound(n: int) -> Estimate | Insufficient:
    """Wilson's interval of a rate of 0.9, without rounding it to whole counts."""
    from assay.statistics.intervals import _wilson_bounds

    return Estimate(0.9, *_wilson_bounds(0.9, n, 0.95), n, None, 0.95, "")


def test_a_judge_under_the_level_is_told_that_no_label_will_help():
    found = admission(point_of(100, 95, 100, 70))
    assert not found.admitted
    assert "specificity 0.70" in found.reason
    assert "no number of labels will do" in found.reason
    assert not admission(point_of(0, 0, 10, 10)).admitted
    assert "sensitivity is not known" in admission(point_of(0, 0, 10, 10)).reason


def test_scenarios_that_stick_together_ask_for_more_labels():
    human, judge = np.repeat([1, 0], 60), np.repeat([1, 0, 0, 1], [54, 6, 54, 6])
    alone, together = (admission(operating_point(human, judge, clusters)) for clusters in (None, np.arange(120) // 6))
    assert not together.admitted
    more = [int(found.reason.split("about ")[1].split(" more")[0].replace(",", "")) for found in (alone, together)]
    assert more[1] > 2 * more[0]


@quick
@given(*[st.integers(0, 60)] * 2, *[st.integers(0, 60)] * 2, st.floats(0.05, 0.95))
def test_admission_always_gives_a_reason_and_falls_with_the_level(met, not_met, missed, wrong, level):
    point = point_of(met, max(0, met - missed), not_met, max(0, not_met - wrong))
    found = admission(point, level)
    assert found.reason
    if found.admitted:
        assert admission(point, level / 2).admitted


@pytest.mark.parametrize("seed", SEEDS)
def test_a_judge_measured_on_the_labelled_conversations_themselves_leaves_peoples_own_rate(seed):
    """Then the correction undoes the judge exactly, and what is left is people's clustered interval."""
    judge, _, _, scenarios, met = planted(seed, scenarios=60, sensitivity=0.95, specificity=0.95)
    found = number(rogan_gladen(judge, met, judge, clusters=scenarios, calibration_clusters=scenarios))
    expected = number(clustered_mean(met, scenarios))
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
    powered = number(
        prediction_powered_two_samples(judge, met, judge, clusters=scenarios, calibration_clusters=scenarios)
    )
    assert (powered.value, powered.low, powered.high) == pytest.approx((expected.value, expected.low, expected.high))


@pytest.mark.parametrize("seed", SEEDS)
def test_conversations_that_are_each_a_scenario_give_nearly_the_unclustered_interval(seed):
    judge, _, _, _, met = planted(seed, scenarios=400)
    own, others = np.arange(600), np.arange(600, 1200)
    for of in (rogan_gladen, prediction_powered_two_samples):
        alone = number(of(judge[:600], met[600:], judge[600:]))
        each = number(of(judge[:600], met[600:], judge[600:], clusters=own, calibration_clusters=others))
        assert each.value == alone.value
        assert (each.low, each.high) == pytest.approx((alone.low, alone.high), abs=2e-3)


def test_scenarios_played_often_widen_a_corrected_rate():
    judge, _, _, scenarios, met = planted(1, scenarios=100)
    first = scenarios < 50
    for of in (rogan_gladen, prediction_powered_two_samples):
        alone = number(of(judge[first], met[~first], judge[~first]))
        again = number(
            of(
                judge[first],
                met[~first],
                judge[~first],
                clusters=scenarios[first],
                calibration_clusters=scenarios[~first],
            )
        )
        assert again.value == alone.value
        assert again.high - again.low > 1.1 * (alone.high - alone.low)


def test_a_corrected_rate_stays_between_none_and_all():
    human, judge = np.repeat([1, 0], 50), np.repeat([1, 0, 0, 1], [45, 5, 45, 5])
    low = number(rogan_gladen(np.zeros(40), human, judge))
    assert (low.value, low.low) == (0, 0)
    raw = number(rogan_gladen(np.zeros(40), human, judge, even_if_refused=True))
    assert raw.value == pytest.approx(-0.125)
    turned = number(rogan_gladen(np.ones(40), 1 - human, 1 - judge))
    assert (turned.value, turned.high, turned.low) == pytest.approx((1, 1, 1 - low.high))


def test_a_correction_without_enough_to_go_by_is_refused():
    human, judge = np.repeat([1, 0], 50), np.repeat([1, 0, 0, 1], [45, 5, 45, 5])
    few = rogan_gladen([1, 0] * 4, human, judge, clusters=np.arange(8) % 4, calibration_clusters=np.arange(100))
    assert isinstance(few, Refused)
    assert few.reason.startswith("4 scenarios")
    perfect = rogan_gladen(np.ones(40), human, human)
    assert isinstance(perfect, Refused)
    assert "no variance" in perfect.reason
    three = rogan_gladen([1, 0] * 20, [1, 1, 0, 0], [1, 1, 0, 0])
    assert isinstance(three, Refused)
    assert "2 and 2 labels" in three.reason
    assert isinstance(prediction_powered_two_samples([1.0], [1.0], [1.0]), Insufficient)
    assert isinstance(prediction_powered_two_samples([1, 1, 1], [1, 1], [1, 1]), Insufficient)


@pytest.mark.parametrize("seed", SEEDS)
def test_prediction_powered_is_the_clustered_mean_of_its_definition(seed):
    judge, human, probability, scenarios, _ = planted(seed)
    labelled = ~np.isnan(human)
    written_out = judge + np.where(labelled, (np.where(labelled, human, 0) - judge) / probability, 0)
    assert pseudo_outcomes(judge, human, probability, scenarios, tuned=False) == pytest.approx(written_out)
    found = number(prediction_powered(judge, human, probability, scenarios, tuned=False))
    expected = number(clustered_mean(written_out, scenarios))
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, max(0, expected.low), min(1, expected.high))
    )


def test_averaged_over_all_ways_to_draw_labels_it_is_the_truth():
    judge, met = np.array([1.0, 1, 0, 1, 0, 0]), np.array([1.0, 0, 1, 1, 0, 1])
    probability = np.array([0.2, 0.5, 0.9, 0.4, 0.7, 1.0])
    total = 0.0
    for drawn in product((True, False), repeat=6):
        chance = np.prod(np.where(drawn, probability, 1 - probability))
        human = np.where(drawn, met, np.nan)
        total += chance * pseudo_outcomes(judge, human, probability, np.arange(6), tuned=False).mean()
    assert total == pytest.approx(met.mean())


@pytest.mark.parametrize("tuned", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_labels_on_everything_leave_nothing_of_the_judge(seed, tuned):
    judge, _, _, scenarios, met = planted(seed)
    found = number(prediction_powered(judge, met, np.ones(met.size), scenarios, tuned=tuned))
    expected = number(clustered_mean(met, scenarios))
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_tuning_chooses_the_weight_with_the_least_variance():
    judge, human, probability, scenarios, _ = planted(2, scenarios=400)
    tuned = number(prediction_powered(judge, human, probability, scenarios))
    plain = number(prediction_powered(judge, human, probability, scenarios, tuned=False))
    assert tuned.high - tuned.low < plain.high - plain.low
    labelled = ~np.isnan(human)
    errors = []
    for weight in np.linspace(0, 1, 101):
        outcome = weight * judge + np.where(labelled, (np.where(labelled, human, 0) - weight * judge) / probability, 0)
        errors.append(clustered_se(outcome, scenarios))
    best = np.argmin(errors) / 100
    assert f"judge's weight {best:.1g}" in tuned.method or f"{best:.2g}" in tuned.method
    coin = np.random.default_rng(0).integers(0, 2, size=judge.size).astype(float)
    by_coin = number(prediction_powered(coin, human, probability, scenarios))
    misled = number(prediction_powered(coin, human, probability, scenarios, tuned=False))
    assert by_coin.high - by_coin.low < misled.high - misled.low


def test_with_few_labels_the_judge_is_believed_whole():
    judge, human, probability, scenarios, _ = planted(3, scenarios=20)
    assert (~np.isnan(human)).sum() < TUNING_NEEDS
    tuned, plain = (prediction_powered(judge, human, probability, scenarios, tuned=tuned) for tuned in (True, False))
    assert tuned == plain


def arrays(rows: list[tuple[float, float, float, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    judge, human, probability, scenarios = np.array(rows, dtype=float).reshape(-1, 4).T
    # What is sure to be labelled is labelled.
    return judge, np.where((probability == 1) & np.isnan(human), 1.0, human), probability, scenarios


@quick
@given(conversations)
def test_a_prediction_powered_rate_is_a_number_inside_its_interval_or_words(rows):
    found = prediction_powered(*arrays(rows))
    if isinstance(found, Insufficient):
        assert found.reason
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


@quick
@given(conversations, st.randoms())
def test_the_order_of_conversations_does_not_matter(rows, random):
    found, again = prediction_powered(*arrays(rows)), prediction_powered(*arrays(random.sample(rows, len(rows))))
    assert type(found) is type(again)
    if isinstance(found, Estimate) and isinstance(again, Estimate):
        assert (again.value, again.low, again.high) == pytest.approx((found.value, found.low, found.high))


@quick
@given(conversations)
def test_calling_met_not_met_turns_the_rate_over(rows):
    judge, human, probability, scenarios = arrays(rows)
    found = prediction_powered(judge, human, probability, scenarios)
    turned = prediction_powered(1 - judge, 1 - human, probability, scenarios)
    assert type(found) is type(turned)
    if isinstance(found, Estimate) and isinstance(turned, Estimate):
        assert (turned.value, turned.low, turned.high) == pytest.approx(
            (1 - found.value, 1 - found.high, 1 - found.low)
        )


def test_no_mistake_among_the_labels_is_not_no_mistake_at_all():
    judge, human, probability, scenarios, met = planted(4, sensitivity=1, specificity=1)
    assert (judge == met).all()
    found = number(prediction_powered(judge, human, probability, scenarios))
    sure = number(clustered_mean(met, scenarios))
    assert found.value == pytest.approx(sure.value)
    assert found.low < sure.low
    assert found.high > sure.high
    fewer = np.where(np.arange(human.size) % 2 == 0, human, np.nan)
    wider = number(prediction_powered(judge, fewer, probability / 2, scenarios))
    assert wider.high - wider.low > found.high - found.low


def test_too_few_scenarios_or_labels_are_said_in_words():
    judge, human, probability, scenarios, _ = planted(5, scenarios=4)
    few = prediction_powered(judge, human, probability, scenarios)
    assert isinstance(few, Insufficient)
    assert few.reason.startswith("4 scenarios")
    judge, human, probability, scenarios, _ = planted(5)
    for labelled, said in (
        (0, "0 labels in 0 scenarios"),
        (1, "1 label in 1 scenario"),
        (9, "9 labels in 3 scenarios"),
    ):
        found = prediction_powered(judge, np.where(np.arange(120) < labelled, 1.0, np.nan), probability, scenarios)
        assert isinstance(found, Insufficient)
        assert found.reason.startswith(said + ";")
    assert isinstance(prediction_powered([], [], [], []), Insufficient)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"judge": [2.0] * 5}, "judge must be from 0 to 1"),
        ({"human": [2.0] * 5}, "human must be from 0 to 1"),
        ({"probability": [0.0] * 5}, "above 0"),
        ({"probability": [1.5] * 5}, "probability must be from 0 to 1"),
        ({"clusters": [1, 2]}, "one length"),
        ({"judge": [math.nan] * 5}, "finite"),
    ],
)
def test_numbers_that_cannot_be_are_errors(changed, message):
    whole: dict[str, Any] = {"judge": [1.0] * 5, "human": [1.0] * 5, "probability": [0.5] * 5, "clusters": range(5)}
    with pytest.raises(ValueError, match=message):
        prediction_powered(**{**whole, **changed})


def test_verdicts_of_two_samples_that_cannot_be_are_errors():
    with pytest.raises(ValueError, match="0 or 1"):
        rogan_gladen([0.5], [1], [1])
    with pytest.raises(ValueError, match="both samples"):
        rogan_gladen([1, 0], [1, 0], [1, 0], clusters=[1, 2])
    with pytest.raises(ValueError, match="one length"):
        operating_point([1, 0], [1])
    with pytest.raises(ValueError, match="level"):
        admission(point_of(10, 9, 10, 9), 1.2)


def test_a_paired_comparison_takes_pseudo_outcomes():
    first, second = planted(6, scenarios=200), planted(6, scenarios=200)
    worse = np.where(np.arange(600) % 3 == 0, 0.0, second[4])
    human = np.where(np.isnan(second[1]), np.nan, worse)
    judge = np.where(second[4] == worse, second[0], 1 - second[0])
    before = pseudo_outcomes(*first[:4])
    after = pseudo_outcomes(judge, human, second[2], second[3])
    found = paired_by_cluster(before, first[3], after, second[3])
    assert isinstance(found, PairedDifference)
    assert found.low < (worse - first[4]).mean() < found.high < 0


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0.01, 1), st.floats(0.01, 1), st.randoms())
def test_chances_of_a_label_add_up_to_the_budget_and_rise_with_doubt(doubt, share, floor, random):
    budget = share * len(doubt)
    found = inclusion_probabilities(doubt, budget, floor)
    assert found.sum() == pytest.approx(budget)
    assert found.min() > 0
    assert found.max() <= 1
    assert found.min() >= floor * budget / len(doubt) * (1 - 1e-9)
    size = np.array(doubt) * (1 - np.array(doubt))
    assert (np.diff(found[np.argsort(size)]) >= -1e-12).all()
    order = random.sample(range(len(doubt)), len(doubt))
    assert inclusion_probabilities(np.array(doubt)[order], budget, floor) == pytest.approx(found[order])


def test_a_judge_that_never_doubts_is_labelled_evenly():
    assert inclusion_probabilities([0, 1, 1, 0], 2) == pytest.approx([0.5] * 4)
    assert inclusion_probabilities([0.5, 1, 1, 0], 4) == pytest.approx([1] * 4)
    for budget, floor in ((0, 0.05), (5, 0.05), (2, 0), (2, 1.5)):
        with pytest.raises(ValueError, match="must be above 0"):
            inclusion_probabilities([0.5] * 4, budget, floor)


def test_lots_are_drawn_with_the_chances_that_are_told_and_exactly_as_many():
    chance = np.random.default_rng(1).random(60)
    drawn = [next_labels(chance, 15, seed=seed) for seed in range(2_000)]
    assert {int(found.chosen.sum()) for found in drawn} == {15}
    often = np.mean([found.chosen for found in drawn], axis=0)
    assert np.abs(often - drawn[0].probability).max() < 0.05
    assert (next_labels(chance, 15, seed=3).chosen == drawn[3].chosen).all()
    with pytest.raises(ValueError, match="whole number"):
        next_labels(chance, 1.5)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("wanted", [0.05, 0.06, 0.08])
def test_that_many_labels_give_about_that_width(wanted):
    """On average: one pilot of 120 labels, about 15 mistakes among them, knows their frequency only roughly."""
    *_, scenarios, met = planted(7, scenarios=400)
    judge = planted(7, scenarios=400)[0]
    asked = []
    for seed in range(20):
        pilot = np.where(np.random.default_rng(100 + seed).random(met.size) < 0.1, met, np.nan)
        needed = labels_needed(judge, pilot, np.full(met.size, 0.1), scenarios, wanted)
        asked.append(needed if isinstance(needed, int) else met.size)
    share = float(np.mean(asked)) / met.size
    widths = []
    for seed in range(20):
        drawn = np.random.default_rng(seed).random(met.size) < share
        found = prediction_powered(judge, np.where(drawn, met, np.nan), np.full(met.size, share), scenarios)
        widths.append((number(found).high - number(found).low) / 2)
    assert np.mean(widths) == pytest.approx(wanted, rel=0.15)


def test_a_narrower_interval_needs_more_labels_until_only_more_scenarios_help():
    data = planted(8, scenarios=100)[:4]
    needed = [labels_needed(*data, half_width) for half_width in (0.3, 0.2, 0.15, 0.12, 0.1)]
    assert needed == sorted(needed, key=lambda n: n if isinstance(n, int) else math.inf)
    assert all(isinstance(n, int) and 1 <= n <= 300 for n in needed[:3])
    never = labels_needed(*data, 0.01)
    assert isinstance(never, Insufficient)
    assert "needs more scenarios than 100" in never.reason
    with pytest.raises(ValueError, match="half_width"):
        labels_needed(*data, 0)
    assert isinstance(labels_needed([], [], [], [], 0.1), Insufficient)


@pytest.mark.parametrize("seed", SEEDS)
def test_auc_is_scikit_learns_and_delongs_variance_written_out(seed):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    preferred = rng.integers(0, 2, size=60)
    scores = rng.integers(0, 6, size=60) + preferred
    found = number(auc(scores, preferred))
    assert found.value == pytest.approx(roc_auc_score(preferred, scores))
    better, worse = scores[preferred == 1][:, None], scores[preferred == 0][None, :]
    wins = (better > worse) + 0.5 * (better == worse)
    variance = wins.mean(1).var(ddof=1) / better.size + wins.mean(0).var(ddof=1) / worse.size
    assert found.high - found.low == pytest.approx(2 * 1.959964 * variance**0.5, rel=1e-5)


@quick
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 9)), max_size=50))
def test_auc_turns_over_with_the_scores_and_only_ranks_count(rows):
    scores, preferred, items = np.array(rows, dtype=float).reshape(-1, 3).T
    for clusters in (None, items):
        found, turned = auc(scores, preferred, clusters), auc(-scores, preferred, clusters)
        bent = auc(scores**3, preferred, clusters)
        assert type(found) is type(turned) is type(bent)
        if isinstance(found, Estimate) and isinstance(turned, Estimate) and isinstance(bent, Estimate):
            assert (turned.value, turned.low, turned.high) == pytest.approx(
                (1 - found.value, 1 - found.high, 1 - found.low)
            )
            assert (bent.value, bent.low, bent.high) == (found.value, found.low, found.high)
            assert found.low < found.high
            assert 0 <= found.low <= found.value <= found.high <= 1
