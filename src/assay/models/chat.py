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
    """Of the answer. A model that reasons gets room for that besides."""
    seed: int | None = None
    long: bool = False
    """Whether the answer may take long, as drafted scenarios and narratives do: it has a time-out of its own."""
    timeout_s: float | None = None
    """Of each attempt. None: the model's own, by `long`."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a model's server is waited for."""

    timeout_s: float = 300.0
    """For one answer, the time in the server's queue included."""
    long_timeout_s: float = 900.0
    """For one long answer, see `Sampling.long`."""
    away_s: float = 0.0
    """While the server is loading its model, restarting or not reachable. 0: after a few tries the call fails."""

    def for_answer(self, sampling: Sampling) -> float:
        if sampling.timeout_s is not None:
            return sampling.timeout_s
        return self.long_timeout_s if sampling.long else self.timeout_s


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
