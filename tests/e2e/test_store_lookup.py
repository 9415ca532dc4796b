"""Which store a command uses, and that it says so."""

import shutil


def test_a_command_uses_the_store_of_its_folder_or_of_a_parent(assay, home, tmp_path, monkeypatch):
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    shutil.copytree(home, project / ".assay")
    monkeypatch.delenv("ASSAY_HOME")

    monkeypatch.chdir(project / "src")
    assert f"using the store {project / '.assay'} of a parent folder" in assay("agent", "list").stderr
    assert not (project / "src" / ".assay").exists()
    assert f"project default is not in sqlite:///{project}/.assay/mlflow.db" in assay("gate", "verify", code=2).stderr

    monkeypatch.chdir(project)
    assert "store" not in assay("agent", "list").stderr

    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert f"creating a new store, {tmp_path}/empty/.assay/mlflow.db" in assay("agent", "list").stderr
