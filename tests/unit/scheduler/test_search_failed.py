"""A study whose search raises ends alone: the others go on, and nothing spins."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from caviar.adapters.sql import open_engine
from caviar.api.present import Presenter
from caviar.contract.views import Submission
from caviar.scheduler import confirming, desk
from tests.unit.scheduler.test_scheduler import STUDY, Bench

BROKEN = STUDY.replace("strategy: random", "strategy: sobol")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "caviar.db")


def break_sobol(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    propose = desk.propose

    def broken(space, settings, *rest):  # type: ignore[no-untyped-def]
        if settings.strategy == "sobol":
            raise error
        return propose(space, settings, *rest)

    monkeypatch.setattr(desk, "propose", broken)


def test_a_study_that_cannot_be_searched_fails_beside_a_healthy_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says why in its reason, the traceback is in the log once, and the other study trains its budget."""
    break_sobol(monkeypatch, ZeroDivisionError("no width"))
    broken = bench.scheduler.submit(Submission(text=BROKEN % (3, ""))).id
    healthy = bench.submit(trials=2)
    bench.hello()
    with caplog.at_level(logging.ERROR, logger="caviar.scheduler"):
        for value in (0.3, 0.2):
            bench.scheduler.tick()
            ticket = bench.tickets.pop(0)
            assert ticket.study == healthy
            bench.claim(ticket)
            bench.finish(ticket, value=value)
        bench.scheduler.tick()
    record = bench.store.study(broken)
    assert record is not None
    assert (record.state, record.reason) == (
        "failed",
        "sobol search failed: ZeroDivisionError: no width",
    )
    assert bench.store.study(healthy).state == "done"  # type: ignore[union-attr]
    assert len([entry for entry in caplog.records if entry.exc_info]) == 1


def test_a_package_that_went_away_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study was accepted with Optuna; the service came back without."""
    pytest.importorskip("optuna")
    study = bench.scheduler.submit(
        Submission(text=STUDY.replace("strategy: random", "strategy: optuna_tpe") % (3, ""))
    ).id
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "optuna", None)
    bench.restart()
    bench.hello()
    bench.scheduler.tick()
    record = bench.store.study(study)
    assert record is not None
    assert record.state == "failed"
    assert "pip install 'caviar[optuna]'" in record.reason


def test_leaders_that_cannot_be_told_end_their_study(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found where the end of a study is looked for: the trials stay, the reason says what broke."""

    def broken(*_: object) -> list[int]:
        raise ValueError("not positive definite")

    monkeypatch.setattr(confirming, "leaders", broken)
    study = bench.scheduler.submit(Submission(text=STUDY % (3, "") + "confirm: 1\n")).id
    bench.hello()
    for _ in range(2):
        bench.scheduler.tick()
        ticket = bench.tickets.pop(0)
        bench.claim(ticket)
        bench.finish(ticket, value=0.5)
    bench.scheduler.tick()
    record = bench.store.study(study)
    assert record is not None
    assert record.state == "failed"
    assert record.reason.endswith("ValueError: not positive definite")
    assert bench.store.counts(study)["done"] == 2


def test_a_file_that_cannot_be_read_any_more_stops_no_start(bench: Bench, tmp_path: Path) -> None:
    """A study of a version that had another strategy: it fails with the reason, the service starts."""
    old, healthy = bench.submit(), bench.submit(trials=2)
    with open_engine(f"sqlite:///{tmp_path / 'caviar.db'}").begin() as connection:
        changed = text(
            "UPDATE studies SET source = replace(source, 'random', 'gone') WHERE id = :id"
        )
        connection.execute(changed, {"id": old})
    bench.restart()
    record = bench.store.study(old)
    assert record is not None
    assert record.state == "failed"
    assert "cannot be read any more" in record.reason
    assert "'gone'" in record.reason
    assert bench.store.study(healthy).state == "running"  # type: ignore[union-attr]
    listed = {row.id: row.strategy for row in Presenter(bench.store, bench.scheduler, "").studies()}
    assert listed == {old: "unreadable", healthy: "random"}
