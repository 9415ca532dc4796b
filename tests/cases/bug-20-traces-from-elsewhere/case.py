"""Traces of other tools are read, and what cannot be read is passed over, counted and said."""

import base64
import json
import time
import uuid
from typing import Any

from tests.cases.bench import Bench


def check(bench: Bench) -> None:
    from assay.tracking import connect

    store = connect(f"sqlite:///{bench.home}/mlflow.db")
    experiment_id = store.client.create_experiment("elsewhere")
    for file in ("genai-1.37.json", "http-root.json"):
        send(store, experiment_id, json.loads(bench.read(file)))
    leave_without_spans(store, experiment_id)

    judged = bench.json("judge", "run", "--experiment", "elsewhere", "--expect", "The agent stays polite.")
    assert judged["conversations"] == 2
    assert judged["skipped_traces"] == {"its spans are not in the store": 1}
    for conversation in bench.conversations(simulation_id=judged["simulation_id"]):
        user, agent = conversation.turns
        assert (user.role, user.text) == ("user", "Where is J1?")
        assert (agent.role, agent.text) == ("agent", "It was sent.")
        (call,) = agent.tool_calls
        assert (call.name, call.arguments, call.result) == ("get_order", {"order": "J1"}, "sent")
    said = bench.assay("judge", "run", "--experiment", "elsewhere", "--expect", "The agent stays polite.")
    assert "1 traces skipped: its spans are not in the store" in " ".join(said.stdout.split())


def send(store: Any, experiment_id: str, traces: dict[str, Any]) -> None:
    """As MLflow's endpoint for OTLP stores them."""
    from google.protobuf.json_format import ParseDict
    from mlflow.entities.span import Span
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ParseDict(_ids_as_base64(traces), ExportTraceServiceRequest())
    spans = [
        Span.from_otel_proto(span, location_id=experiment_id)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    store.store.log_spans(experiment_id, spans)


def leave_without_spans(store: Any, experiment_id: str) -> None:
    """A trace whose upload failed after its first part."""
    from mlflow.entities import TraceInfo, TraceLocation, TraceState

    info = TraceInfo(
        trace_id=f"tr-{uuid.uuid4().hex}",
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=int(time.time() * 1000),
        state=TraceState.OK,
    )
    store.store.start_trace(info)


def _ids_as_base64(value: Any) -> Any:
    """OTLP writes ids as hex, protobuf's JSON as base64."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode()
            if key in ("traceId", "spanId", "parentSpanId")
            else _ids_as_base64(item)
            for key, item in value.items()
        }
    return [_ids_as_base64(item) for item in value] if isinstance(value, list) else value
