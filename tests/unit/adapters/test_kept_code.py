"""The code of earlier studies that another one may use again."""

from __future__ import annotations

from pathlib import Path

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.contract.access import Quota


def test_each_code_comes_once_with_its_newest_study(tmp_path: Path) -> None:
    """Of the team alone, and only what is still kept."""
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    migrate(engine)
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    store = Store(engine, clock)
    Teams(engine).add("vision", 1.0, Quota())

    def study(name: str, bundle: str, team: str = "default") -> None:
        store.add_study(
            name=name,
            fingerprint=name,
            source="",
            filename="",
            folder=None,
            code_version=None,
            user=None,
            first_round={},
            team=team,
            bundle=bundle,
        )

    one, other, gone = ("1" * 64, "2" * 64, "3" * 64)
    store.bundles.add("default", one, b"first")
    store.bundles.add("default", other, b"second")
    store.bundles.add("vision", one, b"first")
    for name, bundle in (("a", one), ("b", other), ("c", one), ("d", gone)):
        study(name, bundle)
    study("theirs", one, "vision")
    found = store.bundles.kept("default", 10)
    assert [(code.name, code.digest, code.size) for code in found] == [
        ("c", one, 5),
        ("b", other, 6),
    ]
    assert [code.name for code in store.bundles.kept("vision", 10)] == ["theirs"]
    assert len(store.bundles.kept("default", 1)) == 1
    engine.dispose()
