"""An attempt's folder may go at any moment: the shipper takes it when all of it is delivered."""

from __future__ import annotations

from pathlib import Path

from caviar_worker.folders import AttemptFolder


def test_a_stop_that_comes_when_it_is_all_over_is_no_error(tmp_path: Path) -> None:
    """The heartbeat that brings it goes on with the next trial."""
    folder = AttemptFolder(tmp_path / "gone", "a-0", 1)
    folder.ask_to_stop("stop")
    assert folder.stop_reason() is None


def test_the_first_reason_stays(tmp_path: Path) -> None:
    folder = AttemptFolder(tmp_path, "a-0", 1)
    folder.path.mkdir(parents=True)
    folder.ask_to_stop("early", "at step 3")
    folder.ask_to_stop("stop")
    assert folder.stop_reason() == "early"
