"""A real Prometheus, where there is one, reads a real scheduler with the settings that are deployed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import yaml

from tests.support import wait_until
from tests.support.real_api import TOKEN, Serving, serving
from tests.support.servers import free_port
from tests.unit.deploy.test_watching import FOLDER, queries

PROMETHEUS = shutil.which("prometheus")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus; `apt-get install prometheus`"),
]
QUIET = {
    "Alerts, A": "nothing fires",
    "Share of attempts that fail or crash, A": "needs ten minutes of trials",
}
"""Queries that return nothing of a healthy service, and why. Alerts are among them by their kind."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("scheduler")) as service:
        yield service


@pytest.fixture(scope="module")
def ask(service: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """PromQL -> the samples of now."""
    assert PROMETHEUS is not None
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "token").write_text(TOKEN)
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    settings["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    settings["rule_files"] = [str(FOLDER / "alerts.yml")]
    port = free_port()
    for job in settings["scrape_configs"]:
        address = service.url if job["job_name"] == "caviar" else f"http://127.0.0.1:{port}"
        job["static_configs"] = [{"targets": [address.removeprefix("http://")]}]
        if "authorization" in job:
            job["authorization"]["credentials_file"] = str(folder / "token")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    url = f"http://127.0.0.1:{port}"
    command = [
        PROMETHEUS,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
        httpx2.Client(base_url=url, trust_env=False) as client,
    ):

        def ready() -> bool:
            try:
                return client.get("/-/ready").status_code == 200
            except httpx2.HTTPError:
                return False

        def query(expression: str) -> list[dict[str, Any]]:
            answer = client.get("/api/v1/query", params={"query": expression}).json()
            assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
            return list(answer["data"]["result"])

        try:
            wait_until(ready, why="Prometheus answers", deadline=30)
            yield query
        finally:
            process.terminate()


def test_every_panel_shows_something_and_no_alert_fires(service: Serving, ask: Any) -> None:
    """Of a service that trains: empty panels are the usual end of a dashboard that nobody looked at."""
    study = service.submit(trials=200)
    service.work(study, 3)
    wait_until(
        lambda: ask("count_over_time(up[1m]) > 3"), why="it was read a few times", deadline=30
    )
    service.work(study, 3)
    wait_until(
        lambda: ask("sum(increase(caviar_request_seconds_count[10s])) > 0"),
        why="a rate",
        deadline=30,
    )
    for where, expression in queries().items():
        found = ask(expression.replace("[1m]", "[10s]").replace("[10m]", "[10s]"))
        if where.startswith("Caviar"):
            assert not found, f"{where} fires"
        elif where not in QUIET:
            assert found, f"{where} shows nothing"
    assert not ask("ALERTS")
