"""Champions and checks over the API: what is asked, decided and shown, and what MLflow's webhooks may call for."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from caviar.adapters.sql import Store
from caviar.contract.bundle import File, pack
from tests.support.champions import crown
from tests.support.mlflow_events import signed

STUDY = """\
name: digits
metric: {name: accuracy, goal: maximize}
trainer: {function: "train:main"}
space:
  rate: {type: float, low: 1.0e-4, high: 1.0, scale: log}
budget: {trials: 60}
"""
NOW = {"every_s": 604_800.0, "when_moved": "propose"}


class Studied:
    """A study with a champion, and what is asked of it."""

    def __init__(self, api: TestClient, store: Store) -> None:
        self.api, self.store = api, store
        made = api.post("/api/v1/studies", json={"text": STUDY})
        assert made.status_code == 201, made.text
        self.id = str(made.json()["id"])
        crown(store, self.id, trial=17, state="champion")

    def call(self, method: str, path: str, body: object = None) -> httpx2.Response:
        answer: httpx2.Response = self.api.request(
            method, f"/api/v1/studies/{self.id}/{path}", json=body
        )
        return answer

    def view(self) -> Any:
        return self.call("GET", "recheck").json()

    def propose(self, rate: float, trial: int) -> int:
        return crown(self.store, self.id, trial=trial, rate=rate).number


@pytest.fixture
def study(api: TestClient, store: Store) -> Studied:
    return Studied(api, store)


def test_a_champion_is_shown_with_where_it_comes_from(study: Studied) -> None:
    view = study.view()
    assert (view["metric"], view["goal"], view["policy"]) == ("accuracy", "maximize", None)
    (champion,) = view["champions"]
    assert champion["params"] == {"rate": 0.02}
    assert (champion["study"], champion["trial"], champion["state"]) == (study.id, 17, "champion")
    assert view["checks"] == []


def test_a_check_that_is_open_serves_who_asks_the_same(study: Studied) -> None:
    """Other data is a check of its own; the version that was told is the one that is known from then on."""
    first = study.call("POST", "recheck", {"data_version": "2026-12", "why": "new year"})
    assert first.status_code == 202
    told = first.json()
    assert (told["number"], told["state"], told["causes"]) == (1, "due", ["signal"])
    assert (told["champion"], told["by"], told["why"]) == (1, "operator", "new year")
    assert study.view()["data_version"] == "2026-12"
    assert study.call("POST", "recheck", {}).json()["number"] == 1
    assert study.call("POST", "recheck", {"data_version": "2027-01"}).json()["number"] == 2


def test_a_reason_that_no_database_takes_is_refused(study: Studied) -> None:
    answers = [
        study.call("POST", path, {"why": "a\0b"})
        for path in ("recheck", "champion/promote", "champion/reject", "champion/rollback")
    ]
    assert {answer.status_code for answer in answers} == {422}


def test_a_study_without_a_champion_has_nothing_to_check(api: TestClient) -> None:
    made = api.post("/api/v1/studies", json={"text": STUDY.replace("digits", "new")}).json()
    answer = api.post(f"/api/v1/studies/{made['id']}/recheck", json={})
    assert answer.status_code == 409
    assert "no champion yet" in answer.json()["detail"]


def test_new_code_is_uploaded_first_and_names_its_version(study: Studied, api: TestClient) -> None:
    """By the team whose study it is; without a version of its own, its digest is the version."""
    digest, data = pack([File("train.py", b"pass")])
    missing = study.call("POST", "recheck", {"bundle": digest})
    assert missing.status_code == 422
    assert "has uploaded no code" in missing.json()["detail"]
    assert api.put(f"/api/v1/bundles/{digest}", content=data).status_code == 204
    checked = study.call("POST", "recheck", {"bundle": digest}).json()
    assert checked["code_version"] == f"sha256:{digest}"
    assert study.view()["code_version"] == f"sha256:{digest}"  # what the next check is of, too


def test_a_trainer_that_is_installed_takes_no_code(api: TestClient, store: Store) -> None:
    text = STUDY.replace('function: "train:main"', "name: train")
    made = api.post("/api/v1/studies", json={"text": text})
    assert made.status_code == 201, made.text
    crown(store, made.json()["id"], trial=17, state="champion")
    path = f"/api/v1/studies/{made.json()['id']}/recheck"
    answer = api.post(path, json={"bundle": "0" * 64})
    assert answer.status_code == 422
    assert "takes no code" in answer.json()["detail"]


def test_a_policy_is_set_and_taken_away(study: Studied) -> None:
    """The next check is due from now on."""
    view = study.call("PUT", "recheck", NOW).json()
    assert view["policy"]["every_s"] == 604_800.0
    assert view["next_due"] == pytest.approx(time.time() + 604_800.0, abs=60)
    view = study.call("PUT", "recheck").json()
    assert (view["policy"], view["next_due"]) == (None, None)


def test_a_policy_that_names_other_data_calls_for_a_check(study: Studied) -> None:
    """As a file that changed does: the first version is what the champion is known to hold on."""
    for version, checks in (("2026-11", 0), ("2026-12", 1), ("2026-12", 1), ("2026-11", 1)):
        view = study.call("PUT", "recheck", {"data": {"version": version}}).json()
        assert (view["data_version"], len(view["checks"])) == (version, checks)
    assert view["checks"][0]["why"] == "The data changed from 2026-11 to 2026-12."


@pytest.mark.parametrize(
    "policy",
    [
        NOW | {"cron": "0 3 * * *"},
        {"cron": "every day"},
        {"cron": "0 0 30 2 *"},
        {"data": {}},
        {"data": {"version": "1", "file": "data.csv"}},
        {"data": {"dataset": "digits"}},
        {"data": {"experiment": "digits"}},
        {"data": {"version": "1", "experiment": "digits"}},
        {"data": {"file": "../secret"}},
        {"data": {"file": "a/../../secret"}},
        {"data": {"file": "/etc/shadow"}},
        {"data": {"file": "a\0b"}},
        {"every_s": 1.0},
        {"tolerance": -1.0},
        {"unknown": 1},
    ],
)
def test_a_policy_that_no_study_file_could_have_is_refused(study: Studied, policy: Any) -> None:
    """All that is wrong, and nothing is changed."""
    answer = study.call("PUT", "recheck", policy)
    assert answer.status_code == 422, answer.text
    assert study.view()["policy"] is None


def test_a_study_by_hand_has_no_policy(api: TestClient) -> None:
    text = STUDY.replace("budget: {trials: 60}", "mode: panda")
    made = api.post("/api/v1/studies", json={"text": text})
    assert made.status_code == 201, made.text
    answer = api.put(f"/api/v1/studies/{made.json()['id']}/recheck", json=NOW)
    assert answer.status_code == 422
    assert "the champion of a search is checked" in answer.json()["detail"]


def test_the_newest_proposed_one_is_promoted_or_rejected(study: Studied) -> None:
    """Unless a number is given. The champion before is a former one."""
    second, third = study.propose(0.004, 5), study.propose(0.005, 6)
    rejected = study.call("POST", "champion/reject", {"why": "too slow"}).json()
    assert (rejected["number"], rejected["state"]) == (third, "rejected")
    promoted = study.call("POST", "champion/promote", {"why": "better"}).json()
    assert (promoted["number"], promoted["state"]) == (second, "champion")
    assert (promoted["by"], promoted["why"]) == ("operator", "better")
    assert [c["state"] for c in study.view()["champions"]] == ["former", "champion", "rejected"]
    assert study.call("POST", "champion/promote", {"number": third}).json()["number"] == third


def test_a_rollback_takes_the_champion_before(study: Studied) -> None:
    """The one that was it last, whichever its number."""
    first, second, third = 1, study.propose(0.004, 5), study.propose(0.005, 6)
    study.call("POST", "champion/promote", {"number": third})
    study.call("POST", "champion/promote", {"number": second})
    assert study.call("POST", "champion/rollback", {}).json()["number"] == third
    states = {c["number"]: c["state"] for c in study.view()["champions"]}
    assert states == {first: "former", second: "former", third: "champion"}


@pytest.mark.parametrize(
    "what, body, reason",
    [
        ("promote", {}, "Nothing is proposed"),
        ("promote", {"number": 1}, "could be promoted"),
        ("promote", {"number": 9}, "could be promoted"),
        ("reject", {}, "Nothing is proposed"),
        ("reject", {"number": 1}, "is not proposed"),
        ("rollback", {}, "no champion before this one"),
    ],
)
def test_what_cannot_be_decided_is_refused(
    study: Studied, what: str, body: Any, reason: str
) -> None:
    """With the reason; the champion stays."""
    answer = study.call("POST", f"champion/{what}", body)
    assert answer.status_code == 409
    assert reason in answer.json()["detail"]
    assert [c["state"] for c in study.view()["champions"]] == ["champion"]


# MLflow


@pytest.fixture
def hook(study: Studied) -> Any:
    return study.call("POST", "recheck/hook").json()


def send(api: TestClient, hook: Any, event: tuple[dict[str, str], bytes]) -> httpx2.Response:
    headers, body = event
    answer: httpx2.Response = api.post(
        hook["path"], content=body, headers={**headers, "Authorization": ""}
    )
    return answer


def test_a_new_version_of_a_model_calls_for_a_check(
    api: TestClient, study: Studied, hook: Any
) -> None:
    """Once, however often the same delivery comes."""
    event = signed(hook["secret"])
    first = send(api, hook, event)
    assert (first.status_code, first.json()) == (202, {"check": 1})
    again = send(api, hook, event)
    assert (again.status_code, again.json()) == (200, {"check": None})
    (check,) = study.view()["checks"]
    assert (check["causes"], check["by"]) == (["mlflow"], "mlflow")
    assert check["why"] == "model version created digits version 7"


def test_an_alias_of_the_service_calls_for_nothing(
    api: TestClient, study: Studied, hook: Any
) -> None:
    """Or a promoted champion would call for the next check."""
    for alias in ("champion", "proposed"):
        event = signed(hook["secret"], "model_version_alias.created", alias=alias)
        assert send(api, hook, event).json() == {"check": None}
    own = signed(hook["secret"], tags={"caviar.study": study.id})
    assert send(api, hook, own).json() == {"check": None}
    assert study.view()["checks"] == []


def test_a_policys_model_is_the_only_one_that_counts(
    api: TestClient, study: Studied, hook: Any
) -> None:
    """MLflow sends the events of every model to every webhook."""
    study.call("PUT", "recheck", {"model": "digits"})
    other = signed(hook["secret"], name="another")
    assert send(api, hook, other).json() == {"check": None}
    assert send(api, hook, signed(hook["secret"])).json() == {"check": 1}


def test_what_is_not_signed_gets_one_answer(api: TestClient, study: Studied, hook: Any) -> None:
    """An unknown study, one without a hook, another secret, none: nobody learns which it is."""
    without = api.post("/api/v1/studies", json={"text": STUDY.replace("digits", "new")}).json()
    nowhere = {"path": "/api/v1/hooks/mlflow/zzzz"}
    no_hook = {"path": f"/api/v1/hooks/mlflow/{without['id']}"}
    answers = [
        send(api, where, event)
        for where in (hook, nowhere, no_hook)
        for event in (signed("another"), signed(None), ({}, b""), ({}, b"\xff" * 100))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert study.view()["checks"] == []


def test_a_new_secret_ends_the_one_before(api: TestClient, study: Studied, hook: Any) -> None:
    """It is shown once, and no cache keeps it."""
    made = study.call("POST", "recheck/hook")
    assert made.headers["cache-control"] == "no-store"
    assert send(api, hook, signed(hook["secret"])).status_code == 401
    assert send(api, hook, signed(made.json()["secret"])).status_code == 202
    assert made.json()["secret"] not in study.call("GET", "recheck").text


def test_who_guesses_is_held_up_and_mlflow_is_not(api: TestClient, hook: Any) -> None:
    """As with wrong tokens: what is signed is not guessed at any rate."""
    found = [send(api, hook, signed("guess")).status_code for _ in range(40)]
    assert found[0] == 401
    assert found[-1] == 429
    assert send(api, hook, signed(hook["secret"])).status_code == 202


def test_an_event_for_a_study_without_a_champion_is_told_so(api: TestClient) -> None:
    made = api.post("/api/v1/studies", json={"text": STUDY.replace("digits", "new")}).json()
    hook = api.post(f"/api/v1/studies/{made['id']}/recheck/hook").json()
    answer = send(api, hook, signed(hook["secret"]))
    assert answer.status_code == 409
    assert "no champion yet" in answer.json()["detail"]


def test_a_hook_is_not_for_large_bodies(api: TestClient, hook: Any) -> None:
    answer = send(api, hook, ({}, b"x" * (1024 * 1024 + 1)))
    assert answer.status_code == 413
