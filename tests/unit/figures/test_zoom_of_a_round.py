"""The zoom as it was when a round began: what the round's run in MLflow shows."""

from __future__ import annotations

from pathlib import Path

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.figures.boxes import periods
from caviar.figures.zoom import zoom
from caviar.studies.spec import load_study
from tests.support.large_study import make_large_study


def test_a_box_is_drawn_where_trials_came_from_it() -> None:
    """Round 1 rests on 8 trials, and 12 had begun when it was there: they came from the whole space."""
    assert periods(3, {0: 0, 1: 12}, 20) == [(0, 12), (12, 20), (20, 21)]
    assert periods(1, {}, 1) == [(0, 1)]


def test_the_zoom_up_to_a_round_has_no_later_one(tmp_path: Path) -> None:
    """Neither its box nor its trials; the last box ends where the next one began."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    store = Store(engine)
    record = store.study(make_large_study(store, 200, 8))
    assert record is not None
    study = load_study(record.source, record.filename)
    whole, part = zoom(store, record, study), zoom(store, record, study, until=3)
    assert part.rounds == whole.rounds[:4]
    assert set(part.dots.round) == {0, 1, 2, 3}
    assert part.dots.of == len(part.dots.number) < len(whole.dots.number)
    assert max(part.dots.number) < part.rounds[-1].last
    engine.dispose()
