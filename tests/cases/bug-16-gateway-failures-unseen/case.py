"""A challenger that refuses what the champion takes has failed: the caller notices nothing, the guardrails do."""

import json
import urllib.request

from tests.cases.bench import Bench, Stub, running


def check(bench: Bench) -> None:
    error = bench.read("404.json")
    kinds = {status: Stub(answer=b"{}", failing=(status, error)) for status in (401, 403, 404, 408, 429, 529)}
    kinds[200] = Stub(answer=error)  # an error that calls itself a success
    for status, stub in kinds.items():
        project = f"gw-{status}"
        with bench.serve("good.json") as champion, running(stub) as challenger:
            arguments = ("--champion-url", champion.url, "--challenger-url", challenger.url, "--share", "1")
            with bench.gateway(*arguments, project=project) as url:
                for number in range(20 if status == 404 else 6):
                    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()
                    headers = {"content-type": "application/json", "x-session-id": f"s{number}"}
                    asked = urllib.request.Request(f"{url}/v1/chat/completions", body, headers)
                    with urllib.request.urlopen(asked, timeout=60) as answer:
                        assert answer.status == 200 and answer.headers["x-assay-arm"] == "champion"
                with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
                    metrics = answer.read().decode()
        assert f"assay_gateway_taken_over_total {20.0 if status == 404 else 6.0}" in metrics
        assert "assay_gateway_ejections_total 1.0" in metrics and len(challenger.requests) == 5
        failed = bench.conversations(project, "production")
        assert len(failed) == 5 and all(
            row.error is not None and str(row.agent).endswith("challenger") for row in failed
        )
        assert all("does not exist" in row.error.detail for row in failed)
