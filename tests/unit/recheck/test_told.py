"""What webhooks hear of champions: it follows from the store, so that nothing has to be caught in the moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.webhooks.events import Event, champion_events
from tests.support.town import HOUR_S, Town


def told(town: Town) -> list[Event]:
    return list(champion_events(town.store, {"default"}, town.day))


@pytest.mark.parametrize(
    ("when_moved", "names"),
    [
        ("tell", ["check.ended"]),
        ("propose", ["check.ended", "champion.proposed"]),
        ("promote", ["check.ended", "champion.changed"]),
    ],
)
def test_what_moved_is_told_with_what_followed(
    tmp_path: Path, when_moved: str, names: list[str]
) -> None:
    """The first champion is no news: that its study ended is told already."""
    town = Town(tmp_path)
    study = town.begin(f"every: 1 hour, when_moved: {when_moved}")
    assert told(town) == []
    town.optimum = 0.7
    town.look(HOUR_S)
    town.settle()
    events = told(town)
    assert [event.name for event in events] == names
    assert events[0].data["verdict"]["word"] == "moved"
    assert events[0].data["study"]["id"] == study
    assert {event.key for event in events} == {event.key for event in told(town)}


def test_a_first_champion_costs_no_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade each study that ever ended has one, and webhooks look every other second."""
    town = Town(tmp_path)
    town.begin()
    monkeypatch.setattr(town.store, "study", None)
    assert told(town) == []


def test_another_teams_champions_are_not_told(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.begin("every: 1 hour")
    town.look(HOUR_S)
    town.settle()
    assert list(champion_events(town.store, {"others"}, town.day)) == []
