"""What a team spent by month: attempts that lie in two months are divided at midnight UTC, in both databases."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.adapters.sql.tables import attempts, studies, trials
from caviar.teams.months import last_months
from tests.support.postgres import running_postgres

HOUR_S = 3600.0


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
        migrate(engine)
        yield Store(engine)
        engine.dispose()
        return
    with (
        tempfile.TemporaryDirectory(prefix="cav-", dir="/tmp") as name,
        running_postgres(Path(name)) as server,
    ):
        engine = open_engine(server.new_database("caviar"))
        migrate(engine)
        yield Store(engine)
        engine.dispose()


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


def study(store: Store, team: str) -> None:
    values = {"id": team, "name": "s", "fingerprint": "f", "state": "done", "source": ""}
    with store.engine.begin() as connection:
        connection.execute(
            insert(studies).values(**values, filename="s.yaml", created=0.0, team=team)
        )


def attempt(store: Store, team: str, ended: float, hours: float, gpus: float = 0.0) -> None:
    identifier = f"{team}-{ended}-{hours}"
    values = {"round": 0, "state": "done", "params": {}, "seed": 0, "created": 0.0}
    seconds = hours * HOUR_S
    with store.engine.begin() as connection:
        number = len(connection.execute(trials.select()).all())
        connection.execute(
            insert(trials).values(id=identifier, study_id=team, number=number, **values)
        )
        connection.execute(
            insert(attempts).values(
                trial_id=identifier,
                attempt=1,
                started=ended - seconds,
                ended=ended,
                seconds=seconds,
                gpus=gpus,
            )
        )


def test_months_are_divided_at_midnight(store: Store) -> None:
    """Two hours in January and one in February over the border; a long one fills a month."""
    study(store, "vision")
    study(store, "speech")
    moments = last_months(at(2026, 3, 15), 3)
    assert moments == [at(2026, 1, 1), at(2026, 2, 1), at(2026, 3, 1), at(2026, 4, 1)]
    attempt(store, "vision", at(2026, 2, 1, 1), 3.0, gpus=0.5)
    attempt(store, "vision", at(2026, 2, 1, 0, 30), 1.0, gpus=2.0)
    attempt(store, "vision", at(2026, 2, 10), 4.0)
    attempt(store, "vision", at(2026, 1, 1, 1), 5.0)
    attempt(store, "vision", at(2026, 3, 2), 30 * 24.0, gpus=1.0)
    attempt(store, "speech", at(2026, 2, 10), 100.0)
    january, february, march = store.spent_between("vision", moments)
    assert january.slot_hours == pytest.approx(2.0 + 0.5 + 1.0 + 24.0)
    assert january.gpu_hours == pytest.approx(1.0 + 1.0 + 24.0)
    assert february.slot_hours == pytest.approx(1.0 + 0.5 + 4.0 + 28 * 24.0)
    assert february.gpu_hours == pytest.approx(0.5 + 1.0 + 28 * 24.0)
    assert (march.slot_hours, march.gpu_hours) == pytest.approx((24.0, 24.0))


def test_a_team_that_did_nothing_spent_nothing(store: Store) -> None:
    moments = last_months(at(2026, 1, 31), 12)
    assert len(moments) == 13
    assert moments[0] == at(2025, 2, 1)
    assert [each.slot_hours for each in store.spent_between("vision", moments)] == [0.0] * 12
