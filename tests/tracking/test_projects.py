import pytest

from assay.errors import BadInput, NotFound
from assay.tracking import Tracking, connect, ensure_project, list_projects, read_project_tags, set_project_tag


def test_a_project_is_an_experiment_of_the_same_name(t: Tracking) -> None:
    experiment_id = ensure_project(t, "shop")
    assert ensure_project(t, "shop") == experiment_id
    assert t.client.get_experiment(experiment_id).name == "shop"


def test_an_experiment_that_was_there_is_taken_up(t: Tracking) -> None:
    experiment_id = t.client.create_experiment("shop")
    assert ensure_project(t, "shop") == experiment_id
    assert [known.project for known in list_projects(t)] == ["shop"]


def test_experiments_of_others_are_no_projects(t: Tracking) -> None:
    t.client.create_experiment("theirs")
    ensure_project(t, "ours")
    assert [known.project for known in list_projects(t)] == ["ours"]


def test_what_is_set_on_a_project_is_read_by_another_handle(t: Tracking, store_uri: str) -> None:
    set_project_tag(t, "shop", "policy", '{"automation": false}')
    set_project_tag(t, "shop", "gate.develop", "approved")
    assert read_project_tags(connect(store_uri), "shop") == {
        "policy": '{"automation": false}',
        "gate.develop": "approved",
    }


def test_an_unknown_project_is_not_made_by_reading(t: Tracking) -> None:
    ensure_project(t, "shop")
    with pytest.raises(NotFound, match=r"project ship is not in sqlite.*: there is shop"):
        read_project_tags(t, "ship")
    assert [known.project for known in list_projects(t)] == ["shop"]


def test_a_name_that_is_no_slug_is_refused(t: Tracking) -> None:
    with pytest.raises(BadInput, match="My Shop"):
        ensure_project(t, "My Shop")


def test_a_deleted_project_is_told_how_to_come_back(t: Tracking) -> None:
    t.client.delete_experiment(t.client.create_experiment("shop"))
    with pytest.raises(BadInput, match="mlflow experiments restore"):
        ensure_project(t, "shop")
