"""The embedded service listens elsewhere only for who has a token, and says so before anything starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from caviar.adapters.sql import Teams, migrate, open_engine
from caviar.bootstrap import refuse_open
from caviar.contract.access import Role
from caviar.embedded import listening
from caviar.errors import InputError
from caviar.teams import new_token
from tests.support.command_line import Caviar, wait_for

ELSEWHERE = ["0.0.0.0", "::", "192.0.2.7", "2001:db8::1"]


@pytest.fixture
def teams(tmp_path: Path) -> Iterator[Teams]:
    (tmp_path / "home").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path / 'home' / 'caviar.db'}")
    migrate(engine)
    yield Teams(engine)
    engine.dispose()


def made(teams: Teams, role: Role, expires: float | None = None) -> str:
    fresh = new_token()
    team = None if role in ("operator", "worker") else "default"
    teams.add_token(fresh, "somebody", role, team, expires)
    return fresh.text


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_with_a_token_nobody_elsewhere(teams: Teams, address: str) -> None:
    """A worker's token, an expired one and a revoked one let no person in. The error says how to make one."""
    made(teams, "worker")
    made(teams, "operator", expires=teams.clock() - 1)
    revoked = made(teams, "submitter")
    teams.revoke(revoked.split("_")[1])
    with pytest.raises(InputError, match=r"nobody has a token yet.*caviar token create"):
        refuse_open(["127.0.0.1", address], teams)
    made(teams, "viewer")
    refuse_open([address], teams)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_needs_none(teams: Teams, address: str) -> None:
    """In any of its forms."""
    refuse_open([address], teams)


@pytest.mark.parametrize("bind", [None, "127.0.0.1", "0.0.0.0", "127.0.0.2", "::"])
def test_the_services_own_parts_find_it_on_loopback_whatever_it_is_bound_to(
    bind: str | None,
) -> None:
    """Addresses beside it have the same port."""
    try:
        sockets = listening.listen(0, bind)
    except InputError:
        pytest.skip("this machine has no IPv6")
    try:
        ports = {each.getsockname()[1] for each in sockets}
        assert len(ports) == 1
        assert sockets[0].getsockname()[0] in ("127.0.0.1", "0.0.0.0")
        assert len(sockets) == (2 if bind in ("127.0.0.2", "::") else 1)
    finally:
        for each in sockets:
            each.close()


@pytest.mark.parametrize("bind", ["nowhere.invalid", "300.1.1.1", "192.0.2.7", "", "a" * 300])
def test_what_is_no_address_of_this_machine_is_refused_by_name(bind: str) -> None:
    """With the option that it was given by."""
    with pytest.raises(InputError, match="--bind"):
        listening.listen(0, bind)


def test_up_refuses_before_anything_starts(tmp_path: Path) -> None:
    """Exit code 2, no process, nothing that listens."""
    caviar = Caviar(tmp_path)
    code, out, err = caviar.run("up", "--bind", "0.0.0.0")
    try:
        assert code == 2, err
        assert "--bind: 0.0.0.0 can be reached from other machines" in err
        assert "caviar token create" in err
        assert out == ""
        assert not (caviar.home / "logs").exists()
        assert not caviar.processes()
    finally:
        caviar.close()


def test_the_scheduler_refuses_too(tmp_path: Path) -> None:
    """Whoever starts it as the embedded service does, without the command that checks first."""
    settings = {
        "CAVIAR_DATABASE_URL": f"sqlite:///{tmp_path / 'caviar.db'}",
        "CAVIAR_BROKER_URL": f"redis+socket://{tmp_path / 'none.sock'}",
        "CAVIAR_MLFLOW_URI": "http://127.0.0.1:9",
        "CAVIAR_TOKEN": "t" * 40,
        "CAVIAR_WORKER_TOKEN": "w" * 40,
        "CAVIAR_BIND": "0.0.0.0",
        "CAVIAR_PORT": "0",
        "CAVIAR_DRAWN": "1",
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CAVIAR_")}
    done = subprocess.run(
        [sys.executable, "-m", "caviar.cli", "scheduler"],
        env=kept | settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "0.0.0.0 can be reached from other machines" in done.stderr


@pytest.mark.real
def test_with_a_token_it_listens_elsewhere_for_who_presents_one(tmp_path: Path) -> None:
    """The whole way: a token made on loopback, the service bound elsewhere, the drawn token and a member's, the log."""
    caviar = Caviar(tmp_path)
    try:
        up = caviar.start("up", "--workers", "1")
        wait_for((caviar.home / "service.json").exists, "the service is up", 60)
        code, token, err = caviar.run("token", "create", "ada", "--role", "operator")
        assert code == 0, err + caviar.logs()
        assert token.strip().startswith("cav_")
        assert "shown this once" in err
        up.terminate()
        up.communicate(timeout=60)
        again = caviar.start("up", "--workers", "1", "--bind", "127.0.0.2")
        wait_for((caviar.home / "service.json").exists, "the service is up again", 60)
        noted = json.loads((caviar.home / "service.json").read_text())
        port = noted["url"].rpartition(":")[2]
        elsewhere = f"http://127.0.0.2:{port}/api/v1"
        assert noted["url"] == f"http://127.0.0.1:{port}"

        def asks(bearer: str, **headers: str) -> int:
            sent = {"Authorization": f"Bearer {bearer}", **headers}
            path = f"{elsewhere}/whoami"
            return httpx2.get(path, headers=sent, trust_env=False, timeout=60).status_code

        wait_for(lambda: asks(token.strip(), Host="localhost") == 200, "it answers there", 60)
        assert asks("wrong", Host="localhost") == 401
        assert asks(token.strip(), Host="evil.example") == 421
        code, out, _ = caviar.run("audit", "--json")
        (line,) = [json.loads(each) for each in out.splitlines()]
        assert (line["action"], line["actor"], line["address"]) == (
            "token.create",
            "operator",
            "127.0.0.1",
        )
        again.terminate()
        said, warned = again.communicate(timeout=60)
        assert f"http://127.0.0.2:{port}" in said
        assert "plain HTTP" in warned
    finally:
        caviar.close()
