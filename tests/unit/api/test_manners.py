"""How the API behaves whatever is asked: keys, tags, pages, problems, its description."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from caviar.adapters.sql import Answers, Store
from caviar.api.problems import KINDS, PREFIX
from caviar.scheduler import Scheduler

STUDY = """\
name: parabola
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space:
  x: {type: float, low: 0.1, high: 1.0}
budget: {trials: 30}
"""


def submit(api: TestClient, name: str = "parabola", key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"text": STUDY.replace("parabola", name, 1), "resume": False}
    return api.post("/api/v1/studies", json=body, headers=headers)


def kind(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).removeprefix(PREFIX)


# Idempotency keys


def test_a_request_with_a_key_is_done_once(api: TestClient) -> None:
    """The second time it gets the first one's answer, and says so."""
    first, second = submit(api, key="one"), submit(api, key="one")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert len(api.get("/api/v1/studies").json()) == 1
    assert submit(api, key="two").json() != first.json()


def test_a_key_is_not_for_two_requests(api: TestClient) -> None:
    """Another body under the same key is a mistake, not a repetition."""
    submit(api, key="one")
    other = submit(api, "other", key="one")
    assert (other.status_code, kind(other)) == (422, "key-reused")
    assert len(api.get("/api/v1/studies").json()) == 1


def test_a_key_is_its_tokens_own(api: TestClient, access: Any) -> None:
    """Another team's token with the same key and request makes its own study."""
    from caviar.teams import new_token

    fresh = new_token()
    access.changed(access.teams.add_token(fresh, "ada", "submitter", "default", None))
    first = submit(api, key="one")
    headers = {"Authorization": f"Bearer {fresh.text}", "Idempotency-Key": "one"}
    body = {"text": STUDY, "resume": False}
    second = api.post("/api/v1/studies", json=body, headers=headers)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]


def test_a_refusal_is_not_kept(api: TestClient) -> None:
    """It did nothing: with the same key the request is tried anew."""
    path, headers = "/api/v1/studies", {"Idempotency-Key": "one"}
    assert api.post(path, json={"text": "no: study"}, headers=headers).status_code == 422
    assert submit(api, key="one").status_code == 201


def test_of_two_at_once_one_is_told_to_ask_again(
    api: TestClient, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first is worked on, the second neither does the work nor waits for ever."""
    entered, go_on = threading.Event(), threading.Event()
    submitting = scheduler.submit

    def slowly(*given: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return submitting(*given)

    monkeypatch.setattr(scheduler, "submit", slowly)
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(submit(api, key="one")))
    first.start()
    assert entered.wait(30)
    second = submit(api, key="one")
    assert (second.status_code, kind(second)) == (409, "key-in-use")
    assert second.headers["retry-after"] == "1"
    go_on.set()
    first.join()
    assert submit(api, key="one").json() == answers[0].json()


def test_what_was_cut_off_is_not_done_again_unasked(api: TestClient, store: Store) -> None:
    """The service ended while it worked on it: nobody knows, and the answer says so."""
    headers = {"Idempotency-Key": "one"}
    answers: Answers = api.app.state.answers  # type: ignore[attr-defined]
    begun: Callable[..., Any] = answers.begin
    kept: list[str] = []

    def begin(token: str, key: str, request: str) -> Any:
        kept.append(request)
        return begun(token, key, request)

    answers.begin = begin  # type: ignore[method-assign]
    answers.keep = lambda *_: None  # type: ignore[method-assign,assignment]
    api.post("/api/v1/studies", json={"text": STUDY}, headers=headers)
    Answers(store.engine)  # the next life
    again = api.post("/api/v1/studies", json={"text": STUDY}, headers=headers)
    assert (again.status_code, kind(again)) == (409, "outcome-unknown")


def test_a_key_is_forgotten_after_a_day(store: Store) -> None:
    """Not before; what is worked on stays."""
    now = [1_000_000.0]
    answers = Answers(store.engine, clock=lambda: now[0])
    assert answers.begin("t", "k", "request") is None
    answers.keep("t", "k", 201, "{}")
    now[0] += 23 * 3600
    kept = answers.begin("t", "k", "request")
    assert kept is not None
    assert (kept.status, kept.body) == (201, "{}")
    now[0] += 2 * 3600
    assert answers.begin("t", "k", "request") is None


@pytest.mark.parametrize("key", ["", "two words", "ä", "k" * 129])
def test_a_key_is_visible_ascii(api: TestClient, key: str) -> None:
    """Anything else is refused before anything is done."""
    headers = {"Idempotency-Key": key.encode()}
    answer = api.post("/api/v1/studies", json={"text": STUDY}, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, kind(answer)) == (400, "bad-request")
    assert api.get("/api/v1/studies").json() == []


# Entity tags


def test_who_polls_is_told_that_nothing_changed(api: TestClient, scheduler: Scheduler) -> None:
    """304 without a body until something does."""
    path = f"/api/v1/studies/{submit(api).json()['id']}"
    first = api.get(path)
    tag = first.headers["etag"]
    same = api.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    api.post(f"{path}/trials", json={"params": {"x": 0.5}})
    changed = api.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert changed.json()["counts"] != first.json()["counts"]


def test_nobody_overwrites_an_edit_unseen(api: TestClient) -> None:
    """If-Match holds while nobody edited, whatever the trials did meanwhile."""
    path = f"/api/v1/studies/{submit(api).json()['id']}"
    tag = api.get(path).headers["etag"]
    api.post(f"{path}/trials", json={"params": {"x": 0.5}})
    mine = api.patch(path, json={"priority": 3}, headers={"If-Match": tag})
    assert mine.status_code == 200
    late = api.patch(path, json={"priority": 5}, headers={"If-Match": tag})
    assert (late.status_code, kind(late)) == (412, "changed-meanwhile")
    seen = mine.headers["etag"]
    assert api.patch(path, json={"priority": 5}, headers={"If-Match": seen}).status_code == 200
    assert api.patch(path, json={"priority": 6}).status_code == 200


# Pages


def test_pages_of_studies_are_stable_while_new_ones_come(api: TestClient) -> None:
    """The link leads on from the last one that was given: none twice, none left out."""
    made = [submit(api, f"study-{number}").json()["id"] for number in range(5)]
    found: list[str] = []
    path: str | None = "/api/v1/studies?limit=2"
    while path is not None:
        answer = api.get(path)
        found += [row["id"] for row in answer.json()]
        submit(api, "newer")
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert found == made[::-1]


def test_pages_of_trials_lead_on(api: TestClient) -> None:
    """By their numbers; the last page leads nowhere."""
    path = f"/api/v1/studies/{submit(api).json()['id']}/trials"
    for number in range(5):
        assert api.post(path, json={"params": {"x": 0.2 + number / 10}}).status_code == 201
    first = api.get(f"{path}?limit=3")
    assert [trial["number"] for trial in first.json()] == [0, 1, 2]
    second = api.get(first.links["next"]["url"])
    assert [trial["number"] for trial in second.json()] == [3, 4]
    assert "next" not in second.links


# Problems


def test_every_refusal_is_a_problem_with_a_type(api: TestClient, scheduler: Scheduler) -> None:
    """A program branches on it."""
    study = submit(api).json()["id"]
    path = f"/api/v1/studies/{study}"
    asked = {
        "unauthenticated": api.get(path, headers={"Authorization": "Bearer x"}),
        "not-found": api.get("/api/v1/nothing"),
        "method": api.delete(path),
        "malformed": api.post("/api/v1/studies", json={}),
        "input": api.post("/api/v1/studies", json={"text": "x: 1"}),
        "not-possible": api.post(f"{path}/resume") and api.post(f"{path}/trials/0/stop"),
    }
    api.post(f"{path}/stop")
    asked["not-possible"] = api.post(f"{path}/pause")
    for expected, answer in asked.items():
        assert kind(answer) == expected
        assert answer.json()["status"] == answer.status_code == KINDS[expected][0]
        assert answer.json()["detail"]


def test_what_fails_inside_is_a_problem_without_its_inside(
    api: TestClient, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has it; a client learns nothing of it."""

    def breaks(*_: Any) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(scheduler, "submit", breaks)
    answer = submit(api)
    assert (answer.status_code, kind(answer)) == (500, "internal")
    assert "swordfish" not in answer.text


# The description

OPEN = ("/api/v1/health", "/api/v1/ready", "/api/v1/hooks/mlflow/{study_id}")
"""What needs no token. MLflow's webhook has none: it signs."""


def test_the_description_says_who_may_ask_and_how_it_is_refused(api: TestClient) -> None:
    """It needs no token, as the tools that read it have none; operations have names of their own."""
    found = api.get("/api/v1/openapi.json", headers={"Authorization": ""}).json()
    operations = {
        (method, path): operation
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    }
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names))
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for (_, path), operation in operations.items():
        assert operation["tags"]
        assert operation["responses"]["401"] == {"$ref": "#/components/responses/Problem"}
        assert (operation.get("security") == []) == (path in OPEN)
