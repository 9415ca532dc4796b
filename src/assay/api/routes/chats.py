"""Chats with the built-in agents: streamed, stored, and resumed."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from assay.api.guard import GuardedRoute
from assay.api.routes.jobs import STREAM, LastEvent
from assay.api.server import Cursor, Here, Limit, Project, Server, Who
from assay.api.streams import Event, EventStream
from assay.api.submitting import ACCEPTED, Key, submit
from assay.contracts.api import Chat, ChatMessage, ChatPage, DraftDecision, NewChat, SaveDrafts, Say
from assay.contracts.job import Job
from assay.contracts.stage import Stage
from assay.errors import BadInput

router = APIRouter(route_class=GuardedRoute, tags=["chats"])
ChatId = Annotated[str, Path(pattern=r"^chat-[0-9a-f]{16}$", examples=["chat-0123456789abcdef"])]


@router.get("/projects/{project}/chats", operation_id="list_chats")
async def list_(server: Here, project: Project, limit: Limit = 50, cursor: Cursor = None) -> ChatPage:
    """Lists the project's chats, most recently used first."""
    from assay.api.routes.projects import item_of
    from assay.tracking import decode_cursor, encode_cursor

    await item_of(server, project)
    after = decode_cursor(cursor, float, str) if cursor is not None else None
    found, last = await server.chats.page(project, limit=limit, after=(after[0], after[1]) if after else None)
    return ChatPage(items=tuple(found), next_cursor=encode_cursor(*last) if last else None)


@router.post("/projects/{project}/chats", operation_id="begin_chat", status_code=201)
async def begin(server: Here, who: Who, response: Response, project: Project, asked: NewChat) -> Chat:
    """Starts a chat about a judging, a comparison, a production report or, with the Dataset Builder, an agent."""
    chat = await server.chats.create(project, asked, who.name)
    response.headers["Location"] = f"/api/v1/chats/{chat.chat.chat_id}"
    return chat


@router.get("/chats/{chat_id}", operation_id="show_chat")
async def show(server: Here, chat_id: ChatId) -> Chat:
    """Returns all messages of a chat and, for the Dataset Builder, its drafts."""
    return await server.chats.show(chat_id)


@router.post("/chats/{chat_id}/messages", operation_id="say", response_class=EventStream, responses=STREAM)
async def say(server: Here, who: Who, chat_id: ChatId, asked: Say, key: Key = None) -> Response:
    """Sends a message, and streams the agent's steps (`step`) and its answer (`message`).

    The agent answers even if the stream is closed. The same idempotency key streams the same answer again.
    """
    number = await server.chats.say(chat_id, asked.text, who.name, key)
    return EventStream(_news(server, chat_id, (number, 0), number), server.stopping)


@router.get("/chats/{chat_id}/events", operation_id="follow_chat", response_class=EventStream, responses=STREAM)
async def follow(
    server: Here,
    chat_id: ChatId,
    last_event: LastEvent = None,
    after: Annotated[int, Query(ge=0, le=1_000_000, description="Only messages after this number.")] = 0,
) -> Response:
    """Streams new steps and messages of the chat."""
    return EventStream(_news(server, chat_id, place_of(last_event) or (after + 1, 0), None), server.stopping)


@router.post("/chats/{chat_id}/drafts/{number}", operation_id="decide_draft")
async def decide_draft(
    server: Here, chat_id: ChatId, number: Annotated[int, Path(ge=1, le=1_000_000)], asked: DraftDecision
) -> Chat:
    """Accepts, changes or discards one draft of the Dataset Builder."""
    return await server.chats.decide(chat_id, number, asked)


@router.post("/chats/{chat_id}/save", operation_id="save_drafts", status_code=202, responses=ACCEPTED)
async def save(server: Here, who: Who, response: Response, chat_id: ChatId, asked: SaveDrafts, key: Key = None) -> Job:
    """Queues a job that validates the accepted scenarios and saves them as a dataset version."""
    request = await server.chats.dataset_request(chat_id, asked.name, asked.threshold, asked.gated)
    return await submit(server, who, response, Stage.DATASET, request.project, request, key)


def place_of(event_id: str | None) -> tuple[int, int] | None:
    """Raises BadInput for an ID that is not from this stream."""
    if event_id is None:
        return None
    message, _, step = event_id.partition(".")
    if not (message.isdecimal() and step.isdecimal() and len(event_id) < 20):
        raise BadInput("Last-Event-ID: is none that this stream gave")
    return int(message), int(step)


async def _news(server: Server, chat_id: str, after: tuple[int, int], until: int | None) -> AsyncIterator[Event]:
    async for news in server.chats.follow(chat_id, after, until):
        name = "message" if isinstance(news.what, ChatMessage) else "step"
        yield Event(f"{news.place[0]}.{news.place[1]}", name, news.what)
