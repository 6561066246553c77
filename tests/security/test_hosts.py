"""A page in a browser reaches 127.0.0.1 as well: the names that a service on loopback answers to."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.api.origin import LOOPBACK_NAMES
from caviar.scheduler import Scheduler

TOKEN = "t" * 40


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('alone') / 'caviar.db'}")
    migrate(engine)
    store = Store(engine)
    scheduler = Scheduler(store, lambda *_: None, lease_s=10, claim_s=5)
    access = Access(Teams(engine), TOKEN, "w" * 40)
    app = create_app(store, scheduler, access, mlflow_uri="", hosts=LOOPBACK_NAMES)
    return TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8642", "localhost:8642", "LOCALHOST", "[::1]:8642", "[::1]", "localhost."]
)
def test_the_machines_own_names_are_answered(alone: TestClient, host: str) -> None:
    """With and without a port."""
    assert alone.get("/api/v1/studies", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8642",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example#127.0.0.1",
        "127.0.0.1@evil.example",
        "[::1].evil.example",
        "[::1",
        "localhost:8642.evil.example",
        "0.0.0.0:8642",
        "2130706433",
        "",
    ],
)
def test_any_other_name_is_refused_before_any_route(alone: TestClient, host: str) -> None:
    """DNS rebinding: the page's own name points to 127.0.0.1 now, but it is still the page's. Health too."""
    answer = alone.get("/api/v1/health", headers={"Host": host})
    assert answer.status_code == 421
    assert "CAVIAR_HOSTS" in answer.json()["detail"]


def test_a_websocket_asks_the_name_too(alone: TestClient) -> None:
    """A page may open one to anywhere: nothing of the browser's own keeps it from that."""
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        alone.websocket_connect("/api/v1/broker", headers={"Host": "evil.example"}),
    ):
        pass
    assert caught.value.status_code == 421


def test_two_hosts_are_none(alone: TestClient) -> None:
    """A proxy may have looked at the other one."""
    answer = alone.get("/api/v1/health", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert answer.status_code == 421
