"""Answers kept in a file, so that the same work gives the same result again with no network."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from assay.contracts.base import Contract, Hash, content_hash
from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.stage import Usage
from assay.errors import BadInput, CallError, NotFound
from assay.models.answers import Unreadable, json_schema, read_answer
from assay.models.chat import ChatModel, Completion, Message, Sampling

NOTHING = Usage(input_tokens=0, output_tokens=0, cost_usd=Decimal(0))
"""What a replayed answer takes."""
START = b'{"key":'
"""Of every line of a recording."""


class Recorded(Contract):
    """One line of a recording: what a request was answered with, or why it was not."""

    key: Hash
    text: str | None = None
    model: str = ""
    request_id: str | None = None
    usage: Usage = Usage()
    """What it took when it was asked."""
    failed: CallFailed | None = None
    """None: it was answered."""


_MODEL_NAME = content_hash("the model in force")
"""The line that says which it was."""


def request_key(name: str, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling) -> str:
    """Hash of all that changes the answer. The time-out and the server's address do not."""
    return content_hash(
        [
            name,
            [[message.role, message.content] for message in messages],
            None if schema is None else _schema_hash(schema),
            [sampling.temperature, sampling.max_tokens, sampling.seed],
        ]
    )


@lru_cache(maxsize=256)
def _schema_hash(schema: type[BaseModel]) -> str:
    return content_hash(json_schema(schema))


class Recording:
    """A JSONL file of answers by the hash of their requests. Of two lines with one key the later holds.

    Raises BadInput for a line that is none; one that a crash left half written is passed over.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        text = file.read_bytes() if file.exists() else b""
        self._kept = {line.key: line for line in _read(file, text)}
        self._cut_off = bool(text) and not text.endswith(b"\n")

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def model_name(self) -> str | None:
        """The model that was in force where no other was asked for; None: it was not noted."""
        found = self._kept.get(_MODEL_NAME)
        return found.text if found else None

    def keep_model_name(self, name: str) -> None:
        if self.model_name != name:
            self.keep(Recorded(key=_MODEL_NAME, text=name))

    def find(self, key: str) -> Recorded | None:
        return self._kept.get(key)

    def keep(self, line: Recorded) -> None:
        if not self._kept:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        self._kept[line.key] = line
        written = line.model_dump_json(exclude_defaults=True).encode() + b"\n"
        with self.file.open("ab") as out:
            out.write(b"\n" + written if self._cut_off else written)  # in one write: other processes may append
        self._cut_off = False


class RecordingModel:
    """Asks `model` once for each request and keeps the answer. A request that it has an answer to is not asked again.

    Failures are kept as well, so that a replay shows them, but they are asked again here.
    """

    def __init__(self, model: ChatModel, recording: Recording) -> None:
        self._model = model
        self._recording = recording
        self._asking: dict[str, asyncio.Lock] = {}

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(
        self, messages: Sequence[Message], *, schema: type[BaseModel] | None = None, sampling: Sampling = Sampling()
    ) -> Completion[Any]:
        key = request_key(self.name, messages, schema, sampling)
        async with self._asking.setdefault(key, asyncio.Lock()):  # the same request twice at once is asked once
            try:
                found = self._recording.find(key)
                if found is not None and found.failed is None:
                    return _again(found, schema)
                return await self._ask(key, messages, schema, sampling)
            finally:
                self._asking.pop(key, None)

    async def aclose(self) -> None:
        await self._model.aclose()

    async def _ask(
        self, key: str, messages: Sequence[Message], schema: type[BaseModel] | None, sampling: Sampling
    ) -> Completion[Any]:
        try:
            done = await (
                self._model.complete(messages, sampling=sampling)
                if schema is None
                else self._model.complete(messages, schema=schema, sampling=sampling)
            )
        except CallError as error:
            if error.failed.cause is not FailureCause.BUDGET:
                self._recording.keep(Recorded(key=key, failed=error.failed))
            raise
        self._recording.keep(
            Recorded(key=key, text=done.text, model=done.model, request_id=done.request_id, usage=done.usage)
        )
        return done


class ReplayModel:
    """Answers from a recording alone; nothing leaves the machine. `name` is the model's that was recorded."""

    def __init__(self, name: str, recording: Recording) -> None:
        self._name = name
        self._recording = recording

    @property
    def name(self) -> str:
        return self._name

    async def complete(
        self, messages: Sequence[Message], *, schema: type[BaseModel] | None = None, sampling: Sampling = Sampling()
    ) -> Completion[Any]:
        """Raises NotFound for a request that was not recorded, and CallError where it was recorded as failed."""
        found = self._recording.find(request_key(self._name, messages, schema, sampling))
        if found is None:
            last = messages[-1].content[:60] if messages else ""
            raise NotFound(
                f"{self._recording.file}: none of its {len(self._recording)} answers is to this request to {self._name}"
                f" (seed {sampling.seed}, ending in {last!r}): prompt, schema or settings changed, so record it anew"
            )
        if found.failed is not None:
            raise CallError(found.failed)
        return _again(found, schema)

    async def aclose(self) -> None:
        return None


def _again(found: Recorded, schema: type[BaseModel] | None) -> Completion[Any]:
    text = found.text or ""
    try:
        parsed = None if schema is None else read_answer(text, schema)
    except Unreadable as error:
        failed = CallFailed(cause=FailureCause.BAD_ANSWER, detail=f"the recorded answer does not fit: {error}")
        raise CallError(failed) from None
    return Completion(text, parsed, NOTHING, found.model, found.request_id, replayed=True)


def _read(file: Path, text: bytes) -> list[Recorded]:
    whole = []
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            whole.append(Recorded.model_validate_json(line))
        except ValidationError as error:
            half_written = line.startswith(START) and error.errors()[0]["type"] == "json_invalid"
            if not half_written:
                raise BadInput.from_validation(f"{file}:{number}", error) from None
    return whole
