"""Which arm a session belongs to: by a hash, so that replicas agree without a word and a restart changes nothing."""

import hashlib
from typing import Literal

from assay.contracts.traffic import Traffic

Arm = Literal["champion", "challenger"]
_WHOLE = float(2**64)


def place(session: str, salt: str) -> float:
    """Where a session stands between 0 and 1: always the same for one salt, even over all sessions.

    salt: the rollout's id, so that a user who was in one rollout's challenger is not in every one's.
    """
    digest = hashlib.blake2b(session.encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest, "big") / _WHOLE


def arm_of(session: str, traffic: Traffic) -> Arm:
    """The challenger for sessions that stand below its share.

    A share that grows moves sessions from champion to challenger and never back, so no conversation changes its arm
    but those that the step gives to the challenger.
    """
    return "challenger" if place(session, traffic.rollout_id) < traffic.share else "champion"


def sampled(session: str, traffic: Traffic) -> bool:
    """Whether the session's conversation is recorded: another hash than the arm's, so that both are independent."""
    return place(session, f"{traffic.rollout_id}/sample") < traffic.sample_share
