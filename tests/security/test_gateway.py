"""MLflow through the gateway: what each kind of caller gets on each kind of path.

The real `caviar mlflow`, the real API and scheduler, and a proxy between them that asks `/gate` as nginx does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from caviar.adapters.mlflow_grants import Grants
from caviar.contract import gateway as names
from caviar.contract.access import Quota
from caviar.contract.messages import ClaimRequest, Hello
from caviar.contract.views import Submission
from caviar.errors import ServiceError
from caviar.teams import Pass, Signer, new_token
from tests.support import wait_until
from tests.support.gateway import (
    GATE_SECRET,
    MLFLOW_SECRET,
    DoorServer,
    Gateway,
    running_door,
    running_gateway,
)
from tests.support.mlflow_attempts import (
    ADDRESSES,
    QUIET,
    WORD,
    Held,
    both_in_graphql,
    closed,
    once,
    reads,
    references,
    writes,
)
from tests.support.real_api import STUDY, TOKEN, WORKER_TOKEN, Serving, serving
from tests.support.servers import free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]  # thousands of requests to MLflow


@dataclass
class Stack:
    url: str
    http: httpx2.Client
    gateway: Gateway
    service: Serving
    door: DoorServer
    client: MlflowClient
    """As the service itself, not through the gateway."""
    alpha: Held
    beta: Held
    callers: dict[str, dict[str, str]] = field(default_factory=dict)
    """The headers that each caller sends."""

    def ask(
        self, who: str, method: str, path: str, body: object = None, **headers: str
    ) -> httpx2.Response:
        sent = {**self.callers[who], **headers}
        given: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = self.http.request(method, f"{names.MLFLOW}{path}", headers=sent, **given)
        self.http.cookies.clear()
        return answer


def filled(client: MlflowClient, folder: Path, team: str, word: str) -> Held:
    experiment = client.create_experiment(f"{team}/digits", tags={"secret": word})
    run = client.create_run(experiment, tags={"secret": word}).info.run_id
    client.log_param(run, "secret", word)
    client.log_metric(run, word, 0.5, step=1)
    (folder / "secret.txt").write_text(word)
    client.log_artifact(run, str(folder / "secret.txt"))
    model = client.create_logged_model(experiment, name=word, source_run_id=run)
    return Held(experiment, run, model.model_id)


def of_trial(service: Serving, team: str, name: str) -> tuple[str, str]:
    """A trial of ``team`` that runs, and its pass as a worker gets it."""
    study = service.scheduler.submit(Submission(text=STUDY.format(name=name, trials=1)), team=team)
    service.scheduler.hello(Hello(host="host", incarnation="one", slots=8))
    ticket = wait_until(lambda: service._ticket_of(study.id), why="a ticket")
    nonce = f"nonce-of-{ticket.trial}"
    claim = ClaimRequest(
        trial=ticket.trial, attempt=1, nonce=nonce, host="host", incarnation="one", slot=0
    )
    assert service.scheduler.claim(claim).granted
    body = {"trial": ticket.trial, "attempt": 1, "nonce": nonce}
    with service.client(WORKER_TOKEN) as client:
        refused = client.post("/worker/pass", json={**body, "nonce": "of-somebody-else"})
        assert refused.status_code == 409
        answer = client.post("/worker/pass", json=body)
    assert answer.status_code == 200, answer.text
    return study.id, str(answer.json()["token"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def logged_in(url: str, token: str) -> dict[str, str]:
    with httpx2.Client(trust_env=False, verify=False, timeout=60) as client:
        answer = client.post(f"{url}/login", data={"token": token}, headers={"Origin": url})
        assert answer.status_code == 303, answer.text
        session = client.cookies[names.COOKIE]
    return {"Cookie": f"{names.COOKIE}={session}", "Origin": url}


def callers_of(url: str, service: Serving) -> dict[str, dict[str, str]]:
    found = {"nobody": {}, "operator": bearer(TOKEN), "worker": bearer(WORKER_TOKEN)}
    for team in ("alpha", "beta"):
        for role in ("viewer", "submitter", "admin"):
            found[f"{team}/{role}"] = bearer(service.token(role, team))  # type: ignore[arg-type]
    found["a host's worker"] = bearer(service.token("worker", None))
    session = logged_in(url, service.token("submitter", "alpha"))
    found["alpha's browser"] = session
    found["beta's browser"] = logged_in(url, service.token("viewer", "beta"))
    found["operator's browser"] = logged_in(url, TOKEN)
    for what in ("revoked", "expired"):
        fresh = new_token()
        teams = service.access.teams
        ends = teams.clock() + (3600.0 if what == "revoked" else 1.5)
        service.access.changed(teams.add_token(fresh, "ada", "admin", "alpha", ends))
        found[f"{what} token"] = bearer(fresh.text)
        found[f"{what} session"] = logged_in(url, fresh.text)
        if what == "revoked":
            service.access.changed(teams.revoke(fresh.id))  # type: ignore[arg-type]
        else:
            row = service.access.teams.token(fresh.id)
            wait_until(lambda row=row: not row.holds(time.time()), why="the token expires")  # type: ignore[misc,union-attr]
    value = session["Cookie"]
    forged = value[:-4] + ("AAAA" if not value.endswith("AAAA") else "BBBB")
    identifier = value.split(".")[1]
    other = Signer("the token of another service").session(identifier, time.time() + 3600)
    found["forged cookie"] = {**session, "Cookie": forged}
    found["cookie of another service"] = {**session, "Cookie": f"{names.COOKIE}={other}"}
    named = {names.USER: "alpha.writer"}
    found["forged user"] = named
    found["forged user and secret"] = {**named, names.SHOWN: "not-the-secret-of-the-gateway"}
    found["forged user, right secret"] = {**named, names.SHOWN: GATE_SECRET}
    found["service's password"] = {
        "Authorization": httpx2.BasicAuth("service", MLFLOW_SECRET)._auth_header
    }
    found["alpha's trial"] = bearer(of_trial(service, "alpha", "first")[1])
    found["beta's trial"] = bearer(of_trial(service, "beta", "second")[1])
    over, token = of_trial(service, "alpha", "third")
    service.scheduler.stop(over)
    found["trial of a study that is over"] = bearer(token)
    trial = token.split(".")[2]
    running = found["alpha's trial"]["Authorization"].split(".")[2]
    forger = Signer("the token of another service")
    found["forged pass"] = bearer(forger.trial_pass(Pass("alpha", running, 1)))
    found["pass of another attempt"] = bearer(
        service.access.signer.trial_pass(Pass("alpha", running, 2))
    )
    found["pass of another team for the trial"] = bearer(
        service.access.signer.trial_pass(Pass("beta", running, 1))
    )
    assert trial != running
    return found


NOBODYS = (
    "nobody",
    "revoked token",
    "revoked session",
    "expired token",
    "expired session",
    "forged cookie",
    "cookie of another service",
    "forged user",
    "forged user and secret",
    "forged user, right secret",
    "service's password",
    "trial of a study that is over",
    "forged pass",
    "pass of another attempt",
    "pass of another team for the trial",
)
FOREIGN = ("beta/viewer", "beta/submitter", "beta/admin", "beta's browser", "beta's trial")
READERS = ("alpha/viewer", "alpha/submitter", "alpha's browser", "alpha's trial", "worker")
WRITERS = ("alpha/submitter", "alpha/admin", "alpha's browser", "alpha's trial", "a host's worker")
OPERATORS = ("operator", "operator's browser")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("gateway")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    patch = pytest.MonkeyPatch()
    patch.setenv("MLFLOW_TRACKING_USERNAME", names.SERVICE)
    patch.setenv("MLFLOW_TRACKING_PASSWORD", MLFLOW_SECRET)
    with (
        patch.context(),
        running_door(folder, url) as door,
        serving(folder, public_url=url, lease_s=3600) as service,
        running_gateway(port, service.url, door.uri) as gateway,
        httpx2.Client(base_url=url, trust_env=False, verify=False, timeout=60) as http,
    ):
        client = MlflowClient(door.uri)
        for team in ("alpha", "beta"):
            service.access.teams.add(team, 1.0, Quota())
        alpha = filled(client, folder, "alpha", WORD)
        beta = filled(client, folder, "beta", "of-beta")
        experiments = {"alpha": [alpha.experiment], "beta": [beta.experiment]}
        Grants(door.uri, MLFLOW_SECRET).see_to(experiments)
        made = Stack(url, http, gateway, service, door, client, alpha, beta)
        made.callers = callers_of(url, service)
        yield made
    patch.undo()
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ


def test_whoever_holds_nothing_gets_nothing(stack: Stack) -> None:
    """401 on every kind of path, for everybody whose token, session, pass or name does not hold."""
    held = stack.alpha
    pages = [("page", "GET", "/", None), ("file", "GET", "/static-files/index.js", None)]
    for who in NOBODYS:
        for kind, method, path, body in [*pages, *once(reads(held) + writes(held) + closed(held))]:
            answer = stack.ask(who, method, path, body)
            if answer.status_code == 429:  # wrong tokens: counted as anywhere else
                continue
            assert answer.status_code == 401, f"{who}: {kind}: {answer.status_code} {answer.text}"
            assert WORD not in answer.text


def test_a_team_reads_what_is_its_own(stack: Stack) -> None:
    """Its viewers, its submitters, their browsers, its trials; and workers and operators what is any team's."""
    for who in (*READERS, *OPERATORS, "a host's worker"):
        browser = who == "alpha's browser"
        for kind, method, path, body in (list if browser else once)(reads(stack.alpha)):
            answer = stack.ask(who, method, path, body)
            assert answer.status_code == 200, f"{who}: {kind}: {answer.status_code} {answer.text}"
            if not kind.startswith(QUIET):
                assert WORD in answer.text, f"{who}: {kind}: {answer.text}"


def test_another_team_reads_nothing_of_it(stack: Stack) -> None:
    """Refused, or an answer in which nothing of the other team is."""
    for who in FOREIGN:
        browser = who == "beta's browser"
        for kind, method, path, body in (list if browser else once)(reads(stack.alpha)):
            answer = stack.ask(who, method, path, body)
            assert answer.status_code in (200, 403, 404), f"{who}: {kind}: {answer.text}"
            for mark in (WORD, stack.alpha.run, "secret.txt"):
                assert mark not in answer.text, f"{who}: {kind}: {answer.text}"


def test_only_a_team_and_its_trials_write(stack: Stack) -> None:
    """A viewer reads; another team's submitter and trial do not even that."""
    before = everything(stack)
    for who in ("alpha/viewer", *FOREIGN):
        for kind, method, path, body in once(writes(stack.alpha)):
            answer = stack.ask(who, method, path, body)
            assert answer.status_code in (403, 404), f"{who}: {kind}: {answer.text}"
    assert everything(stack) == before
    for who in (*WRITERS, *OPERATORS):
        for kind, method, path, body in once(writes(stack.alpha)):
            answer = stack.ask(who, method, path, body)
            assert answer.status_code == 200, f"{who}: {kind}: {answer.text}"
    assert everything(stack) != before


def everything(stack: Stack) -> list[object]:
    runs = stack.client.search_runs([stack.alpha.experiment])
    experiment = stack.client.get_experiment(stack.alpha.experiment)
    files = stack.client.list_artifacts(stack.alpha.run)
    models = stack.client.search_logged_models([stack.alpha.experiment])
    return [
        [run.to_dictionary() for run in runs],
        dict(experiment),
        sorted(file.path for file in files),
        len(models),
    ]


def test_what_is_not_on_the_list_is_an_operators(stack: Stack) -> None:
    """Users, permissions, models, webhooks, gateways, jobs, and what nobody knows: 403 for all others."""
    before = everything(stack)
    for who in (*FOREIGN, *READERS, *WRITERS):
        for kind, method, path, body in closed(stack.alpha):
            answer = stack.ask(who, method, path, body)
            assert answer.status_code == 403, f"{who}: {kind}: {answer.status_code} {answer.text}"
            assert WORD not in answer.text
    assert everything(stack) == before
    names_of = {each.name for each in stack.client.search_experiments()}
    assert names_of == {"alpha/digits", "beta/digits", "Default"}
    for who in OPERATORS:
        assert stack.ask(who, "GET", "/api/2.0/mlflow/users/list").status_code == 200


@pytest.mark.parametrize("path", ADDRESSES)
def test_no_way_of_writing_an_address_leads_to_another_team(stack: Stack, path: str) -> None:
    """Dots, slashes, encodings, parameters, a name twice: sent as they are, undecoded."""
    held, own = stack.alpha, stack.beta
    uri = path.format(run=held.run, experiment=held.experiment, own=own.experiment, ownrun=own.run)
    told = raw(stack, "GET", f"{names.MLFLOW}{uri}", stack.callers["beta/submitter"])
    assert WORD not in told
    assert held.run not in told.replace(uri, "")
    assert "secret.txt" not in told.replace(uri, "") or "of-beta" in told or own.run in told
    assert '"username"' not in told


def raw(stack: Stack, method: str, uri: str, headers: dict[str, str]) -> str:
    """The whole answer to a request line that no client would send."""
    import socket

    lines = [f"{method} {uri} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(stack.gateway.server_address[:2], timeout=30) as connection:  # type: ignore[arg-type]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        found = b""
        while piece := connection.recv(65536):
            found += piece
    return found.decode(errors="replace")


def test_ids_of_two_teams_in_one_request_show_only_ones_own(stack: Stack) -> None:
    """A search over both teams' experiments, and GraphQL with both, with neither, and with another name."""
    ids = [stack.alpha.experiment, stack.beta.experiment]
    answer = stack.ask(
        "beta/viewer", "POST", "/api/2.0/mlflow/runs/search", {"experiment_ids": ids}
    )
    assert answer.status_code in (200, 403)
    assert WORD not in answer.text
    for query in both_in_graphql(stack.alpha, stack.beta):
        told = stack.ask("beta/viewer", "POST", "/graphql", {"query": f"query {{ a: {query} }}"})
        assert told.status_code == 200, told.text
        assert WORD not in told.text, query
        assert stack.alpha.run not in told.text, query


def test_what_a_writer_refers_to_is_its_own(stack: Stack) -> None:
    """A model of another team's run, a run below it, a metric of its model: nothing of it comes back."""
    own, theirs = stack.beta, stack.alpha
    before = everything(stack)
    model = stack.client.get_logged_model(theirs.model).to_dictionary()
    for method, path, body in references(own, theirs):
        answer = stack.ask("beta/submitter", method, f"/api{path}", body)
        assert WORD not in answer.text, path
    assert everything(stack) == before
    assert stack.client.get_logged_model(theirs.model).to_dictionary() == model


MODEL = """
import mlflow
import numpy as np
from sklearn.linear_model import LinearRegression

mlflow.set_experiment(experiment_id=%r)
x = np.arange(6.0).reshape(-1, 1)
with mlflow.start_run() as run:
    info = mlflow.sklearn.log_model(
        LinearRegression().fit(x, 2 * x[:, 0]), name="model", params={"depth": 3}, pip_requirements=[]
    )
found = mlflow.get_logged_model(info.model_id)
loaded = mlflow.sklearn.load_model(info.model_uri)
print(found.status, found.params, round(float(loaded.predict([[10.0]])[0]), 6))
"""


def test_a_script_logs_a_model_and_loads_it_again(stack: Stack) -> None:
    """As MLflow's tutorials do it, with a submitter's token: made, uploaded, given parameters, ended, read."""
    token = stack.callers["beta/submitter"]["Authorization"].removeprefix("Bearer ")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CAVIAR_", "MLFLOW_"))}
    environ = kept | {
        "MLFLOW_TRACKING_URI": f"{stack.url}{names.MLFLOW}",
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # The format by default needs a package of its own to be read safely.
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
    }
    script = MODEL % stack.beta.experiment
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "READY {'depth': '3'} 20.0"


def test_nobody_comes_in_beside_the_gateway(stack: Stack) -> None:
    """At MLflow's own port: a name without the secret, passwords, the administrator's user by its name."""
    import base64

    basic = {
        name: f"Basic {base64.b64encode(name.encode()).decode()}"
        for name in (
            "service:",
            "service:wrong",
            "admin:password1234",
            "alpha.writer:",
            "operator:x",
        )
    }
    tries = [
        {},
        {names.USER: "operator"},
        {names.USER: "operator", names.SHOWN: ""},
        {names.USER: "operator", names.SHOWN: MLFLOW_SECRET},
        {names.USER: "service", names.SHOWN: GATE_SECRET},
        {names.USER: "alpha.writer,operator", names.SHOWN: GATE_SECRET},
        {names.USER: "", names.SHOWN: GATE_SECRET},
        *({"Authorization": value} for value in basic.values()),
        bearer(TOKEN),
        bearer(MLFLOW_SECRET),
        bearer(WORKER_TOKEN),
    ]
    paths = ["/", "/api/2.0/mlflow/experiments/search?max_results=9", "/graphql", "/gateway/x/y"]
    paths += ["/ajax-api/3.0/jobs/search", "/ajax-api/3.0/mlflow/assistant/config", "/v1/traces"]
    root = stack.door.uri.removesuffix(names.MLFLOW)
    bare = ["/api/2.0/mlflow-artifacts/artifacts/1/x", "/signup", "/api/3.0/mlflow/mcp-servers"]
    with httpx2.Client(trust_env=False, verify=False, timeout=60) as client:
        for headers in tries:
            for url in [
                *(stack.door.uri + path for path in paths),
                *(root + path for path in bare),
            ]:
                method = "POST" if url.endswith(("graphql", "traces", "x/y")) else "GET"
                answer = client.request(method, url, headers=headers)
                assert answer.status_code in (401, 403, 404, 405), f"{headers} {url}"
                assert WORD not in answer.text


def test_a_page_of_another_origin_changes_nothing_with_a_session(stack: Stack) -> None:
    """The cookie comes along, the origin says whose page it was; a browser that says nothing is not believed."""
    path, body = (
        "/ajax-api/2.0/mlflow/runs/set-tag",
        {"run_id": stack.alpha.run, "key": "csrf", "value": "1"},
    )
    cookie = {"Cookie": stack.callers["alpha's browser"]["Cookie"]}
    stack.callers["cookie alone"] = cookie
    for more in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": stack.url, "Sec-Fetch-Site": "cross-site"},
        {"Origin": stack.url, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": stack.url.replace("http:", "https:")},
        {"Origin": f"{stack.url}.evil.example"},
    ):
        assert stack.ask("cookie alone", "POST", path, body, **more).status_code == 403, more
    assert "csrf" not in stack.client.get_run(stack.alpha.run).data.tags
    for more in ({"Origin": stack.url}, {"Sec-Fetch-Site": "same-origin"}):
        assert stack.ask("cookie alone", "POST", path, body, **more).status_code == 200, more


def test_a_trials_pass_opens_nothing_of_the_service_itself(stack: Stack) -> None:
    """Neither what people may ask for nor what workers may, nor a login."""
    sent = stack.callers["alpha's trial"]
    with httpx2.Client(base_url=stack.url, headers=sent, trust_env=False, timeout=60) as client:
        assert client.get("/api/v1/whoami").status_code == 401
        assert client.get("/api/v1/studies").status_code == 401
        hello = {"host": "h", "incarnation": "i", "slots": 1}
        assert client.post("/api/v1/worker/hello", json=hello).status_code == 401
        form = {"token": sent["Authorization"].removeprefix("Bearer ")}
        answer = client.post("/login", data=form, headers={"Origin": stack.url})
        assert answer.status_code in (401, 429)
        assert client.get("/gate").status_code == 404


def test_who_wants_a_page_is_sent_to_the_login_and_back(stack: Stack) -> None:
    """A browser by its navigation; a program by a 401."""
    page = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate"}
    answer = stack.ask("nobody", "GET", "/?a=1&b=//evil.example", **page)
    assert answer.status_code == 303
    to = answer.headers["location"]
    assert to == "/login?next=/mlflow/%3Fa%3D1%26b%3D//evil.example"
    with httpx2.Client(base_url=stack.url, trust_env=False, timeout=60) as browser:
        shown = browser.get(to)
        assert shown.status_code == 200
        assert 'value="/mlflow/?a=1&amp;b=//evil.example"' in shown.text
        token = stack.callers["alpha/viewer"]["Authorization"].removeprefix("Bearer ")
        form = {"token": token, "next": "/mlflow/?a=1&b=//evil.example"}
        back = browser.post("/login", data=form, headers={"Origin": stack.url})
        assert back.headers["location"] == "/mlflow/?a=1&b=//evil.example"
        there = browser.get(back.headers["location"])
        assert there.status_code == 200
        assert "MLflow" in there.text
    assert stack.ask("nobody", "GET", "/", Accept="*/*").status_code == 401


def test_the_plain_client_works_with_a_token(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN are all that a script needs."""
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name)
    for who in ("alpha/submitter", "alpha's trial"):
        token = stack.callers[who]["Authorization"].removeprefix("Bearer ")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
        client = MlflowClient(f"{stack.url}{names.MLFLOW}")
        assert {each.name for each in client.search_experiments()} == {"alpha/digits"}
        run = client.create_run(stack.alpha.experiment).info.run_id
        client.log_metric(run, "loss", 0.25)
        client.log_text(run, "a text", "a folder/näme 100%.txt")
        assert client.get_run(run).data.metrics == {"loss": 0.25}
        assert [file.path for file in client.list_artifacts(run, "a folder")] == [
            "a folder/näme 100%.txt"
        ]
        client.set_terminated(run)
        with pytest.raises(MlflowException, match="operator"):
            client.create_experiment("beta/stolen")
        with pytest.raises(MlflowException, match="Permission denied"):
            client.get_run(stack.beta.run)


def test_what_was_not_granted_is_made_up_for(stack: Stack) -> None:
    """A crash between an experiment and its grants, a right taken away or changed by hand, a team without a study."""
    grants = Grants(stack.door.uri, MLFLOW_SECRET)
    experiment = stack.client.create_experiment("late/digits")
    wanted = {"late": [experiment], "idle": []}
    made = grants.see_to(wanted)
    assert f"READ on experiment {experiment} for late.reader" in made
    assert {"user idle.reader", "user idle.writer"} <= set(made)
    assert grants.see_to(wanted) == []
    path = f"{stack.door.uri}/api/3.0/mlflow/users/permissions"
    about = {"username": "late.writer", "resource_type": "experiment", "resource_id": experiment}
    service = (names.SERVICE, MLFLOW_SECRET)
    httpx2.post(f"{path}/revoke", json=about, auth=service).raise_for_status()
    assert grants.see_to(wanted) == [f"EDIT on experiment {experiment} for late.writer"]
    httpx2.post(f"{path}/revoke", json=about, auth=service).raise_for_status()
    more = {**about, "permission": "MANAGE"}
    httpx2.post(f"{path}/grant", json=more, auth=service).raise_for_status()
    assert grants.see_to(wanted) == [f"EDIT on experiment {experiment} for late.writer"]
    with pytest.raises(ServiceError, match="401"):
        Grants(stack.door.uri, "not-the-secret").see_to(wanted)
    stack.client.delete_experiment(experiment)
