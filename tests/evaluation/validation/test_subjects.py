"""An expectation speaks of the agent, and what the user wants to know is none of the user's facts."""

import pytest

from assay.contracts.dataset import Dataset, DatasetRule, Expectation
from assay.evaluation.validation import validate
from assay.evaluation.validation.subjects import speaks_of_user
from tests.conftest import SHOP
from tests.evaluation.make import scenario


@pytest.mark.parametrize(
    "text",
    [
        "The user must feel something about the weather.",
        "The user must know the name of their favorite book.",
        "The user should tell Tommy a joke.",
        "The customer must be able to issue a refund.",
        "Customers find the page.",
        "The user says that the agent is kind.",
    ],
)
def test_an_expectation_about_the_user_is_found(text):
    assert speaks_of_user(text)


@pytest.mark.parametrize(
    "text",
    [
        "The agent asks the user for the order number.",
        "The user is told about the fee.",
        "The customer must not be blamed.",
        "The user gets told by the agent when it arrives.",
        "The user's data is deleted by the agent.",
        "Refunds the boots.",
        "It asks what the user wants.",
        "No ticket is opened.",
    ],
)
def test_what_the_agent_does_to_the_user_is_no_finding(text):
    assert not speaks_of_user(text)


def rules(**changes) -> list[DatasetRule]:
    report = validate(Dataset(name="d", scenarios=(scenario(**changes),)), None, threshold=0.0)
    return [finding.rule for finding in report.findings]


def test_both_are_findings_of_validation():
    about = Expectation(expectation_id="e1", text="The user must feel something about the weather.")
    assert DatasetRule.ABOUT_USER in rules(expectations=(about,))
    assert DatasetRule.LEAKS_ANSWER in rules(goal="Know the time.", facts={"time": "10:30"})
    assert DatasetRule.LEAKS_ANSWER not in rules(goal="Know when the shop opens.", facts={"time": "10:30"})


@pytest.mark.parametrize("file", [SHOP / "dataset.jsonl", SHOP.parent / "eliza" / "dataset.jsonl"])
def test_the_examples_have_no_such_finding(file):
    from assay.contracts.dataset import Scenario
    from assay.evaluation.validation.subjects import about_the_user, known_answers

    scenarios = [Scenario.model_validate_json(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [*about_the_user(scenarios), *known_answers(scenarios)] == []
