"""English verbs that tools and rules begin with, and how a user would say them."""

LOOKS = {
    "check": "check",
    "count": "count",
    "fetch": "see",
    "find": "find",
    "get": "see",
    "list": "see",
    "look": "look up",
    "lookup": "look up",
    "query": "see",
    "read": "see",
    "retrieve": "see",
    "search": "find",
    "see": "see",
    "show": "see",
    "track": "track",
    "view": "see",
}
"""Verbs that change nothing, as a user says them."""

GIVES = frozenset({"deliver", "generate", "give", "grant", "issue", "offer", "provide", "send"})
"""What the agent gives, the user gets."""


def _verbs(words: str) -> frozenset[str]:
    return frozenset(words.split())


CREATES = _verbs(
    "add apply book buy calculate convert create draft file make open order place register request schedule start "
    "submit translate upload write"
)
"""Verbs whose object is a new one: `a ticket`, not `my ticket`."""

VERBS = (
    _verbs(
        "accept act activate advise allow answer approve ask assume block call cancel change charge close collect "
        "combine compare compensate complete confirm contact deactivate delete deny diagnose disclose discuss do edit "
        "enter exchange execute exceed extend forward guarantee guess handle help include invent keep let mention "
        "modify move name negotiate override pause pay predict prescribe process promise quote reactivate recommend "
        "redeem refund release remove renew repair repeat replace reply report reschedule reset return reveal run say "
        "sell set share ship sign skip speak speculate spend stop store suggest summarize take talk tell transfer "
        "unblock update upgrade use verify waive"
    )
    | CREATES
    | GIVES
    | LOOKS.keys()
)
