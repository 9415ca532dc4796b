"""Agents whose answers are kept in a recording, or come from one alone."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter

from assay.connectors.protocol import AgentReply, Connector, ConversationStart, Dialogue
from assay.contracts.base import JsonObject, content_hash
from assay.contracts.conversation import Turn
from assay.errors import CallError, NotFound
from assay.models.replay import Recorded, Recording

_REPLY = TypeAdapter(AgentReply)


class RecordedAgent:
    """`connector` None: nobody is asked, and what was not recorded is NotFound.

    An answer belongs to the agent, the scenario, the seed of the trial and all that the user said so far, so no trial
    ever gets another one's.
    """

    def __init__(self, card_hash: str, recording: Recording, connector: Connector | None) -> None:
        self._card_hash = card_hash
        self._recording = recording
        self._connector = connector

    async def open(self, start: ConversationStart) -> "RecordedDialogue":
        inner = await self._connector.open(start) if self._connector is not None else None
        world = [self._card_hash, start.scenario_id, start.seed, start.initial_state]
        return RecordedDialogue(self._recording, inner, content_hash(["agent", world]))


class RecordedDialogue:
    def __init__(self, recording: Recording, inner: Dialogue | None, world: str) -> None:
        self._recording = recording
        self._inner = inner
        self._world = world
        self._said: list[str] = []

    async def reply(self, user_text: str) -> AgentReply:
        """Raises NotFound for words that were not recorded where nobody may be asked."""
        self._said.append(user_text)
        key = content_hash([self._world, self._said])
        found = self._recording.find(key)
        # An agent that keeps a state has to hear every turn: a recorded answer stands in for it only where it is not
        # there at all.
        if found is not None and self._inner is None:
            if found.failed is not None:
                raise CallError(found.failed)
            return replace(_REPLY.validate_json(found.text or ""), replayed=True)
        if self._inner is None:
            raise NotFound(
                f"{self._recording.file}: the agent's answer to {user_text[:60]!r} was not recorded: agent, scenarios, "
                "seed or prompts changed, so record it anew"
            )
        try:
            reply = await self._inner.reply(user_text)
        except CallError as error:
            self._recording.keep(Recorded(key=key, failed=error.failed))
            raise
        self._recording.keep(Recorded(key=key, text=_REPLY.dump_json(reply).decode()))
        return reply

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        if self._inner is not None and not self._inner.resume(turns, state):
            return False
        self._said = [turn.text for turn in turns if turn.role == "user"]
        return True

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()
