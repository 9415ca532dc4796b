"""A simulation's conversations are its own: no other simulation of the project changes them."""

from collections.abc import Callable

import pytest

from assay.contracts.conversation import Conversation
from assay.tracking import (
    Tracking,
    conversations_hash,
    finished,
    read_conversations,
    read_judgments,
    write_conversations,
    write_judgments,
)
from tests.tracking.test_judgments import judgment

New = Callable[..., Conversation]


def write(t: Tracking, simulation_id: str, *conversations, **more) -> set[str]:
    rows = [(conversation, None) for conversation in conversations]
    return write_conversations(t, "shop", rows, simulation_id=simulation_id, run_id=None, dataset=None, **more)


@pytest.fixture(params=["rows", "store"])
def either(request: pytest.FixtureRequest, t: Tracking, monkeypatch: pytest.MonkeyPatch) -> Tracking:
    """The store by its tables, and by MLflow's API."""
    if request.param == "store":
        monkeypatch.setattr(Tracking, "sql", None)
    return t


def test_another_simulation_gets_a_trace_of_its_own(either: Tracking, new_conversation: New) -> None:
    ours = new_conversation(0)
    write(either, "sim-1", ours)
    before = conversations_hash(either, "shop", "sim-1")
    forged = ours.replace(turns=ours.turns[:1])
    write(either, "conversations-2", forged)
    assert read_conversations(either, "shop", "sim-1") == [ours]
    assert read_conversations(either, "shop", "conversations-2") == [forged]
    assert conversations_hash(either, "shop", "sim-1") == before


def test_the_same_conversation_is_shared_and_judged_apart(either: Tracking, new_conversation: New) -> None:
    ours = new_conversation(0)
    write(either, "sim-1", ours)
    write(either, "conversations-2", ours)
    assert read_conversations(either, "shop", "conversations-2") == [ours]
    ruled = judgment(ours)
    write_judgments(either, "shop", "judging-1", [ruled], run_id=None, simulation_id="sim-1")
    write_judgments(either, "shop", "judging-2", [ruled], run_id=None, simulation_id="conversations-2")
    assert read_judgments(either, "shop", "judging-1") == read_judgments(either, "shop", "judging-2") == [ruled]


def test_a_failed_conversation_is_replaced_by_a_good_one_and_never_the_reverse(
    either: Tracking, new_conversation: New, new_failure: New
) -> None:
    failed = new_failure(0)
    good = new_conversation(0).replace(conversation_id=failed.conversation_id)
    write(either, "sim-1", failed, only_new=True)
    assert finished(either, "shop", "sim-1") == set()
    assert write(either, "sim-1", good, only_new=True) == {good.conversation_id}
    assert finished(either, "shop", "sim-1") == {good.conversation_id}
    assert write(either, "sim-1", failed, only_new=True) == set()
    assert read_conversations(either, "shop", "sim-1") == [good]


def test_completing_a_shared_conversation_leaves_the_other_simulation_as_it_was(
    either: Tracking, new_conversation: New, new_failure: New
) -> None:
    failed = new_failure(0)
    good = new_conversation(0).replace(conversation_id=failed.conversation_id)
    write(either, "sim-1", failed)
    write(either, "conversations-2", failed)
    write(either, "sim-1", good, only_new=True)
    assert read_conversations(either, "shop", "sim-1") == [good]
    assert read_conversations(either, "shop", "conversations-2") == [failed]
