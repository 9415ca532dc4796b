"""A client of Assay's HTTP API: requests and answers are the contracts, errors are those of `assay.errors`.

from assay.client import Client

with Client("http://127.0.0.1:8000", token="assay_…") as client:
    job = client.pipelines.start("shop", request)
    for job in client.jobs.follow(job.job_id):
        print(job.status, job.progress.done)
"""

from assay.client.http import Http, NotAllowed, NotLoggedIn, ServerUnreachable
from assay.client.resources import (
    Agents,
    CertificatesOf,
    Chats,
    Conversations,
    Datasets,
    Files,
    Gates,
    Jobs,
    Labels,
    Pipelines,
    Projects,
    Q,
    R,
    Results,
    Runs,
    SchedulesOf,
    ServerState,
    Sessions,
    StageContracts,
    Tokens,
    TrafficOf,
)
from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest
from assay.contracts.comparison import CompareRequest, ComparisonReport
from assay.contracts.conversation import SimulateRequest, Simulation
from assay.contracts.feedback import FeedbackRequest, ProductionReport
from assay.contracts.judgment import JudgeRequest, Judging
from assay.contracts.rollout import DeployRequest, Rollout
from assay.errors import BadInput

__all__ = ["Client", "NotAllowed", "NotLoggedIn", "ServerUnreachable"]


class Client:
    """One server, by its resources. Not safe for use by several threads at a time."""

    def __init__(self, server: str, token: str | None = None, *, timeout_s: float = 60.0) -> None:
        """server: such as https://assay.example.org. Raises BadInput for what is no address."""
        http = Http(server, token, timeout_s)
        self._http = http
        self.server = ServerState(http)
        self.projects = Projects(http)
        self.agents = Agents(http)
        self.datasets = Datasets(http)
        self.simulations: Results[SimulateRequest, Simulation] = Results(http, "simulations", Simulation)
        self.judgments: Results[JudgeRequest, Judging] = Results(http, "judgments", Judging)
        self.reports: Results[AnalyzeRequest, AnalyticsReport] = Results(http, "reports", AnalyticsReport)
        self.comparisons: Results[CompareRequest, ComparisonReport] = Results(http, "comparisons", ComparisonReport)
        self.rollouts: Results[DeployRequest, Rollout] = Results(http, "rollouts", Rollout)
        self.feedback: Results[FeedbackRequest, ProductionReport] = Results(http, "feedback", ProductionReport)
        self.traffic = TrafficOf(http)
        self.runs = Runs(http)
        self.conversations = Conversations(http)
        self.labels = Labels(http)
        self.gates = Gates(http)
        self.pipelines = Pipelines(http)
        self.jobs = Jobs(http)
        self.chats = Chats(http)
        self.tokens = Tokens(http)
        self.sessions = Sessions(http)
        self.certificates = CertificatesOf(http)
        self.schedules = SchedulesOf(http)
        self.files = Files(http)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._http.address!r})"

    def results(self, stage: StageContracts[Q, R]) -> Results[Q, R]:
        """The results of any stage, such as `STAGES[Stage.JUDGE]`. Raises BadInput for agents and datasets."""
        if stage.resource is None:
            raise BadInput(f"{stage.result.__name__} has no list of results: use `agents` or `datasets`")
        return Results(self._http, stage.resource, stage.result)

    @property
    def address(self) -> str:
        return self._http.address

    def close(self) -> None:
        self._http.close()
