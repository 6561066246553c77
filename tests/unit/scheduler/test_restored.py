"""A backup was restored: what workers have of the time after it meets nothing of what comes now."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from caviar.adapters.sql import open_engine
from caviar.adapters.sql.restoring import came_back
from tests.support.fleet import Fleet, Machine


def restore(fleet: Fleet, folder: Path, backup: Path) -> tuple[int, int]:
    for path in folder.glob("caviar.db*"):
        path.unlink()
    shutil.copy(backup, folder / "caviar.db")
    engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
    with engine.begin() as connection:
        found = came_back(connection, fleet.day)
    engine.dispose()
    return found


def test_attempts_and_names_of_the_time_after_the_backup_are_not_used_again(tmp_path: Path) -> None:
    """Old reports are fenced; what was open or not in MLflow goes on under its name, a new one has its own."""
    host = Machine("host", slots=3)
    fleet = Fleet(tmp_path / "caviar.db", host)
    study = fleet.submit("trials: 6")
    ended = fleet.submit("trials: 1", name="ended")
    fleet.scheduler.stop(ended)
    fleet.take(host), fleet.take(host)
    first, second = host.held
    assert fleet.end(host, first, "done") == "accepted"
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(tmp_path / "caviar.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    # After the backup: the second is given back and tried again, others are made and end.
    assert fleet.end(host, second, "released") == "accepted"
    for _ in range(3):
        fleet.take(host)
    later = list(host.held)
    assert (second.trial, 2) in {(each.trial, each.attempt) for each in later}

    assert restore(fleet, tmp_path, backup)[0] == 1
    fleet = Fleet(tmp_path / "caviar.db", host)
    assert [each.attempt for each in fleet.beat(host).stop] == [each.attempt for each in later]
    assert [fleet.end(host, each, "done") for each in later] == ["fenced"] * len(later)
    seen = {}
    for _ in range(60):
        answer = fleet.take(host)
        if answer and answer.assignment:
            seen[answer.assignment.trial] = answer.assignment.attempt
            assert fleet.end(host, answer.assignment, "done") == "accepted"
        fleet.pass_time(1)
    assert len(fleet.rows(study, ("done",))) == 6
    assert seen[second.trial] == 101
    assert seen[first.trial] == 101  # it was done, and MLflow did not have it
    assert [row.lost for row in fleet.rows(study)] == [0] * 6  # nobody is to blame
    made_later = {trial for trial in seen if trial.startswith(f"{study}-r1-")}
    assert made_later
    assert not made_later & {each.trial for each in later}
    assert sorted(row.number for row in fleet.rows(study)) == list(range(6))
    record = fleet.store.study(ended)
    assert record is not None
    assert (record.state, record.rebuilt) == ("stopped", 0)


def test_a_study_that_was_over_waits_for_no_run_of_before_the_backup(tmp_path: Path) -> None:
    """Its worker may have told the MLflow that was, and has nothing of the trial any more: it is closed without."""
    host = Machine("host", slots=1)
    fleet = Fleet(tmp_path / "caviar.db", host)
    study = fleet.submit("trials: 1")
    fleet.take(host)
    assert fleet.end(host, host.held[0], "done") == "accepted"
    fleet.pass_time(1)
    assert fleet.store.lost_for_good(study) == []
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(tmp_path / "caviar.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    assert restore(fleet, tmp_path, backup) == (0, 0)
    fleet = Fleet(tmp_path / "caviar.db", host)
    assert [row.state for row in fleet.store.lost_for_good(study)] == ["done"]
