"""A server that speaks OpenAI's protocol with a set latency, as cheaply as can be: raw asyncio, answers made before.

    python benchmarks/throughput/stub_server.py --latency 0.2 [--processes 1]

Prints its base URL. It tells user simulator, judge and agent apart by the schema that is asked for. GET /count answers
how many calls there were and when the first came (time.time()).
"""

import argparse
import asyncio
import json
import re
import time

WORDS = "Thank you for the order number. I have looked it up: the parcel is on its way and should arrive on Friday. "
MOVES = {"continue": "Yes, please look it up, it is order 1042 of last week.", "goal_reached": "Thanks, that is all."}
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
EXPECTATION = re.compile(r"^- ([a-z0-9._-]+) \((?:must|must_not)\)", re.MULTILINE)


def completion(content: str) -> bytes:
    body = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 40, "total_tokens": 440},
    }
    raw = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(raw), raw)


AGENT = completion(WORDS)
USER = completion(json.dumps({"text": MOVES["continue"], "status": "continue"}))


class Server(asyncio.Protocol):
    """One connection. `calls` and `first` count over all."""

    calls = 0
    first = 0.0
    latency_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data
        while (end := self.heard.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.heard[:end])
            size = int(found.group(1)) if found else 0
            if len(self.heard) < end + 4 + size:
                return
            head, body = self.heard[:end], self.heard[end + 4 : end + 4 + size]
            self.heard = self.heard[end + 4 + size :]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            counted = json.dumps({"calls": Server.calls, "first": Server.first}).encode()
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(counted), counted)
            )
            return
        Server.calls += 1
        Server.first = Server.first or time.time()
        reply = self.reply(body)
        if Server.latency_s:
            asyncio.get_running_loop().call_later(Server.latency_s, self.write, reply)
        else:
            self.write(reply)

    def write(self, reply: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(reply)

    @staticmethod
    def reply(body: bytes) -> bytes:
        if b'"Opinions"' in body:
            asked = json.loads(body)
            names = EXPECTATION.findall(asked["messages"][0]["content"])
            quote = {"turn": 1, "quote": "the parcel is on its way"}
            return completion(json.dumps({"opinions": [opinion(name, quote) for name in names]}))
        return USER if b'"Move"' in body else AGENT


def opinion(name: str, quote: dict[str, object]) -> dict[str, object]:
    return {
        "expectation_id": name,
        "rationale": "The agent says where the parcel is.",
        "evidence": [quote],
        "ruling": "met",
        "confidence": 0.9,
    }


async def serve(latency_s: float) -> None:
    Server.latency_s = latency_s
    listening = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.2, metavar="SECONDS")
    asyncio.run(serve(parser.parse_args().latency))


if __name__ == "__main__":
    main()
