"""What is told to MLflow, call by call. The real server is in integration/test_worker_shipper.py."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from caviar.contract import names
from caviar.contract.ending import from_pieces
from caviar.contract.messages import Assignment, Change, Origin, ShipTarget, Trainer
from caviar_worker import ship_state, spool
from caviar_worker.files import write_json
from caviar_worker.folders import AttemptFolder
from caviar_worker.scheduler import Away
from caviar_worker.settings import WorkerSettings
from caviar_worker.ship_state import AttemptState, ShipState, final_points, unrepeated
from caviar_worker.ship_trial import Forgotten, ship
from caviar_worker.shipper import Shipper
from caviar_worker.spool import End, Point

TARGET = ShipTarget(experiment_id="1", parent_run_id="parent")
WORKER = WorkerSettings(
    url="http://127.0.0.1:9",
    token="a-token",
    broker="redis://nowhere",
    mlflow="http://127.0.0.1:9",
    host="host-1",
    slots=1,
    resource_class="cpu",
    folder=Path("nowhere"),
    run_dir=Path("nowhere"),
)


@dataclass
class Recorder:
    """Stands where the MLflow client stands and writes down each call."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    existing: str | None = None
    attempt: int = 0
    at_once: int = 1

    def create(self, _experiment: str, name: str, _start: int, tags: dict[str, str]) -> str:
        self.calls.append(("create", name, tags))
        return "run-1"

    def find(self, _experiment: str, trial: str) -> str | None:
        self.calls.append(("find", trial))
        return self.existing

    def log(self, _run: str, points: Any, params: dict[str, str], tags: dict[str, str]) -> None:
        self.calls.append(("log", [(p.name, p.step, p.value) for p in points], params, tags))

    def reopen(self, _run: str) -> None:
        self.calls.append(("reopen",))

    def end(self, _run: str, status: str, end: int) -> None:
        self.calls.append(("end", status, end))

    def attempt_of(self, _run: str) -> int:
        return self.attempt

    def last_points(self, _run: str) -> dict[str, Point]:
        return {"score": Point("score", 4, 1, 0.5)}

    def upload(self, _run: str, path: Path) -> None:
        self.calls.append(("upload", path.read_text()))

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]


def attempt(
    root: Path, number: int = 1, *, steps: range = range(3), outcome: str | None = "done"
) -> tuple[AttemptFolder, dict[str, Any]]:
    """An attempt that reported ``steps`` and ended, or still runs where ``outcome`` is None."""
    folder = AttemptFolder(root, "t-1", number)
    folder.path.mkdir(parents=True)
    assignment = Assignment(
        trial="t-1",
        study="s-1",
        study_name="a study",
        number=17,
        round=2,
        attempt=number,
        seed=5,
        params={"x": 0.5},
        trainer=Trainer(function="m:f"),
        metric="score",
        goal="maximize",
        lease_s=60,
    )
    claim = {"assignment": assignment.model_dump(mode="json"), "started_ms": 1, "host": "h"}
    write_json(folder.claim, claim)
    lines = [f'{{"t":{100 * number + s},"s":{s},"m":{{"score":0.{s}}}}}\n' for s in steps]
    folder.spool.write_text("".join(lines))
    if outcome is not None:
        spool.append_end(
            folder.spool, End(900, outcome, 0.9 if outcome == "done" else None, {"test": 0.8})
        )
        folder.mark_delivered("accepted")
    return folder, claim


def test_a_short_trial_costs_three_calls(tmp_path: Path) -> None:
    """Create with all tags and the state, one batch with parameters, points and final values, end."""
    runs = Recorder()
    assert ship(runs, *attempt(tmp_path), TARGET) == ("run-1", True)  # type: ignore[arg-type]

    (_, name, tags), (_, points, params, marks), end = runs.calls
    assert name == "trial 0017"
    assert tags["caviar.trial"] == "t-1"
    assert tags["mlflow.parentRunId"] == "parent"
    assert params == {"x": "0.5"}
    assert points == [
        *(("score", 0, 0.0), ("score", 1, 0.1), ("score", 2, 0.2)),
        *(("test", 0, 0.8), ("score", 2, 0.9)),
    ]
    assert (tags["caviar.state"], marks) == ("done", {})
    assert end == ("end", "FINISHED", 900)


def test_a_trial_s_run_says_what_it_is_and_where_else_it_is_shown(tmp_path: Path) -> None:
    """Its study in MLflow and, where the service told its address, the trial's page; a name is only a name."""
    runs = Recorder()
    target = TARGET.model_copy(update={"service": "https://caviar.example.org"})
    folder, claim = attempt(tmp_path)
    claim["assignment"] |= {"study_name": "[x](y)", "repeats": 4}
    ship(runs, folder, claim, target)  # type: ignore[arg-type]
    assert runs.calls[0][2][names.TAG_NOTE] == (
        "Trial 17, round 2, of [&#91;x&#93;(y)](#/experiments/1/runs/parent?workflowType=machine_learning): "
        "trial 4 again, on a new seed. "
        "[The trial in Caviar](https://caviar.example.org/studies/s-1/trials/17)"
    )


def test_a_trial_that_was_stopped_early_says_so(tmp_path: Path) -> None:
    """Its run is KILLED, so that FINISHED ones can be compared, with a tag that tells it from a cancelled one."""
    runs = Recorder()
    folder, claim = attempt(tmp_path, outcome="stopped")
    folder.stop_early("stopped early at step 2 of about 39, rung 1 of 2")
    ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    tags = runs.calls[0][2]
    assert tags["caviar.state"] == "stopped"
    assert tags["caviar.stopped_early"] == "stopped early at step 2 of about 39, rung 1 of 2"
    assert runs.calls[2] == ("end", "KILLED", 900)


def test_a_second_look_ships_nothing_twice(tmp_path: Path) -> None:
    """A running trial is shipped as far as it is; the rest follows."""
    runs = Recorder()
    folder, claim = attempt(tmp_path, outcome=None)
    assert ship(runs, folder, claim, TARGET) == ("run-1", False)  # type: ignore[arg-type]
    assert runs.names() == ["create", "log"]
    ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    assert runs.names() == ["create", "log"]


def test_a_kill_before_it_is_remembered_repeats_the_very_same_batch(tmp_path: Path) -> None:
    """The state is saved after success: what a kill makes it repeat is identical, so a no-op there."""
    runs = Recorder()
    folder, claim = attempt(tmp_path)

    def die(run: str, status: str, end: int) -> None:
        raise KeyboardInterrupt

    runs.end = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    again = Recorder()
    ship(again, folder, claim, TARGET)  # type: ignore[arg-type]
    (_, points, params, tags), (_, *before) = again.calls[0], runs.calls[-1]
    assert [points, params] == before[:2]
    assert tags == {"caviar.state": "done"}, "which the run was created with"
    assert again.names() == ["log", "end"]


def test_a_run_that_was_made_while_the_trial_trained_is_told_how_it_ended(tmp_path: Path) -> None:
    """Its state goes with the last batch."""
    runs = Recorder()
    folder, claim = attempt(tmp_path, outcome=None)
    ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    assert "caviar.state" not in runs.calls[0][2]
    spool.append_end(folder.spool, End(900, "done", 0.9, {}))
    folder.mark_delivered("accepted")
    ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    assert runs.calls[-2][3] == {"caviar.state": "done"}


def test_a_run_that_may_have_been_created_is_looked_for(tmp_path: Path) -> None:
    """A kill between creating the run and writing its id down must not make a second run."""
    runs = Recorder(existing="run-before")
    folder, claim = attempt(tmp_path)
    ship_state.save(tmp_path / "runs" / "t-1.json", ShipState(intent=True))
    assert ship(runs, folder, claim, TARGET)[0] == "run-before"  # type: ignore[arg-type]
    assert runs.names() == ["find", "log", "end"]


def test_the_end_waits_for_the_schedulers_word(tmp_path: Path) -> None:
    """An attempt that was fenced must not end the run of the one that replaced it."""
    runs = Recorder()
    folder, claim = attempt(tmp_path)
    folder.delivered.unlink()
    assert ship(runs, folder, claim, TARGET) == ("run-1", False)  # type: ignore[arg-type]
    assert "end" not in runs.names()
    folder.mark_delivered("lost")
    assert ship(runs, folder, claim, TARGET) == ("run-1", True)  # type: ignore[arg-type]
    assert "end" not in runs.names()


def test_a_second_attempt_goes_on_in_the_same_run(tmp_path: Path) -> None:
    """It opens the run again, marks itself, and does not double the steps that are there already."""
    runs = Recorder()
    ship(runs, *attempt(tmp_path, 1, outcome="crashed"), TARGET)  # type: ignore[arg-type]
    assert runs.calls[-1] == ("end", "FAILED", 900)
    runs.calls.clear()
    ship(runs, *attempt(tmp_path, 2, steps=range(5)), TARGET)  # type: ignore[arg-type]
    assert runs.names() == ["reopen", "log", "end"]
    points = runs.calls[1][1]
    assert [p for p in points if p[0] == "score"] == [
        *(("score", 3, 0.3), ("score", 4, 0.4), ("score", 4, 0.9))
    ]
    assert runs.calls[1][3]["caviar.attempt"] == "2"


def test_another_hosts_attempt_is_continued(tmp_path: Path) -> None:
    """Where the first attempt ran elsewhere, what it logged is asked of MLflow."""
    runs = Recorder(existing="run-1")
    ship(runs, *attempt(tmp_path, 2, steps=range(6)), TARGET)  # type: ignore[arg-type]
    assert runs.names() == ["find", "reopen", "log", "end"]
    assert [p[:2] for p in runs.calls[2][1] if p[0] == "score"] == [("score", 5), ("score", 5)]


def test_a_late_crash_does_not_end_its_successors_run(tmp_path: Path) -> None:
    """A host that was away for long ships an old crash after the next attempt is done elsewhere."""
    runs = Recorder(attempt=2)
    ship(runs, *attempt(tmp_path, 1, outcome="crashed"), TARGET)  # type: ignore[arg-type]
    assert "end" not in runs.names()


def test_a_failed_trials_output_is_an_artifact(tmp_path: Path) -> None:
    """Whoever opens the failed run in MLflow sees what it printed."""
    runs = Recorder()
    folder, claim = attempt(tmp_path, outcome="failed")
    folder.output.write_text("Traceback ...")
    ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    assert ("upload", "Traceback ...") in runs.calls
    assert runs.calls[-1] == ("end", "FAILED", 900)


def test_a_final_value_that_is_the_latest_already_is_not_logged_again() -> None:
    """MLflow's latest point is the one with the greatest step, then time."""
    last = {"score": Point("score", 3, 50, 0.9)}
    assert final_points(End(60, "done", 0.9, {}), "score", last) == []
    assert final_points(End(60, "done", 0.7, {}), "score", last) == [Point("score", 3, 60, 0.7)]
    assert final_points(End(40, "done", 0.7, {}), "score", last) == [Point("score", 3, 51, 0.7)]


def test_the_state_survives_its_file(tmp_path: Path) -> None:
    """Every float comes back as it was, NaN too."""
    points = {"a": Point("a", 1, 2, 0.1), "b": Point("b", 1, 2, math.inf)}
    state = ShipState("run", True, {1: AttemptState(10, True, points)})
    ship_state.save(tmp_path / "s.json", state)
    assert ship_state.load(tmp_path / "s.json") == state
    assert unrepeated([Point("a", 1, 9, 7.0), Point("a", 2, 9, 7.0)], points) == [
        Point("a", 2, 9, 7.0)
    ]


def test_what_was_forgotten_with_the_store_gets_no_run(tmp_path: Path) -> None:
    """The study came back from MLflow, which had no run of this trial: another one has its number by now."""
    folder, claim = attempt(tmp_path)
    folder.mark_delivered("lost")
    recorder = Recorder()
    with pytest.raises(Forgotten):
        ship(recorder, folder, claim, TARGET.model_copy(update={"rebuilt": 1}))  # type: ignore[arg-type]
    assert recorder.calls == [("find", "t-1")]


def test_an_attempt_of_after_the_study_came_back_gets_a_run(tmp_path: Path) -> None:
    """A backup was restored in which the trial waited: it goes on under its name, and MLflow has never heard of it."""
    folder, claim = attempt(tmp_path, 101)
    folder.mark_delivered("accepted")
    recorder = Recorder()
    ship(recorder, folder, claim, TARGET.model_copy(update={"rebuilt": 1}))  # type: ignore[arg-type]
    assert recorder.names()[:2] == ["find", "create"]


def test_what_mlflow_knew_is_shipped_into_its_run(tmp_path: Path) -> None:
    """Its trial came back with its study: the run is found by its tag, and no other is made."""
    folder, claim = attempt(tmp_path)
    folder.mark_delivered("lost")
    recorder = Recorder(existing="run-9")
    run_id, _ = ship(recorder, folder, claim, TARGET.model_copy(update={"rebuilt": 1}))  # type: ignore[arg-type]
    assert run_id == "run-9"
    assert "create" not in recorder.names()


@dataclass
class Targets:
    """Stands where the scheduler stands and says where a study's runs go."""

    target: ShipTarget | None = None
    away: bool = False

    def ship_target(self, _study: str) -> ShipTarget | None:
        if self.away:
            raise Away("away")
        return self.target


def test_a_shipper_hears_that_a_study_came_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks again from time to time; while the scheduler is away, what it knew still holds."""
    now = 1000.0
    monkeypatch.setattr("caviar_worker.shipper.time.monotonic", lambda: now)
    asked = Targets(TARGET)
    settings = replace(WORKER, folder=tmp_path)
    shipper = Shipper(settings, asked, Recorder())  # type: ignore[arg-type]
    assert shipper._target("s-1") == TARGET
    asked.target = TARGET.model_copy(update={"rebuilt": 1})
    assert shipper._target("s-1") == TARGET, "one request for many trials"
    now += 31
    asked.away = True
    assert shipper._target("s-1") == TARGET
    now += 31
    asked.away = False
    assert shipper._target("s-1") == asked.target
    asked.target = None  # the store was lost, and is not back yet
    now += 31
    assert shipper._target("s-1") is not None


def test_every_change_is_told_in_whatever_order_they_are_read(tmp_path: Path) -> None:
    """What is asked first may be read last; it is told with the next look."""
    runs = Recorder()
    folder, claim = attempt(tmp_path, outcome=None)
    orders = [{"number": n, "parameter": name, "value": 1} for n, name in ((1, "x"), (2, "y"))]
    write_json(folder.orders, {"orders": orders})
    for number in (2, 1):
        with folder.live.open("a") as file:
            file.write(json.dumps({"order": number, "step": 3, "before": 0}) + "\n")
        ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    told = [key for call in runs.calls if call[0] == "log" for key in call[3]]
    assert [key for key in told if key.startswith(names.TAG_CHANGE)] == [
        f"{names.TAG_CHANGE}2",
        f"{names.TAG_CHANGE}1",
    ]


def test_a_long_schedule_goes_into_as_many_tags_as_it_takes(tmp_path: Path) -> None:
    """A database of MLflow's refuses a longer one, and the run with it."""
    runs = Recorder()
    folder, claim = attempt(tmp_path)
    changes = tuple(Change(step=step, parameter="x", value=step / 7) for step in range(2_000))
    origin = Origin(number=3, step=4, schedule=changes)
    claim["assignment"]["origin"] = origin.model_dump(mode="json")
    ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    tags = runs.calls[0][2]
    assert max(len(text) for text in tags.values()) <= 8_000
    whole = from_pieces(tags, names.TAG_ORIGIN)
    assert whole is not None
    assert Origin.model_validate_json(whole) == origin
