"""What a study would cost: nothing without trials to learn from, and then what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import Finish
from caviar.contract.queue import Quote
from caviar.contract.views import Submission
from caviar.scheduler.outlook.outlook import Outlook
from caviar.teams import DEFAULT_TEAM
from tests.support.fleet import STUDY, Fleet, Machine, _nonce

LENGTH_S = 100.0


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "caviar.db", Machine("one", slots=2))


def train(fleet: Fleet, count: int, seconds: float = LENGTH_S) -> None:
    """One after the other, on a clock that goes on meanwhile."""
    host = fleet.machines["one"]
    for _ in range(count):
        fleet.take(host)
        fleet.pass_time(seconds)
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
        fleet.scheduler.tick()


def quote(
    fleet: Fleet,
    budget: str = "trials: 40",
    name: str = "later",
    team: str = DEFAULT_TEAM,
    resources: str = "class: cpu",
    trainer: str = "parabola:train",
) -> Quote:
    text = STUDY.format(name=name, budget=budget, resources=resources)
    text = text.replace("parabola:train", trainer)
    outlook = Outlook(fleet.store, fleet.scheduler.look, fleet.scheduler.look_at)
    return outlook.quote(Submission(text=text), team)


def test_without_an_ended_trial_nothing_is_known_and_no_figure_is_given(fleet: Fleet) -> None:
    found = quote(fleet)
    assert found.learned_from == 0
    assert found.slot_hours is found.low is found.high is found.ends_s is None
    assert found.starts_s == 0


def test_trials_of_another_trainer_tell_nothing(fleet: Fleet) -> None:
    fleet.submit()
    train(fleet, 5)
    assert quote(fleet, trainer="other:train").learned_from == 0


def test_trials_of_another_team_tell_nothing(fleet: Fleet) -> None:
    fleet.submit(team=fleet.team("vision"))
    train(fleet, 5)
    assert quote(fleet).learned_from == 0


def test_five_trials_of_an_earlier_study_tell_what_forty_take(fleet: Fleet) -> None:
    earlier = fleet.submit(budget="trials: 5")
    train(fleet, 5)
    found = quote(fleet)
    assert found.learned_from == 5
    assert earlier in found.source
    assert found.slot_hours == pytest.approx(40 * LENGTH_S / 3600, rel=0.1)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.slot_hours < found.high
    assert found.starts_s == 0
    assert found.ends_s == pytest.approx(40 * LENGTH_S / 2, rel=0.1)


def test_a_budget_of_slot_hours_cuts_the_quote(fleet: Fleet) -> None:
    fleet.submit(budget="trials: 5")
    train(fleet, 5)
    assert quote(fleet, budget="trials: 40, slot_hours: 0.5").slot_hours == 0.5


def test_the_share_of_the_quota_and_what_is_left_of_it_are_told(fleet: Fleet) -> None:
    team = fleet.team("vision", slot_hours=1.0)
    fleet.submit(budget="trials: 5", team=team)
    train(fleet, 5)
    found = quote(fleet, team=team)
    assert found.quota_share == found.slot_hours
    assert any("0.861 of the team's 1 slot-hours of this month are left" in n for n in found.notes)


def test_what_would_be_refused_is_told_before(fleet: Fleet) -> None:
    team = fleet.team("vision", trials=10)
    assert any("It would be refused: Team vision" in note for note in quote(fleet, team=team).notes)


def test_a_class_without_a_worker_is_told_before(fleet: Fleet) -> None:
    found = quote(fleet, resources="class: gpu")
    assert found.starts_s is None
    assert any("No worker of class gpu" in note for note in found.notes)


def test_a_study_that_goes_on_is_quoted_from_its_own_trials(fleet: Fleet) -> None:
    study = fleet.submit(budget="trials: 40", name="later")
    train(fleet, 6)
    found = quote(fleet)
    assert found.source == "its own"
    assert found.learned_from == 6
    assert found.slot_hours == pytest.approx(40 * LENGTH_S / 3600, rel=0.1)
    assert study in found.notes[0]


def test_crashes_belong_to_what_a_study_takes(fleet: Fleet) -> None:
    """Every trial dies once half-way: what ended took half as much again as its last attempts."""
    fleet.submit(budget="trials: 40", name="later")
    host = fleet.machines["one"]
    for _ in range(6):
        fleet.take(host)
        fleet.pass_time(LENGTH_S / 2)
        fleet.end(host, host.held[0], "crashed")
        train(fleet, 1)
    found = quote(fleet)
    assert found.slot_hours is not None
    assert found.slot_hours > 1.25 * 40 * LENGTH_S / 3600
