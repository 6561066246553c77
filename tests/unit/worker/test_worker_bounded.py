"""The values of bounded metrics on their way from a trial to its report."""

from __future__ import annotations

import json
from pathlib import Path

from caviar.contract.messages import Finish
from caviar.studies.constraints import Constraint, judged
from caviar_worker import spool
from caviar_worker.outcome import Ending, with_bounded


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
    bounded = ("latency_ms", "size_mb")
    both = {"latency_ms": 6.0, "size_mb": 40.0}
    assert with_bounded(done, bounded, reported) == Ending("done", 0.5, both)
    assert with_bounded(Ending("crashed"), bounded, reported).metrics == {}


def test_a_trial_that_is_done_without_a_bounded_metric_has_failed_on_its_worker() -> None:
    """So its MLflow run fails too, with the same words as the scheduler has for it."""
    done = Ending("done", 0.5, {"latency_ms": 6.0}, steps=3)
    failed = with_bounded(done, ("latency_ms", "size_mb"), {"size_mb": float("inf")})
    assert (failed.outcome, failed.value, failed.steps) == ("failed", None, 3)
    finish = Finish(
        trial="s-0", attempt=1, nonce="n", outcome="done", value=0.5, metrics=done.metrics
    )
    bounds = (Constraint("latency_ms", max=9.0), Constraint("size_mb", max=50.0))
    assert judged(bounds, finish)[0].error == failed.error
    stopped = Ending("stopped", 0.5)
    assert with_bounded(stopped, ("size_mb",), {}) == stopped
