"""Webhooks over the API: whose they are, and what is shown of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from caviar.adapters.sql import Store, Teams, Webhooks, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.api.webhooks import MOST, webhook_routes
from caviar.contract.access import Quota, Role
from caviar.scheduler import Scheduler
from caviar.teams import new_token
from caviar.webhooks import Allowed

URL = "https://8.8.8.8/caviar"


class Api:
    def __init__(self, folder: Path) -> None:
        engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
        migrate(engine)
        store = Store(engine)
        scheduler = Scheduler(store, lambda *_: None, lease_s=10, claim_s=5)
        self.teams = Teams(engine)
        self.teams.add("vision", 1.0, Quota())
        self.access = Access(self.teams, "o" * 20, "w" * 20)
        app = create_app(store, scheduler, self.access, mlflow_uri="")
        app.include_router(webhook_routes(Webhooks(engine), Allowed()))
        self.http = TestClient(app)

    def token(self, role: Role, team: str) -> dict[str, str]:
        fresh = new_token()
        self.access.changed(self.teams.add_token(fresh, "ada", role, team, None))
        return {"Authorization": f"Bearer {fresh.text}"}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


PATH = "/api/v1/webhooks"


def test_the_secret_is_shown_once(api: Api) -> None:
    admin = api.token("admin", "default")
    made = api.http.post(PATH, json={"url": URL}, headers=admin)
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    [listed] = api.http.get(PATH, headers=admin).json()
    assert listed["id"] == made.json()["id"]
    assert "secret" not in listed


def test_a_webhook_is_its_teams_admins(api: Api) -> None:
    """Less than an admin sees none; to another team's admin it does not exist."""
    admin, other = api.token("admin", "default"), api.token("admin", "vision")
    identifier = api.http.post(PATH, json={"url": URL}, headers=admin).json()["id"]
    assert api.http.get(PATH, headers=api.token("submitter", "default")).status_code == 403
    assert api.http.get(PATH, headers=other).json() == []
    for method, path in [
        ("POST", "/test"),
        ("DELETE", ""),
        ("GET", "/deliveries"),
        ("POST", "/deliveries/1/again"),
    ]:
        answer = api.http.request(method, f"{PATH}/{identifier}{path}", headers=other)
        assert answer.status_code == 404
    assert (
        api.http.post(PATH, json={"url": URL, "team": "default"}, headers=other).status_code == 403
    )
    assert api.http.delete(f"{PATH}/{identifier}", headers=admin).status_code == 204
    assert api.http.get(PATH, headers=admin).json() == []


def test_an_inner_address_is_refused_with_the_way_out(api: Api) -> None:
    refused = api.http.post(
        PATH, json={"url": "http://169.254.169.254/"}, headers=api.token("admin", "default")
    )
    assert refused.status_code == 422
    assert "CAVIAR_WEBHOOK_ALLOW" in refused.json()["detail"]


def test_a_test_is_a_delivery_that_can_be_looked_at(api: Api) -> None:
    admin = api.token("admin", "default")
    identifier = api.http.post(PATH, json={"url": URL}, headers=admin).json()["id"]
    assert api.http.post(f"{PATH}/{identifier}/test", headers=admin).json()["waiting"] == 1
    [ping] = api.http.get(f"{PATH}/{identifier}/deliveries", headers=admin).json()
    assert (ping["event"], ping["tries"], ping["delivered"]) == ("ping", 0, None)
    again = f"{PATH}/{identifier}/deliveries/{ping['id']}/again"
    assert api.http.post(again, headers=admin).status_code == 202
    missing = f"{PATH}/{identifier}/deliveries/{10**12}/again"
    assert api.http.post(missing, headers=admin).status_code == 404


def test_a_team_has_so_many_and_no_more(api: Api) -> None:
    admin = api.token("admin", "default")
    for _ in range(MOST):
        assert api.http.post(PATH, json={"url": URL}, headers=admin).status_code == 201
    assert api.http.post(PATH, json={"url": URL}, headers=admin).status_code == 409
