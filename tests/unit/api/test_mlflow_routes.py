"""The gate's list beside the routes that MLflow really has."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from caviar.api.mlflow_routes import may_reach, path_of

WALK = """
import json
from mlflow.server.auth import create_app
from mlflow.server import app as flask
from starlette.routing import Mount

def inner(routes):
    for route in routes:
        if isinstance(route, Mount):
            continue
        router = getattr(route, "original_router", None)
        if router is None:
            yield route
        else:
            yield from inner(router.routes)

found = [(m, r.rule) for r in flask.url_map.iter_rules() for m in r.methods]
application = create_app()
found += [(m, r.rule) for r in flask.url_map.iter_rules() for m in r.methods]
native = [(m, r.path) for r in inner(application.routes) for m in r.methods]
print(json.dumps([sorted(set(found)), sorted(set(native))]))
"""


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """``METHOD path`` below its prefix: what Flask serves, and what FastAPI does, whose routers do not know it."""
    folder = tmp_path_factory.mktemp("routes")
    config = folder / "auth.ini"
    database = f"sqlite:///{folder / 'auth.db'}"
    config.write_text(f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = {database}\n")
    environ = {
        **os.environ,
        "_MLFLOW_STATIC_PREFIX": "/mlflow",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key",  # pragma: allowlist secret
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_USERNAME": "service",
        "MLFLOW_AUTH_ADMIN_PASSWORD": "a password of nobody",  # pragma: allowlist secret
    }
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WALK],
        env=environ,
        cwd=folder,
        stdout=subprocess.PIPE,
        check=True,
    )
    flask, native = json.loads(told.stdout.splitlines()[-1])

    below = [f"{m} {path.removeprefix('/mlflow')}" for m, path in flask if path[:8] == "/mlflow/"]
    return below, [f"{method} {path}" for method, path in native]


def example(route: str) -> str:
    """An address of the route."""
    return re.sub(r"[<{][^>}]+[>}]", "x1", route)


def reached(reach: str, routes: list[str]) -> set[str]:
    found = set()
    for route in routes:
        method, path = example(route).split(" ", 1)
        below = path_of(f"/mlflow{path}")
        if below is not None and may_reach(reach, method, below):  # type: ignore[arg-type]
            found.add(route.replace("/ajax-api/", "/api/"))
    return found


ALLOWED = Path(__file__).with_name("mlflow_routes.txt")


def test_a_new_version_of_mlflow_opens_nothing(routes: tuple[list[str], list[str]]) -> None:
    """Every route of MLflow's is walked: those that may be reached are the ones in the file beside this test."""
    flask, native = routes
    assert len(flask) > 400
    assert len(native) > 20
    walked = {reach: reached(reach, [*flask, *native]) for reach in ("reader", "writer", "worker")}
    lines = [f"reader {route}" for route in walked["reader"]]
    lines += [f"writer {route}" for route in walked["writer"] - walked["reader"]]
    lines += [f"worker {route}" for route in walked["worker"] - walked["writer"]]
    assert sorted(lines) == ALLOWED.read_text(encoding="utf-8").splitlines()
    assert walked["reader"] < walked["writer"] < walked["worker"]


@pytest.mark.parametrize(
    "word",
    ["users/list", "permissions", "roles", "webhooks", "gateway", "jobs", "assistant", "mcp",
     "experiments/create", "experiments/delete ", "experiments/update", "scorer", "presigned", "mpu"],
)  # fmt: skip
def test_what_is_an_operators_is_on_nobodys_list(word: str) -> None:
    """But for what tells a caller of itself."""
    lines = ALLOWED.read_text(encoding="utf-8").splitlines()
    own = "reader GET /api/3.0/mlflow/users/current/permissions"
    assert [line for line in lines if word in f"{line} " and line != own] == []


@pytest.mark.parametrize(
    "uri",
    [
        "", "/", "/mlflow", "/mlflowx/", "/api/2.0/mlflow/runs/get", "/foo/../mlflow/", "//mlflow/",
        "/mlflow//", "/mlflow/./", "/mlflow/..", "/mlflow/a/../b", "/mlflow/%2e%2e/x", "/mlflow/a%2fb",
        "/mlflow/a%5cb", "/mlflow/a\\b", "/mlflow/a;b", "/mlflow/a%3bb", "/mlflow/%252e", "/mlflow/%00",
        "/mlflow/%0a", "/mlflow/%7f", "/mlflow/%", "/mlflow/%zz", "/mlflow/%ff", "/mlflow/\u00e4", "/mlflow/a b",
        "/mlflow/a#b", "/mlflow/%23", "/mlflow/%3f", "http://elsewhere/mlflow/", "/MLFLOW/", "/mlflow/" + "x" * 9000,
    ],
)  # fmt: skip
def test_an_address_that_could_be_read_in_two_ways_is_none(uri: str) -> None:
    """Whoever asks."""
    assert path_of(uri) is None


def test_an_ordinary_address_is_itself() -> None:
    """Encoded blanks, umlauts and percent signs of a file's name; the query is not looked at."""
    name = "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/a%20b%C3%A4%20100%25.txt"
    assert path_of(f"/mlflow{name}?x=../..") == name
    assert may_reach("reader", "GET", name)
    assert path_of("/mlflow/") == "/"
