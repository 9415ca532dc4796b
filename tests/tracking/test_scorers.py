import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.conversation import FailureCause
from assay.contracts.judgment import Ruling, Verdict
from assay.errors import BadInput, CallError, NotFound
from assay.tracking import Tracking, ensure_project, score_with_mlflow

New = Callable[..., Any]
CODE = """
from mlflow.entities import AssessmentSource, Feedback
from mlflow.genai import scorer

def says(value):
    return lambda outputs: value

answers_yes, answers_no, answers_share, answers_nothing, answers_nonsense = map(
    says, ("yes", False, 0.25, None, "purple"))

@scorer
def refunded(inputs, outputs, expectations, trace):
    assert inputs["messages"][0]["role"] == "user"
    assert expectations["refunds"] == "Refunds order 17."
    assert [span.name for span in trace.data.spans][:2] == ["late-refund#0", "user"]
    return Feedback(value="refunded" in outputs, rationale="The last word says so.")

def each(conversation, scenario, expectations):
    source = AssessmentSource(source_type="LLM_JUDGE", source_id="my-model")
    return [Feedback(name=name, value="yes", source=source) for name in ("refunds", "tone")]

def sessions(session):
    return len(session) == 2 and session[0].data.request is not None

def breaks(outputs):
    raise ValueError("no such column")

def reports_error(outputs):
    return Feedback(name="x", error=ValueError("the model did not answer"))

def odd(outputs, weather):
    return True

nothing = 3
"""


@pytest.fixture
def score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_conversation: New, new_scenario: New
) -> Callable[..., list[Verdict]]:
    (tmp_path / "shop_checks.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "shop_checks", raising=False)
    scenario = new_scenario()

    def run(name: str, **changes: Any) -> list[Verdict]:
        return score_with_mlflow(name, new_conversation(), scenario.expectations, scenario, **changes)

    return run


@pytest.mark.parametrize(
    ("name", "ruling", "confidence"),
    [
        ("answers_yes", Ruling.MET, 1.0),
        ("answers_no", Ruling.NOT_MET, 1.0),
        ("answers_share", Ruling.NOT_MET, 0.5),
        ("answers_nothing", Ruling.ABSTAINED, 0.0),
        ("sessions", Ruling.MET, 1.0),
    ],
)
def test_a_plain_function_is_a_judge(score: New, name: str, ruling: Ruling, confidence: float) -> None:
    (verdict,) = score(f"shop_checks:{name}")
    assert (verdict.expectation_id, verdict.ruling, verdict.confidence, verdict.source) == (
        f"shop_checks-{name}",
        ruling,
        confidence,
        "code",
    )


def test_a_scorer_sees_messages_expectations_and_the_trace(score: New) -> None:
    (verdict,) = score("shop_checks:refunded")
    assert (verdict.ruling, verdict.rationale) == (Ruling.MET, "The last word says so.")


def test_feedback_named_as_an_expectation_rules_on_it(score: New) -> None:
    verdicts = score("shop_checks:each")
    assert [(row.expectation_id, row.source, row.judge) for row in verdicts] == [
        ("refunds", "llm_judge", "shop_checks:each (my-model)"),
        ("tone", "llm_judge", "shop_checks:each (my-model)"),
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [("breaks", "ValueError: no such column"), ("reports_error", "the model did not answer")],
)
def test_a_scorer_that_fails_is_an_error_and_no_verdict(score: New, name: str, says: str) -> None:
    with pytest.raises(CallError, match=says) as raised:
        score(f"shop_checks:{name}")
    assert raised.value.failed.cause is FailureCause.BAD_ANSWER


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("shop_checks:answers_nonsense", "answers 'purple': have it give yes, no"),
        ("shop_checks:odd", "asks for weather: it may take inputs"),
        ("shop_checks:gone", "has no attribute 'gone'.* name a function as module:function"),
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("shop_checks:nothing", "it is no function but int"),
        ("RegexMatch", "scorer RegexMatch has settings of its own"),
        ("mine@newest", "a version is a number, as in mine@2"),
    ],
)
def test_a_scorer_that_cannot_judge_is_bad_input(score: New, name: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        score(name)


def test_a_builtin_scorer_without_a_model_is_judged_by_code(score: New) -> None:
    (verdict,) = score("PIIDetection")
    assert (verdict.expectation_id, verdict.ruling, verdict.source) == ("pii_detection", Ruling.MET, "code")


def test_a_registered_scorer_is_found_by_name_and_version(score: New, t: Tracking) -> None:
    from mlflow.genai.scorers import ResponseLength

    experiment_id = ensure_project(t, "shop")
    ResponseLength(max_length=1000, name="brief").register(experiment_id=experiment_id)
    ResponseLength(max_length=3, name="brief").register(experiment_id=experiment_id)
    assert score("brief@1", t=t, project="shop")[0].ruling is Ruling.MET
    (newest,) = score("brief", t=t, project="shop")
    assert (newest.expectation_id, newest.ruling) == ("brief", Ruling.NOT_MET)


def test_an_unknown_scorer_is_told_which_there_are(score: New, t: Tracking) -> None:
    from mlflow.genai.scorers import ResponseLength

    ResponseLength(max_length=3, name="brief").register(experiment_id=ensure_project(t, "shop"))
    with pytest.raises(NotFound, match=r"no built-in one of mlflow.genai.scorers, and project shop has brief"):
        score("terse", t=t, project="shop")
    with pytest.raises(NotFound, match="there is no project to look in"):
        score("terse")


@pytest.fixture
def judge_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A chat-completions server that says yes to all but promises; gives what it was asked."""
    asked: list[str] = []

    class Model(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            prompt = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(prompt)
            verdict = {"result": "no" if "Promises a date" in prompt else "yes", "rationale": "As asked."}
            message = {"role": "assistant", "content": json.dumps(verdict)}
            body = {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "gpt-4.1-mini",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.delenv("OPENAI_API_BASE", raising=False)
    yield asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["Guidelines", "ConversationalGuidelines"])
def test_guidelines_rule_on_each_expectation(score: New, judge_model: list[str], name: str) -> None:
    verdicts = score(name)
    assert [(row.expectation_id, row.ruling, row.source) for row in verdicts] == [
        ("refunds", Ruling.MET, "llm_judge"),
        ("no-promise", Ruling.NOT_MET, "llm_judge"),
    ]
    assert verdicts[0].judge == f"{name} (openai:/gpt-4.1-mini)"
    assert len(judge_model) == 2


def test_a_conversational_scorer_reads_all_turns(score: New, judge_model: list[str]) -> None:
    (verdict,) = score("ConversationCompleteness")
    assert (verdict.expectation_id, verdict.ruling) == ("conversation_completeness", Ruling.MET)
    assert "wo ist mein Geld" in json.loads(judge_model[0])["messages"][-1]["content"]
    assert "It is refunded." in judge_model[0]
