"""Stage 1: the agent under test, how it is reached and what it was seen to do."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, HttpUrl, JsonValue, Tag

from assay.contracts.base import Contract, Document, Hash, JsonObject, Seconds, Slug, Text
from assay.contracts.stage import AgentRef, Stage, StageRequest, StageResult


class Tool(Contract):
    name: Text
    description: str = ""
    parameters: JsonObject = Field(default_factory=dict)
    """JSON Schema of the arguments."""


class PythonConnector(Contract):
    """A Python callable: `async def` or `def` taking the messages, or a class made anew for each conversation."""

    kind: Literal["python"] = "python"
    target: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$", examples=["shop.agent:Support"])]
    config: JsonObject = Field(default_factory=dict)
    """Keyword arguments of the class, or of the function besides the messages."""
    timeout_s: Seconds = 60.0


class HttpConnector(Contract):
    """Any JSON endpoint; JMESPath maps the conversation to the request's body and the answer to a reply."""

    kind: Literal["http"] = "http"
    url: HttpUrl
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    """`${NAME}` in a value is read from the environment, so that no secret is in a card."""
    request: str = "{conversation_id: conversation_id, messages: messages}"
    """JMESPath over {conversation_id, scenario_id, seed, message, messages, state}."""
    reply: str = "reply"
    tool_calls: str | None = None
    state: str | None = None
    input_tokens: str | None = None
    output_tokens: str | None = None
    timeout_s: Seconds = 60.0


class OpenAIConnector(Contract):
    """A chat-completions server: OpenAI's own, or any that speaks its protocol."""

    kind: Literal["openai"] = "openai"
    base_url: HttpUrl
    model: Text
    api_key_env: str | None = "OPENAI_API_KEY"
    """The variable that holds the key; None: the server wants none."""
    stream: bool = False
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    send_seed: bool = False
    extra_body: JsonObject = Field(default_factory=dict)
    timeout_s: Seconds = 60.0


class MlflowConnector(Contract):
    """A model in MLflow: ResponsesAgent, ChatAgent, ChatModel or any pyfunc that takes messages."""

    kind: Literal["mlflow"] = "mlflow"
    model_uri: Annotated[str, Field(pattern=r"^(models|runs):/.+", examples=["models:/support/3"])]
    timeout_s: Seconds = 60.0


class A2AConnector(Contract):
    """An agent that speaks Agent2Agent; `url` is where its agent card is served."""

    kind: Literal["a2a"] = "a2a"
    url: HttpUrl
    headers: dict[str, str] = Field(default_factory=dict)
    timeout_s: Seconds = 60.0


BUILT_IN = ("python", "http", "openai", "mlflow", "a2a")


def _no_built_in(kind: str) -> str:
    if kind in BUILT_IN:
        raise ValueError("is a kind of Assay's own")
    return kind


class ExternalConnector(Contract):
    """A kind that another package brings, by an entry point of the group `assay.connectors` with this name."""

    kind: Annotated[Slug, AfterValidator(_no_built_in)]
    options: JsonObject = Field(default_factory=dict)
    """The package's own business."""
    timeout_s: Seconds = 60.0


def _kind_of(connector: Any) -> str:
    kind = connector.get("kind") if isinstance(connector, Mapping) else getattr(connector, "kind", None)
    return kind if kind in BUILT_IN else "external"


Connector = Annotated[
    Annotated[PythonConnector, Tag("python")]
    | Annotated[HttpConnector, Tag("http")]
    | Annotated[OpenAIConnector, Tag("openai")]
    | Annotated[MlflowConnector, Tag("mlflow")]
    | Annotated[A2AConnector, Tag("a2a")]
    | Annotated[ExternalConnector, Tag("external")],
    Discriminator(_kind_of),
]


class AgentCard(Document):
    """What a team says of one version of its agent. All that follows is tested against this."""

    agent_id: Slug
    version: Slug
    description: Text
    connector: Connector
    system_prompt: str | None = None
    """None: not known, as with an agent behind a URL."""
    tools: tuple[Tool, ...] = ()
    known_limits: tuple[Text, ...] = ()
    topics: tuple[Text, ...] = ()
    """What users come to it with."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """Whatever else configures it (model, temperature); logged as MLflow params."""
    files: tuple[Text, ...] = ()
    """Configuration files, relative to the card; versioned with the agent."""
    checkpoints: tuple[Text, ...] = ()
    """Weights, relative to the card; versioned by hash with the agent."""

    @property
    def ref(self) -> AgentRef:
        return AgentRef(agent_id=self.agent_id, version=self.version)


class Finding(StrEnum):
    """What a probe can find of one ability."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class ProbeCheck(Contract):
    name: Literal["answers", "keeps_state", "streams", "calls_tools", "times_out", "deterministic"]
    finding: Finding
    detail: Text


class ProbeReport(Contract):
    """What the agent did when it was asked, before any money was spent."""

    checks: tuple[ProbeCheck, ...]
    latency_s: Seconds | None
    """Median of the probe's calls; None: no call was answered."""

    def finding(self, name: str) -> Finding:
        return next((check.finding for check in self.checks if check.name == name), Finding.UNKNOWN)


class DevelopRequest(StageRequest):
    card: AgentCard
    probe: bool = True
    card_dir: str = "."
    """Where the card's files are."""


class AgentVersion(StageResult):
    """A registered agent version. `subject_id` is `agent-<hash of the card>`."""

    stage: Literal[Stage.DEVELOP] = Stage.DEVELOP
    card: AgentCard
    card_hash: Hash
    card_dir: str = "."
    """Where the card's files and its Python code were when it was registered."""
    files: dict[str, Hash] = Field(default_factory=dict)
    """What the agent consists of on disk, relative to card_dir: its Python modules and the card's files, to SHA-256."""
    registered_model: str
    registry_version: str
    probe: ProbeReport | None
    """None: the probe was not asked for."""
