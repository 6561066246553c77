"""Results are read back from MLflow as they come, without wearing it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.contract.messages import Finish
from caviar.refinement import keeper
from caviar.search import first_round
from caviar.studies.life import Verdict
from caviar.studies.spec import load_study

STUDY = """
name: slow
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space:
  x: {type: float, low: -1.0, high: 1.0}
budget: {trials: 9}
"""


@dataclass
class Clock:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@dataclass
class SlowRecord:
    """An MLflow whose search takes two seconds."""

    clock: Clock
    reads: list[float] = field(default_factory=list)

    def results(self, *_: Any) -> dict[str, Any]:
        self.reads.append(self.clock.now)
        self.clock.now += 2.0
        return {}


def test_reading_takes_a_tenth_of_the_time_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that takes two seconds is made every 22 s, however many trials end meanwhile; nothing waits for it."""
    clock = Clock()
    monkeypatch.setattr(keeper, "time", clock)
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    migrate(engine)
    store = Store(engine)
    study = load_study(STUDY)
    identifier = store.add_study(
        name="slow",
        fingerprint=study.fingerprint,
        source=STUDY,
        filename="study.yaml",
        folder=None,
        code_version=None,
        user=None,
        first_round=first_round(study.space, study.search_settings).to_json(),
    ).id
    record = SlowRecord(clock)
    reader = keeper.Keeper(store, record, {})  # type: ignore[arg-type]
    case = keeper._Case(study)
    for number in range(6):
        trial, nonce = f"{identifier}-{number}", f"nonce-{number:02}"
        store.add_trial(identifier, number, 0, {"x": 0.5}, 1)
        store.claim(trial, 1, nonce, "h", "i", 0)
        finish = Finish(trial=trial, attempt=1, nonce=nonce, outcome="done", value=1.0)
        store.finish(finish, Verdict("done", 0, 0))
        store.shipped({trial: f"run-{number}"})
        reader._read_results(identifier, "1", case)
        clock.now += 10.0
    assert record.reads == [0.0, 22.0, 44.0]
