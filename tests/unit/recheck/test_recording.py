"""One study of which MLflow cannot be told keeps no other waiting, and what MLflow says is no version until checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from caviar.adapters.sql.rechecks import start
from caviar.contract.recheck import DataWatch, Policy
from caviar.errors import ServiceError
from caviar.recheck import Checks
from caviar.recheck.recording import AT_ONCE, DATASETS_S, REFUSALS, Recording
from tests.support.champions import crown
from tests.support.town import Town


@dataclass
class Books:
    """MLflow as it is told: the runs that were written, and what happens to those of some names."""

    written: list[str] = field(default_factory=list)
    broken: Mapping[str, Exception] = field(default_factory=dict)
    digests: Callable[[str], str | None] = lambda _: None

    def write(self, run_id: str, *_: Any, **__: Any) -> None:
        self.written.append(run_id)
        if run_id in self.broken:
            raise self.broken[run_id]

    def dataset_digest(self, _: str, dataset: str) -> str | None:
        return self.digests(dataset)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def champions(town: Town, count: int) -> list[str]:
    """Studies with a champion, which MLflow has not heard of."""
    found = []
    for place in range(count):
        study = town.submit("trials: 1")
        crown(town.store, study, trial=0, state="champion")
        town.store.set_study_run(study, "1", f"run-{place}")
        found.append(study)
    return found


@pytest.mark.parametrize("error", [ServiceError("MLflow: the run is deleted"), OverflowError()])
def test_a_study_that_cannot_be_told_keeps_no_other_waiting(town: Town, error: Exception) -> None:
    """Somebody deleted its run, or its picture cannot be drawn: the others are told all the same, each once."""
    champions(town, 6)
    bad = [f"run-{place}" for place in range(REFUSALS + 1)]
    books = Books(broken=dict.fromkeys(bad, error))
    recording = Recording(town.store, books)  # type: ignore[arg-type]
    for _ in range(3):
        if isinstance(error, ServiceError):
            with pytest.raises(ServiceError, match="deleted"):
                recording.turn()
        else:
            recording.turn()
    assert books.written.count("run-4") == 1
    assert books.written.count("run-5") == 1


def test_mlflow_that_is_away_is_not_asked_for_each_study(town: Town) -> None:
    """A turn ends after a few refusals: two thousand studies would wait two thousand times."""
    champions(town, 6)
    away = ServiceError("MLflow does not answer")
    books = Books(broken={f"run-{place}": away for place in range(6)})
    with pytest.raises(ServiceError):
        Recording(town.store, books).turn()  # type: ignore[arg-type]
    assert len(books.written) == REFUSALS


def test_the_champions_of_an_upgrade_are_told_in_parts(town: Town) -> None:
    """Between them the turn looks at datasets, and at what is newer."""
    champions(town, AT_ONCE + 1)
    books = Books()
    recording = Recording(town.store, books)  # type: ignore[arg-type]
    recording.turn()
    assert len(books.written) == AT_ONCE
    recording.turn()
    assert len(books.written) == AT_ONCE + 1


def test_a_dataset_that_cannot_be_read_hides_no_other(town: Town) -> None:
    """Nor is a digest with control characters a version: it would stand in a record that cannot be read back."""
    studies = sorted(champions(town, 3))
    now = 0.0
    checks = Checks(town.store, clock=lambda: town.day)
    for name, study in zip(("refused", "strange", "good"), studies, strict=True):
        record = town.store.study(study)
        assert record is not None
        checks.set_policy(record, Policy(data=DataWatch(dataset=name, experiment="features")))

    def digests(dataset: str) -> str | None:
        if dataset == "refused":
            raise ServiceError("MLflow: no such filter")
        return {"strange": "a\x1b[2J", "good": "d1"}[dataset]

    recording = Recording(town.store, Books(digests=digests), clock=lambda: now)  # type: ignore[arg-type]
    for _ in range(2):
        now += DATASETS_S
        with pytest.raises(ServiceError):
            recording.turn()
    seen = [town.store.rechecks.find(study) for study in studies]
    assert [row and row.data_version for row in seen] == [None, None, "d1"]


@pytest.mark.parametrize("team", ["default", "others"])
def test_a_verdict_is_written_into_no_other_study(town: Town, team: str) -> None:
    """What came back from MLflow may name any study as that of a check: only one that is is written to."""
    [study] = champions(town, 1)
    town.team("others")
    other = town.submit("trials: 1", team=team)
    town.store.set_study_run(other, "2", "run-of-another")
    town.store.rechecks.ask(study, "signal", again=True)
    with town.store.engine.begin() as connection:
        start(connection, study, 1, other)
    verdict = {"word": "holds", "effect": 0.0, "low": 0.0, "high": 0.0, "reason": ""}
    town.store.rechecks.end(study, 1, verdict, None)
    books = Books()
    Recording(town.store, books).turn()  # type: ignore[arg-type]
    assert books.written == ["run-0"]
    assert town.store.rechecks.unwritten() == []
