"""One request that went through the gateway, with its answer, as it is stored."""

from typing import Annotated

from pydantic import Field

from assay.contracts.base import Contract, JsonObject, Seconds
from assay.contracts.conversation import CallFailed
from assay.contracts.stage import AgentRef

ConversationId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Exchange(Contract):
    """Messages are named by a digest of their words, so that a history that every request repeats is stored once."""

    exchange_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Also the span that `traceparent` names as the parent of the agent's own spans."""
    told: ConversationId
    """The conversation that the caller was told; it may be stored in a later one of the same session."""
    agent: AgentRef
    started_at: float
    """Seconds since 1970."""
    latency_s: Seconds
    first_token_s: Seconds | None = None
    """None: the answer was not streamed."""
    asked: tuple[str, ...]
    """The request's messages."""
    history: bool = False
    """True: the request repeats the whole conversation, as chat completions do."""
    answered: str | None = None
    """The answer's message; None: no words came."""
    messages: dict[str, JsonObject] = Field(default_factory=dict)
    """Digest to message, of those that the conversation did not hold yet."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: CallFailed | None = None

    @property
    def ended_at(self) -> float:
        return self.started_at + self.latency_s
