"""How the agent under test is reached: one kind a file, and nothing of it known above."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.connectors.door import Door
from assay.connectors.protocol import AgentReply, Connector, ConversationStart, Dialogue, converse
from assay.connectors.recorded import RecordedAgent
from assay.contracts.agent import (
    A2AConnector,
    AgentCard,
    ExternalConnector,
    HttpConnector,
    MlflowConnector,
    OpenAIConnector,
    ProbeReport,
    PythonConnector,
)
from assay.contracts.plugins import PluginGroup
from assay.errors import BadInput
from assay.plugins import load
from assay.settings import Settings

if TYPE_CHECKING:
    from assay.connectors.network import Network

LoadModel = Callable[[str], Any]
"""Loads `models:/name/version` as a pyfunc: `tracking.load_pyfunc`, handed in by the stage."""


def connect(
    card: AgentCard, *, card_dir: Path, load_model: LoadModel | None = None, settings: Settings | None = None
) -> Connector:
    """The connector of the card. Raises BadInput where the card is wrong; no call is made yet.

    `settings` say which hosts an agent may have (`connectors.network`); None: any.
    """
    return Door(_connect(card, card_dir, load_model, settings))


def _connect(card: AgentCard, card_dir: Path, load_model: LoadModel | None, settings: Settings | None) -> Connector:
    match card.connector:
        case PythonConnector() as spec:
            from assay.connectors.python import InProcess

            return InProcess(spec, card_dir=card_dir)
        case HttpConnector() as spec:
            from assay.connectors.http import JsonEndpoint

            return JsonEndpoint(spec, network=_network(settings))
        case OpenAIConnector() as spec:
            from assay.connectors.openai import ChatCompletions

            return ChatCompletions(spec, system_prompt=card.system_prompt, network=_network(settings))
        case MlflowConnector() as spec:
            from assay.connectors.mlflow import LoadedModel

            if load_model is None:
                raise BadInput("connector.kind: an `mlflow` agent needs load_model, such as tracking.load_pyfunc")
            return LoadedModel(spec, load_model)
        case A2AConnector() as spec:
            from assay.connectors.a2a import AgentToAgent

            return AgentToAgent(spec, network=_network(settings))
        case ExternalConnector(kind=kind):
            return load(PluginGroup.CONNECTORS, kind, "connector.kind")(card, card_dir)


def _network(settings: Settings | None) -> "Network":
    from assay.connectors.network import ANY, Network

    return ANY if settings is None else Network.of(settings)


async def probe(
    card: AgentCard,
    *,
    card_dir: Path,
    load_model: LoadModel | None = None,
    openings: tuple[str, ...] = (),
    settings: Settings | None = None,
) -> ProbeReport:
    """What the agent does when it is asked, in at most 8 calls. Raises BadInput where the card is wrong.

    `openings` are words that users begin with; without them it asks for the card's topics.
    """
    from assay.connectors.conformance import Probe

    def reach(changed: AgentCard) -> Connector:
        return connect(changed, card_dir=card_dir, load_model=load_model, settings=settings)

    return await Probe(card, reach, openings).run()


__all__ = [
    "AgentReply",
    "Connector",
    "ConversationStart",
    "Dialogue",
    "LoadModel",
    "RecordedAgent",
    "connect",
    "converse",
    "probe",
]
