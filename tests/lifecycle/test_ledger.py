"""The ledger: whatever is changed, taken out, put in or swapped is found."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.stage import Stage
from assay.lifecycle.ledger import GENESIS, decisions, seal, verify

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def chain(reasons: list[str]) -> list[str]:
    lines, previous = [], GENESIS
    for place, reason in enumerate(reasons):
        sealed = seal(
            previous,
            project="p",
            stage=Stage.SIMULATE,
            subject_id=f"sim-{place}",
            decision="approve",
            by="ann",
            at=NOW,
            reason=reason or "because",
            mode="person",
            evidence={"result.json": "0" * 64},
        )
        lines.append(sealed.model_dump_json())
        previous = sealed.hash
    return lines


reasons = st.lists(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1), min_size=1, max_size=8)


@given(reasons)
def test_an_untouched_ledger_is_intact(said):
    check = verify("p", chain(said))
    assert check.intact
    assert check.decisions == len(said)


@given(reasons, st.data())
def test_any_changed_field_is_found_at_its_line(said, data):
    lines = chain(said)
    place = data.draw(st.integers(0, len(lines) - 1))
    row = json.loads(lines[place])
    field = data.draw(st.sampled_from(["by", "reason", "decision", "subject_id"]))
    row[field] = {"decision": "reject"}.get(field, str(row[field]) + "x")
    lines[place] = json.dumps(row)
    check = verify("p", lines)
    assert not check.intact
    assert check.first_bad_line == place + 1


@given(st.integers(2, 8), st.data())
def test_a_line_taken_out_or_swapped_is_found(count, data):
    lines = chain([f"reason {place}" for place in range(count)])
    gone = data.draw(st.integers(0, count - 2))
    assert not verify("p", lines[:gone] + lines[gone + 1 :]).intact
    swapped = [*lines]
    swapped[gone], swapped[gone + 1] = swapped[gone + 1], swapped[gone]
    assert not verify("p", swapped).intact


def test_another_projects_line_and_no_json_are_found():
    lines = chain(["a"])
    assert "belongs to project" in verify("other", lines).problem
    assert verify("p", [*lines, "not json"]).first_bad_line == 2
    assert decisions(lines)[0].subject_id == "sim-0"
