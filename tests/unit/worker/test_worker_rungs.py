"""Early stopping on one host: what a trial writes down, reads, and does about it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from caviar.contract.messages import StopRule
from caviar_worker import Trial, spool
from caviar_worker.folders import AttemptFolder, rule_of
from caviar_worker.outcome import Ending
from caviar_worker.reporting import deliver, write_down
from caviar_worker.rungs import Climb, curve_so_far, keep_rule, tidy, whole_curve
from caviar_worker.scheduler import Away, Scheduler

RULE = StopRule(first=0, last=39, rungs=(2, 8), values=((0.5, 0.6, 0.7), (0.8,)))
UNKNOWN = StopRule()


def start(
    root: Path, name: str = "study-1", attempt: int = 1, rule: StopRule = RULE, study: str = "study"
) -> tuple[Trial, AttemptFolder]:
    """A trial as its process makes it; the slot has put the rule there."""
    folder = AttemptFolder(root, name, attempt)
    folder.path.mkdir(parents=True)
    keep_rule(root, study, rule)
    trial = Trial(
        params={},
        number=1,
        seed=0,
        round=0,
        attempt=attempt,
        metric="score",
        home=folder.path,
        checkpoints=folder.checkpoints,
        climb=Climb(folder, study, "maximize", rule.model_dump(mode="json")),
    )
    return trial, folder


def train(trial: Trial, value: float, steps: range = range(40)) -> int:
    """Report the same value at every step; the step at which it heard that it should stop, or the last one."""
    for step in steps:
        trial.report(step, score=value, other=1.0)
        if trial.should_stop():
            break
    return step


def test_a_trial_that_falls_behind_hears_it_in_the_report_that_decided_it(tmp_path: Path) -> None:
    """At a rung that it knows, from the values that are there: nobody is asked."""
    trial, folder = start(tmp_path)
    assert train(trial, 0.55) == 2
    assert folder.stop_reason() == "early"
    assert folder.stop_note() == "stopped early at step 2 of about 39, rung 1 of 2"


def test_a_good_trial_trains_whole(tmp_path: Path) -> None:
    """It is in the best third at each rung; at the second one there are too few to compare."""
    trial, folder = start(tmp_path)
    assert train(trial, 0.9) == 39
    assert folder.stop_reason() is None


def test_the_values_of_this_host_count_at_once(tmp_path: Path) -> None:
    """Two running neighbours are better: the third trial at the rung is stopped, though the scheduler knows nothing."""
    rule = RULE.model_copy(update={"values": ((), ())})
    for number, value in ((1, 0.9), (2, 0.8)):
        trial, _ = start(tmp_path, f"study-{number}", rule=rule)
        assert train(trial, value, range(4)) == 3
    elsewhere, _ = start(tmp_path, "other-1", rule=rule, study="other")
    assert train(elsewhere, 0.1) == 39
    behind, _ = start(tmp_path, "study-3", rule=rule)
    assert train(behind, 0.7) == 2


def test_a_rule_that_comes_while_a_trial_runs_is_used(tmp_path: Path) -> None:
    """The first trial of a study ends: from then on the others know the rungs. Those behind them are past."""
    trial, _ = start(tmp_path, rule=UNKNOWN)
    assert train(trial, 0.1, range(5)) == 4
    others = {"rungs": (2, 8, 26), "values": ((0.5,) * 3, (0.05,) * 3, (0.5,) * 3)}
    keep_rule(tmp_path, "study", RULE.model_copy(update=others))
    assert train(trial, 0.1, range(5, 40)) == 26  # at 8 it was the best


def test_a_nan_is_behind(tmp_path: Path) -> None:
    """It is written down as no number, and compared as worse than all."""
    trial, folder = start(tmp_path)
    assert train(trial, math.nan) == 2
    assert curve_so_far(folder) == [(0, None), (2, None)]


def test_a_trainer_that_reports_every_tenth_step_is_compared_too(tmp_path: Path) -> None:
    """At its first report at or after a rung; two rungs between two reports are one."""
    trial, folder = start(tmp_path)
    assert train(trial, 0.55, range(0, 40, 10)) == 30  # at the higher rung there is one value only
    assert curve_so_far(folder) == [(0, 0.55), (10, 0.55), (30, 0.55)]


def test_a_trial_that_a_person_chose_is_only_watched(tmp_path: Path) -> None:
    """Its curve counts for the others; itself it trains whole."""
    trial, folder = start(tmp_path, rule=RULE.model_copy(update={"watch_only": True}))
    assert train(trial, 0.1) == 39
    assert [step for step, _ in curve_so_far(folder)] == [0, 2, 8, 26]


def test_a_resumed_trial_is_not_compared_at_the_rungs_that_it_passed_before(tmp_path: Path) -> None:
    """It goes on from its checkpoint after step 5; its neighbours don't take its value for one at an earlier rung."""
    rule = RULE.model_copy(update={"values": ((0.5,) * 3, (0.5,) * 3)})
    resumed, folder = start(tmp_path, attempt=2, rule=rule)
    assert train(resumed, 0.1, range(5, 8)) == 7
    assert curve_so_far(folder) == [(5, 0.1)]
    assert '"resumed": true' in folder.curve.read_text()
    assert train(resumed, 0.1, range(8, 40)) == 8
    fresh, folder = start(tmp_path, "study-2", attempt=2, rule=rule)
    assert train(fresh, 0.1) == 2


@pytest.mark.parametrize(
    "content", ["", "{}", '{"rungs": 3}', '{"rungs": [0], "values": []}', "[]"]
)
def test_a_spoilt_rule_fails_no_training(tmp_path: Path, content: str) -> None:
    """Other people's code runs under the same user: a file may be anything."""
    trial, _ = start(tmp_path, rule=UNKNOWN)
    rule_of(tmp_path, "study").write_text(content)
    assert train(trial, 0.5) == 39


def test_a_spoilt_curve_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """What reaches the scheduler is a list of rising steps with numbers, whatever user code wrote."""
    _, folder = start(tmp_path)
    points = [(0, 0.1), (1, "x"), (0, 0.2), (2, None), (4, 1e999), (-5, 1.0), (6, 2), (True, 0.1)]
    start_of_each = {"study": "study", "resumed": False}
    lines = [json.dumps(start_of_each | {"s": step, "v": value}) for step, value in points]
    folder.curve.write_text("\n".join(["no", "[]", '{"s": 3}', *lines, '{"study": "stu']))
    assert curve_so_far(folder) == [(0, 0.1), (2, None), (4, None), (6, 2.0)]
    many = [json.dumps(start_of_each | {"s": step, "v": 0.5}) for step in range(10_000)]
    folder.curve.write_text("\n".join(many))
    assert 100 < len(curve_so_far(folder)) < 256
    folder.curve.write_bytes(b"\xff\n")
    assert curve_so_far(folder) == []


def test_the_curve_of_an_ended_trial_has_its_last_report(tmp_path: Path) -> None:
    """That is how the scheduler learns how long a training is."""
    trial, folder = start(tmp_path, rule=UNKNOWN)
    train(trial, 0.5)
    assert whole_curve(folder, "score") == [(0, 0.5), (2, 0.5), (8, 0.5), (26, 0.5), (39, 0.5)]


class NobodyThere(Scheduler):
    def __init__(self) -> None:
        pass

    def finish(self, _message: object) -> object:  # type: ignore[override]
        raise Away("nobody there")


def test_a_report_says_where_it_was_stopped(tmp_path: Path) -> None:
    """The curve stays until the report is delivered: until then nobody else knows these values."""
    trial, folder = start(tmp_path)
    train(trial, 0.55)
    folder.claim.write_text(json.dumps({"assignment": {"metric": "score"}}))
    deliver(NobodyThere(), folder, write_down(folder, "a-nonce-0", Ending("stopped", 0.55), 1.0))
    finish = json.loads(folder.finish.read_text())
    assert finish["error"] == "stopped early at step 2 of about 39, rung 1 of 2"
    assert finish["curve"] == [[0, 0.55], [2, 0.55]]
    assert folder.curve.exists()
    folder.mark_delivered("accepted")
    assert not folder.curve.exists()


def test_what_nobody_needs_is_removed(tmp_path: Path) -> None:
    """Rules of studies that are over, curves of attempts that are not held."""
    for name in ("a-1", "b-1"):
        trial, folder = start(tmp_path, name, study=name[0], rule=UNKNOWN)
        train(trial, 0.5)
    folder.claim.write_text("{}")
    tidy(tmp_path, {"a"})
    assert {p.name for p in (tmp_path / "rungs").iterdir()} == {"a.json", "b-1.1.jsonl"}
    tidy(tmp_path / "nowhere", set())


def test_the_newest_value_of_the_metric_may_be_no_number(tmp_path: Path) -> None:
    """The last point is the metric's own: not that of another one, and NaN as it is."""
    trial, folder = start(tmp_path)
    trial.report(0, score=0.5)
    trial.report(1, score=math.nan)
    trial.report(2, other=1.0)
    point = spool.last_point(folder.spool, "score")
    assert point is not None
    assert point.step == 1
    assert math.isnan(point.value)
    assert spool.last_point(folder.spool, "none") is None
    assert spool.last_point(tmp_path / "none", "score") is None
