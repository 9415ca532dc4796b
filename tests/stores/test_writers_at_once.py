"""Real processes that write at the same time, over each kind of store: one wins, and nothing is lost."""

import json
import subprocess
import uuid
from pathlib import Path

import pytest

from assay.tracking import Tracking, ensure_project, ledger_copies, read_kept, read_ledger
from tests.stores.conftest import Store, new_database

ROUNDS = 5

WRITER = """
import json
from assay.errors import Refused
name = sys.argv[5]
t.client
print("ready", flush=True)
sys.stdin.readline()

def tries(write):
    for _ in range(500):
        try:
            return write()
        except Refused:
            pass
    raise AssertionError("never came through")

try:
    write_kept(t, project, "rollout/traffic", name, before="begin", number=1)
    won = True
except Refused:
    won = False

def add():
    before = read_kept(t, project, "schedules/schedules")
    write_kept(t, project, "schedules/schedules", str(int(before) + 1), before=before)

def decide(line):
    append_ledger(t, project, line, expected_lines=len(read_ledger(t, project)))

for number in range(int(sys.argv[6])):
    tries(add)
    tries(lambda: decide(f"{name} {number}"))
print(json.dumps(won), flush=True)
"""


def together(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Lets them go once all are ready; the last line that each printed."""
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise AssertionError(process.communicate(timeout=300)[1])
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = []
    for process in processes:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        answers.append(out.strip().splitlines()[-1])
    return answers


def test_of_two_processes_one_wins_and_nothing_is_lost(store: Store, t: Tracking, project: str) -> None:
    from assay.tracking import write_kept

    ensure_project(t, project)
    write_kept(t, project, "rollout/traffic", "begin", before=None)
    write_kept(t, project, "schedules/schedules", "0", before=None)
    won = [json.loads(line) for line in together([store.python(WRITER, name, ROUNDS) for name in ("a", "b")])]
    assert sorted(won) == [False, True]
    assert read_kept(t, project, "rollout/traffic") == ("a" if won[0] else "b")
    assert read_kept(t, project, "schedules/schedules") == str(2 * ROUNDS)
    wanted = sorted(f"{name} {number}" for name in ("a", "b") for number in range(ROUNDS))
    assert sorted(read_ledger(t, project)) == wanted
    copies = ledger_copies(t, project)
    assert copies.file == copies.rows == tuple(read_ledger(t, project))


STARTER = """
from assay.contracts.dataset import Dataset, DatasetReport, Expectation, Persona, Scenario
from assay.contracts.stage import Stage, StageResult
from assay.api.accounts import Accounts
from assay.lifecycle.heartbeats import Heartbeats
from assay.lifecycle.jobs import prepare_database
print("ready", flush=True)
sys.stdin.readline()
ensure_project(t, project)
versions = [prompt(t, f"assay.{project}.{name}", "Rule.").version for name in ("judge", "user")]
scenario = Scenario(
    scenario_id="late", topic="delivery", persona=Persona(name="hurried", description="Short of time."),
    goal="Learn where the parcel is.", opening="Where is it?",
    expectations=(Expectation(expectation_id="says", text="The agent says where the parcel is."),),
)
dataset = Dataset(name="parcels", scenarios=(scenario,))
report = DatasetReport(
    dataset=dataset.ref, scenarios=1, expectations=1, checked_by_code=0.0, coverage=(), findings=(), score=1.0,
    threshold=0.8, passed=True, detectable_difference=None,
)
with stage_run(t, project, Stage.DATASET, request_hash=sys.argv[5] * 64, gated=False) as run:
    save_dataset(t, project, dataset, report, run)
for number in range(20):
    set_project_tag(t, project, f"owner-{number}", "ada")
with stage_run(t, project, Stage.SIMULATE, request_hash=sys.argv[5] * 64, gated=False) as run:
    run.finish(StageResult(project=project, gated=False, stage=Stage.SIMULATE, subject_id=f"sim-{sys.argv[5]}"))
prepare_database(sys.argv[2])
Heartbeats(sys.argv[2], sys.argv[5], 15.0).beat()
Accounts(sys.argv[2]).close()
read_kept(t, project, "schedules/schedules"), read_ledger(t, project)
write_kept(t, project, f"own/{sys.argv[5]}", "{}", before=None)
print(versions, flush=True)
"""


@pytest.fixture
def new_store(store: Store, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store that nobody has used: no tables where it is a database."""
    folder = tmp_path / "new"
    folder.mkdir()
    match store.kind:
        case "sqlite":
            uri = f"sqlite:///{folder}/mlflow.db"
        case "postgresql":
            uri = new_database(request.getfixturevalue("postgres"), f"assay_{uuid.uuid4().hex[:12]}")
        case _:
            uri = store.uri
    jobs_url = uri if store.kind == "postgresql" else f"sqlite:///{folder}/jobs.db"
    return Store(store.kind, uri, jobs_url, folder, store.project)


def test_three_processes_start_on_a_store_that_is_not_there_yet(new_store: Store) -> None:
    answers = together([new_store.python(STARTER, name) for name in ("a", "b", "c")])
    assert answers == ["[1, 1]"] * 3
    from assay.contracts.stage import Stage
    from assay.tracking import list_datasets, list_results

    t = new_store.connect()
    found = {row.subject_id for row in list_results(t, new_store.project, Stage.SIMULATE)}
    assert found == {"sim-a", "sim-b", "sim-c"}
    assert [row.scenarios for row in list_datasets(t, new_store.project)] == [1]
