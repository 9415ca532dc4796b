"""`assay judge audit` on LLMBar: what twelve real judges said of 326 pairs, against numbers computed apart from us."""

import json

import pytest

from tests.conftest import DATA

LLMBAR = DATA / "llmbar"
pytestmark = pytest.mark.skipif(not LLMBAR.exists(), reason=f"{LLMBAR.name} is not beside the repository (shared/data)")


def close(expected):
    return pytest.approx(expected, abs=5e-5)


@pytest.fixture
def truth():
    return json.loads((LLMBAR / "expected.json").read_text())


@pytest.fixture
def found(assay):
    return json.loads(
        assay("judge", "audit", str(LLMBAR / "items.jsonl"), str(LLMBAR / "judgments.jsonl"), "--json").stdout
    )


def test_every_number_equals_the_one_computed_apart_to_four_digits(found, truth):
    judges = {judge["judge"]: judge for judge in found["judges"]}
    assert set(judges) == set(truth["judges"])
    for name, expected in truth["judges"].items():
        judge = judges[name]
        assert judge["accuracy"]["value"] == close(expected["accuracy_avg_orders"])
        assert [judge["accuracy"]["low"], judge["accuracy"]["high"]] == close(expected["ci95"])
        assert judge["accuracy_both_orders"] == close(expected["accuracy_both_orders"])
        assert judge["order_consistency"] == close(expected["order_consistency"])
        assert judge["prefers_first_shown"] == close(expected["prefers_first_shown"])
        assert judge["kappa_between_orders"]["value"] == close(expected["order_kappa"])
        if isinstance(expected["cohen_kappa_ab_vs_gold"], float):
            assert judge["kappa_with_gold"]["value"] == close(expected["cohen_kappa_ab_vs_gold"])
        assert {counts.pop("subset"): counts for counts in judge["subsets"]} == expected["by_subset"]
    for name, expected in truth["bias_correction"].items():
        corrected = judges[name]["correction"]
        assert (corrected["labels"], corrected["measured"]) == (expected["n_cal"], expected["n_target"])
        assert corrected["sensitivity"]["value"] == close(expected["sensitivity"])
        assert corrected["specificity"]["value"] == close(expected["specificity"])
        assert corrected["apparent"] == close(expected["apparent"])
        assert corrected["truth"] == close(expected["truth_on_target"])
        powered = corrected["prediction_powered"]
        assert powered["value"] == close(expected["ppi"])
        assert [powered["low"], powered["high"]] == close(expected["ppi_ci95"])
        if name in ("ChatGPT|CoT", "LLaMA2|CoT"):
            assert corrected["rogan_gladen"] is None
            assert "hardly tells met from not met" in corrected["refused"]
        else:
            exact = corrected["rogan_gladen"]
            assert exact["value"] == close(expected["rogan_gladen"])
            assert [exact["low"], exact["high"]] == close(expected["rogan_gladen_ci95"])
    for name, expected in truth["pointwise_rating"].items():
        assert judges[f"{name}|Rating"]["rating_auc"]["value"] == close(expected["auc"])
    pairs = {(pair["first"], pair["second"]): pair for pair in found["pairs"]}
    for name, expected in truth["paired_accuracy_mean_of_orders"].items():
        one, other = (side.replace(" ", "|") for side in name.split(" minus "))
        sign, pair = (1, pairs[one, other]) if (one, other) in pairs else (-1, pairs[other, one])
        difference = pair["difference"]
        bounds = sorted(sign * difference[bound] for bound in ("low", "high"))
        assert sign * difference["value"] == close(expected["difference"])
        assert bounds == close(expected["ci95_t_CR1"])
        assert pair["p"] == close(expected["p_t_CR1"])


def test_the_corrected_rate_covers_the_truth_where_the_raw_one_does_not(found):
    """The raw one's interval is Wilson's on what the judge said."""
    from assay.statistics import wilson

    missed = covered = 0
    for judge in found["judges"]:
        corrected = judge["correction"]
        raw = wilson(round(corrected["apparent"] * corrected["measured"]), corrected["measured"])
        if not raw.low <= corrected["truth"] <= raw.high:
            missed += 1
            powered = corrected["prediction_powered"]
            covered += powered["low"] <= corrected["truth"] <= powered["high"]
    assert missed >= 3
    assert covered == missed


def test_a_person_reads_who_may_gate_and_why(assay):
    out = assay("judge", "audit", str(LLMBAR / "items.jsonl"), str(LLMBAR / "judgments.jsonl")).stdout
    assert "12 judges on 326 pairs" in out
    assert "Its rates cannot be corrected" in out


def test_bad_files_are_named_errors_with_line_and_field(assay, tmp_path):
    items, judgments = tmp_path / "items.jsonl", tmp_path / "judgments.jsonl"
    items.write_text('{"item_id": "a", "gold": "3"}\n')
    judgments.write_text("")
    assert "items.jsonl:1: gold" in assay("judge", "audit", str(items), str(judgments), code=2).stderr
    items.write_text('{"item_id": "a", "gold": "1"}\n')
    judgments.write_text('{"item_id": "b", "judge": "j", "winner_ab": "1"}\n')
    assert "item_id b is not among the items" in assay("judge", "audit", str(items), str(judgments), code=2).stderr
