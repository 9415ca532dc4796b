"""Where the store is, how it is reached, and what is said when it cannot be."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from assay.contracts.agent import AgentCard
from assay.contracts.stage import Stage, StageResult
from assay.errors import TrackingFailed, TrackingUnavailable
from assay.settings import Settings, find_home
from assay.tracking import (
    Tracking,
    agent_card,
    append_ledger,
    connect,
    connection,
    ensure_project,
    find_result,
    list_artifacts,
    list_projects,
    list_results,
    page_conversations,
    page_runs,
    read_conversations,
    read_ledger,
    register_agent,
    stage_run,
    whole_run,
)
from assay.tracking.connection import our_error
from tests.stores.conftest import Store, conversation
from tests.stores.test_reading_and_writing import store_conversations


def test_every_reader_works_at_a_schema_that_is_not_known(
    store: Store, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade of MLflow: no statement of ours reaches its tables."""
    written = conversation(0)
    store_conversations(store.connect(), project, written)
    monkeypatch.setattr(connection, "SCHEMA_REVISION", "another")
    monkeypatch.setattr("assay.tracking.peek.SCHEMA_REVISION", "another")
    t = store.connect()
    assert t.sql is None and not t.schema_is_known
    assert read_conversations(t, project, "sim-1") == [written]
    assert [row.conversation_id for row in page_conversations(t, project).rows] == [written.conversation_id]
    with stage_run(t, project, Stage.SIMULATE, request_hash="a" * 64, gated=True) as run:
        run.finish(StageResult(project=project, gated=True, stage=Stage.SIMULATE, subject_id="sim-1"))
    assert [row.run_id for row in page_runs(t, project).rows] == [run.run_id]


def test_only_an_outage_is_called_one(store: Store, t: Tracking, project: str) -> None:
    from mlflow.exceptions import MlflowException

    ensure_project(t, project)
    with pytest.raises(MlflowException) as exists:
        t.client.create_experiment(project)
    refused = our_error(t, exists.value)
    assert type(refused) is TrackingFailed and "already exists" in str(refused)
    assert "create" in str(refused) and "ASSAY_TRACKING_URI" not in str(refused)
    with pytest.raises(MlflowException) as unknown:
        t.client.search_runs([ensure_project(t, project)], "nonsense = 1")
    assert type(our_error(t, unknown.value)) is TrackingFailed
    if store.kind == "server":
        gone = store.connect()
        gone._opened[:] = [type(t.client)(tracking_uri="http://127.0.0.1:9")]
        with pytest.raises(TrackingUnavailable, match="mlflow server"):
            list_projects(gone)


@pytest.mark.parametrize("statement", ["SELECT 1 WHERE 1 = 'a'::text", "SELECT * FROM no_such_table"])
def test_a_refused_statement_is_no_outage(postgres: str, statement: str, tmp_path: Path) -> None:
    engine = sa.create_engine(postgres)
    with engine.connect() as session, pytest.raises(sa.exc.SQLAlchemyError) as refused:
        session.execute(sa.text(statement))
    engine.dispose()
    found = our_error(Tracking(postgres), refused.value)
    assert type(found) is TrackingFailed and "can be reached" in str(found)


@pytest.fixture
def filled(template: Path, tmp_path: Path, card: AgentCard) -> tuple[Path, AgentCard, str]:
    """A project's folder with a result, an agent and a decision."""
    home = tmp_path / "work" / ".assay"
    home.mkdir(parents=True)
    for file in template.glob("mlflow.db*"):
        shutil.copy(file, home / file.name)
    t = connect(f"sqlite:///{home}/mlflow.db")
    (tmp_path / "prompt.md").write_text("Be kind.")
    with stage_run(t, "shop", Stage.DEVELOP, request_hash="a" * 64, gated=True) as run:
        register_agent(t, "shop", card, card_dir=tmp_path, run=run)
        run.log_text("reports/a.html", "<p>")
        run.finish(StageResult(project="shop", gated=True, stage=Stage.DEVELOP, subject_id="agent-1"))
    append_ledger(t, "shop", "one", expected_lines=0)
    t.store.engine.dispose()
    return home, card, run.run_id


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_a_moved_or_copied_store_is_read_and_written_where_it_is(
    filled: tuple[Path, AgentCard, str], tmp_path: Path, move: Callable[[Path, Path], object]
) -> None:
    home, card, run_id = filled
    move(home.parent, tmp_path / "elsewhere")
    there = tmp_path / "elsewhere" / ".assay"
    uri = f"sqlite:///{there}/mlflow.db"
    for opened in (False, True):
        t = connect(uri)
        if opened:
            assert t.client
        stored = find_result(t, "shop", Stage.DEVELOP, "a" * 64)
        assert stored is not None and stored.content["subject_id"] == "agent-1"
        assert [row.subject_id for row in list_results(t, "shop", Stage.DEVELOP)] == ["agent-1"]
        assert read_ledger(t, "shop") == ["one"]
    assert agent_card(t, "shop", card.ref) == card
    assert list_artifacts(t, run_id, "reports") == ["reports/a.html"]
    assert "reports/a.html" in {file.path for file in whole_run(t, "shop", run_id).files}
    with stage_run(t, "shop", Stage.ANALYZE, request_hash="b" * 64, gated=True) as run:
        run.finish(StageResult(project="shop", gated=True, stage=Stage.ANALYZE, subject_id="analytics-1"))
    append_ledger(t, "shop", "two", expected_lines=1)
    assert list(there.rglob(f"{run.run_id}/artifacts/result.json"))
    assert not list(home.parent.rglob(f"{run.run_id}")) if home.exists() else not home.parent.exists()


def test_the_store_is_looked_for_in_parent_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_home() == Settings().home == Path(".assay")
    home = tmp_path / ".assay"
    home.mkdir()
    assert find_home() == Path(".assay")  # a folder without a store is none
    (home / "mlflow.db").touch()
    assert find_home() == Settings().home == home
    assert Settings().store == f"sqlite:///{home}/mlflow.db"
    assert Settings(home=Path("here")).home == Path("here")
    (below / ".assay").mkdir()
    (below / ".assay" / "mlflow.db").touch()
    assert find_home() == Path(".assay")
    (below / ".assay" / "mlflow.db").unlink()
    monkeypatch.setattr("os.getuid", lambda: 12345)
    assert find_home() == Path(".assay")  # somebody else's store
