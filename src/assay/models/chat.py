"""The one way that the platform's agents ask a language model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar, overload

from pydantic import BaseModel

from assay.contracts.stage import Usage

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """None: the server's own default."""

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Completion(Generic[T]):
    text: str
    parsed: T
    """The answer as the schema that was asked for; None where none was."""
    usage: Usage
    """Retries included."""
    model: str
    request_id: str | None = None
    replayed: bool = False


class ChatModel(Protocol):
    """Messages in, text or a parsed object out. A call that fails raises `CallError` with its cause."""

    @property
    def name(self) -> str:
        """As in the settings, `provider:model`."""
        ...

    @overload
    async def complete(
        self, messages: Sequence[Message], *, schema: type[M], sampling: Sampling = ...
    ) -> Completion[M]: ...

    @overload
    async def complete(
        self, messages: Sequence[Message], *, schema: None = None, sampling: Sampling = ...
    ) -> Completion[None]: ...

    async def aclose(self) -> None: ...
