"""The API's resources, each a small class; a method an operation."""

import json
import time
from collections.abc import Iterator
from typing import Any, Generic, Literal, Protocol, TypeVar

import httpx

from assay.client.http import Http, new_key, part
from assay.contracts.agent import DevelopRequest
from assay.contracts.api import (
    AgentDetail,
    AgentItem,
    AgentPage,
    CertificateItem,
    Certificates,
    Changed,
    Chat,
    ChatItem,
    ChatMessage,
    ChatPage,
    ChatStep,
    ConversationDetail,
    ConversationFile,
    ConversationItem,
    ConversationPage,
    DatasetItem,
    DatasetPage,
    DraftDecision,
    EditedScenarios,
    FeedbackFile,
    GateAnswer,
    GatePage,
    Health,
    JobPage,
    LabelQueue,
    Ledger,
    Lifecycle,
    LinkedExperiment,
    LinkedExperiments,
    Me,
    MeasureTable,
    NewCertificate,
    NewChat,
    NewLabels,
    NewLink,
    NewProposal,
    NewSchedule,
    NewToken,
    NewTokenMade,
    NewTraffic,
    ProjectItem,
    ProjectPage,
    ProjectPolicy,
    RunDetail,
    RunItem,
    RunPage,
    SaveDrafts,
    Say,
    ScenarioFile,
    SessionList,
    ShownSettings,
    TokenItem,
    TokenPage,
    TrafficChange,
)
from assay.contracts.base import JsonObject
from assay.contracts.complaint import Complaints
from assay.contracts.dataset import DatasetRequest, DatasetResult
from assay.contracts.gate import GateDecision, GateState
from assay.contracts.job import Job, JobKind, JobStatus
from assay.contracts.labels import LabelAgreement, LabelDraw, LabelsTaken, LabelTask
from assay.contracts.pipeline import PipelineRequest
from assay.contracts.plan import Plan, PlanRequest
from assay.contracts.plugins import Plugins
from assay.contracts.report import Report
from assay.contracts.schedule import Schedules
from assay.contracts.stage import AgentRef, DatasetRef, Stage, StageRequest, StageResult
from assay.contracts.traffic import RolloutEvaluation, RolloutLooks, Traffic

Q = TypeVar("Q", bound=StageRequest)
R = TypeVar("R", bound=StageResult)
Q_co = TypeVar("Q_co", bound=StageRequest, covariant=True)
R_co = TypeVar("R_co", bound=StageResult, covariant=True)
ENDED = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)
AGAIN_S = 1.0
GIVE_UP_S = 120.0
"""How long a server may be gone while a job is followed."""


class Resource:
    def __init__(self, http: Http) -> None:
        self._http = http


class ServerState(Resource):
    def health(self) -> Health:
        return self._http.get("/health", Health)

    def me(self) -> Me:
        """Who the token stands for, and what it may do."""
        return self._http.get("/me", Me)

    def settings(self) -> ShownSettings:
        return self._http.get("/settings", ShownSettings)

    def plugins(self) -> Plugins:
        """What can be named on the server, by kind."""
        return self._http.get("/plugins", Plugins)

    def measures(self) -> MeasureTable:
        """What is measured of a conversation, and can be a guardrail."""
        return self._http.get("/measures", MeasureTable)

    def log_out(self) -> None:
        self._http.ask("POST", "/auth/logout")


class Projects(Resource):
    def list(self, words: str | None = None) -> Iterator[ProjectItem]:
        return self._http.items("/projects", ProjectPage, q=words)

    def make(self, project: str) -> ProjectItem:
        return self._http.send("POST", "/projects", ProjectItem, {"project": project})

    def show(self, project: str) -> Lifecycle:
        return self._http.get(f"/projects/{part(project)}", Lifecycle)

    def policy(self, project: str) -> ProjectPolicy:
        return self._http.get(f"/projects/{part(project)}/policy", ProjectPolicy)

    def declare(self, project: str, policy: ProjectPolicy) -> ProjectPolicy:
        return self._http.send("PUT", f"/projects/{part(project)}/policy", ProjectPolicy, policy)

    def plan(self, project: str, question: PlanRequest) -> Plan:
        """How many scenarios, trials and labels a question takes."""
        return self._http.send("POST", f"/projects/{part(project)}/plan", Plan, question)

    def experiments(self, project: str) -> LinkedExperiments:
        """The MLflow experiments that the project may read besides its own."""
        return self._http.get(f"/projects/{part(project)}/experiments", LinkedExperiments)

    def link(self, project: str, experiment: str) -> LinkedExperiment:
        """Lets the project read another experiment; takes an admin of all projects."""
        path = f"/projects/{part(project)}/experiments"
        return self._http.send("POST", path, LinkedExperiment, NewLink(experiment=experiment))

    def unlink(self, project: str, experiment: str) -> None:
        self._http.ask("DELETE", f"/projects/{part(project)}/experiments/{part(experiment)}")

    def complaints(self, project: str, k: int = 3) -> Complaints:
        return self._http.get(f"/projects/{part(project)}/complaints", Complaints, k=k)

    def changes(self, project: str) -> Iterator[Changed]:
        """What is new, as it comes, until the stream breaks."""
        with self._http.stream("GET", "/events", query={"project": project}) as events:
            for event in events:
                yield Changed.model_validate(event.data)


class Agents(Resource):
    def list(self, project: str, words: str | None = None) -> Iterator[AgentItem]:
        return self._http.items(f"/projects/{part(project)}/agents", AgentPage, q=words)

    def show(self, project: str, agent: AgentRef) -> AgentDetail:
        return self._http.get(f"/projects/{part(project)}/agents/{part(agent)}", AgentDetail)

    def register(self, request: DevelopRequest) -> Job:
        return self._http.send("POST", f"/projects/{part(request.project)}/agents", Job, request)

    def report(self, project: str) -> Report:
        """How Assay's own agents did."""
        return self._http.get(f"/projects/{part(project)}/agents-report", Report)

    def make_report(self, project: str, model: str | None = None) -> Job:
        return self._http.send("POST", f"/projects/{part(project)}/agents-report", Job, {"model": model})


class Datasets(Resource):
    def list(self, project: str, words: str | None = None) -> Iterator[DatasetItem]:
        return self._http.items(f"/projects/{part(project)}/datasets", DatasetPage, q=words)

    def show(self, project: str, dataset: DatasetRef) -> DatasetResult:
        return self._http.get(f"/projects/{part(project)}/datasets/{part(dataset)}", DatasetResult)

    def make(self, request: DatasetRequest) -> Job:
        return self._http.send("POST", f"/projects/{part(request.project)}/datasets", Job, request)

    def edit(self, project: str, name: str, scenarios: EditedScenarios) -> Job:
        """A new version; the versions before stay."""
        return self._http.send("POST", f"/projects/{part(project)}/datasets/{part(name)}/versions", Job, scenarios)


class StageContracts(Protocol[Q_co, R_co]):
    """What `assay.stages.STAGES` says of each stage; of that, what a client needs."""

    @property
    def resource(self) -> str | None: ...
    @property
    def request(self) -> type[Q_co]: ...
    @property
    def result(self) -> type[R_co]: ...


class Results(Resource, Generic[Q, R]):
    """Results of one stage."""

    def __init__(self, http: Http, name: str, result: type[R]) -> None:
        super().__init__(http)
        self._name = name
        self._result = result

    def list(
        self, project: str, *, agent: AgentRef | None = None, gated: bool | None = None, words: str | None = None
    ) -> Iterator[RunItem]:
        """The newest first."""
        return self._http.items(self._path(project), RunPage, agent=agent, gated=gated, q=words)

    def start(self, request: Q, *, key: str | None = None) -> Job:
        return self._http.send("POST", self._path(request.project), Job, request, key=key)

    def show(self, project: str, subject_id: str) -> R:
        return self._http.get(f"{self._path(project)}/{part(subject_id)}", self._result)

    def report(self, project: str, subject_id: str) -> Report:
        return self._http.get(f"{self._path(project)}/{part(subject_id)}/report", Report)

    def report_file(self, project: str, subject_id: str, format: Literal["html", "pdf", "json"]) -> bytes:
        path = f"{self._path(project)}/{part(subject_id)}/report"
        return self._http.ask("GET", path, query={"format": format}).content

    def _path(self, project: str) -> str:
        return f"/projects/{part(project)}/{self._name}"


class TrafficOf(Resource):
    """A rollout under way."""

    def show(self, project: str) -> Traffic:
        return self._http.get(self._path(project), Traffic)

    def start(self, project: str, asked: NewTraffic) -> Traffic:
        return self._http.send("POST", self._path(project), Traffic, asked)

    def look(self, project: str) -> RolloutEvaluation:
        """Holds production against the guardrails, and does what follows."""
        return self._http.send("POST", f"{self._path(project)}/look", RolloutEvaluation)

    def looks(self, project: str) -> RolloutLooks:
        return self._http.get(f"{self._path(project)}/looks", RolloutLooks)

    def change(
        self, project: str, what: Literal["advance", "pause", "resume", "roll_back", "complete"], reason: str
    ) -> Traffic:
        return self._http.send("POST", f"{self._path(project)}/{what}", Traffic, TrafficChange(reason=reason))

    def _path(self, project: str) -> str:
        return f"/projects/{part(project)}/traffic"


class Runs(Resource):
    def list(
        self,
        project: str,
        *,
        stage: Stage | None = None,
        agent: AgentRef | None = None,
        dataset_version: str | None = None,
        status: Literal["RUNNING", "FINISHED", "FAILED", "KILLED"] | None = None,
        gated: bool | None = None,
        words: str | None = None,
    ) -> Iterator[RunItem]:
        query = {"stage": stage, "agent": agent, "dataset": dataset_version, "status": status, "gated": gated}
        return self._http.items(f"/projects/{part(project)}/runs", RunPage, **query, q=words)

    def show(self, project: str, run_id: str) -> RunDetail:
        return self._http.get(f"/projects/{part(project)}/runs/{part(run_id)}", RunDetail)

    def artifact(self, project: str, run_id: str, path: str) -> bytes:
        whole = "/".join(part(one) for one in path.split("/"))
        return self._http.ask("GET", f"/projects/{part(project)}/runs/{part(run_id)}/artifacts/{whole}").content


class Conversations(Resource):
    def list(
        self,
        project: str,
        *,
        simulation: str | None = None,
        judging: str | None = None,
        outcome: Literal["passed", "failed", "unjudged"] | None = None,
        scenario: str | None = None,
        agent: AgentRef | None = None,
    ) -> Iterator[ConversationItem]:
        query = {"simulation": simulation, "judging": judging, "outcome": outcome, "scenario": scenario}
        return self._http.items(f"/projects/{part(project)}/conversations", ConversationPage, **query, agent=agent)

    def show(self, project: str, conversation_id: str) -> ConversationDetail:
        return self._http.get(f"/projects/{part(project)}/conversations/{part(conversation_id)}", ConversationDetail)


class Labels(Resource):
    def queue(self, project: str, judging_id: str, count: int = 10) -> LabelQueue:
        return self._http.get(self._path(project, "/queue"), LabelQueue, judging=judging_id, count=count)

    def draw(self, project: str, judging_id: str, count: int = 10, seed: int = 0) -> LabelDraw:
        asked = {"judging_id": judging_id, "count": count, "seed": seed}
        return self._http.send("POST", self._path(project, "/draws"), LabelDraw, asked)

    def take(self, project: str, tasks: tuple[LabelTask, ...]) -> LabelsTaken:
        return self._http.send("POST", self._path(project), LabelsTaken, NewLabels(tasks=tasks))

    def agreement(self, project: str, judging_id: str) -> LabelAgreement:
        return self._http.get(self._path(project, "/agreement"), LabelAgreement, judging=judging_id)

    def _path(self, project: str, rest: str = "") -> str:
        return f"/projects/{part(project)}/labels{rest}"


class CertificatesOf(Resource):
    """What labels say of the judges of a project."""

    def list(self, project: str) -> Certificates:
        return self._http.get(f"/projects/{part(project)}/certificates", Certificates)

    def certify(self, project: str, asked: NewCertificate | None = None) -> CertificateItem:
        """asked: None: the newest judging and all labelled ones of its judge."""
        path = f"/projects/{part(project)}/certificates"
        return self._http.send("POST", path, CertificateItem, asked or NewCertificate())


class Files(Resource):
    """Files of scenarios, feedback (JSONL, JSON, CSV, Excel) and conversations, read by the server and not stored."""

    def scenarios(self, project: str, name: str, data: bytes) -> ScenarioFile:
        path = f"/projects/{part(project)}/files/scenarios"
        answer = self._http.ask("POST", path, query={"name": name}, body=data)
        return ScenarioFile.model_validate_json(answer.content)

    def feedback(
        self, project: str, name: str, data: bytes, *, dates: Literal["day-first", "month-first"] | None = None
    ) -> FeedbackFile:
        path = f"/projects/{part(project)}/files/feedback"
        answer = self._http.ask("POST", path, query={"name": name, "dates": dates}, body=data)
        return FeedbackFile.model_validate_json(answer.content)

    def conversations(
        self,
        project: str,
        name: str,
        data: bytes,
        *,
        agent: str,
        format: str = "openai",
        dataset: DatasetRef | None = None,
        options: JsonObject | None = None,
    ) -> ConversationFile:
        """agent: `agent_id@version` that spoke. dataset: stored scenarios, for a format that brings none."""
        query = {
            "name": name,
            "agent": agent,
            "format": format,
            "dataset": None if dataset is None else str(dataset),
            "options": None if options is None else json.dumps(options),
        }
        answer = self._http.ask("POST", f"/projects/{part(project)}/files/conversations", query=query, body=data)
        return ConversationFile.model_validate_json(answer.content)

    def propose(self, project: str, production_id: str, asked: NewProposal) -> Job:
        """Takes the scenarios that a production report proposes into a new version of a dataset."""
        path = f"/projects/{part(project)}/feedback/{part(production_id)}/propose"
        return self._http.send("POST", path, Job, asked)


class SchedulesOf(Resource):
    def list(self, project: str) -> Schedules:
        return self._http.get(f"/projects/{part(project)}/schedules", Schedules)

    def put(self, project: str, name: str, schedule: NewSchedule) -> Schedules:
        """Adds the schedule, or replaces the one of this name."""
        return self._http.send("PUT", f"/projects/{part(project)}/schedules/{part(name)}", Schedules, schedule)

    def remove(self, project: str, name: str) -> Schedules:
        return self._http.send("DELETE", f"/projects/{part(project)}/schedules/{part(name)}", Schedules)


class Gates(Resource):
    def list(
        self, project: str, state: Literal["waiting", "approved", "rejected"] | None = None
    ) -> Iterator[GateState]:
        return self._http.items(f"/projects/{part(project)}/gates", GatePage, state=state)

    def decide(
        self,
        project: str,
        stage: Stage,
        subject_id: str,
        decision: Literal["approve", "reject"],
        reason: str,
        *,
        overrules: str | None = None,
    ) -> GateDecision:
        """overrules: the hash of the decision that is in force and is to be overruled; None: none was seen."""
        path = f"/projects/{part(project)}/gates/{stage}/{part(subject_id)}"
        answer = GateAnswer(decision=decision, reason=reason, overrules=overrules)
        return self._http.send("POST", path, GateDecision, answer)

    def ledger(self, project: str, *, evidence: bool = False) -> Ledger:
        """evidence: what was approved is read again and held against the approvals' hashes."""
        return self._http.get(f"/projects/{part(project)}/ledger", Ledger, evidence=evidence)


class Pipelines(Resource):
    def start(self, project: str, request: PipelineRequest, *, key: str | None = None) -> Job:
        return self._http.send("POST", f"/projects/{part(project)}/pipelines", Job, request, key=key)


class Jobs(Resource):
    def list(self, project: str | None = None, *, open_only: bool = False) -> Iterator[Job]:
        return self._http.items("/jobs", JobPage, project=project, open_only=open_only)

    def start(self, kind: JobKind, request: dict[str, Any], *, key: str | None = None) -> Job:
        return self._http.send("POST", "/jobs", Job, {"kind": kind, "request": request}, key=key)

    def show(self, job_id: str) -> Job:
        return self._http.get(f"/jobs/{part(job_id)}", Job)

    def cancel(self, job_id: str) -> Job:
        return self._http.send("POST", f"/jobs/{part(job_id)}/cancel", Job)

    def retry(self, job_id: str) -> Job:
        return self._http.send("POST", f"/jobs/{part(job_id)}/retry", Job)

    def follow(self, job_id: str) -> Iterator[Job]:
        """The job whenever it is another, until it has ended. A server that is started anew is followed on.

        Raises ServerUnreachable once it was gone for two minutes.
        """
        last: str | None = None
        gone_since: float | None = None
        while True:
            try:
                with self._http.stream("GET", f"/jobs/{part(job_id)}/events", last=last) as events:
                    gone_since = None
                    for event in events:
                        last = event.id
                        job = Job.model_validate(event.data)
                        yield job
                        if job.status in ENDED:
                            return
            except httpx.TransportError as error:
                gone_since = gone_since or time.monotonic()
                if time.monotonic() - gone_since > GIVE_UP_S:
                    raise self._http.unreachable(error) from None
            time.sleep(AGAIN_S)


class Chats(Resource):
    def list(self, project: str) -> Iterator[ChatItem]:
        return self._http.items(f"/projects/{part(project)}/chats", ChatPage)

    def begin(self, project: str, asked: NewChat) -> Chat:
        return self._http.send("POST", f"/projects/{part(project)}/chats", Chat, asked)

    def show(self, chat_id: str) -> Chat:
        return self._http.get(f"/chats/{part(chat_id)}", Chat)

    def say(self, chat_id: str, text: str, *, key: str | None = None) -> Iterator[ChatStep | ChatMessage]:
        """What the agent does, and its answer. A broken stream is taken up again: nothing is said twice."""
        key = key or new_key()
        path = f"/chats/{part(chat_id)}/messages"
        heard: set[str] = set()
        for attempt in range(4):
            try:
                with self._http.stream("POST", path, body=Say(text=text), key=key) as events:
                    for event in events:
                        if event.id not in heard:
                            heard.add(event.id)
                            yield _news(event.name, event.data)
                return
            except httpx.TransportError as error:
                if attempt == 3:
                    raise self._http.unreachable(error) from None
                time.sleep(AGAIN_S)

    def follow(self, chat_id: str, after: int = 0) -> Iterator[ChatStep | ChatMessage]:
        """All that is new behind message number `after`, until the stream breaks."""
        with self._http.stream("GET", f"/chats/{part(chat_id)}/events", query={"after": after}) as events:
            for event in events:
                yield _news(event.name, event.data)

    def decide(self, chat_id: str, number: int, decision: DraftDecision) -> Chat:
        return self._http.send("POST", f"/chats/{part(chat_id)}/drafts/{number}", Chat, decision)

    def save(self, chat_id: str, asked: SaveDrafts) -> Job:
        return self._http.send("POST", f"/chats/{part(chat_id)}/save", Job, asked)


def _news(name: str, data: Any) -> ChatStep | ChatMessage:
    return ChatMessage.model_validate(data) if name == "message" else ChatStep.model_validate(data)


class Tokens(Resource):
    def list(self) -> Iterator[TokenItem]:
        return self._http.items("/tokens", TokenPage)

    def make(self, asked: NewToken) -> NewTokenMade:
        return self._http.send("POST", "/tokens", NewTokenMade, asked)

    def revoke(self, token_id: str) -> TokenItem:
        return self._http.send("DELETE", f"/tokens/{part(token_id)}", TokenItem)


class Sessions(Resource):
    """Logins that are still open; for admins of all projects."""

    def list(self) -> SessionList:
        return self._http.get("/sessions", SessionList)

    def revoke(self, session: str) -> SessionList:
        return self._http.send("DELETE", f"/sessions/{part(session)}", SessionList)
