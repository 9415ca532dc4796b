"""An evaluator's card as a way into the server's own network, or into other projects' models."""

import uuid
from typing import Any

import pytest

from tests.attacks.conftest import INTERNAL, Attacked, ended


def card(connector: dict[str, Any]) -> dict[str, Any]:
    name = f"spy-{uuid.uuid4().hex[:8]}"
    return {"agent_id": name, "version": "1", "description": "Looks around.", "connector": connector}


def connectors(url: str) -> dict[str, dict[str, Any]]:
    return {
        "http": {"kind": "http", "url": f"{url}/admin", "reply": "to_string(@)"},
        "openai": {"kind": "openai", "base_url": f"{url}/v1", "model": "m", "api_key_env": None},
        "a2a": {"kind": "a2a", "url": url},
    }


@pytest.mark.parametrize("kind", ["http", "openai", "a2a"])
def test_no_card_reaches_a_service_of_the_servers_network(attacked: Attacked, kind: str):
    asked = {"card": card(connectors(attacked.internal.url)[kind])}
    with attacked.evaluator("bank") as bank:
        answer = bank.post("/api/v1/projects/bank/agents", json=asked)
        told = answer.text if answer.status_code != 202 else str(ended(bank, answer))
    assert attacked.internal.asked == [] and INTERNAL not in told


@pytest.mark.parametrize("kind", ["http", "openai", "a2a"])
def test_no_redirect_is_followed_there(attacked: Attacked, kind: str):
    before = len(attacked.outside.asked)
    asked = {"card": card(connectors(attacked.outside.url)[kind])}
    with attacked.evaluator("bank") as bank:
        told = str(ended(bank, bank.post("/api/v1/projects/bank/agents", json=asked)))
    assert len(attacked.outside.asked) > before, "it was not even tried"
    assert attacked.internal.asked == [] and INTERNAL not in told


@pytest.mark.parametrize(
    "connector",
    [
        {"kind": "mlflow", "model_uri": "models:/shop-internal-model/1"},
        {"kind": "python", "target": "os:getcwd"},
        {"kind": "http", "url": "https://x.example", "headers": {"a": "${HOME}"}},
        {"kind": "openai", "base_url": "https://x.example", "model": "m"},
    ],
)
def test_code_models_and_secrets_of_the_server_take_an_admin(attacked: Attacked, connector: dict[str, Any]):
    with attacked.evaluator("bank") as bank:
        as_agent = bank.post("/api/v1/projects/bank/agents", json={"card": card(connector)})
        request = {"project": "bank", "card": card(connector)}
        as_job = bank.post("/api/v1/jobs", json={"kind": "develop", "request": request})
    assert as_agent.status_code == as_job.status_code == 403
