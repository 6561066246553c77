"""Hosts at which trials fail that succeed elsewhere, in a fleet of which the test holds every part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from caviar.contract.messages import Assignment, Outcome
from caviar.errors import NotAllowed
from caviar.scheduler.hosts import IN_A_ROW
from tests.support.fleet import Fleet, Machine

Train = Callable[[Machine, Assignment], Outcome]


def sick(machine: Machine, _: Assignment) -> Outcome:
    return "failed" if machine.name == "sick" else "done"


def work(fleet: Fleet, turns: int, train: Train, fast: str = "") -> None:
    """Every slot takes what it gets. Trials end in the turn after; at ``fast`` at once, and again and again."""
    resting: dict[str, float] = {}
    for _ in range(turns):
        for machine in fleet.machines.values():
            for held in list(machine.held):
                fleet.end(machine, held, train(machine, held))
        for machine in fleet.machines.values():
            for _ in range(30 if machine.name == fast else machine.slots):
                if machine.free < 1 or resting.get(machine.name, 0) > fleet.now:
                    break
                answer = fleet.take(machine)
                if answer is None:
                    break
                if answer.pause_s:
                    resting[machine.name] = fleet.now + answer.pause_s
                if machine.name == fast and machine.held:
                    fleet.end(machine, machine.held[0], train(machine, machine.held[0]))
        fleet.pass_time(1.0)


def burnt(fleet: Fleet, study: str) -> int:
    return len(fleet.rows(study, ("failed", "quarantined")))


@pytest.mark.parametrize("outcome", ["failed", "crashed"])
def test_one_bad_host_costs_a_study_a_handful_of_trials(tmp_path: Path, outcome: Outcome) -> None:
    """It fails at once, the others take their time: without a rule it would take nearly every trial."""
    machines = [Machine("sick", slots=2), Machine("a", slots=2), Machine("b", slots=2)]
    fleet = Fleet(tmp_path / "caviar.db", *machines)
    study = fleet.submit("trials: 100")

    def train(machine: Machine, _: Assignment) -> Outcome:
        return outcome if machine.name == "sick" else "done"

    work(fleet, 60, train, fast="sick")
    record = fleet.store.study(study)
    assert record is not None
    assert record.state == "done"
    assert len(fleet.rows(study)) == 100
    assert burnt(fleet, study) <= IN_A_ROW
    (aside,) = fleet.store.hosts_aside().items()
    assert aside[0] == "sick"
    assert (
        f"failed in a row, of study {study}, whose trials succeed on other hosts" in aside[1].reason
    )


def test_what_failed_on_a_host_in_doubt_is_trained_elsewhere(tmp_path: Path) -> None:
    """The trials that its other slots held when it fell into doubt: the host was at fault, not they."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("sick", slots=8), Machine("well", slots=1))
    study = fleet.submit("trials: 20")
    work(fleet, 40, sick)
    assert burnt(fleet, study) == IN_A_ROW - 1
    again = [row for row in fleet.rows(study) if row.attempt > 1]
    assert again
    assert all(row.state == "done" and row.host == "well" for row in again)


def killed(fleet: Fleet, name: str, turns: tuple[int, ...]) -> None:
    """Forty turns of one second; in some of them all that trains on one host crashes at once."""
    for turn in range(40):
        for machine in fleet.machines.values():
            for held in list(machine.held):
                lost = machine.name == name and turn in turns
                fleet.end(machine, held, "crashed" if lost else "done")
        for machine in fleet.machines.values():
            while machine.free and (answer := fleet.take(machine)) and answer.granted:
                pass
        fleet.pass_time(1.0)


def test_what_crashes_together_says_nothing_about_a_host(tmp_path: Path) -> None:
    """A process that served eight trials was killed, and once more before one of the next had ended."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("big", slots=8), Machine("other", slots=4))
    study = fleet.submit("trials: 200")
    killed(fleet, "big", turns=(6, 7))
    assert fleet.store.hosts_aside() == {}
    assert len(fleet.rows(study, ("done",))) == 200


def test_a_host_where_everything_crashes_again_and_again_is_set_aside(tmp_path: Path) -> None:
    """The third time in a row is the host's fault, and no trial is counted out for it."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("big", slots=8), Machine("other", slots=4))
    study = fleet.submit("trials: 100")
    killed(fleet, "big", turns=(6, 7, 8))
    assert list(fleet.store.hosts_aside()) == ["big"]
    assert len(fleet.rows(study, ("done",))) == 100


def test_a_study_that_fails_everywhere_is_its_own_fault(tmp_path: Path) -> None:
    """No host is set aside for it, none waits for long, and the budget ends it."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("a", slots=2), Machine("b", slots=2))
    study = fleet.submit("trials: 40")
    work(fleet, 60, lambda *_: "failed")
    record = fleet.store.study(study)
    assert record is not None
    assert record.state == "failed"
    assert fleet.store.hosts_aside() == {}


def test_a_host_alone_is_never_set_aside(tmp_path: Path) -> None:
    """There is nowhere else to succeed: the work goes on."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("sick"))
    study = fleet.submit("trials: 12")
    work(fleet, 30, sick)
    assert burnt(fleet, study) == 12
    assert fleet.store.hosts_aside() == {}


def test_a_study_that_often_fails_takes_no_host_with_it(tmp_path: Path) -> None:
    """Half of its trials fail, wherever they train: rows of four come about by chance."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("a", slots=2), Machine("b", slots=2))
    fleet.submit("trials: 200")

    def unlucky(_: Machine, trial: Assignment) -> Outcome:
        return "failed" if trial.seed % 2 else "done"

    work(fleet, 80, unlucky)
    assert fleet.store.hosts_aside() == {}


def test_a_host_that_is_set_aside_stays_so_until_somebody_trusts_it(tmp_path: Path) -> None:
    """A restart of the scheduler or of its worker mends no graphics card. Its slots do not count as free."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("sick", slots=2), Machine("well", slots=2))
    fleet.submit("trials: 400")
    work(fleet, 30, sick)
    fleet.machines["sick"].incarnation = "two"
    fleet.restart()
    reason = fleet.scheduler.aside("sick")
    assert reason is not None
    free = {worker.host: free for worker, free, _, _ in fleet.scheduler.workers()}
    assert free["sick"] == 0
    answer = fleet.take(fleet.machines["sick"])
    assert answer is not None
    assert not answer.granted
    assert answer.pause_s > 0
    assert reason.reason in answer.reason
    fleet.scheduler.trust("sick")
    answer = fleet.take(fleet.machines["sick"])
    assert answer is not None
    assert answer.granted
    with pytest.raises(NotAllowed, match="not set aside"):
        fleet.scheduler.trust("sick")


def test_a_ticket_that_a_bad_host_took_goes_out_again_at_once(tmp_path: Path) -> None:
    """Its idle slots are the first at the queue: nobody waits until their tickets run out."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("sick"), Machine("well"))
    fleet.submit("trials: 400")
    work(fleet, 30, sick)
    fleet.scheduler.tick()
    ticket = fleet.queue[0]
    assert not fleet.claim(fleet.machines["sick"], fleet.queue.pop(0)).granted
    fleet.scheduler.tick()
    assert ticket in fleet.queue
