"""What calls took, as facts."""

from assay.contracts.report import Fact
from assay.contracts.stage import Usage


def count(fact_id: str, label: str, value: int) -> Fact:
    return Fact(fact_id=fact_id, label=label, value=value)


def usage_facts(usage: Usage, prefix: str, who: str) -> tuple[Fact, ...]:
    """Calls, failures, tokens and cost, of which those that are not known are left out."""
    facts = [count(f"{prefix}.calls", f"{who}: calls", usage.calls)]
    if usage.failed_calls:
        facts.append(count(f"{prefix}.failed", f"{who}: calls that failed", usage.failed_calls))
    if usage.input_tokens is not None or usage.output_tokens is not None:
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        facts.append(Fact(fact_id=f"{prefix}.tokens", label=f"{who}: tokens", value=tokens, unit="tokens"))
    if usage.cost_usd is not None:
        facts.append(Fact(fact_id=f"{prefix}.cost", label=f"{who}: cost", value=float(usage.cost_usd), unit="usd"))
    if usage.calls:
        seconds = usage.latency_s / usage.calls
        facts.append(Fact(fact_id=f"{prefix}.latency", label=f"{who}: mean time a call", value=seconds, unit="seconds"))
    return tuple(facts)
