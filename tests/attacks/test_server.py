"""Strangers, viewers and other pages against the server itself."""

import json
import socket
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from assay.api.mlflow_reads import READS, only_reads
from assay.contracts.api import Role
from assay.tracking.mlflow_page import PREFIX
from tests.attacks.conftest import Attacked

AJAX = f"{PREFIX}/ajax-api"


def test_a_stranger_learns_that_it_is_up_and_nothing_else(attacked: Attacked):
    with attacked.client() as stranger, attacked.evaluator("bank") as bank, attacked.admin() as admin:
        told = stranger.get("/api/v1/health").json()
        known = bank.get("/api/v1/health").json()
        whole = admin.get("/api/v1/health").json()
    assert told.pop("status") == "ok" and set(told.values()) == {None}
    assert known["tracking"] is None and all(row["host"] == "" and row["pid"] == 0 for row in known["workers"])
    assert str(attacked.home) in whole["tracking"] and known["version"]


def test_probes_and_metrics_have_paths_of_their_own(attacked: Attacked):
    with attacked.client() as stranger, attacked.viewer() as viewer:
        assert stranger.get("/healthz").text == "ok\n" and stranger.get("/readyz").text == "ready\n"
        assert stranger.get("/metrics").status_code == 401
        viewer.get("/api/v1/projects/shop/runs")
        told = viewer.get("/metrics")
        assert told.status_code == 200 and told.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'assay_http_requests_total{method="GET"' in told.text and "shop" not in told.text
        for path in ("/metricsz", "/api", "/api/v2/me", "/v1/models", "/status", "/healthz/x"):
            answer = stranger.get(path)
            assert answer.status_code == 404 and "html" not in answer.headers["content-type"], path


@pytest.mark.parametrize(
    "path", ["/assets/%00", "/%00", "/" + "a" * 5000, "/assets/" + "a/" * 2000, "/%ff%fe", "/..%2f"]
)
def test_a_path_that_no_file_has_is_not_found(attacked: Attacked, path: str):
    with attacked.client() as stranger:
        answer = stranger.get(path)
    assert answer.status_code == 404, answer.text[:200]


def test_the_page_comes_with_a_policy_that_lets_nothing_else_in(attacked: Attacked):
    from assay.api.app import PAGE_HEADERS

    policy = PAGE_HEADERS["Content-Security-Policy"]
    for part in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy
    with attacked.client(headers={"Accept": "text/html"}) as browser:
        assert "text/html" in browser.get("/p/shop").headers["content-type"]


def test_settings_show_no_secret(attacked: Attacked):
    with attacked.admin() as admin:
        told = admin.get("/api/v1/settings")
    assert told.status_code == 200 and "hidden" not in told.text and "ASSAY_NOTIFY" in told.text


def sent_in_chunks(attacked: Attacked, method: str, path: str, token: str | None, megabytes: int) -> int:
    """The answer's status. The body has no Content-Length; it is sent until the server answers."""
    address = urlsplit(attacked.url)
    with socket.create_connection((address.hostname, address.port or 80), timeout=120) as peer:
        head = f"{method} {path} HTTP/1.1\r\nHost: {address.netloc}\r\nTransfer-Encoding: chunked\r\n"
        head += "Content-Type: application/json\r\n" + (f"Authorization: Bearer {token}\r\n" if token else "") + "\r\n"
        peer.sendall(head.encode())
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        answered = threading.Event()
        answer: list[bytes] = []

        def listen() -> None:
            answer.append(peer.recv(4096))
            answered.set()

        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        for _ in range(megabytes * 16):
            if answered.is_set():
                break
            try:
                peer.sendall(chunk)
            except OSError:
                break
        assert answered.wait(60)
    return int(answer[0].split()[1])


@pytest.mark.parametrize(
    ("path", "role", "project", "megabytes"),
    [
        ("/api/v1/jobs", Role.EVALUATOR, "bank", 80),
        ("/api/v1/projects/bank/simulations", Role.EVALUATOR, "bank", 8),
        (f"{AJAX}/2.0/mlflow/runs/search", Role.VIEWER, "*", 8),
    ],
)
def test_a_body_without_a_length_has_a_limit(attacked: Attacked, path: str, role: Role, project: str, megabytes: int):
    assert sent_in_chunks(attacked, "POST", path, attacked.token(role, project), megabytes) == 413
    with attacked.client(attacked.token(role, project)) as client:
        assert client.get("/api/v1/me").status_code == 200


def test_a_body_with_a_length_has_the_same_limit(attacked: Attacked):
    with attacked.evaluator("bank") as bank:
        answer = bank.post("/api/v1/projects/bank/chats", content=b" " * (2 * 2**20 + 1))
    assert answer.status_code == 413 and answer.headers["content-type"] == "application/problem+json"


def test_a_deep_body_is_refused(attacked: Attacked):
    with attacked.evaluator("bank") as bank:
        answer = bank.post("/api/v1/jobs", content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text[:200]


# -- MLflow's pages -------------------------------------------------------------------------------------------------


def test_a_viewer_reads_mlflow_and_changes_nothing_there(attacked: Attacked):
    changes = [
        ("PATCH", f"{AJAX}/3.0/mlflow/mcp-servers/com.example/search-tools", {"description": "x"}),
        ("DELETE", f"{AJAX}/3.0/mlflow/mcp-servers/com.example/search-tools", None),
        ("POST", f"{AJAX}/3.0/mlflow/review-queues/get-or-create-user", {"experiment_id": "0", "user": "x"}),
        ("POST", f"{PREFIX}/gateway/proxy/endpoint/chat/completions%3Fx=/get", {}),
        ("POST", f"{PREFIX}/gateway/mlflow/v1/chat/completions", {}),
        ("GET", f"{AJAX}/2.0/mlflow/gateway-proxy?gateway_path=x", None),
        ("GET", f"{AJAX}/3.0/mlflow/gateway/secrets/list", None),
        ("GET", f"{AJAX}/2.0/mlflow/webhooks", None),
        ("POST", f"{AJAX}/2.0/mlflow/experiments/create", {"name": "x"}),
        ("POST", f"{AJAX}/2.0/mlflow/experiments/create/search", {"name": "x"}),
        ("POST", f"{AJAX}/2.0/mlflow/experiments/create%2fsearch", {"name": "x"}),
        ("POST", f"{AJAX}/2.0/mlflow/experiments/create?search", {"name": "x"}),
        ("PUT", f"{AJAX}/2.0/mlflow/experiments/search", {}),
        ("POST", f"{PREFIX}//ajax-api/2.0/mlflow/experiments/search", {}),
        ("POST", f"{AJAX}/3.0/mlflow/scorer/invoke", {}),
        ("POST", f"{AJAX}/3.0/jobs/search", {}),
    ]
    with attacked.viewer() as viewer:
        for method, path, body in changes:
            answer = viewer.request(method, path, json=body)
            assert answer.status_code == 403, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        found = viewer.post(f"{AJAX}/2.0/mlflow/experiments/search", json={"max_results": 10})
        assert {"shop", "bank"} <= {row["name"] for row in found.json()["experiments"]}
        assert viewer.get(f"{PREFIX}/").status_code == 200
    with attacked.admin() as admin:
        assert admin.post(f"{AJAX}/2.0/mlflow/experiments/create", json={"name": "made"}).status_code == 200
        there = admin.post(f"{AJAX}/2.0/mlflow/experiments/search", json={"max_results": 100}).json()["experiments"]
    assert "x" not in {row["name"] for row in there}
    with attacked.evaluator("bank") as bank:
        assert bank.get(f"{PREFIX}/").status_code == 403, "MLflow's pages show all projects"


def plain(path: str) -> str:
    """Without MLflow's prefix, which another test may have set, and with parameters named as in the table."""
    parts = path.removeprefix(PREFIX).split("/")
    return "/".join("<path>" if p.startswith("<path") else "<id>" if p.startswith("<") else p for p in parts)


def test_the_table_of_reads_is_of_routes_that_mlflow_has_and_opens_no_other():
    """So that a new version of MLflow opens nothing that nobody looked at, and keeps what its pages need."""
    from mlflow.server import app

    served = {(method, plain(str(rule))) for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    served |= {("GET", f"/{api}/3.0/mlflow/server-info") for api in ("api", "ajax-api")}  # of MLflow's FastAPI part
    reads = {(method, plain(path)) for method, path in READS}
    assert reads <= served, sorted(reads - served)
    for method, path in served:
        filled = PREFIX + path.replace("<id>", "a").replace("<path>", "a/b")
        open_ = ("GET" if method == "HEAD" else method, path) in reads
        assert only_reads(method, filled) == open_, (method, path)
    changing = [
        "create",
        "delete",
        "update",
        "set-",
        "log-",
        "invoke",
        "proxy",
        "gateway",
        "upload",
        "webhook",
        "assistant",
        "attach",
    ]
    assert not [path for _, path in READS if any(word in path for word in changing)]


def test_graphql_of_mlflow_only_searches():
    from mlflow.server.graphql.graphql_schema_extensions import Mutation

    names = {name.replace("_", "").lower() for name in Mutation._meta.fields}
    assert names == {"mlflowsearchdatasets", "mlflowsearchruns", "testmutation"}


def test_no_other_page_on_this_machine_reads_the_store(attacked: Attacked):
    with attacked.viewer() as viewer:
        for origin in ("http://localhost:3000", "http://127.0.0.1:9", "http://[::1]:3000"):
            answer = viewer.get(f"{AJAX}/2.0/mlflow/experiments/search?max_results=1", headers={"Origin": origin})
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_change_in_mlflow_with_a_cookie_takes_the_browsers_word_for_its_origin(attacked: Attacked):
    session = attacked.accounts.begin_session("root@example.org", (), 1)
    body = {"name": "from-a-page"}
    path = f"{AJAX}/2.0/mlflow/experiments/create"
    with attacked.client(cookies={"assay_page": session}) as page:
        # this person has no role here, so what passes the check of origins ends at the role
        bare = page.post(path, json=body)
        foreign = page.post(path, json=body, headers={"Origin": "http://localhost:3000"})
    assert bare.status_code == foreign.status_code == 403


def test_another_scheme_is_another_origin(attacked: Attacked):
    address = urlsplit(attacked.url).netloc
    with attacked.admin() as admin:
        answer = admin.post("/api/v1/projects", json={"project": "x"}, headers={"Origin": f"ftp://{address}"})
    assert answer.status_code == 403


def test_nothing_that_was_sent_is_in_the_log(attacked: Attacked):
    with attacked.client("assay_" + "x" * 43) as stranger:
        assert stranger.get("/api/v1/settings").status_code == 401
    log = (attacked.home / "server.log").read_text()
    assert "assay_xxx" not in log and "hidden" not in log and "Traceback" not in log, log[-2000:]


def test_answers_of_the_api_are_problems(attacked: Attacked):
    with httpx.Client(base_url=attacked.url, timeout=60) as client:
        answer = client.get("/api/v1/projects")
    assert answer.status_code == 401 and json.loads(answer.text)["title"] == "Not logged in"
