"""An attempt's folder may go at any moment: the shipper takes it when all of it is delivered."""

from __future__ import annotations

import os
from pathlib import Path

from caviar_worker.files import read_json, write_json
from caviar_worker.folders import AttemptFolder


def test_a_stop_that_comes_when_it_is_all_over_is_no_error(tmp_path: Path) -> None:
    """The heartbeat that brings it goes on with the next trial."""
    folder = AttemptFolder(tmp_path / "gone", "a-0", 1)
    folder.ask_to_stop("stop")
    assert folder.stop_reason() is None


def test_the_first_reason_stays(tmp_path: Path) -> None:
    folder = AttemptFolder(tmp_path, "a-0", 1)
    folder.path.mkdir(parents=True)
    folder.stop_early("at step 3")
    folder.ask_to_stop("stop")
    assert folder.stop_reason() == "early"
    assert folder.stop_note() == "at step 3"


def test_what_user_code_put_in_place_of_a_result_holds_nobody_up(tmp_path: Path) -> None:
    """A pipe, a link, a file without end: none is a result."""
    folder = AttemptFolder(tmp_path, "a-0", 1)
    folder.path.mkdir(parents=True)
    os.mkfifo(folder.result)
    assert read_json(folder.result) is None
    folder.result.unlink()
    write_json(tmp_path / "elsewhere", {"outcome": "done"})
    folder.result.symlink_to(tmp_path / "elsewhere")
    assert read_json(folder.result) is None
    folder.result.unlink()
    folder.result.touch()
    os.truncate(folder.result, 2**40)
    assert read_json(folder.result) is None
