"""Why a study waits: one law for each sentence, on a scheduler with hosts around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from caviar.api.present import Presenter
from caviar.scheduler.outlook.outlook import Outlook
from caviar.scheduler.outlook.prospects import Prospect, shares
from tests.support.fleet import Fleet, Machine

MakeFleet = Callable[..., Fleet]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "caviar.db", Machine("one", slots=2))


def outlook(fleet: Fleet) -> Outlook:
    return Outlook(fleet.store, fleet.scheduler.look, fleet.scheduler.look_at)


def queue(fleet: Fleet) -> dict[str, Prospect]:
    """By study, in the queue's order."""
    return {each.now.record.id: each for each in outlook(fleet).queue()[1]}


def train(fleet: Fleet, count: int, seconds: float = 60.0, machine: str = "one") -> None:
    """So many trials, one after the other, each of this length."""
    host = fleet.machines[machine]
    for _ in range(count):
        fleet.take(host)
        fleet.pass_time(seconds)
        fleet.end(host, host.held[-1], "done")


def fill(fleet: Fleet) -> None:
    for host in fleet.machines.values():
        while host.free and fleet.take(host) is not None:
            pass


def test_where_no_worker_has_called_its_class_is_named_and_those_that_are_there(
    fleet: Fleet,
) -> None:
    study = fleet.submit(resources="class: gpu")
    why = queue(fleet)[study].why
    assert why.startswith("No worker of class gpu has called.")
    assert "of class cpu (2 slots)" in why
    assert "CAVIAR_WORKER_CLASS=gpu" in why
    assert queue(fleet)[study].starts_s is None


def test_where_all_hosts_are_set_aside_one_is_named_with_the_way_out(fleet: Fleet) -> None:
    study = fleet.submit()
    fleet.store.set_aside("one", "its disk is broken")
    fleet.restart()
    here = queue(fleet)[study]
    assert here.why == (
        "The only host of class cpu, one, is set aside: its disk is broken. "
        "`caviar workers trust one` gives it work again."
    )
    assert here.starts_s is None


def test_a_paused_study_says_what_still_runs_and_how_it_goes_on(fleet: Fleet) -> None:
    study = fleet.submit()
    fleet.take(fleet.machines["one"])
    fleet.scheduler.pause(study)
    assert queue(fleet)[study].why == (
        f"Paused, 1 trial still runs. `caviar resume {study}` lets it go on."
    )
    assert queue(fleet)[study].starts_s is None


def test_where_all_slots_are_taken_the_holders_are_counted_by_team(fleet: Fleet) -> None:
    fleet.submit(team=fleet.team("vision"))
    fill(fleet)
    study = fleet.submit(team=fleet.team("speech"), name="mine")
    assert queue(fleet)[study].why == (
        "All 2 slots of class cpu are taken, 2 by team vision. It is next."
    )


def test_who_is_before_it_is_said_with_the_rule_and_without_a_name(fleet: Fleet) -> None:
    fleet.submit(name="secret-one", priority=5)
    fill(fleet)
    low = fleet.submit(name="low", priority=1)
    why = queue(fleet)[low].why
    assert "2 by other studies of its team" in why
    assert "Before it: 1 study of its team with a higher priority." in why
    assert "secret" not in why


def test_a_team_below_its_share_goes_first(fleet: Fleet) -> None:
    greedy = fleet.submit(team=fleet.team("vision"))
    fill(fleet)
    fleet.submit(team=fleet.team("speech"), name="other")
    why = queue(fleet)[greedy].why
    assert "Before it: team speech, further below its share." in why
    assert why.startswith("Runs 2 trials. ")


def test_the_last_of_an_operator_is_told_so(fleet: Fleet) -> None:
    fleet.submit()
    fill(fleet)
    from caviar.contract.queue import StudyEdit

    last = fleet.submit(name="last")
    fleet.scheduler.edit(last, StudyEdit(place="last"))
    assert queue(fleet)[last].why.endswith("An operator put it behind all others.")
    first = fleet.submit(name="first")
    fleet.scheduler.edit(first, StudyEdit(place="first"))
    assert next(iter(queue(fleet))) == first
    assert queue(fleet)[first].why.endswith("It is next.")


def test_a_team_at_its_slots_waits_for_one_of_its_own(fleet: Fleet) -> None:
    study = fleet.submit(team=fleet.team("vision", slots=1))
    train(fleet, 3)
    fleet.take(fleet.machines["one"])
    fleet.pass_time(20)
    here = queue(fleet)[study]
    assert here.why == (
        "Runs 1 trial. Team vision holds all 1 slots of its quota. An operator may raise the quota."
    )
    assert here.starts_s is not None
    assert 0 <= here.starts_s <= 20


def test_where_the_months_hours_are_spent_it_starts_with_the_next_month(fleet: Fleet) -> None:
    study = fleet.submit(team=fleet.team("vision", slot_hours=0.01))
    train(fleet, 1)
    here = queue(fleet)[study]
    assert "has used the 0.01 slot-hours of its month" in here.why
    assert here.starts_s is not None
    assert 0 < here.starts_s <= 31 * 86_400


def test_once_all_its_trials_are_out_it_waits_for_those_that_run(fleet: Fleet) -> None:
    study = fleet.submit(budget="trials: 1")
    fleet.take(fleet.machines["one"])
    assert queue(fleet)[study].why == "All its trials are out: it ends with the 1 trial that runs."


def test_while_the_broker_is_away_it_says_so(fleet: Fleet) -> None:
    study = fleet.submit()
    fleet.scheduler._tickets.broker_is_down = True  # what a refused ticket leaves
    assert "The broker (Redis) is away" in queue(fleet)[study].why
    assert queue(fleet)[study].starts_s is None


def test_trials_that_come_back_from_a_crash_are_counted(fleet: Fleet) -> None:
    study = fleet.submit()
    host = fleet.machines["one"]
    fill(fleet)
    fleet.end(host, host.held[0], "crashed")
    fleet.claim(host, fleet.queue.pop())  # the ticket that was out already takes the slot
    assert "1 trial of it waits to be trained again" in queue(fleet)[study].why


def test_a_free_slot_means_that_it_starts_now(fleet: Fleet) -> None:
    study = fleet.submit()
    here = queue(fleet)[study]
    assert here.why == "A slot is free: its next trial is on its way."
    assert here.starts_s == 0


def test_it_starts_when_a_running_trial_likely_ends_after_the_ticket_that_is_out(
    fleet: Fleet,
) -> None:
    fleet.submit(team=fleet.team("vision"))
    train_lengths(fleet, 100.0)
    fleet.take(fleet.machines["one"])
    fleet.pass_time(30)
    fleet.take(fleet.machines["one"])
    waiting = fleet.submit(team=fleet.team("speech"), name="waiting")
    # The slots come free in 70 s and in 100 s; a ticket of the other study is out and takes the first.
    assert queue(fleet)[waiting].starts_s == pytest.approx(100, abs=1)


def train_lengths(fleet: Fleet, seconds: float) -> None:
    """Three trials whose workers say that they took so long."""
    from caviar.contract.messages import Finish
    from tests.support.fleet import _nonce

    host = fleet.machines["one"]
    for _ in range(3):
        fleet.take(host)
        held = host.held.pop()
        fleet.scheduler.finish(
            Finish(
                trial=held.trial,
                attempt=held.attempt,
                nonce=_nonce(held.trial, held.attempt),
                outcome="done",
                value=0.5,
                seconds=seconds,
            )
        )


def test_shares_stand_beside_what_weights_give(fleet: Fleet) -> None:
    fleet.submit(team=fleet.team("vision", weight=3.0))
    train(fleet, 2)
    fleet.submit(team=fleet.team("speech"), name="other")
    found = {each.team: each for each in shares(fleet.scheduler.look())}
    assert found["vision"].due == pytest.approx(0.75)
    assert found["vision"].share == 1.0
    assert found["speech"].share == 0.0


def test_a_projection_comes_with_the_fifth_trial_and_holds_the_truth(fleet: Fleet) -> None:
    study = fleet.submit(budget="trials: 10")
    presenter = Presenter(fleet.store, fleet.scheduler, "")
    train_lengths(fleet, 60.0)
    record = fleet.store.study(study)
    assert record is not None
    assert presenter.study(record).projection is None
    train_lengths(fleet, 60.0)
    projection = presenter.study(record).projection
    assert projection is not None
    assert projection.learned_from == 6
