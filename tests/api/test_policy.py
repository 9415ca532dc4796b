"""The project's policy binds whoever asks over HTTP; an exception takes an admin."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.api import Role
from assay.settings import Settings
from tests.api.conftest import Served, home_of, serving

LAX = {"test": "non_inferiority", "margin": 0.6, "judge": "any"}


@pytest.fixture(scope="module")
def declared(lived_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With authentication; project shop declares a policy."""
    home = home_of(lived_in, tmp_path_factory.mktemp("declared"))
    with serving(Settings(home=home, model="offline", auth="on")) as served:
        with served.client(served.token(Role.ADMIN)) as client:
            policy = {"dataset_threshold": 0.7, "compare": {"margin": 0.1}}
            assert client.put("/projects/shop/policy", json=policy).status_code == 200
        yield served


def sides(client: Any) -> dict[str, Any]:
    """Two judgings that can be compared."""
    runs = client.get("/projects/shop/judgments").json()["items"]
    before, after = (run["subject_id"] for run in runs[:2])
    return {"champion": {"judging_id": before}, "challenger": {"judging_id": after}}


def test_an_evaluator_cannot_choose_another_test_or_margin(declared: Served):
    with declared.client(declared.token(Role.EVALUATOR)) as client:
        asked = {**sides(client), "policy": LAX}
        refused = client.post("/projects/shop/comparisons", json=asked)
        excepted = client.post(
            "/projects/shop/comparisons", json={**asked, "exception": {"by": "me", "reason": "I want to."}}
        )
        taken = client.post("/projects/shop/comparisons", json=sides(client))
    assert refused.status_code == 409 and "margin 0.1" in refused.json()["detail"]
    assert excepted.status_code == 403
    assert taken.status_code == 202


def test_an_exception_is_an_admins_and_under_their_name(declared: Served):
    with declared.client(declared.token(Role.ADMIN)) as client:
        asked = {**sides(client), "policy": LAX, "exception": {"by": "somebody else", "reason": "A trial."}}
        answer = client.post("/projects/shop/comparisons", json=asked)
    assert answer.status_code == 202, answer.text


def test_a_dataset_under_the_projects_threshold_is_refused(declared: Served):
    with declared.client(declared.token(Role.EVALUATOR)) as client:
        asked = {"agent": {"agent_id": "shop-support", "version": "v2"}, "brief": "returns", "threshold": 0.0}
        answer = client.post("/projects/shop/datasets", json=asked)
    assert answer.status_code == 409 and "at least 0.7" in answer.json()["detail"]
