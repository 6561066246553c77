"""A checkpoint is whole or it isn't there."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar_worker import Trial
from caviar_worker.child import understand


def attempt(root: Path, number: int) -> Trial:
    home = root / f"attempt-{number}"
    home.mkdir()
    return Trial(
        params={},
        number=0,
        seed=0,
        round=0,
        attempt=number,
        metric="loss",
        home=home,
        checkpoints=root / "checkpoints",
    )


def keep(trial: Trial, step: int, text: str) -> None:
    trial.save_checkpoint(step, lambda folder: (folder / "weights").write_text(text) and None)


def found(trial: Trial) -> tuple[int, str] | None:
    checkpoint = trial.load_checkpoint()
    return checkpoint and (checkpoint.step, (checkpoint.path / "weights").read_text())


def test_a_first_attempt_starts_from_nothing(tmp_path: Path) -> None:
    """Without a checkpoint there is None, and training starts at the beginning."""
    assert attempt(tmp_path, 1).load_checkpoint() is None


def test_the_next_attempt_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    """What an attempt that died has saved is there for the one after it."""
    keep(attempt(tmp_path, 1), 4, "after epoch 4")
    assert found(attempt(tmp_path, 2)) == (4, "after epoch 4")


def test_an_attempt_with_no_step_left_has_the_value_of_its_checkpoint(tmp_path: Path) -> None:
    """The one before it ended after its last step, before that was known: this one reports nothing."""
    first = attempt(tmp_path, 1)
    first.report(9, loss=0.25)
    keep(first, 9, "after the last epoch")
    second = attempt(tmp_path, 2)
    assert found(second) == (9, "after the last epoch")
    assert understand(None, second) == (0.25, {})


def test_only_the_newest_two_are_kept(tmp_path: Path) -> None:
    """Disks are finite; the one before the newest is there in case the newest is damaged."""
    trial = attempt(tmp_path, 1)
    for step in range(5):
        keep(trial, step, f"epoch {step}")
    assert sorted(p.name for p in (tmp_path / "checkpoints" / "1").iterdir()) == ["3", "4"]


@pytest.mark.parametrize("damage", ["cut", "gone", "manifest"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    """Every file has a checksum: what does not match is not loaded, the one before it is."""
    trial = attempt(tmp_path, 1)
    keep(trial, 1, "whole")
    keep(trial, 2, "to be damaged")
    newest = tmp_path / "checkpoints" / "1" / "2"
    if damage == "cut":
        (newest / "weights").write_text("to be dam")
    elif damage == "gone":
        (newest / "weights").unlink()
    else:
        (newest / "manifest.json").write_text("{")
    assert found(trial) == (1, "whole")


def test_a_save_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    """An error while writing is the user's to see; nothing half-written is ever found."""
    trial = attempt(tmp_path, 1)
    keep(trial, 1, "whole")

    def breaks(folder: Path) -> None:
        (folder / "weights").write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        trial.save_checkpoint(2, breaks)
    assert found(trial) == (1, "whole")


def test_an_attempt_does_not_see_a_later_one(tmp_path: Path) -> None:
    """A fenced attempt that still runs neither reads nor removes what its successor wrote."""
    stale = attempt(tmp_path, 1)
    keep(attempt(tmp_path, 2), 9, "the successor's")
    for step in range(3):
        keep(stale, step, "stale")
    assert found(stale) == (2, "stale")
    assert found(attempt(tmp_path, 3)) == (9, "the successor's")
