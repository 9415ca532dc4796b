"""Chats with the platform's agents that are kept: left, taken up again, and answered though the server died meanwhile.

They are in the database of jobs and not in MLflow: while an agent answers, a chat changes several times a second and
two processes must not answer the same message, which takes rows and transactions. What the agents answered is in
MLflow besides (`lifecycle/ask.py`), so a question that is asked a second time after a crash is read from there.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from assay.agents.dataset_builder import PROMPTS, BuilderChat, dataset_builder
from assay.contracts.analytics import AnalystAnswer, AnalystQuestion
from assay.contracts.api import Chat, ChatItem, ChatMessage, ChatStep, DraftDecision, DraftState, NewChat
from assay.contracts.base import content_hash
from assay.contracts.dataset import Dataset, DatasetRequest, Scenario
from assay.contracts.platform_agents import ComparatorQuestion, FeedbackQuestion
from assay.contracts.stage import AgentRef, Stage
from assay.errors import AssayError, BadInput, NotFound, Refused
from assay.lifecycle.ask import ask_analyst, ask_comparator, ask_feedback_analyst
from assay.stages.context import Context
from assay.tracking.connection import make_tables

log = structlog.get_logger("assay")

LEASE_S = 6.0
"""Who answers a message says so this often and more; whoever is silent for longer is taken for dead."""
LOOK_S = 0.1
"""How often a stream looks for what is new."""
RESUME_S = 2.0

METADATA = sa.MetaData()
CHATS = sa.Table(
    "assay_chats",
    METADATA,
    sa.Column("chat_id", sa.String(30), primary_key=True),
    sa.Column("project", sa.String(64), nullable=False, index=True),
    sa.Column("agent", sa.String(30), nullable=False),
    sa.Column("subject_id", sa.String(200), nullable=False),
    sa.Column("model", sa.String(200)),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("made_by", sa.String(250), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False, index=True),
    sa.Column("builder", sa.Text),  # the Dataset Builder's whole state; NULL with the others
    sa.Column("drafts", sa.Text),
)
MESSAGES = sa.Table(
    "assay_chat_messages",
    METADATA,
    sa.Column("chat_id", sa.String(30), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("said_by", sa.String(250), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("ask_key", sa.String(64)),
    sa.Column("owner", sa.String(40)),
    sa.Column("lease_until", sa.Float),
)
STEPS = sa.Table(
    "assay_chat_steps",
    METADATA,
    sa.Column("chat_id", sa.String(30), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class News:
    """Something new in a chat. `place` grows; a stream goes on behind the last place that it told."""

    place: tuple[int, int]
    """(message, step); the whole message comes after its steps."""
    what: ChatStep | ChatMessage


WHOLE = 1_000_000
"""The place of a message that has been said to the end, behind all of its steps."""


class Chats:
    """All chats of the database of jobs, and the answering of what was said in them."""

    def __init__(self, url: str, context: Context) -> None:
        self._engine = sa.create_engine(url, pool_pre_ping=True)
        make_tables(self._engine, METADATA)
        self._context = context
        self._owner = secrets.token_hex(8)
        self._answering: set[asyncio.Task[None]] = set()
        self._resuming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Answers what a server that died left open, from now on."""
        self._resuming = asyncio.create_task(self._resume())

    async def aclose(self) -> None:
        """What is being answered is left to the next server."""
        tasks = [*self._answering, *([self._resuming] if self._resuming else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._let_go)
        self._engine.dispose()

    async def create(self, project: str, asked: NewChat, by: str) -> Chat:
        """Raises NotFound where what it is about is not there, BadInput where that is of the wrong kind."""
        builder = await self._about(project, asked)
        now = time.time()
        row = {
            "chat_id": f"chat-{secrets.token_hex(8)}",
            "project": project,
            "agent": asked.agent,
            "subject_id": asked.subject_id,
            "model": asked.model,
            "title": f"{asked.agent.replace('_', ' ').capitalize()} on {asked.subject_id}",
            "made_by": by,
            "created_at": now,
            "updated_at": now,
            "builder": builder.model_dump_json() if builder else None,
            "drafts": "[]",
        }
        await asyncio.to_thread(self._insert, CHATS, row)
        return await self.show(row["chat_id"])

    async def show(self, chat_id: str) -> Chat:
        """Raises NotFound."""
        return await asyncio.to_thread(self._show, chat_id)

    async def project_of(self, chat_id: str) -> str:
        """Raises NotFound."""
        return (await asyncio.to_thread(self._row, chat_id)).project

    async def page(
        self, project: str, *, limit: int, after: tuple[float, str] | None = None
    ) -> tuple[list[ChatItem], tuple[float, str] | None]:
        """(the chats last spoken in first, what the next page stands behind; None: there is none)"""
        return await asyncio.to_thread(self._page, project, limit, after)

    async def say(self, chat_id: str, text: str, by: str, key: str | None = None) -> int:
        """Keeps what a person said and has it answered; the number of the answer. The same `key` is said once.

        Raises Refused while the agent still answers what was said before.
        """
        number = await asyncio.to_thread(self._say, chat_id, text, by, key)
        self._answer_soon(chat_id, number)
        return number

    async def decide(self, chat_id: str, number: int, asked: DraftDecision) -> Chat:
        """Accepts, changes or discards one draft. Raises NotFound, BadInput, and Refused while the builder works."""
        await asyncio.to_thread(self._decide, chat_id, number, asked)
        return await self.show(chat_id)

    async def dataset_request(self, chat_id: str, name: str | None, threshold: float, gated: bool) -> DatasetRequest:
        """What makes a dataset version of the accepted scenarios. Raises Refused where none is accepted."""
        row = await asyncio.to_thread(self._row, chat_id)
        builder = _builder(row)
        if not builder.accepted:
            raise Refused("nothing is accepted yet: accept a draft first")
        dataset = Dataset(name=name or builder.card.agent_id, description=builder.brief, scenarios=builder.accepted)
        return DatasetRequest(
            project=row.project, agent=builder.card.ref, dataset=dataset, threshold=threshold, gated=gated
        )

    async def follow(self, chat_id: str, after: tuple[int, int], until: int | None = None) -> AsyncIterator[News]:
        """What is new behind that place, as it comes. `until`: ends when this message is said to the end."""
        place = after
        while True:
            for news in await asyncio.to_thread(self._news, chat_id, place):
                place = news.place
                yield news
            if until is not None and place >= (until, WHOLE):
                return
            await asyncio.sleep(LOOK_S)

    async def _about(self, project: str, asked: NewChat) -> BuilderChat | None:
        from assay.tracking import load_result

        stages = {"analyst": Stage.JUDGE, "comparator": Stage.COMPARE, "feedback_analyst": Stage.FEEDBACK}
        if asked.agent in stages:
            await asyncio.to_thread(load_result, self._context.tracking, project, stages[asked.agent], asked.subject_id)
            return None
        agent_id, _, version = asked.subject_id.partition("@")
        try:
            agent = AgentRef(agent_id=agent_id, version=version)
        except ValueError:
            raise BadInput(f"subject_id: {asked.subject_id!r} is no agent version: write agent_id@version") from None
        return BuilderChat(card=(await self._context.agent_version(project, agent)).card)

    def _answer_soon(self, chat_id: str, number: int) -> None:
        task = asyncio.create_task(self._answer(chat_id, number))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, chat_id: str, number: int) -> None:
        """One message, by whoever gets hold of it first."""
        if not await asyncio.to_thread(self._claim, chat_id, number):
            return
        beating = asyncio.create_task(self._beat(chat_id, number))
        try:
            row, question = await asyncio.to_thread(self._question, chat_id, number)
            text, builder = await self._ask(row, number, question)
            await asyncio.to_thread(self._end, chat_id, number, "done", text, builder)
        except AssayError as error:
            from assay.tracking.connection import without_secrets

            words = without_secrets(error.public)
            await asyncio.to_thread(self._step, chat_id, number, "failed", words)
            await asyncio.to_thread(self._end, chat_id, number, "failed", words)
        except Exception as error:
            log.error("a chat was not answered", chat=chat_id, error=type(error).__name__, exc_info=error)
            words = f"{type(error).__name__}: a fault of Assay; see the server's log"
            await asyncio.to_thread(self._end, chat_id, number, "failed", words)
        finally:
            beating.cancel()

    async def _ask(self, row: sa.Row, number: int, question: str) -> tuple[str, BuilderChat | None]:
        """The answer, and the Dataset Builder's state behind it."""
        if row.agent == "dataset_builder":
            return await self._build(row, number, question)
        questions: dict[str, Callable[[], Awaitable[AnalystAnswer]]] = {
            "analyst": lambda: ask_analyst(
                AnalystQuestion(project=row.project, judging_id=row.subject_id, question=question, model=row.model),
                self._context,
            ),
            "comparator": lambda: ask_comparator(
                ComparatorQuestion(
                    project=row.project, comparison_id=row.subject_id, question=question, model=row.model
                ),
                self._context,
            ),
            "feedback_analyst": lambda: ask_feedback_analyst(
                FeedbackQuestion(project=row.project, production_id=row.subject_id, question=question, model=row.model),
                self._context,
            ),
        }
        await asyncio.to_thread(self._step, row.chat_id, number, "began", f"reads {row.subject_id}")
        said = await questions[row.agent]()
        for query in said.queries:
            await asyncio.to_thread(self._step, row.chat_id, number, "looked_up", str(query))
        return said.text, None

    async def _build(self, row: sa.Row, number: int, words: str) -> tuple[str, BuilderChat]:
        context = self._context
        name = context.model_name(row.model)
        builder = dataset_builder(context.chat_model(name), await context.prompts("dataset_builder", PROMPTS, name))
        await asyncio.to_thread(self._step, row.chat_id, number, "began", f"works with {builder.name}")
        before = _builder(row)
        after, reply = await builder.say(before, words)
        known = {scenario.scenario_id for scenario in before.scenarios}
        for scenario in after.scenarios:
            if scenario.scenario_id not in known:
                text = f"{scenario.scenario_id}: {scenario.goal}"
                await asyncio.to_thread(self._step, row.chat_id, number, "drafted", text)
        return reply, after

    async def _resume(self) -> None:
        while True:
            try:
                for chat_id, number in await asyncio.to_thread(self._left_open):
                    self._answer_soon(chat_id, number)
            except SQLAlchemyError as error:
                log.error("the database of chats does not answer", error=type(error).__name__)
            await asyncio.sleep(RESUME_S)

    async def _beat(self, chat_id: str, number: int) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            with suppress(SQLAlchemyError):
                await asyncio.to_thread(self._renew, chat_id, number)

    # Below: one transaction each.

    def _insert(self, table: sa.Table, row: dict[str, Any]) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.insert(table).values(**row))

    def _row(self, chat_id: str) -> sa.Row:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(CHATS).where(CHATS.c.chat_id == chat_id)).first()
        if row is None:
            raise NotFound(f"chat {chat_id} is not there")
        return row

    def _show(self, chat_id: str) -> Chat:
        row = self._row(chat_id)
        with self._engine.connect() as connection:
            said = connection.execute(
                sa.select(MESSAGES).where(MESSAGES.c.chat_id == chat_id).order_by(MESSAGES.c.number)
            ).all()
            steps = connection.execute(
                sa.select(STEPS).where(STEPS.c.chat_id == chat_id).order_by(STEPS.c.number, STEPS.c.step)
            ).all()
        messages = tuple(_message(one, [step for step in steps if step.number == one.number]) for one in said)
        builder = _builder(row) if row.builder else None
        return Chat(
            chat=_item(row, len(messages)),
            messages=messages,
            drafts=_drafts(row),
            brief=builder.brief if builder else "",
        )

    def _page(
        self, project: str, limit: int, after: tuple[float, str] | None
    ) -> tuple[list[ChatItem], tuple[float, str] | None]:
        count = (
            sa.select(sa.func.count()).where(MESSAGES.c.chat_id == CHATS.c.chat_id).correlate(CHATS).scalar_subquery()
        )
        query = (
            sa.select(CHATS, count.label("messages"))
            .where(CHATS.c.project == project)
            .order_by(CHATS.c.updated_at.desc(), CHATS.c.chat_id)
            .limit(limit + 1)
        )
        if after is not None:
            at, chat_id = after
            query = query.where((CHATS.c.updated_at < at) | ((CHATS.c.updated_at == at) & (CHATS.c.chat_id > chat_id)))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        last = rows[limit - 1] if len(rows) > limit else None
        return [_item(row, row.messages) for row in rows[:limit]], (last.updated_at, last.chat_id) if last else None

    def _say(self, chat_id: str, text: str, by: str, key: str | None) -> int:
        self._row(chat_id)
        now = time.time()
        ask_key = None if key is None else content_hash([chat_id, key])
        try:
            with self._engine.begin() as connection:
                said = connection.execute(
                    sa.select(MESSAGES.c.number, MESSAGES.c.state, MESSAGES.c.ask_key, MESSAGES.c.role)
                    .where(MESSAGES.c.chat_id == chat_id)
                    .order_by(MESSAGES.c.number)
                ).all()
                if ask_key is not None:
                    for one in said:
                        if one.ask_key == ask_key:
                            return one.number + 1
                if said and said[-1].state == "answering":
                    raise Refused("the agent still answers what was said before: wait for it, then say more")
                number = (said[-1].number if said else 0) + 1
                row = {"chat_id": chat_id, "at": now}
                person = {"number": number, "role": "person", "said_by": by, "text": text, "state": "done"}
                agent = {"number": number + 1, "role": "agent", "said_by": "", "text": "", "state": "answering"}
                connection.execute(sa.insert(MESSAGES).values(**row, **person, ask_key=ask_key))
                connection.execute(sa.insert(MESSAGES).values(**row, **agent, lease_until=0.0))
                title = {"title": text[:120]} if number == 1 else {}
                connection.execute(sa.update(CHATS).where(CHATS.c.chat_id == chat_id).values(updated_at=now, **title))
        except IntegrityError:
            raise Refused("somebody else said something in this chat just now: read it, then say more") from None
        return number + 1

    def _claim(self, chat_id: str, number: int) -> bool:
        now = time.time()
        mine = (MESSAGES.c.chat_id == chat_id) & (MESSAGES.c.number == number) & (MESSAGES.c.state == "answering")
        with self._engine.begin() as connection:
            before = connection.execute(sa.select(MESSAGES.c.owner).where(mine)).first()
            taken = connection.execute(
                sa.update(MESSAGES)
                .where(mine & (MESSAGES.c.lease_until < now))
                .values(owner=self._owner, lease_until=now + LEASE_S)
            ).rowcount
        if taken and before is not None and before.owner is not None:
            self._step(chat_id, number, "resumed", "the server that answered stopped; another one goes on")
        return bool(taken)

    def _renew(self, chat_id: str, number: int) -> None:
        mine = (MESSAGES.c.chat_id == chat_id) & (MESSAGES.c.number == number) & (MESSAGES.c.owner == self._owner)
        with self._engine.begin() as connection:
            connection.execute(sa.update(MESSAGES).where(mine).values(lease_until=time.time() + LEASE_S))

    def _let_go(self) -> None:
        mine = (MESSAGES.c.owner == self._owner) & (MESSAGES.c.state == "answering")
        with self._engine.begin() as connection:
            connection.execute(sa.update(MESSAGES).where(mine).values(lease_until=0.0))

    def _left_open(self) -> list[tuple[str, int]]:
        open_ = (MESSAGES.c.state == "answering") & (MESSAGES.c.lease_until < time.time())
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(MESSAGES.c.chat_id, MESSAGES.c.number).where(open_)).all()
        return [(row.chat_id, row.number) for row in rows]

    def _question(self, chat_id: str, number: int) -> tuple[sa.Row, str]:
        asked = (MESSAGES.c.chat_id == chat_id) & (MESSAGES.c.number == number - 1)
        with self._engine.connect() as connection:
            return self._row(chat_id), connection.execute(sa.select(MESSAGES.c.text).where(asked)).scalar_one()

    def _step(self, chat_id: str, number: int, kind: str, text: str) -> None:
        of_message = (STEPS.c.chat_id == chat_id) & (STEPS.c.number == number)
        with self._engine.begin() as connection:
            last = connection.execute(sa.select(sa.func.max(STEPS.c.step)).where(of_message)).scalar() or 0
            row = {"chat_id": chat_id, "number": number, "step": last + 1, "kind": kind, "text": text}
            connection.execute(sa.insert(STEPS).values(**row))

    def _end(
        self,
        chat_id: str,
        number: int,
        state: Literal["done", "failed"],
        text: str,
        builder: BuilderChat | None = None,
    ) -> None:
        """Only while it is still this server's to answer. Words and drafts at once, so that neither is there twice."""
        now = time.time()
        mine = (MESSAGES.c.chat_id == chat_id) & (MESSAGES.c.number == number) & (MESSAGES.c.owner == self._owner)
        with self._engine.begin() as connection:
            agent = sa.select(CHATS.c.agent).where(CHATS.c.chat_id == chat_id).scalar_subquery()
            ended = connection.execute(
                sa.update(MESSAGES).where(mine).values(state=state, text=text, at=now, said_by=agent)
            ).rowcount
            if not ended:
                return
            connection.execute(sa.update(CHATS).where(CHATS.c.chat_id == chat_id).values(updated_at=now))
            if builder is not None:
                row = connection.execute(sa.select(CHATS).where(CHATS.c.chat_id == chat_id)).one()
                connection.execute(_with_builder(chat_id, builder, numbered(_drafts(row), builder)))

    def _news(self, chat_id: str, place: tuple[int, int]) -> list[News]:
        number = place[0]
        with self._engine.connect() as connection:
            said = connection.execute(
                sa.select(MESSAGES)
                .where((MESSAGES.c.chat_id == chat_id) & (MESSAGES.c.number >= number))
                .order_by(MESSAGES.c.number)
            ).all()
            steps = connection.execute(
                sa.select(STEPS)
                .where((STEPS.c.chat_id == chat_id) & (STEPS.c.number >= number))
                .order_by(STEPS.c.number, STEPS.c.step)
            ).all()
        news = [News((row.number, row.step), ChatStep(kind=row.kind, text=row.text)) for row in steps]
        for one in said:
            if one.state != "answering":
                whole = _message(one, [step for step in steps if step.number == one.number])
                news.append(News((one.number, WHOLE), whole))
        return sorted((one for one in news if one.place > place), key=lambda one: one.place)

    def _decide(self, chat_id: str, number: int, asked: DraftDecision) -> None:
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(CHATS).where(CHATS.c.chat_id == chat_id).with_for_update()).first()
            if row is None:
                raise NotFound(f"chat {chat_id} is not there")
            busy = (MESSAGES.c.chat_id == chat_id) & (MESSAGES.c.state == "answering")
            if connection.execute(sa.select(MESSAGES.c.number).where(busy)).first():
                raise Refused("the Dataset Builder is at work: decide when it has answered")
            if not row.builder:
                raise BadInput(f"chat_id: {chat_id} is with the {row.agent}, who drafts nothing")
            builder, drafts = decided(_builder(row), _drafts(row), number, asked)
            connection.execute(_with_builder(chat_id, builder, drafts))


def decided(
    builder: BuilderChat, drafts: Sequence[DraftState], number: int, asked: DraftDecision
) -> tuple[BuilderChat, tuple[DraftState, ...]]:
    """The chat and its drafts with one of them accepted, changed or discarded.

    Raises NotFound for a number that is not there, BadInput for a change without its scenario or to another id.
    """
    found = next((draft for draft in drafts if draft.number == number), None)
    if found is None:
        there = ", ".join(str(draft.number) for draft in drafts) or "none yet"
        raise NotFound(f"draft {number} is not there: there is {there}")
    match asked.decision:
        case "accept":
            after = found.replace(state="accepted")
        case "discard":
            after = found.replace(state="discarded")
        case "change":
            if asked.scenario is None:
                raise BadInput("scenario: is missing: a change needs what stands there afterwards")
            if asked.scenario.scenario_id != found.scenario.scenario_id:
                raise BadInput(f"scenario.scenario_id: a change keeps the id {found.scenario.scenario_id}")
            state = "proposed" if found.state == "discarded" else found.state
            after = found.replace(state=state, scenario=asked.scenario)
    changed = tuple(after if draft is found else draft for draft in drafts)

    def of(state: str) -> tuple[Scenario, ...]:
        return tuple(draft.scenario for draft in changed if draft.state == state)

    return builder.replace(drafts=of("proposed"), accepted=of("accepted")), changed


def numbered(before: Sequence[DraftState], builder: BuilderChat) -> tuple[DraftState, ...]:
    """The drafts of the chat as it is now; each keeps the number that it had, and what is gone is discarded."""
    accepted = {scenario.scenario_id: scenario for scenario in builder.accepted}
    proposed = {scenario.scenario_id: scenario for scenario in builder.drafts}
    now: list[DraftState] = []
    for draft in before:
        name = draft.scenario.scenario_id
        if name in accepted:
            now.append(draft.replace(state="accepted", scenario=accepted.pop(name)))
        elif name in proposed:
            now.append(draft.replace(state="proposed", scenario=proposed.pop(name)))
        else:
            now.append(draft.replace(state="discarded"))
    for state, left in (("accepted", accepted), ("proposed", proposed)):
        for scenario in left.values():
            now.append(DraftState.model_validate({"number": len(now) + 1, "state": state, "scenario": scenario}))
    return tuple(now)


def _with_builder(chat_id: str, builder: BuilderChat, drafts: Sequence[DraftState]) -> sa.Update:
    rows = json.dumps([draft.model_dump(mode="json") for draft in drafts])
    values = {"builder": builder.model_dump_json(), "drafts": rows, "updated_at": time.time()}
    return sa.update(CHATS).where(CHATS.c.chat_id == chat_id).values(**values)


def _builder(row: sa.Row) -> BuilderChat:
    if not row.builder:
        raise BadInput(f"chat_id: {row.chat_id} is with the {row.agent}, who drafts nothing")
    return BuilderChat.model_validate_json(row.builder)


def _drafts(row: sa.Row) -> tuple[DraftState, ...]:
    return tuple(DraftState.model_validate(one) for one in json.loads(row.drafts or "[]"))


def _item(row: sa.Row, messages: int) -> ChatItem:
    return ChatItem(
        chat_id=row.chat_id,
        project=row.project,
        agent=row.agent,
        subject_id=row.subject_id,
        title=row.title,
        by=row.made_by,
        created_at=_when(row.created_at),
        updated_at=_when(row.updated_at),
        messages=messages,
    )


def _message(row: sa.Row, steps: Sequence[sa.Row]) -> ChatMessage:
    return ChatMessage(
        number=row.number,
        role=row.role,
        by=row.said_by,
        text=row.text,
        at=_when(row.at),
        state=row.state,
        steps=tuple(ChatStep(kind=step.kind, text=step.text) for step in steps),
    )


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
