"""Traces that are in MLflow already, made by somebody else, are judged and analyzed like any others."""

import json

import mlflow

from assay.tracking import connect


def foreign(uri: str) -> None:
    """Eight conversations of a chat application that logs to MLflow itself."""
    assert connect(uri).client  # where MLflow's own functions write
    mlflow.set_experiment("production")
    for place in range(8):
        with mlflow.start_span(name="chat") as span:
            span.set_inputs({"messages": [{"role": "user", "content": f"Where is order {place}?"}]})
            answer = "I am sorry, it is late." if place % 2 else "No idea."
            span.set_outputs({"choices": [{"message": {"role": "assistant", "content": answer}}]})


def test_somebody_elses_traces_are_judged_analyzed_and_left_as_they_are(assay, home):
    uri = f"sqlite:///{home}/mlflow.db"
    foreign(uri)
    client = connect(uri).client
    experiment = client.get_experiment_by_name("production").experiment_id
    before = {trace.info.trace_id for trace in client.search_traces([experiment])}
    command = ["judge", "run", "--experiment", "production", "--expect", "The agent says that it is sorry.", "--json"]
    judged = json.loads(assay(*command, "--project", "prod").stdout)
    assert (judged["passed"], judged["failed"], judged["unjudged"]) == (4, 0, 4), (
        "rules cannot tell what an agent did not say"
    )
    report = json.loads(assay("analytics", "report", "--project", "prod", "--json").stdout)
    assert report["conversations"] == 8
    assert report["pass_rate"]["n"] == 4
    assert {trace.info.trace_id for trace in client.search_traces([experiment])} == before
    again = json.loads(assay(*command, "--project", "prod").stdout)
    assert again == judged
