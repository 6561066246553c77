"""Asking too often, and guessing: memory does not grow by it, and who has a token goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from caviar.api.origin import neighbourhood
from caviar.api.rates import PLACES, Buckets, Limits, Rates
from tests.support.two_teams import House, open_house

FEW = Rates(per_second=0.5, wrong_per_minute=6)


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, FEW) as house:
        yield house


def statuses(house: House, token: str | None, times: int) -> list[int]:
    return [house.call("GET", "/whoami", token).status_code for _ in range(times)]


def test_a_token_that_asks_too_often_is_told_when_to_come_again(strict: House) -> None:
    """As problem details, with Retry-After; another token of the same team goes on."""
    assert statuses(strict, "alpha/viewer", 6) == [200] * 5 + [429]
    refused = strict.call("GET", "/whoami", "alpha/viewer")
    assert refused.headers["content-type"] == "application/problem+json"
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert f"Try again in {refused.headers['retry-after']} s." in refused.json()["detail"]
    assert statuses(strict, "alpha/admin", 1) == [200]


def test_the_services_own_token_and_workers_are_not_held_up(strict: House) -> None:
    """A heartbeat that is refused would lose trials."""
    assert statuses(strict, "service", 20) == [200] * 20
    assert {strict.call("POST", "/worker/hello", "worker", {}).status_code for _ in range(20)} == {
        422
    }


def test_wrong_tokens_of_one_address_are_soon_refused(strict: House) -> None:
    """Whatever they are: of no form, of the right form, none's, revoked."""
    strict.call("POST", f"/tokens/{strict.ids['alpha/viewer']}/revoke", "operator")
    guesses = ["x", "", f"cav_{'0' * 12}_{'A' * 43}", f"cav_{strict.ids['operator']}_{'A' * 43}"]
    found = [statuses(strict, guess, 1)[0] for guess in (guesses * 3)]
    assert found == [401] * 6 + [429] * 6
    assert statuses(strict, "alpha/viewer", 1) == [429]
    assert statuses(strict, None, 3) == [401] * 3  # no token is no guess


def test_whoever_has_a_token_goes_on_beside_one_who_guesses(strict: House) -> None:
    """An office is one address: nobody locks out the others, or the workers, by failing."""
    statuses(strict, "wrong" * 10, 20)
    assert statuses(strict, "alpha/viewer", 1) == [200]
    assert strict.call("POST", "/worker/hello", "worker", {}).status_code == 422
    assert statuses(strict, "service", 1) == [200]


def test_a_short_token_of_the_settings_cannot_be_guessed_at_speed(strict: House) -> None:
    """A person may have invented it: while its address guesses, not even the right one is looked at."""
    short = "sixteen letters!"
    strict.access._token = short
    assert statuses(strict, short, 1) == [200]
    statuses(strict, "y" * 16, 20)
    assert statuses(strict, short, 1) == [429]


def test_what_was_spent_comes_back_with_time() -> None:
    """At its rate, and no more than the bucket holds."""
    now = [0.0]
    buckets = Buckets(2.0, 4.0, lambda: now[0])
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    now[0] = 0.5
    assert buckets.take("a") == 0
    now[0] = 1000.0
    assert [buckets.take("a") == 0 for _ in range(5)] == [True] * 4 + [False]
    assert buckets.wait("b") == 0


def test_memory_is_constant_whatever_addresses_come() -> None:
    """A hundred thousand of them, each with its wrong token."""
    limits = Limits(Rates(), lambda: 0.0)
    refused = 0
    for number in range(100_000):
        try:
            limits.wrong(f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::/64")
        except HTTPException:
            refused += 1
    assert len(limits._wrong) <= PLACES
    assert refused < 20_000


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff"),
        ("2001:db8::1", "2001:db8:0:0:1234:5678:9abc:def0"),
    ],
)
def test_one_customers_many_addresses_are_one(address: str, same: str) -> None:
    """IPv6 gives each 2^64 of them."""
    assert neighbourhood(address) == neighbourhood(same)
    assert neighbourhood(address) != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("192.0.2.1") != neighbourhood("192.0.2.2")


def test_a_refused_token_is_not_in_the_log(strict: House, caplog: pytest.LogCaptureFixture) -> None:
    """The log says where from and, of a token that was known, its id. A guess may be a slip of a password."""
    statuses(strict, "my-password-by-mistake-0123456789", 1)
    strict.call("POST", f"/tokens/{strict.ids['alpha/viewer']}/revoke", "operator")
    statuses(strict, "alpha/viewer", 1)
    assert "my-password" not in caplog.text
    assert strict.tokens["alpha/viewer"] not in caplog.text
    assert f"of token {strict.ids['alpha/viewer']} from 127.0.0.1" in caplog.text
