"""Champions as they stand in the store, without the trainings that found them."""

from __future__ import annotations

from typing import Any

from caviar.adapters.sql import ChampionRow, Store


def crown(
    store: Store, study: str, *, trial: int, rate: float = 0.02, state: Any = "proposed"
) -> ChampionRow:
    """A point that trial ``trial`` found, on data 2026-11."""
    made = store.rechecks.propose(
        study,
        {"rate": rate},
        study,
        trial,
        run_id=f"run-{trial}",
        value=0.97,
        low=0.96,
        high=0.98,
        runs=3,
        data_version="2026-11",
        code_version=None,
        why="the best",
        by="caviar",
        check_number=None,
        state=state,
    )
    assert made is not None
    return made
