"""Checks find words whatever characters the model wrote them with, and nothing invisible hides a word."""

from assay.contracts.judgment import Ruling
from assay.contracts.stage import Stage


def check(bench):
    command = ["simulate", "import", "transcripts.jsonl", "--dataset", "scenarios.jsonl", "--agent", "support@1"]
    judging = bench.json(*command)
    assert (judging["passed"], judging["failed"], judging["unjudged"]) == (4, 1, 0)
    from assay.tracking import connect, list_results, read_judgments

    store = connect(f"sqlite:///{bench.home}/mlflow.db")
    newest = list_results(store, "default", Stage.JUDGE)[0].subject_id
    passed = {judgment.scenario_id: judgment.passed for judgment in read_judgments(store, "default", newest)}
    assert passed == {"s0": True, "s1": True, "s2": True, "s3": True, "s4": False}
    [verdict] = next(j for j in read_judgments(store, "default", newest) if j.scenario_id == "s4").verdicts
    assert verdict.ruling is Ruling.NOT_MET
    assert verdict.evidence[0].quote == "re\u200bfund"  # as it stands in the transcript, so that a reader finds it
