"""One door: what another machine can reach, and what strangers and other teams get there on every path."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from typing import Any

import httpx2
import pytest

from tests.compose.conftest import Built, Figure
from tests.compose.outside import listening
from tests.support.stack import PARTS, Stack

ROUTES = """
import json, mlflow.server
from mlflow.server import auth
auth.create_app(mlflow.server.app)
print(json.dumps([(rule.rule, sorted(rule.methods)) for rule in mlflow.server.app.url_map.iter_rules()]))
"""
PUBLIC = {"/api/v1/health", "/api/v1/ready", "/api/v1/openapi.json"}
"""What the API tells anybody: that it lives, what is away, and what it understands."""


def requests_of_the_api(stack: Stack) -> list[tuple[str, str]]:
    """Every method and path that the service describes."""
    with stack.operator() as operator:
        answer = httpx2.get(
            f"{stack.url}/api/v1/openapi.json",
            headers={"Authorization": f"Bearer {stack.secret('token')}"},
            trust_env=False,
        )
        assert operator.url
    return [
        (method.upper(), path)
        for path, methods in answer.json()["paths"].items()
        for method in methods
        if method in ("get", "post", "put", "patch", "delete", "head")
    ]


def requests_of_mlflow() -> list[tuple[str, str]]:
    """Every method and path that MLflow's server routes, its users' included, by its own table."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            **os.environ,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-to-see-the-routes-of-it",  # pragma: allowlist secret
            "MLFLOW_AUTH_ADMIN_PASSWORD": "nobody-asks-for-it-here",  # pragma: allowlist secret
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
        }
        run = [sys.executable, "-W", "ignore", "-c", ROUTES]
        done = subprocess.run(
            run, env=environ, cwd=folder, capture_output=True, text=True, check=True
        )
    found = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path).removeprefix("/mlflow"))
        for path, methods in json.loads(done.stdout.splitlines()[-1])
        for method in methods
        if method not in ("HEAD", "OPTIONS")
    }
    return sorted(found)


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: ids.get(found[1], "1"), path)


@pytest.fixture
def ids(built: Built, teams: dict[str, dict[str, str]]) -> dict[str, str]:
    """What alpha has, by the names that paths and bodies have for it."""
    with built.stack.client(teams["alpha"]["admin"]) as alpha:
        found = alpha.study(built.study)
        token = alpha.tokens()[0].id
    answer = httpx2.post(
        f"{built.stack.mlflow_url}/api/2.0/mlflow/experiments/search",
        json={"max_results": 100, "filter": "name LIKE 'alpha/%'"},
        headers={"Authorization": f"Bearer {teams['alpha']['viewer']}"},
        trust_env=False,
    )
    experiment = answer.json()["experiments"][0]["experiment_id"]
    runs = httpx2.post(
        f"{built.stack.mlflow_url}/api/2.0/mlflow/runs/search",
        json={"experiment_ids": [experiment]},
        headers={"Authorization": f"Bearer {teams['alpha']['viewer']}"},
        trust_env=False,
    ).json()["runs"]
    run = runs[0]["info"]["run_id"]
    return {
        "study_id": built.study,
        "trial_id": f"{built.study}-0",
        "team": "alpha",
        "number": "0",
        "token_id": token,
        "experiment_id": experiment,
        "run_id": run,
        "run_uuid": run,
        "name": found.name,
    }


def test_another_machine_reaches_the_gateway_alone(built: Built, figure: Figure) -> None:
    """All ports of this machine before and after, and those of every container, from a network that is not theirs."""
    stack = built.stack
    opened = listening() - built.before.listening
    figure("ports that another machine sees", sorted(opened))
    assert opened == {stack.port}
    for about in stack.about(*PARTS):
        for network in about["NetworkSettings"]["Networks"].values():
            inside = listening(network["IPAddress"], (8080, 8443, 8642, 5000, 5432, 6379))
            assert inside == set(), f"{about['Name']} answers at {inside}"


def test_who_has_no_token_gets_nothing(built: Built, ids: dict[str, str], figure: Figure) -> None:
    """On every path of the API and of MLflow: 401. Only whether it lives is told."""
    stack = built.stack
    got: Counter[str] = Counter()
    wrong = []
    with httpx2.Client(base_url=stack.url, timeout=60, trust_env=False) as nobody:
        api = [(m, p, filled(p, ids)) for m, p in requests_of_the_api(stack)]
        for method, path, there in api:
            answer = nobody.request(method, there, json={} if method != "GET" else None)
            got[f"API {answer.status_code}"] += 1
            if path not in PUBLIC and answer.status_code != 401:
                wrong.append((method, there, answer.status_code))
        mlflow = [(m, p) for m, p in requests_of_mlflow()]
        for method, path in mlflow:
            there = f"/mlflow{filled(path, ids)}"
            answer = nobody.request(method, there, params={"experiment_id": ids["experiment_id"]})
            got[f"MLflow {answer.status_code}"] += 1
            if answer.status_code != 401:
                wrong.append((method, there, answer.status_code))
    figure("nobody, on every path", dict(got))
    assert len(mlflow) > 100
    assert wrong == []


def test_another_team_s_client_gets_nothing_of_a_team(
    built: Built, teams: dict[str, dict[str, str]], ids: dict[str, str], figure: Figure
) -> None:
    """Beta's admin with alpha's ids, on every path: no word of alpha's, and nothing of alpha's changes."""
    stack = built.stack
    sent = (ids["study_id"], ids["run_id"])

    def tells(answer: httpx2.Response) -> bool:
        """A refusal may say again what it was asked for; nothing else of alpha's is in it, nor in what is granted."""
        return "alpha/" in answer.text or (
            answer.is_success and any(id in answer.text for id in sent)
        )

    got: Counter[str] = Counter()
    wrong: list[Any] = []

    def everything() -> list[str]:
        headers = {"Authorization": f"Bearer {teams['alpha']['admin']}"}
        with httpx2.Client(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as own:
            study = own.get(f"/api/v1/studies/{built.study}").text
            run = own.get("/mlflow/api/2.0/mlflow/runs/get", params={"run_id": ids["run_id"]}).text
            experiment = own.get(
                "/mlflow/api/2.0/mlflow/experiments/get",
                params={"experiment_id": ids["experiment_id"]},
            ).text
            return [study, run, experiment, own.get("/api/v1/webhooks").text]

    before = everything()
    headers = {"Authorization": f"Bearer {teams['beta']['admin']}"}
    with httpx2.Client(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as beta:
        for method, path in requests_of_the_api(stack):
            if path in ("/api/v1/events",) or path.startswith("/api/v1/worker/"):
                continue  # a stream without an end; the workers' own, which no client's token opens
            there = filled(path, ids)
            answer = beta.request(method, there, json={} if method != "GET" else None)
            got[f"API {answer.status_code}"] += 1
            if tells(answer) or answer.status_code >= 500:
                wrong.append((method, there, answer.status_code, answer.text[:200]))
        for method, path in requests_of_mlflow():
            there = f"/mlflow{filled(path, ids)}"
            mine = {key: ids[key] for key in ("experiment_id", "run_id", "run_uuid")}
            more = {
                "experiment_ids": [ids["experiment_id"]],
                "key": "x",
                "value": "1",
                "metric_key": "score",
            }
            given: dict[str, Any] = (
                {"params": mine} if method in ("GET", "DELETE") else {"json": mine | more}
            )
            answer = beta.request(method, there, **given)
            got[f"MLflow {answer.status_code}"] += 1
            if tells(answer):
                wrong.append((method, there, answer.status_code, answer.text[:200]))
    figure("another team, on every path", dict(sorted(got.items())))
    assert wrong == []
    assert everything() == before


def test_the_pages_come_through_the_door(built: Built, teams: dict[str, dict[str, str]]) -> None:
    """With their policy, their files for good, and a login that leads back; MLflow's pages beside them."""
    with httpx2.Client(base_url=built.stack.url, trust_env=False) as client:
        stranger = client.get("/studies")
        assert (stranger.status_code, stranger.headers["location"]) == (
            303,
            "/login?next=%2Fstudies",
        )
        beta = {"Authorization": f"Bearer {teams['beta']['viewer']}"}
        page = client.get("/queue", headers=beta)
        assert page.status_code == 200
        (policy,) = page.headers.get_list("content-security-policy")
        assert "script-src 'self'" in policy
        (script, *_) = re.findall(r'src="(/static/[^"]+)"', page.text)
        file = client.get(script)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]


def test_only_the_gateway_says_who_somebody_is(
    built: Built, teams: dict[str, dict[str, str]]
) -> None:
    """Headers that only the gateway may write are its own, whoever sends them, in whatever spelling."""
    stack = built.stack
    search = "/mlflow/api/2.0/mlflow/experiments/search?max_results=100"
    forged = {
        "X-Caviar-User": "operator",
        "X-Caviar-Gate": stack.secret("gate_secret"),
        "X_Caviar_User": "operator",
        "X_Caviar_Gate": stack.secret("gate_secret"),
        "X-Original-URI": "/mlflow/health",
        "X-Original-Method": "GET",
    }
    with httpx2.Client(base_url=stack.url, headers=forged, trust_env=False) as client:
        assert client.get(search).status_code == 401
        beta = {"Authorization": f"Bearer {teams['beta']['viewer']}"}
        told = client.get(search, headers=beta)
        assert told.status_code == 200
        assert "alpha/" not in told.text
        as_service = ("service", stack.secret("mlflow_secret"))
        assert client.get(search, auth=as_service).status_code == 401
        for path in ("/gate", "/gate/", "/ask-the-gate", "/.//gate", "/x/../gate", "/%67ate"):
            assert client.get(path).status_code == 404, path


def test_an_address_that_can_be_read_in_two_ways_leads_nowhere(
    built: Built, teams: dict[str, dict[str, str]]
) -> None:
    """Raw requests, as no client would normalise them: none of them comes past the gate to what an operator's is."""
    stack = built.stack
    paths = [
        "/mlflow/api/2.0/mlflow/../mlflow/users/get?username=operator",
        "/mlflow/..%2fmlflow/api/2.0/mlflow/users/get?username=operator",
        "/mlflow//api/2.0/mlflow/users/get?username=operator",
        "/x/../mlflow/api/2.0/mlflow/users/get?username=operator",
        "/mlflow/./api/2.0/mlflow/users/get?username=operator",
        "/mlflow/api/2.0/mlflow/users/get;x?username=operator",
        "/mlflow/api/2.0/mlflow/users%2fget?username=operator",
        "/MLFLOW/api/2.0/mlflow/users/get?username=operator",
    ]
    for path in paths:
        status = raw(stack.port, path, teams["beta"]["admin"])
        assert status in (400, 403, 404), f"{path}: {status}"


def raw(port: int, path: str, token: str) -> int:
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        return int(line.recv(64).split()[1])


def test_where_a_caller_came_from_is_what_the_gateway_saw(built: Built) -> None:
    """Not what a caller says of himself: the audit log would be his to write."""
    stack = built.stack
    headers = {
        "Authorization": f"Bearer {stack.secret('token')}",
        "X-Forwarded-For": "203.0.113.7",
        "Forwarded": "for=203.0.113.7",
        "X-Real-IP": "203.0.113.7",
    }
    with httpx2.Client(base_url=f"{stack.url}/api/v1", headers=headers, trust_env=False) as client:
        assert client.post("/teams", json={"name": "gamma"}).status_code == 201
        entry = client.get("/audit", params={"limit": 1}).json()[0]
    assert entry["action"] == "team.add"
    assert "203.0.113.7" not in str(entry)
    peers = {
        network["Gateway"]
        for about in stack.about("gateway")
        for network in about["NetworkSettings"]["Networks"].values()
    }
    assert any(peer in str(entry) for peer in peers if peer), entry


def test_headers_limits_and_the_configuration_itself(built: Built) -> None:
    """nginx finds nothing wrong with its files; answers say how browsers treat them; what is too much is refused."""
    stack = built.stack
    checked = stack.compose("exec", "-T", "gateway", "nginx", "-t", "-c", "/etc/caviar/nginx.conf")
    assert "test is successful" in checked.stderr
    assert "warn" not in checked.stderr
    with httpx2.Client(base_url=stack.url, trust_env=False) as client:
        for path in ("/api/v1/health", "/login", "/mlflow/"):
            headers = client.get(path).headers
            assert headers.get_list("x-content-type-options") == ["nosniff"], path
            assert len(headers.get_list("x-frame-options")) == 1, path
            assert len(headers.get_list("referrer-policy")) == 1, path
            assert "nginx/" not in headers.get("server", ""), path
        artifact = client.get("/mlflow/get-artifact?path=x.html&run_uuid=x")
        assert artifact.headers["content-security-policy"].startswith("sandbox")
        large = client.post("/api/v1/studies", content=b"x" * (40 * 1024 * 1024))
        assert large.status_code == 413
        long = client.get("/api/v1/health", headers={"X-Long": "x" * 70_000})
        assert long.status_code in (400, 414, 431)


def test_events_come_as_they_happen(stack: Stack, teams: dict[str, dict[str, str]]) -> None:
    """The stream of events passes the gateway unheld: its first bytes are there before it ends."""
    headers = {"Authorization": f"Bearer {teams['alpha']['viewer']}", "Accept": "text/event-stream"}
    with (
        httpx2.Client(base_url=stack.url, headers=headers, timeout=30, trust_env=False) as client,
        client.stream("GET", "/api/v1/events") as answer,
    ):
        assert answer.status_code == 200
        assert next(answer.iter_bytes())
