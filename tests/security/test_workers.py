"""What somebody gets who replays, forges or reorders what workers say."""

from __future__ import annotations

import pytest

from tests.support.two_teams import House


@pytest.fixture
def trial(house: House) -> tuple[str, int, str]:
    """A trial that runs: its id, attempt and nonce."""
    house.submit("alpha/submitter")
    ticket, nonce = house.run_one()
    return ticket.trial, ticket.attempt, nonce


def finish(house: House, trial: str, attempt: int, nonce: str, value: float = 0.5) -> str:
    body = {"trial": trial, "attempt": attempt, "nonce": nonce, "outcome": "done", "value": value}
    return str(house.worker("finish", body).json()["verdict"])


def test_a_claim_with_another_nonce_gets_nothing(house: House, trial: tuple[str, int, str]) -> None:
    """The ticket can be read by whoever reads the queue; the trial is whose claim came first."""
    name, attempt, nonce = trial
    answer = house.claim(name, attempt, "nonce-of-a-thief")
    assert not answer.granted
    assert answer.assignment is None
    assert house.claim(
        name, attempt, nonce
    ).granted  # the same worker asks again: its answer was lost
    row = house.store.trial(name)
    assert row is not None
    assert row.nonce == nonce


def test_a_finish_with_another_nonce_is_fenced(house: House, trial: tuple[str, int, str]) -> None:
    """A forged result counts for nothing; the true one still counts, once."""
    name, attempt, nonce = trial
    assert finish(house, name, attempt, "nonce-of-a-thief", -1e9) == "fenced"
    assert finish(house, name, attempt + 1, nonce, -1e9) == "fenced"
    assert finish(house, name, attempt, nonce, 0.5) == "accepted"
    assert finish(house, name, attempt, nonce, -1e9) == "duplicate"
    assert finish(house, name, attempt, "nonce-of-a-thief", -1e9) == "fenced"
    row = house.store.trial(name)
    assert row is not None
    assert (row.state, row.value) == ("done", 0.5)


def test_the_nonce_is_told_to_nobody(house: House, trial: tuple[str, int, str]) -> None:
    """Not in what members of the team see, not in a ticket, not in the log of changes."""
    name, _, nonce = trial
    study = name.partition("-")[0]
    for path in (f"/studies/{study}", f"/studies/{study}/trials", f"/trials/{name}", "/audit"):
        assert nonce not in house.call("GET", path, "operator").text
    assert all(nonce not in ticket.model_dump_json() for ticket in house.tickets)


def test_what_a_claim_gives_is_the_schedulers_not_the_tickets(house: House) -> None:
    """The parameters and the trainer come from the store: a forged ticket can name a trial, and nothing else of it."""
    study = house.submit("alpha/submitter")
    ticket, nonce = house.run_one()
    again = house.claim(ticket.trial, ticket.attempt, nonce)
    assert again.assignment is not None
    row = house.store.trial(ticket.trial)
    assert row is not None
    assert again.assignment.params == row.params
    assert again.assignment.study == study
    for trial, attempt in (
        (ticket.trial, 2),
        (f"{study}-7", 1),
        (f"{study}-8", 1),
        ("nobody-0", 1),
    ):
        assert not house.claim(trial, attempt, "nonce-of-a-thief").granted


@pytest.mark.parametrize(
    "trial", ["../x", "a/b", "a%2fb", "A-0", "", "a" * 65, "a-0\n", "a-0; rm -rf", "\N{SNOWMAN}"]
)
def test_a_trials_id_is_checked_before_it_is_looked_for(house: House, trial: object) -> None:
    """It becomes a path on the workers and a filter in MLflow."""
    claim = {"attempt": 1, "nonce": "n" * 8, "host": "h", "incarnation": "i", "slot": 0}
    assert house.worker("claim", claim | {"trial": trial}).status_code == 422
    done = {"attempt": 1, "nonce": "n" * 8, "outcome": "done", "value": 1.0}
    assert house.worker("finish", done | {"trial": trial}).status_code == 422
    assert house.worker("run", {"trial": trial, "attempt": 1}).status_code == 422
    assert house.worker("shipped", {"runs": {str(trial): "r"}}).status_code == 422


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "[0.1]", "null"])
def test_a_result_is_a_finite_number(house: House, trial: tuple[str, int, str], value: str) -> None:
    """One that is better than any number would be the best for good."""
    name, attempt, nonce = trial
    body = (
        f'{{"trial": "{name}", "attempt": {attempt}, "nonce": "{nonce}", '
        f'"outcome": "done", "value": {value}}}'
    )
    answer = house.client.post(
        "/api/v1/worker/finish",
        content=body,
        headers={"Authorization": f"Bearer {house.tokens['worker']}"},
    )
    assert answer.status_code == 422
    row = house.store.trial(name)
    assert row is not None
    assert (row.state, row.value) == ("running", None)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
def test_a_metric_beside_the_result_that_is_no_finite_number_is_none(
    house: House, trial: tuple[str, int, str], number: str
) -> None:
    """Neither the database nor a client could read it again; the result itself counts all the same."""
    name, attempt, nonce = trial
    body = (
        f'{{"trial": "{name}", "attempt": {attempt}, "nonce": "{nonce}", '
        f'"outcome": "done", "value": 0.5, "metrics": {{"size": {number}, "other": 2.0}}}}'
    )
    headers = {"Authorization": f"Bearer {house.tokens['worker']}"}
    answer = house.client.post("/api/v1/worker/finish", content=body, headers=headers)
    assert answer.status_code == 200
    row = house.store.trial(name)
    assert row is not None
    assert (row.value, row.metrics) == (0.5, {"other": 2.0})
