"""What a server takes of OpenAI's protocol, learned from what it refuses.

gpt-5 takes no temperature and calls max_tokens something else, older servers know no `stream_options`, some models'
templates have no system role. What was refused once is not sent again.
"""

import re
from collections.abc import Mapping
from typing import Any

from assay.contracts.base import JsonObject
from assay.protocols.errors import ServerError

REFUSING = (400, 404, 422, 500, 501)
"""Statuses with which servers refuse a field: OpenAI 400, FastAPI 422, OpenRouter 404, llama.cpp 500 and 501."""
OPTIONAL = (
    *("stream_options", "temperature", "seed", "top_p", "parallel_tool_calls", "reasoning_effort", "user"),
    *("frequency_penalty", "presence_penalty", "logprobs", "n", "stop", "service_tier", "store", "metadata"),
)
"""Fields without which a request still asks the same."""
LIMITS = ("max_tokens", "max_completion_tokens")
_NOT_TAKEN = re.compile(
    r"not (?:be )?(?:supported|permitted|allowed|recognized|recognised|valid)|unsupported|unrecognized|unrecognised|"
    r"unknown|unexpected|extra|does(?:n't| not) support|only the default|use '?max_",
    re.IGNORECASE,
)
_NO_SYSTEM = re.compile(
    r"system (?:role|message|prompt|instruction)s?\b.{0,60}?(?:not|n't|un)|"
    r"(?:not|n't|un)\w*.{0,60}?system (?:role|message|prompt|instruction)|"
    r"roles must alternate|(?:first|only) .{0,30}(?:role|message).{0,30}user|unknown role.{0,10}system|"
    r"developer instruction is not enabled",
    re.IGNORECASE | re.DOTALL,
)


class Capabilities:
    """Of one model on one server."""

    def __init__(self) -> None:
        self.left_out: set[str] = set()
        """Fields that are not sent any more."""
        self.renamed: dict[str, str] = {}
        self.system_role = True
        """False: the system message goes in front of the user's first words."""

    def fitted(self, body: JsonObject) -> JsonObject:
        """The request as the server takes it."""
        if not (self.left_out or self.renamed) and self.system_role:
            return body
        fitted: JsonObject = {}
        for name, value in body.items():
            sent_as = self.renamed.get(name, name)
            if sent_as not in self.left_out:
                fitted[sent_as] = value
        messages = fitted.get("messages")
        if not self.system_role and isinstance(messages, list):
            fitted["messages"] = without_system(messages)
        return fitted

    def learn(self, error: ServerError, sent: Mapping[str, Any]) -> bool:
        """Whether the refusal speaks of something that can be left out or said otherwise, so that the same request,
        `fitted` once more, may be taken. `sent`: the request as it went out.
        """
        if error.status not in REFUSING:
            return False
        if self.fitted(dict(sent)) != sent:
            return True  # another call, refused at the same time, has taught it meanwhile
        if _NO_SYSTEM.search(error.words) and self.system_role and _has_system(sent):
            self.system_role = False
            return True
        for name in LIMITS:
            other = LIMITS[1 - LIMITS.index(name)]
            if name in sent and name not in self.renamed.values() and _names(error.words, name):
                if _names(error.words, other) or _NOT_TAKEN.search(error.words):
                    self.renamed = {name: other}
                    return True
            elif name in sent and _names(error.words, name) and _NOT_TAKEN.search(error.words):
                self.left_out |= {*LIMITS}  # the other name was refused before
                return True
        for name in OPTIONAL:
            if name in sent and name not in self.left_out and _names(error.words, name):
                self.left_out.add(name)
                return True
        return False


_learned: dict[tuple[str, str], Capabilities] = {}
MOST_SERVERS = 1000


def capabilities_of(server: str, model: str) -> Capabilities:
    """What was learned of a model on a server in this process; `server` is its address."""
    if len(_learned) >= MOST_SERVERS and (server, model) not in _learned:
        _learned.pop(next(iter(_learned)))
    return _learned.setdefault((server, model), Capabilities())


def without_system(messages: list[Any]) -> list[Any]:
    """The messages with the system's words in front of the user's first ones."""
    system = [m for m in messages if isinstance(m, dict) and m.get("role") in ("system", "developer")]
    words = "\n\n".join(str(m.get("content")) for m in system if m.get("content"))
    rest = [m for m in messages if m not in system]
    if not words:
        return rest
    for place, message in enumerate(rest):
        if isinstance(message, dict) and message.get("role") == "user" and isinstance(message.get("content"), str):
            first = {**message, "content": f"{words}\n\n{message['content']}"}
            return [*rest[:place], first, *rest[place + 1 :]]
    return [{"role": "user", "content": words}, *rest]


def _names(words: str, field: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(field)}(?!\w)|body[.', ]+{re.escape(field)}(?!\w)", words) is not None


def _has_system(sent: Mapping[str, Any]) -> bool:
    messages = sent.get("messages")
    return isinstance(messages, list) and any(
        isinstance(message, Mapping) and message.get("role") in ("system", "developer") for message in messages
    )
