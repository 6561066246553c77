"""A value that changes while a trial trains: between two reports, and only where the training reads it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from caviar_worker import Trial
from caviar_worker.files import write_json
from caviar_worker.live import read_told


def attempt(home: Path, **more: Any) -> Trial:
    home.mkdir(exist_ok=True)
    return Trial(
        params={"learning_rate": 0.1, "solver": "sgd"},
        number=0,
        seed=0,
        round=0,
        attempt=1,
        metric="loss",
        home=home,
        checkpoints=home / "checkpoints",
        **more,
    )


def ask(home: Path, **values: float) -> None:
    """As the worker does when somebody says `caviar trial set`."""
    orders = [
        {"number": number, "parameter": name, "value": value}
        for number, (name, value) in enumerate(values.items(), 1)
    ]
    write_json(home / "orders.json", {"orders": orders})


def said(home: Path) -> dict[int, dict[str, Any]]:
    return read_told(home / "live.jsonl").done


def test_what_is_asked_is_in_effect_after_the_next_report(tmp_path: Path) -> None:
    """Never in the middle of a step: what was read at its start holds until it is reported."""
    trial = attempt(tmp_path)
    assert trial.live("learning_rate") == 0.1
    ask(tmp_path, learning_rate=0.01)
    assert trial.live("learning_rate") == 0.1
    trial.report(0, loss=1.0)
    assert trial.live("learning_rate") == 0.01
    assert trial.params["learning_rate"] == 0.1  # what it began with


def test_the_reading_is_the_acknowledgement(tmp_path: Path) -> None:
    """It names the step after which the training had the value, and the value before."""
    trial = attempt(tmp_path)
    trial.live("learning_rate")
    ask(tmp_path, learning_rate=0.01)
    trial.report(7, loss=1.0)
    assert said(tmp_path) == {}
    trial.live("learning_rate")
    assert said(tmp_path) == {1: {"step": 7, "before": 0.1}}


def test_a_value_that_is_not_read_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    """Nothing is changed silently, nor later when nobody thinks of it any more."""
    trial = attempt(tmp_path)
    trial.live("learning_rate")
    ask(tmp_path, learning_rate=0.01)
    for step in range(5):
        trial.report(step, loss=1.0)
    assert "did not read learning_rate in" in said(tmp_path)[1]["refused"]
    assert trial.live("learning_rate") == 0.1


def test_who_reads_seldom_is_given_time(tmp_path: Path) -> None:
    """Once an epoch of a hundred reports is reading as it goes."""
    trial = attempt(tmp_path)
    for step in range(100):
        if step % 20 == 0:
            trial.live("learning_rate")
        if step == 41:
            ask(tmp_path, learning_rate=0.01)
        trial.report(step, loss=1.0)
    assert said(tmp_path) == {1: {"step": 59, "before": 0.1}}


def test_its_course_lies_beside_the_metric(tmp_path: Path) -> None:
    """Each report has the value with which its step was trained."""
    trial = attempt(tmp_path)
    trial.live("learning_rate")
    ask(tmp_path, learning_rate=0.01)
    for step in range(2):
        trial.report(step, loss=1.0)
        trial.live("learning_rate")
    lines = [json.loads(line) for line in (tmp_path / "spool.jsonl").read_text().splitlines()]
    assert [line["m"]["live/learning_rate"] for line in lines] == [0.1, 0.01]


def test_a_schedule_is_followed_step_by_step(tmp_path: Path) -> None:
    """A replay, and a second attempt from a checkpoint, have each value where the first training had it."""
    schedule = [
        {"step": None, "parameter": "learning_rate", "value": 0.5},
        {"step": 1, "parameter": "learning_rate", "value": 0.2},
    ]
    trial = attempt(tmp_path / "replay", schedule=schedule)
    seen = []
    for step in range(4):
        seen.append(trial.live("learning_rate"))
        trial.report(step, loss=1.0)
    assert seen == [0.5, 0.5, 0.2, 0.2]
    later = attempt(tmp_path / "second", schedule=schedule)
    later.save_checkpoint(3, lambda folder: (folder / "weights").write_text("") and None)
    assert later.load_checkpoint()
    assert later.live("learning_rate") == 0.2


def test_nothing_new_is_in_effect_at_steps_that_an_earlier_attempt_reported(tmp_path: Path) -> None:
    """Its points stand in MLflow: the values beside them have to be those that they came from."""
    ask(tmp_path, learning_rate=0.01)
    trial = attempt(tmp_path, passed=2)
    seen = []
    for step in range(5):
        seen.append(trial.live("learning_rate"))
        trial.report(step, loss=1.0)
    assert seen == [0.1, 0.1, 0.1, 0.01, 0.01]


def test_only_parameters_of_the_trial_can_be_read(tmp_path: Path) -> None:
    """A wrong name is a mistake of the training, said at once."""
    with pytest.raises(
        KeyError, match=r"'rate' is no parameter of this trial\. It has learning_rate"
    ):
        attempt(tmp_path).live("rate")


def test_a_training_that_is_to_be_taken_back_trains_no_further(tmp_path: Path) -> None:
    """Steps behind the checkpoint would be in vain: its report returns when it is to stop."""
    trial = attempt(tmp_path)
    write_json(tmp_path / "orders.json", {"orders": [{"number": 1, "step": 4, "in_place": True}]})
    ended = threading.Timer(0.2, write_json, (tmp_path / "stop", {"reason": "stop"}))
    ended.start()
    trial.report(9, loss=1.0)
    assert trial.should_stop()


def test_it_goes_on_where_there_is_no_such_checkpoint(tmp_path: Path) -> None:
    """The refusal is enough: nobody is kept waiting for long."""
    trial = attempt(tmp_path)
    write_json(tmp_path / "orders.json", {"orders": [{"number": 1, "step": 4, "in_place": True}]})
    write_json(tmp_path / "forks.json", {"1": {"refused": "there are 5, 10"}})
    trial.report(9, loss=1.0)
    trial.report(10, loss=1.0)
    assert not trial.should_stop()
