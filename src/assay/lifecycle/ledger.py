"""The ledger of decisions: append-only, each line sealed with the hash of the one before.

Pure functions on lines. What the chain shows and what it does not is in docs/guides/lifecycle.md.
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from assay.contracts.base import content_hash
from assay.contracts.gate import GateDecision, LedgerCheck
from assay.contracts.stage import Stage
from assay.contracts.text import clean
from assay.errors import BadInput, Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

GENESIS = "0" * 64
"""What stands before the first line."""


def seal(
    previous: str,
    *,
    project: str,
    stage: Stage,
    subject_id: str,
    decision: Literal["approve", "reject"],
    by: str,
    at: datetime,
    reason: str,
    mode: Literal["person", "approve_all", "policy"],
    evidence: dict[str, str],
    key: "Ed25519PrivateKey | None" = None,
) -> GateDecision:
    """The decision with its place in the chain, signed where there is a key."""
    unsealed = GateDecision(
        project=project,
        stage=stage,
        subject_id=subject_id,
        decision=decision,
        by=clean(by),
        at=at,
        reason=clean(reason),
        mode=mode,
        evidence=evidence,
        previous=previous,
        hash=GENESIS,
    )
    sealed = unsealed.replace(hash=seal_of(unsealed))
    if key is None:
        return sealed
    return sealed.replace(signature=base64.b64encode(key.sign(bytes.fromhex(sealed.hash))).decode())


def seal_of(decision: GateDecision) -> str:
    """SHA-256 over all of a decision but its own hash and signature."""
    return content_hash(decision.model_dump(mode="json", exclude={"hash", "signature"}))


def line_of(decision: GateDecision) -> str:
    """The decision as a line of the ledger, in ASCII.

    Raises Refused where the line would not be read back as what was decided, so that no such line is ever written.
    """
    line = decision.model_dump_json(ensure_ascii=True)
    if problem := _problem(line, decision.project, decision.previous):
        raise Refused(f"the decision on {decision.subject_id} cannot be kept in the ledger: {problem}")
    return line


def decisions(lines: Iterable[str]) -> list[GateDecision]:
    """The decisions up to the first line that is not as it was written: what follows it shows nothing."""
    found: list[GateDecision] = []
    for line in lines:
        previous = found[-1].hash if found else GENESIS
        decision = _read(line)
        if isinstance(decision, str) or seal_of(decision) != decision.hash or decision.previous != previous:
            break
        found.append(decision)
    return found


def verify(project: str, lines: Sequence[str], *, keys: Sequence["Ed25519PublicKey"] = ()) -> LedgerCheck:
    """Whether every line is what was written: its own hash holds, it names the line before, and a signature is right.

    keys: those that may have signed; with any, no line without a signature may follow one that has one.
    """
    previous, signed = GENESIS, 0
    for number, line in enumerate(lines, start=1):
        problem = _problem(line, project, previous) or _signature_problem(line, keys, after_signed=signed > 0)
        if problem:
            return LedgerCheck(
                project=project, decisions=len(lines), intact=False, first_bad_line=number, problem=problem
            )
        decision = GateDecision.model_validate_json(line)
        previous, signed = decision.hash, signed + (bool(keys) and decision.signature is not None)
    head = previous if lines else None
    return LedgerCheck(project=project, decisions=len(lines), intact=True, head=head, signed=signed)


def compare_copies(
    check: LedgerCheck, lines: Sequence[str], *, rows: Sequence[str], file: Sequence[str] | None, head: str | None
) -> LedgerCheck:
    """The check of the lines, held against each place that keeps the ledger or its end.

    rows: the lines in the database; file: those of the artifact, None where it cannot be read; head: what the
    project's tag says, `COUNT HASH`, None where there is none.
    """
    problem = _file_problem(rows, file) or _head_problem(lines, head)
    if not check.intact or not problem:
        return check
    return check.replace(intact=False, problem=problem)


def head_tag(count: int, decision_hash: str) -> str:
    """How the tag of the project names the end of the ledger."""
    return f"{count} {decision_hash}"


def head_line(decisions: Sequence[GateDecision]) -> str:
    """The end of the ledger for people, who can keep it elsewhere and hold the ledger against it later."""
    if not decisions:
        return "ledger: no decisions yet"
    return f"ledger: {len(decisions)} decisions, head {decisions[-1].hash}"


def private_key(path: Path) -> "Ed25519PrivateKey":
    """The key that signs lines, from a PEM file. Raises BadInput."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"ASSAY_LEDGER_KEY: {path} is not a private key in PEM without a password: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(
            f"ASSAY_LEDGER_KEY: {path} is not an Ed25519 key: `openssl genpkey -algorithm ed25519` makes one"
        )
    return key


def public_keys(path: Path) -> "list[Ed25519PublicKey]":
    """The keys that may have signed lines, from a file of one or several PEM blocks. Raises BadInput."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    end = b"-----END PUBLIC KEY-----"
    try:
        blocks = [block + end for block in path.read_bytes().split(end)[:-1]]
        keys = [load_pem_public_key(block.strip()) for block in blocks]
    except (OSError, ValueError) as error:
        raise BadInput(f"ASSAY_LEDGER_PUBLIC_KEYS: {path} does not hold public keys in PEM: {error}") from error
    ours = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not ours or len(ours) != len(keys):
        raise BadInput(f"ASSAY_LEDGER_PUBLIC_KEYS: {path} holds keys that are not Ed25519, or none")
    return ours


def _read(line: str) -> GateDecision | str:
    """The decision, or why the line is none."""
    try:
        return GateDecision.model_validate_json(line)
    except ValidationError as error:
        return f"not a decision: {error.errors()[0]['msg']}"


def _problem(line: str, project: str, previous: str) -> str:
    decision = _read(line)
    if isinstance(decision, str):
        return decision
    if "\n" in line:
        return "it holds a line feed"
    if seal_of(decision) != decision.hash:
        return f"the decision on {decision.subject_id} was changed after it was written"
    if decision.previous != previous:
        return f"the line before the decision on {decision.subject_id} was changed, taken out or put in"
    if decision.project != project:
        return f"the decision belongs to project {decision.project}"
    return ""


def _signature_problem(line: str, keys: Sequence["Ed25519PublicKey"], *, after_signed: bool) -> str:
    if not keys:
        return ""
    from cryptography.exceptions import InvalidSignature

    decision = GateDecision.model_validate_json(line)
    if decision.signature is None:
        return f"the decision on {decision.subject_id} is not signed, though earlier ones are" if after_signed else ""
    try:
        signature = base64.b64decode(decision.signature, validate=True)
    except ValueError:
        return f"the signature of the decision on {decision.subject_id} is not base64"
    for key in keys:
        try:
            key.verify(signature, bytes.fromhex(decision.hash))
            return ""
        except InvalidSignature:
            continue
    return f"the signature of the decision on {decision.subject_id} is of none of the known keys"


def _file_problem(rows: Sequence[str], file: Sequence[str] | None) -> str:
    name = "gates/ledger.jsonl"
    if file is None:
        kept = f"the database holds {len(rows)} decisions" if rows else "nothing else holds its decisions"
        return f"{name} is missing or cannot be read; {kept}"
    for number, (row, line) in enumerate(zip(rows, file, strict=False), start=1):
        if row != line:
            return f"line {number} of {name} is not what the database holds"
    if len(file) < len(rows):
        return f"{name} holds {len(file)} of {len(rows)} decisions; the database holds all of them"
    if 0 < len(rows) < len(file):
        return f"the database holds {len(rows)} of the {len(file)} decisions in {name}"
    return ""


def _head_problem(lines: Sequence[str], head: str | None) -> str:
    if head is None:
        return ""
    count_text, _, noted = head.partition(" ")
    if not count_text.isdecimal():
        return "the project's tag ledger.head cannot be read"
    count = int(count_text)
    if len(lines) < count:
        return f"{count} decisions were taken, and the ledger holds {len(lines)}: its end was cut off"
    if count and (not isinstance(last := _read(lines[count - 1]), GateDecision) or last.hash != noted):
        return f"line {count} is not the one that the project's tag ledger.head noted: the ledger was rewritten"
    return ""
