"""The ledger: whatever is changed, taken out, put in or swapped is found."""

import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.stage import Stage
from assay.errors import BadInput, Refused
from assay.lifecycle.ledger import (
    GENESIS,
    compare_copies,
    decisions,
    head_tag,
    line_of,
    private_key,
    public_keys,
    seal,
    verify,
)

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


@given(st.text(min_size=1).filter(str.strip))
def test_a_reason_may_hold_any_character(reason):
    """Such as U+2028, U+0085, a form feed or NUL, which end a line or a text elsewhere."""
    sealed = seal(
        GENESIS,
        project="p",
        stage=Stage.SIMULATE,
        subject_id="sim-1",
        decision="approve",
        by="ann",
        at=NOW,
        reason=reason,
        mode="person",
        evidence={},
    )
    line = line_of(sealed)
    assert line.isascii() and line.splitlines() == [line]
    assert verify("p", [line]).intact and decisions([line]) == [sealed]


def test_decisions_end_at_the_first_changed_line():
    lines = chain(["a", "b", "c"])
    changed = lines[1].replace('"reason":"b"', '"reason":"x"')
    assert [row.subject_id for row in decisions([lines[0], changed, lines[2]])] == ["sim-0"]
    assert [row.subject_id for row in decisions([lines[0], "not json", lines[2]])] == ["sim-0"]


def test_a_line_that_would_not_be_read_back_is_refused_before_it_is_written():
    sealed = decisions(chain(["a"]))[0]
    with pytest.raises(Refused, match="was changed after it was written"):
        line_of(sealed.replace(reason="another"))


@given(st.integers(1, 6), st.data())
def test_copies_that_do_not_agree_are_found(count, data):
    lines = chain([f"reason {place}" for place in range(count)])
    check = verify("p", lines)
    head = head_tag(count, decisions(lines)[-1].hash)

    def compared(*, rows=lines, file=lines, head=head, own=lines, of=check):
        return compare_copies(of, own, rows=rows, file=file, head=head)

    assert compared().intact and compared(head=None).intact and compared(rows=[]).intact
    left = data.draw(st.integers(0, count - 1))
    assert f"holds {left} of {count} decisions" in compared(file=lines[:left]).problem
    assert f"the database holds {count} decisions" in compared(file=None).problem
    if left:
        assert f"holds {left} of the {count} decisions" in compared(rows=lines[:left]).problem
    # cut in both places: the head that the project's tag noted is not there any more
    short = verify("p", lines[:left])
    cut = compared(rows=lines[:left], file=lines[:left], own=lines[:left], of=short)
    assert f"{count} decisions were taken, and the ledger holds {left}" in cut.problem
    # written again as a whole, by somebody who knows how the chain is made
    other = chain([f"the cfo looked at {place}" for place in range(count)])
    rewritten = compared(rows=other, file=other, own=other, of=verify("p", other))
    assert not rewritten.intact and "the ledger was rewritten" in rewritten.problem


def signed_chain(key, count, unsigned=0):
    lines, previous = [], GENESIS
    for place in range(count):
        sealed = seal(
            previous,
            project="p",
            stage=Stage.SIMULATE,
            subject_id=f"sim-{place}",
            decision="approve",
            by="ann",
            at=NOW,
            reason="because",
            mode="person",
            evidence={},
            key=None if place < unsigned else key,
        )
        lines.append(line_of(sealed))
        previous = sealed.hash
    return lines


def test_signatures_are_checked_with_the_keys_that_are_known(tmp_path):
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    lines = signed_chain(key, 3)
    keys = [other.public_key(), key.public_key()]
    assert verify("p", lines, keys=keys).signed == 3
    assert verify("p", lines).intact  # without a key the chain alone is checked
    assert "of none of the known keys" in verify("p", lines, keys=[other.public_key()]).problem
    assert verify("p", signed_chain(key, 3, unsigned=2), keys=keys).signed == 1
    stripped = decisions(lines)[-1].replace(signature=None)
    check = verify("p", [*lines[:2], line_of(stripped)], keys=keys)
    assert check.first_bad_line == 3 and "is not signed" in check.problem

    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    public = [
        one.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo) for one in keys
    ]
    (tmp_path / "keys.pem").write_bytes(b"".join(public))
    assert private_key(tmp_path / "key.pem").sign(b"x") == key.sign(b"x")
    assert verify("p", lines, keys=public_keys(tmp_path / "keys.pem")).signed == 3
    for broken, read in (("keys.pem", private_key), ("key.pem", public_keys), ("none.pem", private_key)):
        with pytest.raises(BadInput, match="ASSAY_LEDGER"):
            read(tmp_path / broken)
