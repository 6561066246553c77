"""What a worker's operator lets studies train, and what the others hear."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import Offers, Trainer
from caviar.contract.offers import why_not
from caviar_worker import trainers
from caviar_worker.settings import WorkerSettings
from tests.support.fleet import Fleet, Machine
from tests.unit.worker.test_worker_safety import ENVIRON

BUNDLE = "0" * 64


@pytest.mark.parametrize(
    ("trainer", "offers", "says"),
    [
        (Trainer(name="mlp"), Offers(names=("mlp",)), None),
        (Trainer(name="mlp"), Offers(names=("other",), folders=True), "it offers: other"),
        (Trainer(function="os:system"), Offers(names=("mlp",)), "CAVIAR_WORKER_TRAINERS=os:system"),
        (Trainer(function="team.models:mlp"), Offers(functions=("team.*:*",)), None),
        (Trainer(function="teams.models:mlp"), Offers(functions=("team.*:*",)), "does not offer"),
        (Trainer(function="a:b", bundle=BUNDLE), Offers(functions=("a:b",)), "ALLOW_BUNDLES"),
        (Trainer(function="a:b", bundle=BUNDLE), Offers(bundles=True), None),
        (Trainer(command=("x",), bundle=BUNDLE), Offers(bundles=True), "ALLOW_COMMANDS"),
        (Trainer(command=("x",), bundle=BUNDLE), Offers(commands=True), "ALLOW_BUNDLES"),
        (Trainer(command=("x",), bundle=BUNDLE), Offers(bundles=True, commands=True), None),
        (Trainer(function="a:b", folder="/f"), Offers(bundles=True), "ALLOW_FOLDERS"),
        (Trainer(), Offers(folders=True), "exactly one"),
        (Trainer(name="mlp", command=("x",)), Offers(names=("mlp",), commands=True), "exactly one"),
    ],
)
def test_each_way_is_allowed_by_itself(trainer: Trainer, offers: Offers, says: str | None) -> None:
    """A refusal names what would allow it."""
    reason = why_not(trainer, offers)
    assert reason is None if says is None else says in str(reason)


def test_installed_trainers_are_offered_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them by default, or those that the operator lists; functions only where a pattern says so."""
    known = {"digits-mlp": "digits:train", "digits-cnn": "digits.cnn:train", "other": "other:main"}
    monkeypatch.setattr(trainers, "installed", lambda: known)

    def offered(listed: str) -> Offers:
        return trainers.offers(
            WorkerSettings.from_environ({**ENVIRON, "CAVIAR_WORKER_TRAINERS": listed})
        )

    assert offered("").names == ("digits-cnn", "digits-mlp", "other")
    assert why_not(Trainer(function="digits:train"), offered("")) is None
    assert why_not(Trainer(function="os:system"), offered("")) is not None
    some = offered("digits-*, team.*:*")
    assert some.names == ("digits-cnn", "digits-mlp")
    assert why_not(Trainer(function="other:main"), some) is not None
    assert why_not(Trainer(function="team.x:y"), some) is None


def fleet_of(path: Path, **offers: Offers | None) -> Fleet:
    return Fleet(path / "caviar.db", *(Machine(name, offers=each) for name, each in offers.items()))


def test_a_study_that_no_worker_may_run_ends_with_the_reason_and_burns_nothing(
    tmp_path: Path,
) -> None:
    """It is told at once, by a warning; it ends after half a minute in which nobody else came."""
    fleet = fleet_of(tmp_path, a=Offers(names=("mlp",)), b=Offers())
    answer = fleet.submitted()
    assert "No worker runs it now" in answer.warnings[-1]
    for _ in range(40):
        fleet.pass_time(1.0)
        for machine in fleet.machines.values():
            claimed = fleet.take(machine)
            assert claimed is None or not claimed.granted
    record = fleet.store.study(answer.id)
    assert record is not None
    assert record.state == "failed"
    assert "does not offer the function parabola:train" in record.reason
    assert fleet.rows(answer.id, ("done", "failed", "running")) == []


def test_a_study_waits_for_the_worker_that_may_run_it(tmp_path: Path) -> None:
    """Whoever may not gives the ticket back and rests; nothing is held against anybody."""
    able = Offers(functions=("parabola:*",))
    fleet = fleet_of(tmp_path, unable=Offers(), able=able)
    answer = fleet.submitted()
    assert not any("No worker" in warning for warning in answer.warnings)
    for _ in range(60):
        fleet.pass_time(1.0)
        refused = fleet.take(fleet.machines["unable"])
        assert refused is None or (not refused.granted and (refused.pause_s > 0 or refused.again))
        fleet.take(fleet.machines["able"])
        for held in list(fleet.machines["able"].held):
            fleet.end(fleet.machines["able"], held, "done")
    record = fleet.store.study(answer.id)
    assert record is not None
    assert record.state == "done"


def test_a_worker_that_does_not_tell_is_given_what_there_is(tmp_path: Path) -> None:
    """It says itself what it refuses."""
    fleet = fleet_of(tmp_path, old=None)
    fleet.submitted()
    fleet.pass_time(1.0)
    claimed = fleet.take(fleet.machines["old"])
    assert claimed is not None
    assert claimed.granted
