"""Where secrets may be sent: a `.env` that came with somebody's repository does not decide it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from assay.settings import SENT_TO, Settings


@pytest.mark.parametrize(("address", "secret"), [(name, secrets[0]) for name, secrets in SENT_TO.items()])
def test_an_address_in_dotenv_takes_no_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, secret: str
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"{address}=http://attacker.example/v1\n")
    Settings()  # no secret is set that could go there
    monkeypatch.setenv(secret, "sk-of-the-victim")
    with pytest.raises(ValidationError, match=rf"(?s){address}.*stands in the \.env.*{secret}") as refused:
        Settings()
    assert "victim" not in str(refused.value)
    (tmp_path / ".env").write_text(f"{address}=http://own.example/v1\n{secret}=sk-of-the-folder\n")
    Settings()  # both come from one place
    (tmp_path / ".env").write_text(f"{address}=http://attacker.example/v1\n")
    monkeypatch.setenv(address, "https://own.example/v1")
    Settings()  # the environment says where


def test_the_environments_address_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=http://attacker.example/v1\n")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://own.example/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert Settings().openai_base_url == "https://own.example/v1"


def test_a_sqlite_store_in_dotenv_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("MLFLOW_TRACKING_URI=sqlite:///mlflow.db\n")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t")
    assert Settings().store == "sqlite:///mlflow.db"
