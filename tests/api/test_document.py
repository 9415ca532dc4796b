"""The API does as its OpenAPI document says: no 5xx, no answer that is not in it, whatever is sent."""

import json
from collections.abc import Iterator

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from assay.contracts.api import Role
from tests.api.conftest import Served
from tests.conftest import PATIENCE_S, ROOT

STREAMS = ("follow_job", "follow_project", "follow_chat", "say")
"""They do not end; test_streams.py has them."""
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def admin(guarded: Served) -> Iterator[str]:
    return guarded.token(Role.ADMIN)


schema = schemathesis.openapi.from_path(ROOT / "schemas" / "openapi.json").exclude(operation_id=list(STREAMS))


@schema.parametrize()
@hypothesis.settings(
    max_examples=8,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_an_answer_is_one_that_the_document_knows(case: schemathesis.Case, guarded: Served, admin: str):
    if case.operation.path.endswith("/tokens/{token_id}"):
        case.path_parameters = {"token_id": "tok-0000000000000000"}  # not the one that asks
    answer = case.call(base_url=guarded.url, headers={"Authorization": f"Bearer {admin}"}, timeout=PATIENCE_S)
    case.validate_response(answer, checks=list(CHECKS))


def test_the_summaries_of_a_tag_differ():
    of_tag: dict[str, list[str]] = {}
    for operations in json.loads((ROOT / "schemas" / "openapi.json").read_text())["paths"].values():
        for operation in operations.values():
            of_tag.setdefault(operation["tags"][0], []).append(operation["summary"])
    for tag, summaries in of_tag.items():
        assert len(set(summaries)) == len(summaries), tag
