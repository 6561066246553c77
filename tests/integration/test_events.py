"""Server-sent events over real HTTP: what a listener is told, also after it was cut off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from caviar.contract.messages import Hello
from caviar.contract.queue import StudyEdit
from tests.support import wait_until
from tests.support.real_api import Serving, serving


@dataclass(frozen=True)
class Event:
    id: str
    name: str
    data: dict[str, Any]


def parsed(lines: Iterator[str]) -> Iterator[Event]:
    """As the HTML standard reads a stream of events."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields:
            yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
        fields = {}


def listen(service: Serving, path: str, last: str | None = None, token: str = "") -> list[Event]:
    """Until the stream ends."""
    headers = {} if last is None else {"Last-Event-ID": last}
    client = service.client(token) if token else service.client()
    with client, client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code in (200, 204), answer.read()
        return list(parsed(answer.iter_lines()))


class Listener:
    """Listens in a thread until the stream ends."""

    def __init__(self, service: Serving, path: str, last: str | None = None) -> None:
        self.events: list[Event] = []
        self._service, self._path, self._last = service, path, last
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        headers = {} if self._last is None else {"Last-Event-ID": self._last}
        client = self._service.client()
        with client, client.stream("GET", self._path, headers=headers) as answer:
            for event in parsed(answer.iter_lines()):
                self.events.append(event)

    def join(self) -> list[Event]:
        self._thread.join(30)
        assert not self._thread.is_alive(), "the stream did not end"
        return self.events


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as service:
        yield service


def ended(events: list[Event]) -> list[int]:
    return [e.data["number"] for e in events if e.name == "trial" and e.data["state"] == "done"]


def test_a_listener_is_told_where_the_study_stands_and_all_that_comes(service: Serving) -> None:
    """The first event is the study; then every trial, each better best, and last the study's end."""
    study = service.submit(trials=3)
    listener = Listener(service, f"/studies/{study}/events")
    wait_until(lambda: listener.events, why="the first event")
    service.train(study, 3)
    events = listener.join()
    assert (events[0].name, events[0].data["state"]) == ("study", "running")
    assert sorted(ended(events)) == [0, 1, 2]
    assert (events[-1].name, events[-1].data["state"]) == ("study", "done")
    best = [event.data["value"] for event in events if event.name == "best"][-1]
    assert best == min(e.data["value"] for e in events if e.name == "trial" and e.data["value"])


def test_a_listener_that_was_cut_off_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Nothing is lost and nothing told twice: an event's id means the same in the service's next life."""
    with serving(tmp_path) as service:
        study = service.submit(trials=6)
        listener = Listener(service, f"/studies/{study}/events")
        wait_until(lambda: listener.events, why="the first event")
        service.train(study, 2)
        wait_until(lambda: ended(listener.events) == [0, 1], why="two trials are told")
    before = listener.join()  # the service ended, and its streams with it
    with serving(tmp_path) as service:
        service.train(study, 2)
        again = Listener(service, f"/studies/{study}/events", before[-1].id)
        service.train(study, 2)
        after = again.join()
    assert ended(before) + ended(after) == [0, 1, 2, 3, 4, 5]
    assert after[-1].data["state"] == "done"


def test_everything_is_told_again_from_zero_and_nothing_behind_the_end(service: Serving) -> None:
    """204 tells a browser's EventSource not to come back."""
    study = service.submit(trials=2)
    service.train(study, 2)
    wait_until(lambda: service.store.study(study).state == "done", why="it ends")  # type: ignore[union-attr]
    events = listen(service, f"/studies/{study}/events", "0")
    assert ended(events) == [0, 1]
    assert [event.name for event in events][-1] == "study"
    with service.client() as client:
        answer = client.get(f"/studies/{study}/events", headers={"Last-Event-ID": events[-1].id})
    assert answer.status_code == 204


def test_a_last_event_that_is_none_is_refused(service: Serving) -> None:
    """With a problem that says what it may be."""
    study = service.submit()
    with service.client() as client:
        for path in (f"/studies/{study}/events", "/events"):
            answer = client.get(path, headers={"Last-Event-ID": "yesterday"})
            assert answer.status_code == 400
            assert answer.json()["type"] == "urn:caviar:problem:bad-request"


def test_a_teams_listener_is_told_of_its_own_studies_alone(service: Serving) -> None:
    """Each one that goes on at first, then each whenever it changes; an end that it missed when it comes back."""
    service.access.teams.add("vision", 1.0, _no_quota())
    stranger = service.token("viewer", "vision")
    study = service.submit("first", trials=1)
    listener = Listener(service, "/events")
    wait_until(lambda: told(listener), why="the study that goes on")
    service.train(study, 1)
    wait_until(lambda: told(listener)[-1].data["state"] == "done", why="its end")
    other = service.submit("second")
    wait_until(lambda: told(listener)[-1].data["id"] == other, why="the new one")
    with service.client(stranger) as client:
        assert client.get(f"/studies/{study}/events").status_code == 404
        with client.stream("GET", "/events") as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("retry")
    back = Listener(service, "/events", listener.events[0].id)
    wait_until(lambda: len(told(back)) == 2, why="the end and the one that goes on")
    assert {event.data["id"]: event.data["state"] for event in told(back)} == {
        study: "done",
        other: "running",
    }


def told(listener: Listener) -> list[Event]:
    return [event for event in listener.events if event.name == "study"]


def test_a_teams_listener_is_told_when_the_queue_or_the_workers_change(service: Serving) -> None:
    """Everybody, whoever changed it: slots are everybody's. How many there are is told with it."""
    study = service.submit()
    listener = Listener(service, "/events")

    def news() -> list[Event]:
        return [event for event in listener.events if event.name == "queue"]

    wait_until(news, why="where the slots stand")
    service.scheduler.hello(Hello(host="host", incarnation="one", slots=2))
    wait_until(lambda: news()[-1].data["slots"] == {"cpu": 2}, why="the worker")
    before = len(news())
    service.scheduler.edit(study, StudyEdit(priority=3))
    wait_until(lambda: len(news()) > before, why="the new order")
    assert news()[-1].data == {"slots": {"cpu": 2}, "free": {"cpu": 2}}


def test_a_token_has_a_bounded_number_of_streams(
    service: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many is refused; when one ended there is room again."""
    monkeypatch.setattr("caviar.api.feed.A_TOKEN", 2)
    study = service.submit()
    path = f"/studies/{study}/events"
    with service.client() as client:
        with client.stream("GET", path) as one, client.stream("GET", path) as two:
            lines = one.iter_lines(), two.iter_lines()
            assert [next(each) for each in lines] == ["retry: 2000"] * 2
            refused = client.get(path)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")

        def admitted() -> bool:
            with client.stream("GET", path) as answer:
                return answer.status_code == 200

        wait_until(admitted, why="room again")


def test_a_revoked_token_hears_nothing_more(
    service: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again with every beat."""
    monkeypatch.setattr("caviar.api.feed.BEAT_S", 0.2)
    study = service.submit()
    token = service.token("viewer")
    with (
        service.client(token) as client,
        client.stream("GET", f"/studies/{study}/events") as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        revoked = service.access.teams.revoke(token.split("_")[1])
        assert revoked is not None
        service.access.changed(revoked)
        assert not any(line.startswith("event: trial") for line in lines)  # it ends


def test_many_listeners_of_a_study_cost_one_reading(service: Serving) -> None:
    """What is told is read from the database once for all of them."""
    study = service.submit(trials=3)
    reads = 0
    read = service.app.state.feed._read

    def counted(*asked: Any) -> Any:
        nonlocal reads
        reads += 1
        return read(*asked)

    service.app.state.feed._read = counted
    listeners = [Listener(service, f"/studies/{study}/events") for _ in range(20)]
    wait_until(lambda: all(one.events for one in listeners), why="all listen")
    service.train(study, 3)
    told = [ended(listener.join()) for listener in listeners]
    assert told == [[0, 1, 2]] * 20
    assert reads <= 30, "each listener read for itself"


def _no_quota() -> Any:
    from caviar.contract.access import Quota

    return Quota()
