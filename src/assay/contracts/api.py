"""What the HTTP API says besides the contracts of the stages: pages of lists, problems, who asks, chats, tokens."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field

from assay.contracts.agent import AgentVersion
from assay.contracts.base import Contract, Document, Hash, JsonObject, Seconds, Share, Slug, Text
from assay.contracts.comparison import ComparePolicy
from assay.contracts.conversation import Conversation, SimulatorFaultKind, StopReason
from assay.contracts.dataset import Dataset, Scenario
from assay.contracts.feedback import Feedback
from assay.contracts.gate import GateDecision, GateState, LedgerCheck
from assay.contracts.job import Job, JobKind, Worker
from assay.contracts.judgment import Judgment, Verdict
from assay.contracts.labels import LabelTask
from assay.contracts.rollout import RegistryStage, Transition
from assay.contracts.schedule import Cron, ScheduleKind
from assay.contracts.stage import AgentRef, DatasetRef, ModelName, Stage
from assay.contracts.traffic import RolloutPolicy

T = TypeVar("T")


class Role(StrEnum):
    """What a person or a token may do in a project."""

    VIEWER = "viewer"
    """Sees all of it."""
    EVALUATOR = "evaluator"
    """Runs stages, chats and labels, besides."""
    APPROVER = "approver"
    """Decides at gates and on rollouts, besides seeing all."""
    ADMIN = "admin"
    """All of this; the policy, tokens, and agents whose code runs on the server."""


PAGE_COOKIE = "assay_page"
LOGIN_COOKIE = "assay_login"
SECURE_PREFIX = "__Host-"
"""Names of the server's cookies, and the prefix that they bear over HTTPS: no other host name can set such a cookie."""

EVERYWHERE = "*"
"""In place of a project: all of them, those to come too."""

Grants = dict[str, tuple[Role, ...]]
"""Project, or `*`, to the roles that are held in it."""


class FieldProblem(Contract):
    """One field that does not fit."""

    field: str
    """Where it is, as in `body.request.trials`."""
    problem: str


class Problem(Contract):
    """Why a request was not done: RFC 9457, `application/problem+json`."""

    type: str = "about:blank"
    """`urn:assay:` and the kind of the error."""
    title: str
    status: int
    detail: str
    """What is wrong, where, and how to mend it."""
    errors: tuple[FieldProblem, ...] = ()


class Page(Contract, Generic[T]):
    """A part of a list."""

    items: tuple[T, ...]
    next_cursor: str | None = None
    """Given as `cursor` it asks for what comes next; None: this was the last page."""
    total: int | None = None
    """Of all pages; None: it was not counted."""


class Health(Contract):
    status: Literal["ok", "degraded"]
    """degraded: MLflow or the database of jobs does not answer."""
    version: str | None = None
    """None: who asks is not logged in."""
    tracking: str | None = None
    """MLflow's address, without a password in it. None: who asks is no admin of all projects."""
    access: Literal["sql", "api"] | None = None
    """sql: MLflow's tables are read directly. api: everything goes through MLflow's API, which is slower, because the
    store is a server or its schema is not the one that Assay knows. None: MLflow does not answer, or who asks is not
    logged in."""
    workers: tuple[Worker, ...] | None = None
    """That take jobs now; only an admin of all projects learns host and process. None: who asks is not logged in."""


class Me(Contract):
    """Who asks."""

    name: str
    auth: Literal["off", "on"]
    login: bool
    """True: people can log in through OIDC, at /api/v1/auth/login."""
    known: bool
    """False: authentication is on, and nobody is logged in."""
    roles: Grants
    csrf_token: str | None = None
    """Goes with every change as header `X-CSRF-Token`; None: it is not needed, as with API tokens."""
    mlflow: str | None = None
    """Where MLflow's own pages are; None: this server has none."""


class ShownSetting(Contract):
    name: str
    """Of the variable."""
    value: str
    """Masked where it is a secret."""
    origin: Literal["set", "default"]


class ShownSettings(Contract):
    items: tuple[ShownSetting, ...]


class NewProject(Contract):
    project: Slug = Field(examples=["shop"])


class ProjectItem(Contract):
    project: Slug
    experiment_id: str
    created_at: datetime
    updated_at: datetime


class LinkedExperiment(Contract):
    """An MLflow experiment that a project may judge traces of, besides its own."""

    experiment_id: str
    name: str


class LinkedExperiments(Contract):
    items: tuple[LinkedExperiment, ...]


class NewLink(Contract):
    experiment: Text = Field(max_length=500)
    """Its name or id."""


class NewSchedule(Contract):
    """What happens by itself under the path's name, from now on."""

    cron: Cron = Field(max_length=100, examples=["0 6 * * 1-5"])
    kind: ScheduleKind
    request: JsonObject = Field(default_factory=dict)
    enabled: bool = True


class NewCertificate(Contract):
    judging_ids: tuple[Slug, ...] = ()
    """Of one judge. Empty: the newest judging and all labelled ones of its judge."""
    all_of_judge: bool = False
    """Also all labelled judgings of the judge of the first one that is named."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.80


class CertificateItem(Contract):
    """A judge's certificate in a line; the whole is its run's `certificate.json`."""

    certificate_id: Slug
    judge: str
    made_at: datetime
    by: str
    admitted: bool
    reason: str
    rulings: int
    run_id: str | None


class Certificates(Contract):
    items: tuple[CertificateItem, ...]


class NewProposal(Contract):
    """Scenarios that complaints ask for, taken into a new version of a dataset."""

    dataset: DatasetRef
    agent: AgentRef | None = None
    """That the dataset tests; None: the report's."""
    scenarios: tuple[Scenario, ...] | None = None
    """What a person made of the proposals; None: as they were proposed."""
    gated: bool = False


class ProjectPolicy(Document):
    """What a project declares beforehand. It binds every caller; another choice takes an admin and stands in the
    report."""

    dataset_threshold: Share = 0.8
    compare: ComparePolicy = ComparePolicy()
    rollout: RolloutPolicy = RolloutPolicy()
    gates: Literal["before", "afterwards"] = "afterwards"
    """before: only what was run gated is deployed. afterwards: what was run ungated is too, once each step that led to
    it is approved."""
    four_eyes: bool = False
    """True: nobody approves what they ran themselves."""
    report_blocks: tuple[Slug, ...] = ()
    """Sections that installed packages add to the project's reports, by the names of their entry points in the group
    `assay.report_blocks`."""


class RunItem(Contract):
    """One run of a stage, in a line."""

    run_id: str
    name: str
    stage: Stage
    subject_id: str
    """Empty while it has no result."""
    status: Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
    agent: AgentRef | None
    """None: the stage is of no one agent version."""
    dataset: DatasetRef | None
    """None: it is of none."""
    gated: bool
    offline: bool
    started_at: datetime
    ended_at: datetime | None
    """None: it has not ended."""
    metrics: dict[str, float | None]
    """None: it was not a number."""
    error: str | None = None
    """Why it failed; None: it did not."""
    by: str = ""
    job_id: str | None = None
    """None: no job did it."""
    headline: str = ""
    """What it found; empty while it has no result."""


class RunFile(Contract):
    path: str
    bytes: int | None
    """None: not known."""


class RunDetail(Contract):
    run: RunItem
    params: dict[str, str]
    tags: dict[str, str]
    files: tuple[RunFile, ...]
    mlflow_url: str | None
    """Where MLflow's own page shows it; None: this server has no such page."""


class StageState(Contract):
    """One stage of a project's lifecycle."""

    stage: Stage
    finished: int
    """Results, gated or not."""
    running: int
    failed: int
    waiting: int
    """Gated results that nobody has decided on."""
    rejected: int = 0
    """Results that were rejected, by the last decision on each."""
    state: Literal["empty", "running", "waiting", "rejected", "approved", "done"] = "empty"
    """The newest result's: rejected, approved or waiting at its gate; done: it is ungated; running: there is none yet,
    but work on one is under way."""
    newest: RunItem | None
    """The newest result; None: there is none yet."""
    headline: str = ""


class AgentItem(Contract):
    """One registered version, and where it stands."""

    agent: AgentRef
    description: str
    registered_model: str
    registry_version: str
    registry_stage: RegistryStage
    registered_at: datetime
    run_id: str | None
    aliases: tuple[str, ...]
    reached: Stage | None = None
    """The last stage of the lifecycle that it has a result of; None: not looked up."""


class Lifecycle(Contract):
    """Where a project stands."""

    project: ProjectItem
    policy: ProjectPolicy
    stages: tuple[StageState, ...]
    """All eight, in order."""
    agents: tuple[AgentItem, ...]
    gates: tuple[GateState, ...]
    """That wait for a decision."""
    jobs: tuple[Job, ...]
    """That are not done yet."""


class AgentDetail(Contract):
    agent: AgentItem
    version: AgentVersion
    transitions: tuple[Transition, ...]


class DatasetItem(Contract):
    dataset: DatasetRef
    scenarios: int
    saved_at: datetime
    run_id: str | None


class EditedScenarios(Contract):
    """A new version of a dataset. Its version follows from its content."""

    agent: AgentRef
    scenarios: Annotated[tuple[Scenario, ...], Field(min_length=1)]
    description: str = ""
    threshold: Share = 0.8
    gated: bool = False


class ConversationItem(Contract):
    """One conversation, in a line."""

    conversation_id: str
    trace_id: str
    simulation_id: str
    scenario_id: str
    trial: int
    agent: AgentRef | None
    topic: str | None
    started_at: datetime
    duration_s: Seconds | None
    stop_reason: StopReason | None
    faults: tuple[SimulatorFaultKind, ...]
    failed: bool
    """A call to the agent, the simulator or an end by time-out."""
    tokens: int | None
    cost_usd: float | None
    opening: str
    """What the user said first."""
    outcome: Literal["passed", "failed", "unjudged"] | None = None
    """In the judging that was asked for, else in the newest that judged it; None: it is not judged."""


class ScenarioFile(Contract):
    """What a file of scenarios holds."""

    scenarios: tuple[Scenario, ...]
    notes: tuple[str, ...]
    """What the person who gave the file should know, such as columns that are kept as metadata."""


class MeasureItem(Contract):
    """One quantity of a conversation, as reports, comparisons and guardrails name and show it."""

    name: Slug
    label: Text
    unit: Literal["share", "seconds", "tokens", "usd", "count", "score"]
    better: Literal["higher", "lower"]
    compared: bool
    """True: comparisons and the chats' tables hold it."""
    limit: float | None
    """Of a guardrail that sets none; None: it has no limit."""
    judged: bool
    """True: a guardrail of it needs expectations that conversations are judged by."""


class MeasureTable(Contract):
    items: tuple[MeasureItem, ...]


class ImportedConversations(Contract):
    """The conversations of one agent version in a file, with the scenarios that they are held against."""

    agent: AgentRef
    dataset: Dataset
    conversations: tuple[Conversation, ...]


class ConversationFile(Contract):
    """What a file of conversations holds."""

    items: tuple[ImportedConversations, ...]
    """One for each agent version."""
    notes: tuple[str, ...]
    """As in ScenarioFile."""


class FeedbackFile(Contract):
    """What a file of feedback holds."""

    items: tuple[Feedback, ...]
    notes: tuple[str, ...]
    """As in ScenarioFile."""


class JudgedBy(Contract):
    judging_id: str
    judgment: Judgment


class ConversationDetail(Contract):
    conversation: Conversation
    simulation_id: str
    scenario: Scenario | None
    """None: its dataset is not known."""
    judgments: tuple[JudgedBy, ...]
    labels: tuple[Verdict, ...]
    feedback: tuple[Feedback, ...]
    mlflow_url: str | None


class LabelQueue(Contract):
    """What was drawn by lot and the person who asks has not labelled. The judge's verdicts are not in here."""

    tasks: tuple[LabelTask, ...]
    left: int
    """Of what was drawn so far, these among them."""


class NewLabels(Contract):
    """`by` of each task is overwritten with who is logged in."""

    tasks: Annotated[tuple[LabelTask, ...], Field(min_length=1)]


class GateAnswer(Contract):
    decision: Literal["approve", "reject"]
    reason: Text = Field(examples=["The validation report has no finding that matters."])
    overrules: Hash | None = None
    """The hash of the decision on this result that was seen and is to be overruled; None: none was seen. Where another
    one is in force the answer is 409, and says who decided what."""


class Ledger(Contract):
    decisions: tuple[GateDecision, ...]
    """The newest first."""
    check: LedgerCheck


class NewJob(Contract):
    kind: JobKind
    request: JsonObject


class TrafficChange(Contract):
    reason: Text


class NewTraffic(Contract):
    """Begins a rollout that was deployed to Production."""

    rollout_id: Slug
    champion_url: str | None = None
    challenger_url: str | None = None
    policy: RolloutPolicy = RolloutPolicy()
    reason: Text


ChatAgent = Literal["dataset_builder", "analyst", "comparator", "feedback_analyst"]
CHAT_AGENTS: tuple[ChatAgent, ...] = ("dataset_builder", "analyst", "comparator", "feedback_analyst")
ChatId = Annotated[str, Field(pattern=r"^chat-[0-9a-f]{16}$")]


class NewChat(Contract):
    """`subject_id` names what the chat is about: `agent_id@version` for the Dataset Builder, the judging's, the
    comparison's or the production report's id for the others."""

    agent: ChatAgent
    subject_id: Annotated[str, Field(min_length=1, max_length=200, examples=["judging-3f9a0c1d2e4b5a60"])]
    model: ModelName | None = None


class ChatStep(Contract):
    """What the agent did on its way to an answer."""

    kind: Literal["began", "looked_up", "drafted", "resumed", "failed"]
    text: str


class ChatMessage(Contract):
    number: int = Field(ge=1)
    role: Literal["person", "agent"]
    by: str
    text: str
    at: datetime
    state: Literal["done", "answering", "failed"] = "done"
    """answering: the agent has not said all yet. failed: `text` says why."""
    steps: tuple[ChatStep, ...] = ()


class DraftState(Contract):
    """One scenario of a chat with the Dataset Builder."""

    number: int = Field(ge=1)
    """Stays the same as long as the chat lasts."""
    state: Literal["proposed", "accepted", "discarded"]
    scenario: Scenario


class ChatItem(Contract):
    chat_id: ChatId
    project: Slug
    agent: ChatAgent
    subject_id: str
    title: str
    by: str
    created_at: datetime
    updated_at: datetime
    messages: int


class Chat(Document):
    """All of a chat, so that it can be left and taken up again."""

    chat: ChatItem
    messages: tuple[ChatMessage, ...]
    drafts: tuple[DraftState, ...] = ()
    """Of the Dataset Builder; empty with the others."""
    brief: str = ""


class Say(Contract):
    text: Annotated[Text, Field(max_length=20_000, examples=["Which topic fails most, and why?"])]


class DraftDecision(Contract):
    decision: Literal["accept", "change", "discard"]
    scenario: Scenario | None = None
    """With `change`: what stands there afterwards. It stays proposed, or accepted."""


class SaveDrafts(Contract):
    """The accepted scenarios become a dataset version; a job validates and saves it."""

    name: Slug | None = None
    """None: the agent's id."""
    threshold: Share = 0.8
    gated: bool = False


class NewToken(Contract):
    name: Text = Field(max_length=100, examples=["nightly evaluation"])
    roles: Grants = Field(examples=[{"shop": ["evaluator"]}])
    expires_in_days: int | None = Field(default=90, ge=1, le=3650)
    """None: as long as the server allows (ASSAY_TOKEN_DAYS)."""


class TokenItem(Contract):
    token_id: str
    """The first characters, by which people know it."""
    name: str
    roles: Grants
    by: str
    """Who made it."""
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    """None: never."""
    revoked_at: datetime | None


class NewTokenMade(Contract):
    token: str
    """Shown this once: only its hash is kept."""
    item: TokenItem


class SessionItem(Contract):
    """Somebody who is logged in."""

    session_id: str
    name: str
    groups: tuple[str, ...]
    """As the provider told them at the login."""
    created_at: datetime
    expires_at: datetime


class SessionList(Contract):
    items: tuple[SessionItem, ...]


class Changed(Contract):
    """Something in a project is new: lists that show it should be read again."""

    what: Literal["runs", "jobs", "gates", "traffic"]
    project: str


class ProjectPage(Page[ProjectItem]):
    pass


class RunPage(Page[RunItem]):
    pass


class AgentPage(Page[AgentItem]):
    pass


class DatasetPage(Page[DatasetItem]):
    pass


class ConversationPage(Page[ConversationItem]):
    pass


class GatePage(Page[GateState]):
    pass


class JobPage(Page[Job]):
    pass


class ChatPage(Page[ChatItem]):
    pass


class TokenPage(Page[TokenItem]):
    pass
