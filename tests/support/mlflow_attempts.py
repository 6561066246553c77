"""Requests to MLflow behind the gateway, by kind: what reads and writes a team's own, what is an operator's, and how an
address may be written so that somebody reads it as another one.

Each is (kind, method, path below MLflow's prefix, body).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

Attempt = tuple[str, str, str, object]

WORD = "strictly-of-alpha"
"""It is in all that alpha has in MLflow: in no answer to anybody else."""

# fmt: off


@dataclass
class Held:
    """The ids of what a team has in MLflow."""

    experiment: str
    run: str
    model: str


def _in_both(found: list[Attempt]) -> list[Attempt]:
    """As programs ask, and as the UI does."""
    return [
        (f"{kind} ({family})", method, f"/{family}{path}", body)
        for kind, method, path, body in found
        for family in ("api", "ajax-api")
    ]


def once(attempts: list[Attempt]) -> list[Attempt]:
    """Without those of the UI's addresses: the gate and MLflow judge both in one place."""
    return [each for each in attempts if "(ajax-api)" not in each[0]]


QUIET = ("artifacts", "proxied list", "bulk", "metric history", "traces")
"""Kinds of ``reads`` whose answers have what is alpha's, but not the word."""


def reads(held: Held) -> list[Attempt]:
    run, experiment, model = held.run, held.experiment, held.model
    ids = {"experiment_ids": [experiment]}
    v2, files = "/2.0/mlflow", "/2.0/mlflow-artifacts/artifacts"
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    found: list[Attempt] = [
        ("get experiment", "GET", f"{v2}/experiments/get?experiment_id={experiment}", None),
        ("experiment by name", "GET", f"{v2}/experiments/get-by-name?experiment_name=alpha/digits", None),
        ("experiments", "POST", f"{v2}/experiments/search", {"max_results": 100}),
        ("experiments, GET", "GET", f"{v2}/experiments/search?max_results=100", None),
        ("get run", "GET", f"{v2}/runs/get?run_id={run}", None),
        ("get run, old name", "GET", f"{v2}/runs/get?run_uuid={run}", None),
        ("runs", "POST", f"{v2}/runs/search", ids),
        ("metric history", "GET", f"{v2}/metrics/get-history?run_id={run}&metric_key={WORD}", None),
        ("artifacts", "GET", f"{v2}/artifacts/list?run_id={run}", None),
        ("logged model", "GET", f"{v2}/logged-models/{model}", None),
        ("logged models", "POST", f"{v2}/logged-models/search", ids),
        ("proxied download", "GET", f"{files}/{experiment}/{run}/artifacts/secret.txt", None),
        ("proxied list", "GET", f"{files}?path={experiment}/{run}/artifacts", None),
        ("traces", "POST", "/3.0/mlflow/traces/search", {"locations": [place]}),
    ]
    bulk = "/ajax-api/2.0/mlflow/metrics"
    params = "data { params { key value } }"
    one = f"mlflowGetRun(input: {{runId: {json.dumps(run)}}}) {{ run {{ {params} }} }}"
    all_ = f"x: mlflowSearchRuns(input: {{experimentIds: {json.dumps([experiment])}}}) {{ runs {{ {params} }} }}"
    return [
        *_in_both(found),
        ("download", "GET", f"/get-artifact?run_uuid={run}&path=secret.txt", None),
        ("bulk history", "GET", f"{bulk}/get-history-bulk?run_id={run}&metric_key={WORD}", None),
        ("bulk interval", "GET", f"{bulk}/get-history-bulk-interval?run_ids={run}&metric_key={WORD}", None),
        ("graphql run", "POST", "/graphql", {"query": f"query {{ {one} }}"}),
        ("graphql search, aliased", "POST", "/graphql", {"query": f"query {{ {all_} }}"}),
    ]


def writes(held: Held) -> list[Attempt]:
    run, experiment = held.run, held.experiment
    metric = {"key": "m", "value": 1.0, "timestamp": 1, "step": 1}
    runs, models = "/2.0/mlflow/runs", "/2.0/mlflow/logged-models"
    upload = f"/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/new.txt"
    tag = {"experiment_id": experiment, "key": "t", "value": "1"}
    found: list[Attempt] = [
        ("create run", "POST", f"{runs}/create", {"experiment_id": experiment}),
        ("log batch", "POST", f"{runs}/log-batch", {"run_id": run, "metrics": [metric]}),
        ("log metric", "POST", f"{runs}/log-metric", {"run_id": run, **metric}),
        ("log param", "POST", f"{runs}/log-parameter", {"run_id": run, "key": "p", "value": "1"}),
        ("set tag", "POST", f"{runs}/set-tag", {"run_id": run, "key": "t", "value": "1"}),
        ("update run", "POST", f"{runs}/update", {"run_id": run, "status": "RUNNING"}),
        ("log inputs", "POST", f"{runs}/log-inputs", {"run_id": run, "datasets": []}),
        ("tag experiment", "POST", "/2.0/mlflow/experiments/set-experiment-tag", tag),
        ("logged model", "POST", models, {"experiment_id": experiment, "name": "m"}),
        ("end a model", "PATCH", f"{models}/{held.model}", {"model_id": held.model, "status": 2}),
        ("tag a model", "PATCH", f"{models}/{held.model}/tags", {"tags": [{"key": "t", "value": "1"}]}),
        ("proxied upload", "PUT", upload, b"new"),
    ]
    form = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=up.txt"
    return [*_in_both(found), ("upload", "POST", form, b"up")]


def closed(held: Held) -> list[Attempt]:
    """What is an operator's alone."""
    run, experiment = held.run, held.experiment
    me = {"username": "beta.writer"}
    grant = {**me, "resource_type": "experiment", "resource_id": experiment, "permission": "MANAGE"}
    v2, v3, files = "/2.0/mlflow", "/3.0/mlflow", "/2.0/mlflow-artifacts"
    found: list[Attempt] = [
        ("create experiment", "POST", f"{v2}/experiments/create", {"name": "alpha/stolen"}),
        ("delete experiment", "POST", f"{v2}/experiments/delete", {"experiment_id": experiment}),
        ("restore experiment", "POST", f"{v2}/experiments/restore", {"experiment_id": experiment}),
        ("rename experiment", "POST", f"{v2}/experiments/update", {"experiment_id": experiment, "new_name": "x"}),
        ("restore run", "POST", f"{v2}/runs/restore", {"run_id": run}),
        ("users", "GET", f"{v2}/users/list", None),
        ("a user", "GET", f"{v2}/users/get?username=beta.writer", None),
        ("create user", "POST", f"{v2}/users/create", {"username": "me", "password": "x" * 16}),
        ("become admin", "PATCH", f"{v2}/users/update-admin", {**me, "is_admin": True}),
        ("new password", "PATCH", f"{v2}/users/update-password", {**me, "password": "x" * 16}),
        ("delete user", "DELETE", f"{v2}/users/delete", {"username": "alpha.reader"}),
        ("grant", "POST", f"{v3}/users/permissions/grant", grant),
        ("permissions", "GET", f"{v3}/users/permissions/list?username=beta.writer", None),
        ("roles", "GET", f"{v3}/roles/list", None),
        ("create role", "POST", f"{v3}/roles/create", {"name": "r"}),
        ("create model", "POST", f"{v2}/registered-models/create", {"name": "m"}),
        ("create version", "POST", f"{v2}/model-versions/create", {"name": "m", "source": f"runs:/{run}/m"}),
        ("webhooks", "GET", f"{v2}/webhooks", None),
        ("create webhook", "POST", f"{v2}/webhooks", {"name": "w", "url": "https://8.8.8.8", "events": []}),
        ("gateway secrets", "GET", f"{v3}/gateway/secrets/list", None),
        ("gateway endpoints", "GET", f"{v3}/gateway/endpoints/list", None),
        ("gateway proxy", "POST", f"{v2}/gateway-proxy", {"gateway_path": "x"}),
        ("jobs", "GET", "/3.0/jobs/search", None),
        ("a job", "GET", f"{v3}/jobs/x", None),
        ("assistant", "GET", f"{v3}/assistant/config", None),
        ("scorers", "GET", f"{v3}/scorers/list?experiment_id={experiment}", None),
        ("write a trace", "POST", f"{v3}/traces", {}),
        ("datasets", "POST", f"{v3}/datasets/search", {"experiment_ids": [experiment]}),
        ("workspaces", "GET", f"{v3}/workspaces", None),
        ("presigned", "GET", f"{files}/presigned/{experiment}/{run}/artifacts/secret.txt", None),
        ("multipart", "POST", f"{files}/mpu/create/{experiment}/{run}/artifacts/x", {"path": "../x"}),
        ("delete a model", "DELETE", f"{v2}/logged-models/{held.model}", None),
        ("mcp servers", "GET", f"{v3}/mcp-servers", None),
    ]
    slashless = "/api/2.0mlflow/experiments/search-datasets"
    return [
        *_in_both(found),
        ("a route of MLflow's without its slash", "POST", slashless, {"experiment_ids": [experiment]}),
        ("otel traces", "POST", "/v1/traces", {}),
        ("gateway", "POST", "/gateway/openai/v1/chat/completions", {"model": "x"}),
        ("sign up", "GET", "/signup", None),
        ("model version's file", "GET", "/model-versions/get-artifact?name=m&version=1&path=x", None),
        ("graphql by GET", "GET", "/graphql?query=x", None),
        ("HEAD", "HEAD", f"/api/2.0/mlflow/runs/get?run_id={run}", None),
        ("OPTIONS", "OPTIONS", "/api/2.0/mlflow/runs/search", None),
        ("an unknown one", "GET", "/api/9.0/mlflow/anything", None),
    ]


ADDRESSES = [
    "/api/2.0/mlflow/../mlflow/runs/get?run_id={run}",
    "/static-files/../api/2.0/mlflow/users/list",
    "/static-files/%2e%2e/api/2.0/mlflow/users/list",
    "/static-files/..%2fapi/2.0/mlflow/users/list",
    "/static-files/%252e%252e/api/2.0/mlflow/users/list",
    "//api/2.0/mlflow/runs/get?run_id={run}",
    "/api//2.0/mlflow/runs/get?run_id={run}",
    "/api/2.0/mlflow/runs/get;x=1?run_id={run}",
    "/api/2.0/mlflow/runs/%67et?run_id={run}",
    "/api/2.0/mlflow/runs/get/?run_id={run}",
    "/API/2.0/mlflow/runs/get?run_id={run}",
    "/api/2.0/mlflow/runs\\get?run_id={run}",
    "/api/2.0/mlflow/runs/get%00?run_id={run}",
    "/api/2.0/mlflow/runs/get%0d%0aX-Caviar-User:%20operator?run_id={run}",
    "/api/2.0/mlflow-artifacts/artifacts/{own}/../{experiment}/{run}/artifacts/secret.txt",
    "/api/2.0/mlflow-artifacts/artifacts/{own}/%2e%2e/{experiment}/{run}/artifacts/secret.txt",
    "/api/2.0/mlflow-artifacts/artifacts/{own}%2f..%2f{experiment}%2f{run}%2fartifacts%2fsecret.txt",
    "/api/2.0/mlflow-artifacts/artifacts/{own}/%252e%252e/{experiment}/{run}/artifacts/secret.txt",
    "/api/2.0/mlflow-artifacts/artifacts//{experiment}/{run}/artifacts/secret.txt",
    "/api/2.0/mlflow-artifacts/artifacts/./{experiment}/{run}/artifacts/secret.txt",
    "/api/2.0/mlflow-artifacts/artifacts/%2fetc%2fpasswd",
    "/api/2.0/mlflow-artifacts/artifacts/..%5c{experiment}",
    "/get-artifact?run_uuid={ownrun}&path=../../../{experiment}/{run}/artifacts/secret.txt",
    "/get-artifact?run_uuid={ownrun}&path=%2e%2e/%2e%2e/{run}/artifacts/secret.txt",
    "/get-artifact?run_uuid={ownrun}&run_uuid={run}&path=secret.txt",
    "/get-artifact?run_id={ownrun}&run_uuid={run}&path=secret.txt",
    "/api/2.0/mlflow/runs/get?run_id={ownrun}&run_uuid={run}",
    "/api/2.0/mlflow/runs/get?run_uuid={ownrun}&run_id={run}",
    "/api/2.0/mlflow/runs/get?run_id={ownrun}&run_id={run}",
    "/api/2.0/mlflow/artifacts/list?run_id={ownrun}&path=../../{run}/artifacts",
    "/api/2.0/mlflow/artifacts/list?run_id={ownrun}&run_uuid={run}",
    "/api/2.0/mlflow-artifacts/artifacts?path={own}/../{experiment}/{run}/artifacts",
    "/api/2.0/mlflow-artifacts/artifacts?path={own}%252f..%252f{experiment}",
    "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={ownrun}&run_id={run}&metric_key=" + WORD,
]
"""With the ids of alpha, and ``own`` and ``ownrun`` of beta, who sends them as they are, undecoded."""


def both_in_graphql(alpha: Held, beta: Held) -> list[str]:
    """Queries of beta's with alpha's ids, beside its own and alone."""

    def query(field: str, given: dict[str, object], wanted: str) -> str:
        about = ", ".join(f"{name}: {json.dumps(value)}" for name, value in given.items())
        return f"{field}(input: {{{about}}}) {{ {wanted} }}"

    runs, run = "runs { data { params { value } } }", "run { data { params { value } } }"
    both = [alpha.experiment, beta.experiment]
    return [
        query("mlflowSearchRuns", {"experimentIds": both}, runs),
        query("mlflowSearchRuns", {"experimentIds": []}, runs),
        query("mlflowSearchRuns", {"filter": ""}, runs),
        query("mlflowGetRun", {"runId": beta.run, "runUuid": alpha.run}, run),
        query("mlflowGetRun", {"runUuid": alpha.run}, run),
        query("mlflowGetExperiment", {"experimentId": alpha.experiment}, "experiment { name }"),
        query("mlflowListArtifacts", {"runId": alpha.run}, "files { path }"),
        query("mlflowListArtifacts", {"runId": beta.run, "runUuid": alpha.run}, "files { path }"),
        query("mlflowGetMetricHistoryBulkInterval", {"runIds": [beta.run, alpha.run], "metricKey": WORD}, "metrics { key value runId }"),
        query("mlflowSearchDatasets", {"experimentIds": both}, "datasetSummaries { name }"),
    ]


def references(own: Held, theirs: Held) -> list[tuple[str, str, object]]:
    """What a writer may send of its own run, with another team's run or model in it: (method, path, body)."""
    metric = {"key": "m", "value": 1.0, "timestamp": 1, "step": 1, "model_id": theirs.model}
    runs, models = "/2.0/mlflow/runs", "/2.0/mlflow/logged-models"
    fields = {"experiment_id": own.experiment, "name": "m", "source_run_id": theirs.run}
    ended = {"model_id": theirs.model, "status": "LOGGED_MODEL_UPLOAD_FAILED"}
    return [
        ("POST", models, fields),
        ("POST", f"{runs}/log-batch", {"run_id": own.run, "metrics": [metric]}),
        ("POST", f"{runs}/log-metric", {"run_id": own.run, **metric}),
        ("POST", f"{runs}/outputs", {"run_id": own.run, "models": [{"model_id": theirs.model, "step": 1}]}),
        ("PATCH", f"{models}/{theirs.model}/tags", {"tags": [{"key": "t", "value": "1"}]}),
        ("PATCH", f"{models}/{own.model}", ended),
        ("PATCH", f"{models}/{own.model}", {"modelId": theirs.model, "status": "LOGGED_MODEL_UPLOAD_FAILED"}),
        ("PATCH", f"{models}/{own.model}", json.dumps(ended)),
        ("PATCH", f"{models}/{own.model}/", ended),
        ("POST", f"{models}/{own.model}/params", {"model_id": theirs.model, "params": [{"key": "p", "value": "1"}]}),
        ("POST", f"{models}/{theirs.model}/params", {"model_id": own.model, "params": [{"key": "p", "value": "1"}]}),
    ]
