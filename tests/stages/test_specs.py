"""What every stage says about itself, and that no stage knows another."""

from collections import Counter

import grimp
import pytest

from assay.contracts.stage import Stage
from assay.errors import NotFound
from assay.lifecycle.gates import stage_of_subject
from assay.stages import STAGES, StageSpec, contracts, stage_of

SPECS = list(STAGES.values())
every_stage = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stage.value)


def test_there_is_one_for_each_stage_in_the_lifecycles_order() -> None:
    assert [spec.stage for spec in SPECS] == list(Stage)
    assert len(contracts()) == 2 * len(Stage)


def test_no_word_stands_for_two_stages() -> None:
    words = Counter(word for spec in SPECS for word in {*spec.prefixes, spec.resource} if word is not None)
    assert [word for word, count in words.items() if count > 1] == []


@every_stage
def test_its_ids_lead_back_to_it(spec: StageSpec) -> None:
    for prefix in spec.prefixes:
        assert stage_of(f"{prefix}-0123456789abcdef") is spec.stage
    assert spec.result.model_fields["stage"].default is spec.stage


@every_stage
def test_only_the_last_leads_nowhere_and_only_agents_have_no_report(spec: StageSpec) -> None:
    assert (spec.then is None) == (spec.stage is SPECS[-1].stage)
    assert (spec.lay_out is None) == (spec.stage is Stage.DEVELOP)


def test_an_id_of_no_stage_names_what_ids_begin_with() -> None:
    with pytest.raises(NotFound, match="IDs begin with agent, dataset, sim, judging"):
        stage_of_subject("nothing-0123456789abcdef")


def test_stages_do_not_know_each_other() -> None:
    modules = {f"assay.stages.{stage.value}" for stage in STAGES}
    graph = grimp.build_graph("assay", include_external_packages=False)
    known = {
        (one, other): graph.find_shortest_chain(one, other) for one in modules for other in modules if one != other
    }
    assert {pair: chain for pair, chain in known.items() if chain} == {}
