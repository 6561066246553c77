"""What a training function can say while it trains."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from caviar_worker import Trial, spool


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(
        params={"learning_rate": 0.01},
        number=3,
        seed=7,
        round=1,
        attempt=1,
        metric="accuracy",
        home=tmp_path,
        checkpoints=tmp_path / "checkpoints",
    )


def test_a_report_is_on_disk_when_it_returns(trial: Trial, tmp_path: Path) -> None:
    """Each report is one line with its step, its numbers and the time when it was made."""
    trial.report(0, loss=0.5, accuracy=0.75)

    line = json.loads((tmp_path / "spool.jsonl").read_text())
    assert line["s"] == 0
    assert line["m"] == {"loss": 0.5, "accuracy": 0.75}
    assert line["t"] > 1_600_000_000_000  # milliseconds since the epoch


def test_the_last_report_of_the_metric_is_remembered(trial: Trial) -> None:
    """A function that returns nothing has still said how good it is."""
    trial.report(0, accuracy=0.6)
    trial.report(1, accuracy=0.7)
    trial.report(2, loss=0.1)

    assert trial.last == 0.7
    assert trial.steps == 3


def test_numpy_numbers_are_numbers(trial: Trial, tmp_path: Path) -> None:
    """Scalars of numeric libraries need no float() around them."""
    trial.report(np.int64(4), loss=np.float32(0.25), size=np.array(3))  # type: ignore[arg-type]

    points = spool.read(tmp_path / "spool.jsonl", 0).points
    assert {(p.name, p.step, p.value) for p in points} == {("loss", 4, 0.25), ("size", 4, 3.0)}


def test_nan_is_kept_as_it_is(trial: Trial, tmp_path: Path) -> None:
    """A loss that diverged is a result: it is marked, not hidden, and the file stays valid JSON."""
    trial.report(0, loss=math.nan, gap=-math.inf)

    line = json.loads(
        (tmp_path / "spool.jsonl").read_text(), parse_constant=lambda c: pytest.fail(f"bare {c}")
    )
    assert line["bad"] == ["loss", "gap"]
    loss, gap = spool.read(tmp_path / "spool.jsonl", 0).points
    assert math.isnan(loss.value)
    assert gap.value == -math.inf


@pytest.mark.parametrize(
    ("step", "metrics", "says"),
    [
        (1.5, {"loss": 1.0}, "A step is a whole number, not float"),
        (True, {"loss": 1.0}, "not a bool"),
        (0, {"loss": "0.3"}, "'loss' is a number, not str"),
        (0, {"loss": None}, "'loss' is a number, not NoneType"),
        (0, {"loss": np.zeros(3)}, "'loss' is not one number"),
        (0, {}, "at least one metric"),
    ],
)
def test_what_is_no_number_is_refused_at_once(
    trial: Trial, tmp_path: Path, step: int, metrics: dict[str, float], says: str
) -> None:
    """A mistake is shown where it was made, and nothing of it is written."""
    with pytest.raises(TypeError, match=says):
        trial.report(step, **metrics)
    assert not (tmp_path / "spool.jsonl").exists()


def test_a_trial_hears_that_it_should_stop(trial: Trial, tmp_path: Path) -> None:
    """The service asks; the training function looks when it suits it."""
    assert not trial.should_stop()
    (tmp_path / "stop").write_text("{}")
    assert trial.should_stop()


def test_each_attempt_has_a_scratch_folder(trial: Trial) -> None:
    """Files that need not outlive the attempt have a place."""
    (trial.folder / "note.txt").write_text("here")
    assert (trial.folder / "note.txt").read_text() == "here"
