"""One study that cannot be refined or kept in MLflow keeps no other waiting."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from caviar.adapters.sql import Start, Store, migrate, open_engine
from caviar.errors import ServiceError
from caviar.refinement import Refiner, keeper, refiner
from caviar.refinement.setbacks import FIRST_S, LONGEST_S, Setbacks
from caviar.search import first_round
from caviar.studies.spec import load_study

STUDY = """
name: %s
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space:
  x: {type: float, low: -1.0, high: 1.0}
budget: {trials: 3}
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    migrate(engine)
    return Store(engine)


def add(store: Store, name: str) -> str:
    study = load_study(STUDY % name)
    return store.add_study(
        name=name,
        fingerprint=study.fingerprint,
        source=STUDY % name,
        filename="study.yaml",
        folder=None,
        code_version=None,
        user=None,
        first_round=first_round(study.space, study.search_settings).to_json(),
        start=Start(),
    ).id


def test_a_study_that_fails_waits_twice_as_long_each_time(caplog: pytest.LogCaptureFixture) -> None:
    """And is logged as often: a bug in one study does not fill the disk."""
    now = 0.0
    setbacks = Setbacks(lambda: now)
    with caplog.at_level(logging.ERROR, logger="caviar.refiner"):
        for _ in range(100_000):
            if not setbacks.waits("a"):
                setbacks.failed("a", "refining")
            now += 0.1
    assert len(caplog.records) < 45
    assert not setbacks.waits("b")
    now += LONGEST_S
    setbacks.well("a")
    setbacks.failed("a", "refining")
    now += FIRST_S / 2
    assert setbacks.waits("a")
    now += FIRST_S
    assert not setbacks.waits("a")


def test_the_refiner_serves_the_studies_behind_one_that_fails(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The explanation of an ended study is written though the study before it cannot be looked at."""
    bad, good = add(store, "bad"), add(store, "good")
    for study in (bad, good):
        store.move_study(study, ["running"], "stopped")
    load = refiner.load_study

    def broken(source: str, filename: str) -> Any:
        if "name: bad" in source:
            raise ValueError("unreadable")
        return load(source, filename)

    monkeypatch.setattr(refiner, "load_study", broken)
    refining = Refiner(store, lambda _: None)
    with caplog.at_level(logging.ERROR, logger="caviar.refiner"):
        for _ in range(3):
            refining.turn()
    assert store.study(good).importance == []  # type: ignore[union-attr]
    assert store.study(bad).importance is None  # type: ignore[union-attr]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "error", [ServiceError("MLflow: experiment bad was deleted"), ValueError()]
)
def test_the_keeper_opens_the_runs_behind_one_that_fails(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A study whose experiment somebody deleted, or a bug: the other study has its run all the same."""
    bad, good = add(store, "bad"), add(store, "good")

    def open_study(_: object, record: Any, __: object) -> tuple[str, str]:
        if record.id == bad:
            raise error
        return "1", "run"

    monkeypatch.setattr(keeper.publish, "open_study", open_study)
    turning = keeper.Keeper(store, None, {})  # type: ignore[arg-type]
    if isinstance(error, ServiceError):
        with pytest.raises(ServiceError, match="was deleted"):
            turning.turn()
    else:
        turning.turn()
    assert store.study(good).run_id == "run"  # type: ignore[union-attr]
    assert store.study(bad).run_id is None  # type: ignore[union-attr]
