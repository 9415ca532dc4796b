"""Bodies of HTTP responses, whole or streamed, whatever their headers say."""

import zlib
from dataclasses import dataclass

from assay.contracts.conversation import FailureCause
from assay.contracts.text import clean
from assay.protocols.answers import Answer, read_answer
from assay.protocols.errors import ServerError, UnusableAnswer, find_error
from assay.protocols.sse import EventReader, EventTooLong
from assay.protocols.streams import DONE, StreamedAnswer
from assay.protocols.values import parse_json

MAX_BODY_BYTES = 64 * 2**20
"""64 MiB: the longest answer that is read."""
_GZIP = b"\x1f\x8b"


class BodyReader:
    """Takes a body's bytes as they come, and makes an answer of them at the end.

    Whether they are JSON or a stream of events is told by how they begin, not by their content type: servers send each
    as the other.
    """

    def __init__(self) -> None:
        self.stream: StreamedAnswer | None = None
        """None: it is no stream, or nothing came yet."""
        self._events = EventReader()
        self._body = bytearray()
        self._size = 0
        self._done = False

    @property
    def visible(self) -> bool:
        """Whether a stream has said anything yet."""
        return self.stream is not None and self.stream.visible

    @property
    def done(self) -> bool:
        """Whether a stream has said [DONE], after which nothing counts."""
        return self._done

    def feed(self, chunk: bytes) -> None:
        """Raises UnusableAnswer, bad_answer, for a chunk that is no JSON or a body that is too long."""
        self._size += len(chunk)
        if self._size > MAX_BODY_BYTES:
            raise UnusableAnswer(FailureCause.BAD_ANSWER, f"the answer is longer than {MAX_BODY_BYTES // 2**20} MiB")
        if self.stream is None:
            self._body += chunk
            begins = _begins_stream(bytes(self._body[:64]))
            if begins is not True:
                return
            chunk, self._body = bytes(self._body.removeprefix(b"\xef\xbb\xbf")), bytearray()
            self.stream = StreamedAnswer()
        self._take(chunk, self.stream)

    def finish(self) -> Answer:
        """Raises UnusableAnswer with its cause for what is no answer, or not all of one."""
        if self.stream is not None:
            self._take(b"", self.stream)
            return self.stream.finish()
        body = decompressed(bytes(self._body))
        if _begins_stream(body[:64]):
            self.stream = StreamedAnswer()
            self._take(body, self.stream)
            return self.finish()
        try:
            return read_answer(parse_json(body))
        except ValueError as error:
            if (lines := _as_lines(body)) is not None:
                return lines.finish()
            said = " ".join(clean(body[:400].decode(errors="replace")).split())
            raise UnusableAnswer(FailureCause.BAD_ANSWER, f"the answer is no JSON: {said or 'it is empty'}") from error

    def _take(self, chunk: bytes, stream: StreamedAnswer) -> None:
        """An empty chunk is the end."""
        try:
            events = self._events.feed(chunk) if chunk else self._events.end()
        except EventTooLong as error:
            raise UnusableAnswer(FailureCause.BAD_ANSWER, str(error)) from error
        for event in events:
            if self._done:
                return
            self._done = event.data.strip() == DONE
            stream.take(event)


@dataclass(frozen=True, slots=True)
class Response:
    """What a response holds. Both where a stream broke off after its first words; neither where the body is of no
    protocol that is known, such as plain text."""

    answer: Answer | None
    failure: UnusableAnswer | None


def read_response(body: bytes, *, status: int = 200, encoding: str = "") -> Response:
    """A recorded response. `encoding`: its Content-Encoding. Never raises."""
    body = decompressed(body, encoding)
    if status >= 400:
        error = read_refusal(body, status)
        return Response(None, UnusableAnswer(error.cause, f"HTTP {status}: {error.words}", error))
    reader = BodyReader()
    try:
        reader.feed(body)
        return Response(reader.finish(), None)
    except UnusableAnswer as failure:
        if reader.stream is None or not (reader.stream.chunks or failure.error):
            return Response(None, failure if failure.error else None)
        return Response(reader.stream.answer() if reader.stream.chunks else None, failure)


def read_refusal(body: bytes, status: int) -> ServerError:
    """The error of a response with a status from 400 on, whatever its body is."""
    try:
        parsed = parse_json(body)
    except ValueError:
        parsed = clean(body[:2000].decode(errors="replace"))
    return find_error(parsed, status) or ServerError(status, "")


def decompressed(body: bytes, encoding: str = "") -> bytes:
    """The body without its Content-Encoding (gzip, deflate), which is also told by gzip's first bytes.

    A body that cannot be decompressed, or comes to more than MAX_BODY_BYTES, is given back as far as it could be read.
    """
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name == "deflate":
            body = _inflated(body, -zlib.MAX_WBITS if body[:1] != b"\x78" else zlib.MAX_WBITS)
    return _inflated(body, 16 + zlib.MAX_WBITS) if body[:2] == _GZIP else body


def _inflated(body: bytes, bits: int) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(body, MAX_BODY_BYTES) or body
    except zlib.error:
        return body


def _begins_stream(body: bytes) -> bool | None:
    """None: too little has come to tell."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    for word in (b"data:", b"event:", b"id:", b"retry:", b":"):
        if start.startswith(word):
            return True
        if word.startswith(start):
            return None
    return False


def _as_lines(body: bytes) -> StreamedAnswer | None:
    """JSON lines, as Ollama streams. None: it is something else."""
    stream = StreamedAnswer()
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) < 2:
        return None
    try:
        for line in lines:
            stream.add(parse_json(line))
    except (ValueError, UnusableAnswer):
        return None
    return stream if stream.chunks or stream.error else None
