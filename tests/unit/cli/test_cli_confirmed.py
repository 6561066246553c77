"""How a confirmed result, and one under constraints, is shown."""

from __future__ import annotations

import json

from caviar.cli.views import tables
from caviar.cli.views.progress import progress, trial_line
from caviar.cli.views.result import exit_code, result, result_object
from caviar.contract.views import Best, Confirmed
from tests.support.studies_made_up import digits_study, trial
from tests.unit.cli.test_cli_views import text_of

CONFIRMED = Best(
    trial=17,
    value=0.98611,
    params={"learning_rate": 0.0031},
    confirmed=Confirmed(runs=3, mean=0.9731, low=0.9655, high=0.9807, rivals=[12, 30]),
)


def test_the_headline_is_the_mean_of_the_new_runs() -> None:
    """With its interval; the value that made the trial a leader stands behind, and is named as what it is."""
    study = digits_study(state="done", best=CONFIRMED, confirm=3)
    shown = text_of(result(study, 110))
    assert "val_accuracy 0.9731 on 3 new seeds (95%: 0.9655 … 0.9807)  trial 17" in shown
    assert "Its own run gave 0.9861 and is left out" in shown
    assert "No better on new seeds: 12, 30." in shown
    assert "Not confirmed" not in shown
    assert "0.9731 on 3 new seeds" in text_of(tables.best_view(study))
    assert "0.9731 on 3 new seeds" in text_of(progress(study, 110))


def test_one_new_run_has_no_interval() -> None:
    """A mean of one is said as what it is."""
    one = CONFIRMED.model_copy(update={"confirmed": Confirmed(runs=1, mean=0.9731)})
    shown = text_of(result(digits_study(state="done", best=one, confirm=1), 110))
    assert "0.9731 on 1 new seed  trial 17" in shown


def test_new_runs_that_are_all_alike_raise_a_question() -> None:
    """A trainer with a fixed seed of its own measures nothing new."""
    same = Confirmed(runs=3, mean=0.97, low=0.97, high=0.97)
    alike = CONFIRMED.model_copy(update={"confirmed": same})
    shown = text_of(result(digits_study(state="done", best=alike, confirm=3), 200), 200)
    assert "does the trainer use trial.seed?" in shown


def test_what_was_to_be_confirmed_and_was_not_is_said() -> None:
    """A study that was stopped: its best value was chosen for being good."""
    study = digits_study(state="stopped", confirm=3)
    assert "Not confirmed: the study ended before" in text_of(result(study, 110))
    assert "Not confirmed" not in text_of(result(digits_study(state="done"), 110))


def test_programs_read_mean_and_interval() -> None:
    """`best.confirmed` is an object, or null."""
    printed = result_object(digits_study(state="done", best=CONFIRMED))
    assert json.loads(json.dumps(printed)) == printed
    assert printed["best"]["confirmed"] == {
        "runs": 3,
        "mean": 0.9731,
        "low": 0.9655,
        "high": 0.9807,
        "rivals": [12, 30],
    }
    assert result_object(digits_study())["best"]["confirmed"] is None


def test_a_trial_beyond_its_bounds_says_which_and_by_how_much() -> None:
    """In the log, and where the trial is looked at."""
    study = digits_study(constraints=["latency_ms <= 50"])
    slow = trial(3, violation=0.26, beyond="latency_ms (63 > 50)")
    assert "val_accuracy=0.903 beyond latency_ms (63 > 50)" in trial_line(slow, study)
    assert "latency_ms (63 > 50)" in text_of(tables.trial_view(study, slow))
    assert "  Within latency_ms <= 50." in text_of(result(study, 110))


def test_a_new_run_says_what_it_repeats() -> None:
    """In the log, among the running ones, and where the trial is looked at."""
    again = trial(58, kind="confirm", repeats=17)
    study = digits_study(running=[again.model_copy(update={"state": "running", "value": None})])
    assert trial_line(again, study).startswith("trial 58, 17 again r0 done")
    assert "trial 58, 17 again  starting" in text_of(progress(study, 110))
    assert "trains again  trial 17" in text_of(tables.trial_view(study, again))


def test_a_study_in_which_nothing_fits() -> None:
    """There are values, and none may be used: another sentence than where everything failed, and exit code 1."""
    reason = "no trial kept latency_ms <= 50; the nearest was trial 12 with latency_ms 53"
    study = digits_study(state="done", best=None, constraints=["latency_ms <= 50"], reason=reason)
    shown = text_of(result(study, 200), 200)
    assert reason in shown
    assert "There is no trial within latency_ms <= 50." in shown
    assert "no trial within latency_ms <= 50 yet" in text_of(progress(study, 110))
    assert exit_code(study) == 1
