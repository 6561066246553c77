"""One pass of the shipper: what goes first, what goes together, and where it stops."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from caviar.contract.messages import Assignment, RunAnswer, RunRequest, Shipped, ShipTarget, Trainer
from caviar_worker import shipper as module
from caviar_worker import spool
from caviar_worker.files import write_json
from caviar_worker.folders import AttemptFolder
from caviar_worker.settings import WorkerSettings
from caviar_worker.ship_errors import MlflowAway, MlflowRefused
from caviar_worker.shipper import Shipper
from caviar_worker.spool import End


@dataclass
class Mlflow:
    """Stands where the MLflow client stands. A run's name is its trial's number."""

    at_once: int = 1
    created: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    away: str = ""
    """The run that it fails to make."""
    refused: str = ""
    together: threading.Barrier | None = None

    def create(self, _experiment: str, name: str, *_: Any) -> str:
        if self.together is not None:
            self.together.wait(timeout=30)
        if name == self.away:
            raise MlflowAway("no answer")
        self.created.append(name)
        return name

    def find(self, *_: Any) -> None:
        return None

    def log(self, run: str, *_: Any) -> None:
        if run == self.refused:
            raise MlflowRefused("deleted")

    def attempt_of(self, _run: str) -> int:
        return 0

    def end(self, run: str, *_: Any) -> None:
        self.ended.append(run)


@dataclass
class Service:
    """Stands where the scheduler's client stands."""

    told: list[dict[str, str]] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)

    def run_of(self, message: RunRequest) -> RunAnswer:
        if message.run_id is not None:
            self.runs.setdefault(message.trial, message.run_id)
        run = self.runs.get(message.trial)
        return RunAnswer(run_id=run, attempt=message.attempt, complete=False)

    def ship_target(self, _study: str) -> ShipTarget:
        return ShipTarget(experiment_id="1", parent_run_id="parent")

    def shipped(self, message: Shipped) -> None:
        self.told.append(dict(message.runs))


def open_shipper(root: Path, mlflow: Mlflow) -> tuple[Shipper, Service]:
    settings = WorkerSettings(
        url="http://127.0.0.1:9",
        token="t",
        broker="redis://127.0.0.1:9/0",
        mlflow="http://127.0.0.1:9",
        host="h",
        slots=2,
        resource_class="cpu",
        folder=root,
        run_dir=root / "run",
    )
    service = Service()
    return Shipper(settings, service, mlflow), service  # type: ignore[arg-type]


def attempt(root: Path, number: int, outcome: str | None = "done", **more: Any) -> AttemptFolder:
    """An attempt at trial ``number``; one that still trains where ``outcome`` is None."""
    folder = AttemptFolder(root, f"t-{number}", more.get("attempt", 1))
    folder.path.mkdir(parents=True)
    values: dict[str, Any] = {
        "trial": folder.trial,
        "study": "s-1",
        "study_name": "a study",
        "number": number,
        "round": 0,
        "attempt": 1,
        "seed": 5,
        "params": {"x": 0.5},
        "trainer": Trainer(function="m:f"),
        "metric": "score",
        "goal": "maximize",
        "lease_s": 60,
    }
    assignment = Assignment.model_validate(values | more).model_dump(mode="json")
    write_json(folder.claim, {"assignment": assignment, "started_ms": 1, "host": "h"})
    if outcome is not None:
        spool.append_end(folder.spool, End(900, outcome, 0.9 if outcome == "done" else None, {}))
        folder.mark_delivered("accepted")
    return folder


def test_a_command_that_waits_for_its_run_goes_before_what_is_over(tmp_path: Path) -> None:
    """After MLflow was away, hundreds may wait; nobody's slot does."""
    mlflow = Mlflow()
    shipper, service = open_shipper(tmp_path, mlflow)
    for number in range(3):
        attempt(tmp_path, number)
    waits = attempt(tmp_path, 7, None, trainer=Trainer(command=("train",)))
    shipper.pass_once()
    assert mlflow.created == ["trial 0007", "trial 0000", "trial 0001", "trial 0002"]
    assert waits.run_id.read_text() == "trial 0007"
    assert service.told == [{f"t-{number}": f"trial 000{number}" for number in range(3)}]


def test_mlflow_away_ends_the_pass_and_what_was_complete_is_told(tmp_path: Path) -> None:
    """The rest keeps its place; nothing of it is tried against a server that does not answer."""
    mlflow = Mlflow(away="trial 0001")
    shipper, service = open_shipper(tmp_path, mlflow)
    for number in range(3):
        attempt(tmp_path, number)
    with pytest.raises(MlflowAway):
        shipper.pass_once()
    assert mlflow.created == ["trial 0000"]
    assert service.told == [{"t-0": "trial 0000"}]
    mlflow.away = ""
    shipper.pass_once()
    assert mlflow.ended == ["trial 0000", "trial 0001", "trial 0002"]
    assert not list((tmp_path / "trials").iterdir())


def test_trials_are_shipped_side_by_side(tmp_path: Path) -> None:
    """A distant server's answers are awaited together: each of these two returns only once the other has begun."""
    mlflow = Mlflow(at_once=2, together=threading.Barrier(2))
    shipper, _ = open_shipper(tmp_path, mlflow)
    attempt(tmp_path, 0)
    attempt(tmp_path, 1)
    shipper.pass_once()
    assert sorted(mlflow.ended) == ["trial 0000", "trial 0001"]


def test_attempts_of_one_trial_go_in_their_order(tmp_path: Path) -> None:
    """However many threads there are: what the first did not bring through, the second does not overtake."""
    mlflow = Mlflow(at_once=4, refused="trial 0000")
    shipper, _ = open_shipper(tmp_path, mlflow)
    attempt(tmp_path, 0, "crashed")
    attempt(tmp_path, 0, attempt=2)
    shipper.pass_once()
    assert (mlflow.created, mlflow.ended) == (["trial 0000"], [])


def test_a_long_queue_is_shipped_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler hears of each piece, and the longest wait is over first."""
    mlflow = Mlflow()
    shipper, service = open_shipper(tmp_path, mlflow)
    attempt(tmp_path, 5)
    shipper._due()
    for number in range(3):
        attempt(tmp_path, number)
    monkeypatch.setattr(module, "_PASS_LIMIT_S", -1.0)
    shipper.pass_once()
    assert service.told == []
    monkeypatch.setattr(module, "_PASS_LIMIT_S", 60.0)
    shipper.pass_once()
    assert mlflow.created[0] == "trial 0005"
    assert len(service.told[0]) == 4


@pytest.mark.parametrize("went_on", [True, False])
def test_what_a_stale_attempt_reported_is_shipped_where_the_next_one_begins_with_it(
    tmp_path: Path, went_on: bool
) -> None:
    """The lease was lost and the trial came back to the same host, which goes on from the checkpoint."""
    mlflow = Mlflow()
    shipper, service = open_shipper(tmp_path, mlflow)
    stale = attempt(tmp_path, 0, "crashed")
    stale.mark_delivered("fenced")
    if went_on:
        attempt(tmp_path, 0, None, attempt=2)
    shipper.pass_once()
    assert not stale.path.exists()
    assert mlflow.created == (["trial 0000"] if went_on else [])
    assert not mlflow.ended, "how it ended is not for it to say"
    assert service.told == []
