"""Checkpoints that nobody needs any more do not stay, and those that somebody may need do."""

from __future__ import annotations

from pathlib import Path

from caviar_worker import leftovers
from caviar_worker.files import read_json, write_json
from caviar_worker.folders import AttemptFolder, copies_of, over_of, state_of


def checkpoint(root: Path, trial: str) -> Path:
    path = root / "checkpoints" / trial / "1" / "3"
    path.mkdir(parents=True)
    return path.parent.parent


def test_what_lies_here_without_an_attempt_is_asked_about(tmp_path: Path) -> None:
    """Not what is trained here, nor what is being seen to; also copies whose checkpoints are gone from here."""
    for trial in ("a-1", "a-2", "a-3"):
        checkpoint(tmp_path, trial)
    held = AttemptFolder(tmp_path, "a-2", 2)
    held.path.mkdir(parents=True)
    write_json(held.claim, {})
    for path in (over_of(tmp_path, "a-3"), copies_of(tmp_path, "a-4")):
        path.parent.mkdir()
        write_json(path, {})
    assert leftovers.leftovers(tmp_path) == ("a-1", "a-4")


def test_what_is_over_is_removed_with_its_copies(tmp_path: Path) -> None:
    """Here at once; off the host by the process that knows the store. Nothing else is touched, whatever is answered."""
    mine, copied, other = (checkpoint(tmp_path, trial) for trial in ("a-1", "a-2", "a-3"))
    for path in (copies_of(tmp_path, "a-2"), state_of(tmp_path, "a-2")):
        path.parent.mkdir()
    write_json(copies_of(tmp_path, "a-2"), {})
    write_json(state_of(tmp_path, "a-2"), {"run_id": "r", "intent": True, "attempts": {}})
    leftovers.remove(tmp_path, ["a-1", "a-2", "../../a-3"])
    assert not mine.exists()
    assert copied.exists()
    assert read_json(over_of(tmp_path, "a-2")) == {"keep": False, "run_id": "r"}
    assert other.exists()
