"""Contracts: the unknown refused, the same content always the same hash, every change another one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.cli.schema import published
from assay.contracts.base import content_hash, short_id
from assay.contracts.dataset import Dataset, Scenario
from assay.contracts.stage import AgentRef
from tests.conftest import ROOT
from tests.evaluation.make import scenario

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=5), st.randoms())
def test_the_order_of_keys_does_not_change_the_hash(content, chance):
    keys = list(content)
    chance.shuffle(keys)
    assert content_hash({key: content[key] for key in keys}) == content_hash(content)


@given(values, values)
def test_different_content_has_a_different_hash(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (content_hash(one) == content_hash(other)) == same


@given(st.permutations([scenario(f"s{place}", goal=f"Goal {place}.") for place in range(5)]))
def test_a_dataset_version_is_its_content_in_any_order(scenarios):
    first = Dataset(name="a", scenarios=tuple(scenario(f"s{place}", goal=f"Goal {place}.") for place in range(5)))
    assert Dataset(name="b", scenarios=tuple(scenarios)).version == first.version
    changed = (scenarios[0].replace(goal="Another."), *scenarios[1:])
    assert Dataset(name="a", scenarios=changed).version != first.version


def test_reading_back_what_was_written_changes_nothing():
    one = scenario()
    again = Scenario.model_validate_json(one.model_dump_json())
    assert again == one
    assert content_hash(again) == content_hash(one)


def test_the_unknown_is_refused_and_the_frozen_stays():
    with pytest.raises(ValidationError):
        Scenario.model_validate({**scenario().model_dump(), "mood": "good"})
    with pytest.raises(ValidationError):
        scenario().goal = "Another."
    with pytest.raises(ValidationError):
        scenario().replace(goal="")


def test_ids_are_stable_and_safe_in_a_url():
    assert (
        short_id("sim", AgentRef(agent_id="a", version="1"), 3)
        == "sim-" + short_id("x", AgentRef(agent_id="a", version="1"), 3)[2:]
    )
    assert short_id("sim", 1) != short_id("sim", 2)


@pytest.mark.parametrize("name", sorted(published()))
def test_every_published_schema_refuses_unknown_fields(name):
    assert published()[name].model_json_schema().get("additionalProperties") is False


def test_no_test_makes_a_contract_around_its_validation():
    """A test around the contract can pass where no card, request or file could ever come in."""
    word = "model_" + "construct"
    assert [file for file in (ROOT / "tests").rglob("*.py") if word in file.read_text(encoding="utf-8")] == []
