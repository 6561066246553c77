"""The values of bounded metrics on their way from a trial to its report."""

from __future__ import annotations

import json
from pathlib import Path

from caviar_worker import spool
from caviar_worker.outcome import Ending, with_reported


def test_the_newest_value_of_a_bounded_metric_is_found_however_long_ago(tmp_path: Path) -> None:
    """A size that was reported once before 50,000 steps of a loss."""
    path = tmp_path / "spool.jsonl"
    lines = [{"t": 1, "s": 0, "m": {"size_mb": 40.0, "latency_ms": 9.0}}]
    lines += [{"t": 2, "s": step, "m": {"loss": 0.1}} for step in range(50_000)]
    lines += [{"t": 3, "s": 9, "m": {"latency_ms": 7.0}}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert path.stat().st_size > 1_500_000
    found = spool.last_values(path, ("size_mb", "latency_ms", "never"))
    assert found == {"size_mb": 40.0, "latency_ms": 7.0}
    assert spool.last_values(path, ()) == {}
    assert spool.last_values(tmp_path / "nowhere", ("a",)) == {}


def test_what_was_returned_wins_over_what_was_reported() -> None:
    """The return is the trial's last word; what is not finite is no value."""
    done = Ending("done", 0.5, {"latency_ms": 6.0})
    reported = {"latency_ms": 7.0, "size_mb": 40.0, "heat": float("nan")}
    assert with_reported(done, reported).metrics == {"latency_ms": 6.0, "size_mb": 40.0}
    assert with_reported(Ending("crashed"), reported).metrics == {}
