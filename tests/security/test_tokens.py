"""Tokens that somebody found, guessed, cut, or kept too long."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from caviar.adapters.sql import open_engine
from tests.support.two_teams import DAY_S, House

WRONG = "No token, or none of this service"


def asks(house: House, token: str | None) -> tuple[int, str]:
    answer = house.call("GET", "/whoami", token)
    return answer.status_code, str(answer.json().get("detail", answer.json().get("role")))


def test_a_token_is_shown_once_and_kept_as_a_digest(house: House) -> None:
    """Neither the database, nor a list, nor the log of changes has it."""
    answer = house.call("POST", "/tokens", "alpha/admin", {"name": "ada", "role": "viewer"})
    token, identifier = answer.json()["token"], answer.json()["id"]
    assert answer.headers["cache-control"] == "no-store"
    assert asks(house, token) == (200, "viewer")
    secret = token.removeprefix(f"cav_{identifier}_")
    shown = (
        house.call("GET", "/tokens", "operator").text + house.call("GET", "/audit", "operator").text
    )
    assert identifier in shown
    assert secret not in shown
    path = house.store._engine.url.database
    assert path is not None
    for file in (path, f"{path}-wal"):
        assert secret.encode() not in Path(file).read_bytes()


def test_a_token_counts_no_more_from_the_moment_it_is_revoked(house: House) -> None:
    """Its owner is told which of the two it is; revoking it again changes nothing."""
    token = house.tokens["alpha/submitter"]
    path = f"/tokens/{house.ids['alpha/submitter']}/revoke"
    first = house.call("POST", path, "alpha/admin").json()["revoked"]
    status, said = asks(house, token)
    assert status == 401
    assert said.startswith("This token was revoked at ")
    assert house.call("POST", path, "alpha/admin").json()["revoked"] == first


def test_a_token_expires(house: House) -> None:
    """After 90 days, unless it was said otherwise; nothing renews it."""
    token = house.call("POST", "/tokens", "alpha/admin", {"name": "ada"}).json()["token"]
    forever = {"name": "ci", "days": None}
    lasting = house.call("POST", "/tokens", "alpha/admin", forever).json()["token"]
    house.hand.append(89 * DAY_S)
    assert asks(house, token)[0] == 200
    house.hand.append(2 * DAY_S)
    status, said = asks(house, token)
    assert (status, said.startswith("This token expired at ")) == (401, True)
    assert asks(house, lasting)[0] == 200


def test_whoever_has_not_the_secret_does_not_learn_what_became_of_a_token(house: House) -> None:
    """Its id is in lists and logs. With another secret it gets the words that any wrong token gets."""
    identifier = house.ids["alpha/submitter"]
    house.call("POST", f"/tokens/{identifier}/revoke", "alpha/admin")
    guessed = f"cav_{identifier}_{'A' * 43}"
    nobody = f"cav_{'0' * 12}_{'A' * 43}"
    assert asks(house, guessed) == asks(house, nobody)
    assert asks(house, guessed)[1].startswith(WRONG)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token[:16],
        lambda token: token + "A",
        lambda token: token.upper(),
        lambda token: token.swapcase(),
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token + "\x00",
        lambda token: f"{token},{token}",
        lambda token: token.replace("cav_", "CAV_"),
        lambda _: "",
        lambda _: "x" * 10_000,
        lambda _: "é" * 63,
    ],
)
def test_a_token_is_right_to_the_last_character(house: House, change: object) -> None:
    """Cut, longer, in other case, twice, or something else altogether."""
    assert callable(change)
    forged = str(change(house.tokens["alpha/admin"]))
    answer = house.client.get(
        "/api/v1/whoami", headers={b"Authorization": b"Bearer " + forged.encode("latin-1")}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Basic {}", "{}", "Token {}", "Bearer  {}", "Bearer {} "])
def test_a_token_is_presented_in_one_way(house: House, scheme: str) -> None:
    """As RFC 6750 has it; its scheme in any case. The last one is the same header: HTTP has no space at the end."""
    header = scheme.format(house.tokens["alpha/viewer"])
    answer = house.client.get("/api/v1/whoami", headers={"Authorization": header})
    assert answer.status_code == 401
    good = f"bearer {house.tokens['alpha/viewer']}"
    assert house.client.get("/api/v1/whoami", headers={"Authorization": good}).status_code == 200


def test_a_token_in_the_address_is_none(house: House) -> None:
    """Addresses are logged by everything on their way."""
    token = house.tokens["alpha/viewer"]
    for name in ("token", "access_token", "authorization"):
        assert house.client.get(f"/api/v1/whoami?{name}={token}").status_code == 401


def test_a_token_whose_role_is_gone_may_do_nothing(house: House) -> None:
    """A role of an earlier version: neither a viewer nor by mistake an operator. It is listed, and can be revoked."""
    engine = open_engine(str(house.store._engine.url))
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE tokens SET role = 'auditor' WHERE id = :id"),
            {"id": house.ids["alpha/submitter"]},
        )
    engine.dispose()
    row = house.teams.token(house.ids["alpha/submitter"])
    assert row is not None
    house.access.changed(row)
    for path in ("/whoami", "/studies", "/tokens", "/audit"):
        assert house.call("GET", path, "alpha/submitter").status_code == 403
    assert house.worker("claim", {}).status_code == 422
    listed = {
        each["id"]: each["role"] for each in house.call("GET", "/tokens", "alpha/admin").json()
    }
    assert listed[row.id] == "auditor"
    revoked = house.call("POST", f"/tokens/{row.id}/revoke", "alpha/admin")
    assert revoked.status_code == 200


def test_a_workers_token_is_no_clients_and_the_reverse(house: House) -> None:
    """Neither the service's own ones nor those that were made."""
    for client in ("service", "operator", "alpha/admin"):
        answer = house.call("POST", "/worker/hello", client, {})
        assert answer.status_code == 401, client
    for worker in ("workers", "worker"):
        assert house.call("GET", "/studies", worker).status_code == 401
        assert house.call("POST", "/worker/hello", worker, {}).status_code == 422  # let in


def test_one_hosts_token_is_revoked_without_the_others(house: House) -> None:
    """A machine that is lost, or was broken into."""
    lost, first = house.ids["worker"], house.tokens["worker"]
    second = house.token("host-2", "worker", None)
    assert house.call("POST", f"/tokens/{lost}/revoke", "operator").status_code == 200
    assert house.call("POST", "/worker/hello", first, {}).status_code == 401
    assert house.call("POST", "/worker/hello", second, {}).status_code == 422  # let in


def test_everybody_may_revoke_the_own_token(house: House) -> None:
    """Who lost it need not wait for an admin. Another's does not exist for them."""
    own, others = house.ids["alpha/viewer"], house.ids["alpha/submitter"]
    assert house.call("POST", f"/tokens/{others}/revoke", "alpha/viewer").status_code == 404
    assert house.call("POST", f"/tokens/{own}/revoke", "alpha/viewer").status_code == 200
    assert asks(house, "alpha/viewer")[0] == 401


def test_a_token_that_is_revoked_while_it_is_seen_stays_revoked(house: House) -> None:
    """When it was last used is noted in the same memory: the older of two writes must not win."""
    identifier = house.ids["alpha/viewer"]
    row = house.teams.token(identifier)
    revoked = house.teams.revoke(identifier)
    assert row is not None
    assert revoked is not None
    house.access.changed(revoked)
    house.access._seen(row, house.teams.clock())
    assert asks(house, "alpha/viewer")[0] == 401


def test_when_a_token_was_last_seen_is_known_to_the_minute(house: House) -> None:
    """So that one which nobody uses is found and revoked."""
    asks(house, "alpha/viewer")
    used = {each["id"]: each["used"] for each in house.call("GET", "/tokens", "alpha/admin").json()}
    assert used[house.ids["alpha/viewer"]] == pytest.approx(house.teams.clock(), abs=60)
    assert used[house.ids["alpha/submitter"]] is None


def test_the_service_counts_tokens_that_were_made_before_it_started(house: House) -> None:
    """And those that were revoked before."""
    from caviar.api.access import Access

    house.teams.revoke(house.ids["alpha/viewer"])
    again = Access(house.teams, "x" * 40, "y" * 40)
    house.app.state.access = again
    assert asks(house, "alpha/submitter") == (200, "submitter")
    assert asks(house, "alpha/viewer")[0] == 401
