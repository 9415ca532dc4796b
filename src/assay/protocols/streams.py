"""Answers that come in pieces."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from assay.contracts.conversation import FailureCause, FinishReason
from assay.protocols.answers import Answer, answer_of, read_answer, shown
from assay.protocols.errors import ServerError, UnusableAnswer, find_error
from assay.protocols.finish import read_finish_reason
from assay.protocols.messages import Message, read_message, reasoning_beside
from assay.protocols.reasoning import closes_reasoning, opens_reasoning, split_reasoning
from assay.protocols.sse import Event
from assay.protocols.tool_calls import Call, CallPieces, read_arguments
from assay.protocols.usage import Tokens, read_usage
from assay.protocols.values import joined, parse_raw_json, storable

DONE = "[DONE]"


class StreamedAnswer:
    """Put together chunk by chunk: chat completions (and legacy ones), Anthropic's, Responses' and Gemini's events,
    Ollama's lines."""

    def __init__(self) -> None:
        self.chunks = 0
        """That were of an answer; pings and comments are none."""
        self.ended = False
        """Whether the server said that it had finished: a finish reason, [DONE] or its protocol's last event."""
        self.error: ServerError | None = None
        """The error that broke the stream off; what came before it is kept."""
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls = CallPieces()
        self._items: list[Message] = []
        self._whole: Answer | None = None
        """Where the stream ends with the whole answer."""
        self._finish: FinishReason | None = None
        self._usage = Tokens()
        self._names: dict[str, Any] = {}
        self._visible = False
        self._thought_ended = False

    @property
    def visible(self) -> bool:
        """Whether anything came that the user sees: words that are no reasoning, or a call."""
        if not self._visible:
            self._visible = bool(any(self._refusal) or self._calls or self._items) or self._speaks()
        return self._visible

    def _speaks(self) -> bool:
        start = "".join(self._text[:8]).lstrip()
        if not opens_reasoning(start):
            return bool(start) or any(piece.strip() for piece in self._text[8:])
        # looked for at the end alone: a long thought comes in thousands of pieces
        self._thought_ended = self._thought_ended or closes_reasoning("".join(self._text[-8:]))
        return self._thought_ended and bool(split_reasoning("".join(self._text)).text)

    def take(self, event: Event) -> None:
        """Raises UnusableAnswer, bad_answer, for data that is no JSON."""
        data = event.data.strip()
        if data == DONE:
            self.ended = True
            return
        if not data:
            return
        for chunk in _chunks(data):
            if event.event == "error" and isinstance(chunk, Mapping) and find_error(chunk) is None:
                chunk = {"error": chunk}
            self.add(chunk)

    def add(self, chunk: Any) -> None:
        """One chunk as JSON. What is of no protocol is passed over."""
        if error := find_error(chunk):
            self.error = self.error or error
            return
        if not isinstance(chunk, Mapping):
            raise UnusableAnswer(FailureCause.BAD_ANSWER, f"the answer is no chat completion: {shown(chunk)}")
        self._usage |= read_usage(chunk)
        for key in ("model", "modelVersion", "id", "responseId"):
            if isinstance(chunk.get(key), str):
                self._names.setdefault(key, chunk[key])
        kind = chunk.get("type")
        if isinstance(chunk.get("choices"), list):
            self._add_choices(chunk["choices"])
        elif isinstance(kind, str) and kind.startswith("response."):
            self._add_responses(kind, chunk)
        elif isinstance(kind, str) and kind.startswith(("message_", "content_block_")):
            self._add_anthropic(kind, chunk)
        elif isinstance(chunk.get("candidates"), list):
            self._add_gemini(chunk["candidates"])
        elif "done" in chunk and (isinstance(chunk.get("message"), Mapping) or isinstance(chunk.get("response"), str)):
            self._add_ollama(chunk)

    def answer(self) -> Answer:
        """What has come so far."""
        if self._whole is not None:
            return self._whole
        calls = self._calls.whole()
        text, reasoning = joined(self._text), joined(self._reasoning)
        split = split_reasoning(text)
        calls += [Call(None, storable(name), read_arguments(arguments)) for name, arguments in split.calls]
        message = Message(
            "agent",
            text=split.text,
            reasoning="\n".join(part for part in (reasoning, split.reasoning) if part),
            refusal=joined(self._refusal),
            calls=calls,
        )
        items = self._items if self._items and not (text or calls) else [*self._items, message]
        answer = answer_of(items, self._names)
        reason = self._finish
        if answer.refusal and reason in (None, FinishReason.STOP):
            reason = FinishReason.REFUSAL
        return replace(answer, finish_reason=reason, usage=self._usage)

    def finish(self) -> Answer:
        """The answer at the end of the stream. Raises UnusableAnswer where it broke off or nothing came."""
        if self.error is not None:
            detail = f"the stream broke off: {self.error.words}"
            raise UnusableAnswer(self.error.cause, detail, self.error)
        if not self.chunks:
            raise UnusableAnswer(FailureCause.BAD_ANSWER, "the stream ended without a chunk")
        if not self.ended:
            said = self.answer().text
            after = f"after {said[-60:]!r}" if said else "before it said anything"
            raise UnusableAnswer(
                FailureCause.BAD_ANSWER, f"it broke off {after}: the stream has neither a finish reason nor {DONE}"
            )
        return self.answer()

    def _ends(self, reason: object) -> None:
        if (found := read_finish_reason(reason)) is not None:
            self._finish, self.ended = found, True

    def _add_choices(self, choices: list[Any]) -> None:
        for choice in choices:
            if isinstance(choice, Mapping) and choice.get("index") in (0, None):
                self.chunks += 1
                delta = choice.get("delta")
                if not isinstance(delta, Mapping):
                    whole = choice.get("message")
                    delta = whole if isinstance(whole, Mapping) and not self._text else {"content": choice.get("text")}
                self._add_delta(delta)
                self._ends(choice.get("finish_reason") or choice.get("finishReason"))
                return

    def _add_delta(self, delta: Mapping[str, Any]) -> None:
        self._say(delta.get("content"))
        self._reasoning.append(reasoning_beside(delta))
        if isinstance(delta.get("refusal"), str):
            self._refusal.append(delta["refusal"])
        calls = delta.get("tool_calls")
        for place, piece in enumerate(calls if isinstance(calls, list) else [calls] if calls else []):
            self._calls.add(piece, place)
        if isinstance(delta.get("function_call"), Mapping):
            self._calls.add(delta["function_call"])
        images = delta.get("images")
        if isinstance(images, list):
            self._text += ["\n[image]" if self._text else "[image]" for _ in images]

    def _say(self, content: object) -> None:
        if isinstance(content, str):
            if content:
                self._text.append(content)
        elif content:
            read = read_message({"role": "assistant", "content": content})
            if read is not None:
                self._text.append(read.text)
                self._reasoning.append(read.reasoning)
                self._refusal.append(read.refusal)

    def _add_anthropic(self, kind: str, event: Mapping[str, Any]) -> None:
        self.chunks += 1
        if kind == "message_start" and isinstance(event.get("message"), Mapping):
            self._usage |= read_usage(event["message"])
            self._names.update({k: v for k, v in event["message"].items() if k in ("id", "model")})
        elif kind == "content_block_start" and isinstance(block := event.get("content_block"), Mapping):
            if str(block.get("type")).endswith("tool_use"):
                given = block.get("input") or None
                self._calls.add(
                    {"index": event.get("index"), "id": block.get("id"), "name": block.get("name"), "input": given}
                )
            elif block.get("type") == "text":
                self._say(block.get("text"))
            elif str(block.get("type")).endswith("thinking"):
                self._reasoning.append(str(block.get("thinking") or ""))
        elif kind == "content_block_delta" and isinstance(delta := event.get("delta"), Mapping):
            if isinstance(delta.get("text"), str):
                self._say(delta["text"])
            if isinstance(delta.get("thinking"), str):
                self._reasoning.append(delta["thinking"])
            if isinstance(delta.get("partial_json"), str):
                self._calls.add({"index": event.get("index"), "arguments": delta["partial_json"]})
        elif kind == "message_delta" and isinstance(delta := event.get("delta"), Mapping):
            self._ends(delta.get("stop_reason"))
        elif kind == "message_stop":
            self.ended = True

    def _add_responses(self, kind: str, event: Mapping[str, Any]) -> None:
        self.chunks += 1
        delta = event.get("delta")
        if kind == "response.output_text.delta":
            self._say(delta)
        elif kind == "response.refusal.delta" and isinstance(delta, str):
            self._refusal.append(delta)
        elif kind.startswith("response.reasoning") and kind.endswith(".delta") and isinstance(delta, str):
            self._reasoning.append(delta)
        elif kind == "response.output_item.done":
            item = read_message(event.get("item"))
            if item is not None and item.calls:
                self._items.append(item)
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            self.ended = True
            whole = event.get("response")
            if error := find_error(whole):
                self.error = self.error or error
            elif isinstance(whole, Mapping) and whole.get("output"):
                self._whole = read_answer(whole)

    def _add_gemini(self, candidates: list[Any]) -> None:
        for candidate in candidates[:1]:
            if not isinstance(candidate, Mapping):
                continue
            self.chunks += 1
            content = candidate.get("content")
            if isinstance(content, Mapping):
                read = read_message({**content, "role": "assistant"})
                if read is not None:
                    self._text.append(read.text)
                    self._reasoning.append(read.reasoning)
                    if read.calls:
                        self._items.append(Message("agent", calls=read.calls, unfinished=True))
            self._ends(candidate.get("finishReason") or candidate.get("finish_reason"))

    def _add_ollama(self, chunk: Mapping[str, Any]) -> None:
        self.chunks += 1
        message = chunk.get("message")
        self._add_delta(message if isinstance(message, Mapping) else {"content": chunk.get("response")})
        if chunk.get("done") is True:
            self.ended = True
            self._ends(chunk.get("done_reason"))


def _chunks(data: str) -> list[Any]:
    """The JSON of an event; of each of its lines where a server leaves out the empty ones between its events."""
    try:
        return [parse_raw_json(data)]
    except ValueError as error:
        lines = [line.strip() for line in data.split("\n") if line.strip() and line.strip() != DONE]
        if len(lines) > 1:
            try:
                return [parse_raw_json(line) for line in lines]
            except ValueError:
                pass
        said = " ".join(data[:300].split())
        raise UnusableAnswer(FailureCause.BAD_ANSWER, f"a chunk of the stream is no JSON: {storable(said)}") from error
