"""The shop's agent as a server: plain JSON at /reply, chat completions at /v1/chat/completions.

    python examples/shop/http_server.py --port 8700

/reply takes {"conversation_id", "message"} and keeps each conversation's state; `state` and `seed` of the first
request set it up. Chat completions carry the whole conversation, so nothing is kept: it is played again up to the last
message, which gives the same answers because the agent is seeded.
"""

import argparse
import hashlib
import json
from typing import Any

from agent import Support
from aiohttp import web

CONVERSATIONS: web.AppKey[dict[str, Support]] = web.AppKey("conversations", dict)
VERSION: web.AppKey[str] = web.AppKey("version", str)


async def reply(request: web.Request) -> web.Response:
    asked = await request.json()
    conversations = request.app[CONVERSATIONS]
    conversation_id = asked["conversation_id"]
    if conversation_id not in conversations:
        conversations[conversation_id] = Support(
            request.app[VERSION], state=asked.get("state"), seed=asked.get("seed", 0)
        )
    answer = conversations[conversation_id].reply(asked["message"])
    return web.json_response({"reply": answer["text"], "tool_calls": answer["tool_calls"], "state": answer["state"]})


async def chat_completions(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    said = [message["content"] for message in asked["messages"] if message["role"] == "user"]
    if not said:
        return web.json_response({"error": {"message": "messages: no message of a user"}}, status=400)
    support = Support(request.app[VERSION], seed=asked.get("seed", 0))
    answers = [support.reply(text) for text in said]
    answer = answers[-1]
    message = {"role": "assistant", "content": answer["text"], "tool_calls": _tool_calls(answer)}
    # words, since rules have no tokens
    usage = {"prompt_tokens": sum(len(text.split()) for text in said), "completion_tokens": len(answer["text"].split())}
    head = {
        "id": "chatcmpl-" + hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12],
        "model": asked.get("model", "shop"),
    }
    if not asked.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    return await _stream(request, head, message, usage)


async def _stream(
    request: web.Request, head: dict[str, Any], message: dict[str, Any], usage: dict[str, int]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    head = {**head, "object": "chat.completion.chunk"}
    calls = [{"index": place, **call} for place, call in enumerate(message["tool_calls"])]
    deltas: list[dict[str, Any]] = [{"tool_calls": calls}] if calls else []
    deltas += [{"content": f"{word} "} for word in message["content"].split()[:-1]]
    deltas += [{"content": message["content"].split()[-1]}]
    for delta in deltas:
        await _send(response, {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    await _send(response, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    await _send(response, {**head, "choices": [], "usage": usage})
    await response.write(b"data: [DONE]\n\n")
    return response


async def _send(response: web.StreamResponse, chunk: dict[str, Any]) -> None:
    await response.write(f"data: {json.dumps(chunk)}\n\n".encode())


def _tool_calls(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{place}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])},
        }
        for place, call in enumerate(answer["tool_calls"])
    ]


def application(version: str) -> web.Application:
    app = web.Application()
    app[CONVERSATIONS] = {}
    app[VERSION] = version
    app.add_routes([web.post("/reply", reply), web.post("/v1/chat/completions", chat_completions)])
    return app


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=8700)
    options.add_argument("--version", choices=["v1", "v2"], default="v2")
    chosen = options.parse_args()
    web.run_app(application(chosen.version), host="127.0.0.1", port=chosen.port)
