"""Prometheus beside the deployment, with the overlay as it is written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import wait_until
from tests.support.compose_files import ROOT, read
from tests.support.stack import Stack, docker, script

OVERLAY = "deploy/compose.observability.yml"
Ask = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def watched(stack: Stack) -> Iterator[Stack]:
    """The deployment with Prometheus; without it again afterwards."""
    image = read(ROOT / OVERLAY)["services"]["prometheus"]["image"]
    there = docker("image", "inspect", image, check=False).returncode == 0
    if not there and docker("pull", "--quiet", image, check=False).returncode != 0:
        pytest.skip(f"no {image} here, and it cannot be pulled")
    with_it = replace(stack, files=(*stack.files, OVERLAY))
    try:
        with_it.compose("up", "--detach", "--wait", "--no-recreate", "--no-deps", "prometheus")
        yield with_it
    finally:
        with_it.compose("rm", "--stop", "--force", "--volumes", "prometheus")
        docker("volume", "rm", "--force", *(f"{stack.project}_{v}" for v in ("figures", "grafana")))
        docker("network", "rm", "--force", f"{stack.project}_watch")


@pytest.fixture
def ask(watched: Stack) -> Ask:
    (container,) = watched.containers("prometheus")

    def query(expression: str) -> list[dict[str, Any]]:
        url = f"http://localhost:9090/api/v1/query?query={quote(expression)}"
        answer = json.loads(docker("exec", container, "wget", "-q", "-O", "-", url).stdout)
        return list(answer["data"]["result"])

    return query


def test_prometheus_reads_the_scheduler(watched: Stack, ask: Ask) -> None:
    """As the secrets' owner, with its own token; every part is up, and it keeps what it read on its volume."""
    wait_until(lambda: ask('up{job="caviar"} == 1'), why="the scheduler was read")
    assert {each["metric"]["part"] for each in ask("caviar_part_up == 1")} == {
        "database",
        "broker",
        "scheduler",
    }
    assert ask("sum(caviar_slots) > 0")
    assert not ask('ALERTS{severity="critical",alertstate="firing"}')


def test_prometheus_judges_its_own_files(watched: Stack, ask: Ask) -> None:
    """As they are mounted; and it is published nowhere."""
    (container,) = watched.containers("prometheus")
    for what, name in (("config", "prometheus.yml"), ("rules", "alerts.yml")):
        docker("exec", container, "promtool", "check", what, f"/etc/prometheus/{name}")
    (about,) = watched.about("prometheus")
    assert not any(about["NetworkSettings"]["Ports"].values())


def test_prometheus_goes_on_with_another_token(watched: Stack, ask: Ask) -> None:
    """The scheduler takes the old one no more; Prometheus is started again with the new one."""
    script(watched, "rotate", "metrics_token")
    wait_until(lambda: watched.healthy("prometheus"), 120, "Prometheus is healthy")
    since = time.time()
    newer = f'up{{job="caviar"}} == 1 and timestamp(up{{job="caviar"}}) > {since}'
    wait_until(lambda: ask(newer), 90, "the scheduler was read with the new token")
