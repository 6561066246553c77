"""The figures for Prometheus: what stands at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, update

from caviar.adapters.sql import Store, TeamRow
from caviar.adapters.sql.tables import trials
from caviar.api import figures
from caviar.contract.access import Quota
from caviar.contract.messages import ClaimRequest, Finish, Heartbeat, Hello
from caviar.contract.views import Submission
from caviar.scheduler import Scheduler
from tests.support import wait_until

STUDY = """\
name: parabola
metric: {{name: loss, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  x: {{type: float, low: 0.1, high: 1.0}}
search: {{strategy: random}}
budget: {{trials: {trials}}}
resources: {{class: {resource_class}}}
"""


def submit(
    scheduler: Scheduler, trials: int, team: str = "default", resource_class: str = "cpu"
) -> str:
    text = STUDY.format(trials=trials, resource_class=resource_class)
    return scheduler.submit(Submission(text=text, user="ada", resume=False), team).id


def read(api: TestClient) -> dict[tuple[str, ...], float]:
    """Name and the values of its labels, sorted by the labels' names -> value."""
    answer = api.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_where_nothing_is_there_the_common_classes_have_zeros(api: TestClient) -> None:
    """What scales workers on the figure must find one where nobody works and nothing waits."""
    told = read(api)
    for name in ("caviar_slots_wanted", "caviar_slots", "caviar_workers"):
        assert (told[name, "cpu"], told[name, "gpu"]) == (0, 0)


def test_what_waits_is_told_by_team_and_class(api: TestClient, scheduler: Scheduler) -> None:
    """Not the window of tickets that lies in the queue: all that would start if there were slots."""
    submit(scheduler, 40, "vision")
    submit(scheduler, 7, "speech", "gpu")
    scheduler.hello(Hello(host="one", incarnation="a", slots=2))
    scheduler.tick()
    told = read(api)
    assert told["caviar_trials_waiting", "cpu", "vision"] == 40
    assert told["caviar_trials_waiting", "gpu", "speech"] == 7
    assert (told["caviar_slots_wanted", "cpu"], told["caviar_slots_wanted", "gpu"]) == (40, 7)
    ticket = scheduler.look().studies[0]
    assert 0 < ticket.dispatched < 5, "the queue itself holds a few"


def test_what_a_quota_holds_back_calls_for_no_slots(store: Store, api: TestClient) -> None:
    """A team that may hold three slots is no reason to start ten workers."""
    scheduler = Scheduler(
        store,
        lambda *_: None,
        lease_s=10,
        claim_s=5,
        teams=lambda: {"vision": TeamRow("vision", 1.0, Quota(slots=3), 0.0)},
    )
    submit(scheduler, 40, "vision")
    submit(scheduler, 40, "vision", "gpu")
    collected = figures.Figures(scheduler, store, figures.Parts(store, scheduler, None)).collect()
    wanted = {
        sample.labels["resource_class"]: sample.value
        for family in collected
        for sample in family.samples
        if sample.name == "caviar_slots_wanted"
    }
    assert sum(wanted.values()) == 3


def test_without_the_database_the_rest_is_told(api: TestClient, store: Store) -> None:
    """At the moment when somebody has to know what is away."""

    def fails(*_: Any) -> None:
        raise store.engine.dialect.dbapi.OperationalError("disk")  # type: ignore[union-attr]

    api.get("/metrics")
    event.listen(store.engine, "before_cursor_execute", fails)
    told = read(api)
    event.remove(store.engine, "before_cursor_execute", fails)
    assert told["caviar_part_up", "database"] == 0
    assert ("caviar_runs_waiting",) not in told, "what is not known is not told as zero"
    assert read(api)["caviar_part_up", "database"] == 1


def claimed(scheduler: Scheduler, study: str, number: int) -> ClaimRequest:
    scheduler.tick()
    row = scheduler._desks.get(study).open[number]
    claim = ClaimRequest(
        trial=row.id,
        attempt=row.attempt,
        nonce="n" * 8,
        host="one",
        incarnation="a",
        slot=0,
    )
    assert scheduler.claim(claim).granted
    return claim


def test_trials_that_are_lost_and_given_up_are_counted(store: Store) -> None:
    """A lost host takes its attempts with it; a trial that crashes three times is given up."""
    now = [0.0]
    scheduler = Scheduler(store, lambda *_: None, lease_s=10, claim_s=5, clock=lambda: now[0])
    study = submit(scheduler, 2)
    scheduler.hello(Hello(host="one", incarnation="a", slots=2))
    for _ in range(3):
        claim = claimed(scheduler, study, 0)
        told = claim.model_dump(include={"trial", "attempt", "nonce"})
        scheduler.finish(Finish(**told, outcome="crashed"))
    claimed(scheduler, study, 1)
    assert (scheduler.tally().lost, scheduler.tally().quarantined) == (0, 1)
    for now[0] in (4.0, 8.0, 12.0):
        scheduler.tick()
    assert (scheduler.tally().lost, scheduler.tally().quarantined) == (1, 1)


def test_workers_that_are_silent_or_warn_are_seen(api: TestClient, scheduler: Scheduler) -> None:
    """How near a worker is to losing its trials, and whether one says that its disk is full."""
    scheduler.hello(Hello(host="one", incarnation="a", slots=2))
    warning = "The folder takes 9 of 10 GB."
    scheduler.heartbeat(Heartbeat(host="one", incarnation="a", free=2, warnings=(warning,)))
    told = read(api)
    assert told["caviar_workers_warning", "cpu"] == 1
    assert warning not in api.get("/metrics").text
    assert told["caviar_lease_seconds",] == 10

    def silent() -> float:
        return read(api)["caviar_workers_silent_seconds", "cpu"]

    wait_until(lambda: silent() > 0.05, why="the worker has not called for a moment")
    scheduler.heartbeat(Heartbeat(host="one", incarnation="a", free=2))
    assert read(api)["caviar_workers_warning", "cpu"] == 0


@pytest.mark.parametrize("most", [2, 50])
def test_hosts_and_classes_do_not_add_labels_without_end(
    api: TestClient,
    store: Store,
    scheduler: Scheduler,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A study's file may name any class; hosts come and go. What is beyond is counted together."""
    monkeypatch.setattr(figures, "CLASSES", most)
    monkeypatch.setattr(figures, "HOSTS", most)
    study = submit(scheduler, 4)
    for number in range(5):
        submit(scheduler, 1, resource_class=f"made-up-{number}")
    scheduler.hello(Hello(host="one", incarnation="a", slots=4))
    scheduler.tick()
    for number in range(4):
        claim = claimed(scheduler, study, number)
        told = claim.model_dump(include={"trial", "attempt", "nonce"})
        scheduler.finish(Finish(**told, outcome="failed"))
    with store.engine.begin() as connection:
        for number in range(4):
            row = update(trials).where(trials.c.number == number, trials.c.study_id == study)
            connection.execute(row.values(host=f"host-{number}"))
    told = read(api)
    wanted = by_label(told, "caviar_slots_wanted")
    waiting = by_label(told, "caviar_host_runs_waiting")
    assert (sum(wanted.values()), sum(waiting.values())) == (5, 4)
    assert len(wanted) == (3 if most == 2 else 7)
    assert len(waiting) == (3 if most == 2 else 4)
    if most == 2:
        assert (wanted["others"], waiting["others"]) == (5, 2)


def by_label(told: Mapping[tuple[str, ...], float], name: str) -> dict[str, float]:
    return {key[1]: value for key, value in told.items() if key[0] == name}
