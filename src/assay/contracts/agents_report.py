"""The pipeline turned on itself: how the six platform agents do their work."""

from typing import Literal

from assay.contracts.base import Contract, Document, Seconds, Share, Slug, Usd
from assay.contracts.estimate import Quantity
from assay.contracts.report import Fact
from assay.contracts.stage import ModelName, Usage

PlatformAgent = Literal["dataset_builder", "user_simulator", "judge", "analyst", "comparator", "feedback_analyst"]


class PlatformAgentReport(Contract):
    agent: PlatformAgent
    model: str
    calls: int
    errors: int
    error_rate: Quantity
    latency_p50_s: Seconds | None
    latency_p95_s: Seconds | None
    """None: no call was made."""
    tokens: int | None
    cost_usd: Usd | None
    """None: the price is not known. Offline it is 0."""
    determinism: Quantity
    """Share of repeats with another seed that gave the same result."""
    adherence: Quantity
    """Share of outputs that keep the agent's own rubric."""
    adherence_rule: str
    """The rubric, in words."""
    share_of_calls: Share


class AgentsReportRequest(Document):
    """Asks for the report on a project's runs."""

    project: Slug = "default"
    model: ModelName | None = None


class AgentsReport(Document):
    project: Slug
    agents: tuple[PlatformAgentReport, ...]
    facts: tuple[Fact, ...]
    offline: bool
    run_id: str | None = None


class PlatformCalls(Contract):
    """What one platform agent did in one stage with one model, added up. In `platform_calls.json`."""

    agent: PlatformAgent
    model: str
    calls: int
    """Pieces of work: a simulated turn, a judgment, a draft."""
    failed: int
    usage: Usage
    latency_s: Seconds
    """Of all together."""
    latencies: dict[int, int]
    """How many fell into each bucket of evaluation.quantiles."""
