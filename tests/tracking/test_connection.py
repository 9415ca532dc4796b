import asyncio
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from assay.contracts.stage import Stage, StageResult
from assay.errors import BadInput, TrackingUnavailable
from assay.tracking import Tracking, connect, ensure_project, list_projects, stage_run
from assay.tracking.connection import shown, without_secrets


def test_nothing_is_written_to_the_working_directory(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "cwd"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    t = connect(store_uri)
    with stage_run(t, "shop", Stage.ANALYZE, request_hash="a" * 64, gated=False) as run:
        run.log_text("reports/note.md", "hello")
        run.finish(result_of("analytics-1"))
    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "artifacts" / "shop" / run.run_id / "artifacts" / "reports" / "note.md").exists()


def test_connecting_says_nothing_and_exports_nothing(
    store_uri: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    t = connect(store_uri)
    with stage_run(t, "shop", Stage.ANALYZE, request_hash="a" * 64, gated=False) as run:
        run.finish(result_of("analytics-1"))
    assert capfd.readouterr() == ("", "")
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_store_that_is_not_there_is_made_only_when_asked(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/deep/down/mlflow.db"
    with pytest.raises(TrackingUnavailable, match="run a stage first"):
        connect(uri, create=False)
    assert not (tmp_path / "deep").exists()


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(
        TrackingUnavailable, match=r"http://127\.0\.0\.1:9 .*mlflow server --port 9.*ASSAY_TRACKING_URI"
    ):
        connect("http://someone:secret@127.0.0.1:9")


def test_a_server_that_is_no_mlflow_is_told_apart() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(TrackingUnavailable, match="answers 404 to /health, so it is no MLflow server"):
            connect(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("./mlruns", "use sqlite:///"),
        ("file:///tmp/mlruns", "use sqlite:///"),
        ("sqlite:///", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("ftp://host", "ftp is not supported"),
    ],
)
def test_a_uri_that_cannot_work_is_refused_with_the_fix(uri: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        connect(uri)


def test_a_file_that_is_no_database_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("these are no tables" * 100)
    with pytest.raises(TrackingUnavailable, match=r"cannot be opened: .*not a database"):
        list_projects(connect(f"sqlite:///{tmp_path}/mlflow.db"))


def test_a_store_that_breaks_later_is_a_named_error(t: Tracking, tmp_path: Path) -> None:
    ensure_project(t, "shop")
    t.sql.engine.dispose()
    for file in tmp_path.glob("mlflow.db*"):
        file.unlink()
    with pytest.raises(TrackingUnavailable, match=r"MLflow at sqlite.*ASSAY_TRACKING_URI"):
        list_projects(t)


async def test_many_threads_share_one_handle(t: Tracking) -> None:
    def work(number: int) -> str:
        with stage_run(t, "shop", Stage.ANALYZE, request_hash=f"{number:064}", gated=False) as run:
            run.log_metrics({"n": number})
            run.finish(result_of(f"analytics-{number}"))
        return run.run_id

    ids = await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(12)))
    assert len(set(ids)) == 12
    assert len(list_projects(t)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.def-ghi",
        "api_key=abcdef123",
        "key sk-proj-abcdefghijkl is wrong",
        "postgresql://me:hunter2@host/db",
        '{"password": "hunter2"}',
    ],
)
def test_secrets_do_not_survive(text: str) -> None:
    cleaned = without_secrets(text)
    assert "***" in cleaned
    assert not any(secret in cleaned for secret in ("abc", "hunter2"))


def test_plain_words_survive() -> None:
    text = "500 from http://host:80/v1 after 3 tokens; scenario token-refund"
    assert without_secrets(text) == text


def test_a_uri_is_shown_without_its_password() -> None:
    assert shown("postgresql://me:hunter2@host:5432/db") == "postgresql://host:5432/db"
    assert shown("sqlite:////tmp/a@b.db") == "sqlite:////tmp/a@b.db"


def result_of(subject_id: str) -> StageResult:
    return StageResult(project="shop", gated=False, stage=Stage.ANALYZE, subject_id=subject_id)
