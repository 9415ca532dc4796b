"""A connector: an agent that says what it is told."""

from collections.abc import Sequence
from pathlib import Path

from assay.connectors import AgentReply, ConversationStart
from assay.contracts.agent import AgentCard, ExternalConnector
from assay.contracts.base import JsonObject
from assay.contracts.conversation import Turn


def connect(card: AgentCard, card_dir: Path) -> "Echo":
    """Called once for each run. `card_dir` is where the card's files are."""
    del card_dir
    assert isinstance(card.connector, ExternalConnector)
    return Echo(str(card.connector.options.get("prefix", "")))


class Echo:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    async def open(self, start: ConversationStart) -> "EchoDialogue":
        del start
        return EchoDialogue(self.prefix)


class EchoDialogue:
    """One conversation. Keep what belongs to it here."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    async def reply(self, user_text: str) -> AgentReply:
        return AgentReply(text=f"{self.prefix}{user_text}")

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        """True: the conversation can go on after these turns, since nothing else is kept."""
        del turns, state
        return True

    async def close(self) -> None: ...
