"""What the terminal shows, from the values that the API answers."""

from __future__ import annotations

import json

import pytest
from rich.console import Console, RenderableType

from caviar.cli.views import tables
from caviar.cli.views.progress import progress, round_line, trial_line
from caviar.cli.views.result import exit_code, result, result_object
from caviar.cli.views.zoom import telling
from caviar.contract.views import Best, RoundView, SideView, StudyRow, Use, WorkerView
from tests.support.studies_made_up import PARAMETERS, digits_study, importance, rounds, trial


def text_of(picture: RenderableType, width: int = 110) -> str:
    console = Console(width=width, record=True, force_terminal=False, file=None, quiet=False)
    with console.capture() as capture:
        console.print(picture)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def test_progress_tells_what_has_happened_and_what_happens_now() -> None:
    """Counts, the best so far, the box, the running trials and the newest error."""
    shown = text_of(progress(digits_study(warnings=["lr is linear"]), 110))
    assert "! lr is linear" in shown
    assert "23 of 60 trials done, 2 running, 1 failed" in shown
    assert "best val_accuracy 0.9861  trial 17  about 18 s left" in shown
    assert "Round 2  adam fell behind." in shown
    assert "0.002 … 0.02  log" in shown
    assert "● sgd  (adam)" in shown
    assert "trial 24    step 7  0.9611" in shown
    assert "trial 25  starting" in shown
    assert "trial 9: ValueError" in shown


def test_the_terminal_is_not_steered_by_what_a_trainer_printed() -> None:
    """No escape sequence gets through, and square brackets are not markup."""
    shown = text_of(progress(digits_study(), 110))
    assert "\x1b" not in shown
    assert "[bold]no" in shown


def test_progress_without_any_result_yet() -> None:
    """The first second of a study: nothing to show is no error."""
    study = digits_study(best=None, rounds=[], running=[], failures=[], counts={}, left_s=None)
    assert "no result yet" in text_of(progress(study, 80))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_progress_fits_into_narrow_and_wide_terminals(width: int) -> None:
    """No line is wider than the terminal."""
    shown = text_of(progress(digits_study(), width), width)
    assert max(len(line) for line in shown.splitlines()) <= width


def test_a_result_says_what_to_use_and_why() -> None:
    """Best parameters, the test score apart, rounds with reasons, importance beside tiers, where to look."""
    study = digits_study(state="done", ended=1061.0)
    shown = text_of(result(study, 110, "`caviar up`"))
    assert "in 1 min 01 s" in shown
    assert "Best  val_accuracy 0.9861  trial 17" in shown
    assert "learning_rate  0.003123" in shown
    assert "Reported beside it" in shown
    assert "test_accuracy  0.9722" in shown
    assert "r1  shrink  The best 6 of 16 trials lie in here." in shown
    first = "62%  declared tier 1, measured first of three"
    assert shown.index(first) < shown.index("21%  declared tier 2, measured second of three")
    assert "open        `caviar up`" in shown


@pytest.mark.parametrize("width", [60, 80, 110])
def test_where_tiers_and_results_disagree_is_said_in_a_line_of_its_own(width: int) -> None:
    """No bar and no share is cut for it; a narrow terminal shows the tier alone."""
    far = "declared tier 4, measured first of three. It mattered far more than declared."
    items = [
        importance("epsilon", 0.62, 4, "first").model_copy(update={"verdict": far}),
        importance("learning_rate", 0.38, 1, "second"),
    ]
    shown = text_of(result(digits_study(state="done", importance=items), width), width)
    lines = [line.strip() for line in shown.splitlines()]
    assert "epsilon: it mattered far more than declared." in lines
    row = next(line for line in lines if line.startswith("epsilon  "))
    assert "62%" in row
    assert row.endswith("declared tier 4, measured first of three" if width > 100 else "tier 4")


def test_the_zoom_is_one_picture_parameters_down_rounds_across() -> None:
    """Each row shows one parameter's box becoming smaller."""
    shown = text_of(result(digits_study(state="done"), 110))
    row = [line for line in shown.splitlines() if line.strip().startswith("learning_rate")][1]
    assert row.split()[1:] == ["━━━●━━━━━━", "··━●━━━━··", "···●━━····"]


def test_many_rounds_are_thinned_but_the_first_and_last_stay() -> None:
    """Where nothing moved, what does not fit in the width is left out evenly."""
    many = [RoundView(round=i, box={}, reason="") for i in range(30)]
    assert [r.round for r in telling(PARAMETERS, many, 4)] == [0, 10, 19, 29]
    assert telling(PARAMETERS, many[:3], 4) == many[:3]


def test_of_many_rounds_those_are_shown_in_which_the_box_moved() -> None:
    """Here from 50 to 53; before and after it stood still."""

    def low(number: int) -> float:
        return 10.0 ** (min(max(number - 50, 0), 3) - 4)

    many = [
        RoundView(round=i, box={"learning_rate": SideView(low=low(i), high=1.0)}, reason="")
        for i in range(200)
    ]
    shown = [r.round for r in telling(PARAMETERS, many, 6)]
    assert shown[0] == 0
    assert shown[-1] == 199
    assert {low(number) for number in shown} == {low(0), low(51), low(52), low(53)}


def test_of_many_rounds_a_result_tells_the_newest_reasons() -> None:
    """And which command tells all."""
    many = [RoundView(round=i, box={}, reason=f"Reason {i}.") for i in range(30)]
    shown = text_of(result(digits_study(state="done", rounds=many), 100))
    assert "the last 4 of 30; `caviar rounds digits-mlp-abc` has all" in shown
    assert "Reason 29." in shown
    assert "Reason 2." not in shown


def test_a_result_without_any_value() -> None:
    """Every trial failed: said, with the newest error."""
    study = digits_study(state="failed", best=None, importance=[], reason="no trial gave a value")
    shown = text_of(result(study, 100))
    assert "There is no result." in shown
    assert "ValueError" in shown


def test_the_json_object_is_as_documented() -> None:
    """The keys that programs rely on; a uri that outlives the service takes the place of the server's."""
    printed = result_object(digits_study(state="done"), uri="sqlite:////home/mlflow.db")
    assert json.loads(json.dumps(printed)) == printed
    assert set(printed) >= {"study", "state", "best", "trials", "rounds", "importance", "mlflow"}
    assert set(printed["best"]) >= {"trial", "value", "params"}
    assert printed["trials"]["done"] == 23
    assert printed["importance"][1] == {
        "name": "learning_rate",
        "share": 0.62,
        "tier": 1,
        "verdict": "declared tier 1, measured first of three",
    }
    assert printed["rounds"][1]["round"] == 1
    assert printed["rounds"][1]["box"]["learning_rate"] == {"low": 0.001, "high": 0.1}
    assert printed["rounds"][2]["box"]["solver"] == {"choices": ["sgd"]}
    assert printed["mlflow"] == {
        "uri": "sqlite:////home/mlflow.db",
        "experiment_id": "1",
        "run_id": "abc",
    }


@pytest.mark.parametrize(
    "state, best, code",
    [
        ("done", Best(trial=1, value=1.0, params={}), 0),
        ("stopped", Best(trial=1, value=1.0, params={}), 0),
        ("done", None, 1),
        ("failed", None, 1),
    ],
)
def test_exit_codes(state: str, best: Best | None, code: int) -> None:
    """0 with a result, 1 without one."""
    assert exit_code(digits_study(state=state, best=best)) == code


def test_lines_for_a_log() -> None:
    """One trial, one round: all that matters in one line each."""
    study = digits_study()
    assert trial_line(trial(17), study) == (
        "trial 17 r0 done val_accuracy=0.917 best  learning_rate=0.00312 momentum=0.9912 solver=sgd"
    )
    failed = trial(9, state="failed", value=None, error="Traceback\nKeyError: 'x'\n\n")
    assert trial_line(failed, study).startswith(
        "trial 9 r0 failed val_accuracy=– (KeyError: 'x')  "
    )
    stopped = trial(11, state="stopped", error="stopped early at step 2 of about 39, rung 1 of 2")
    assert trial_line(stopped, study).startswith(
        "trial 11 r0 stopped early at step 2 of about 39, rung 1 of 2 val_accuracy=0.911  "
    )
    assert round_line(rounds()[1]) == (
        "round r1 shrink, from 16 trials: The best 6 of 16 trials lie in here."
    )


def test_tables_of_things() -> None:
    """Studies, a trial, workers; each says what to do when there is none."""
    row = StudyRow(
        id="a-1",
        name="a",
        state="done",
        strategy="zoom",
        done=3,
        budget=3,
        best=0.5,
        goal="maximize",
        created=0.0,
    )
    shown = text_of(tables.studies_table([row]))
    assert "a-1" in shown
    assert "3/3" in shown
    assert "caviar submit" in text_of(tables.studies_table([]))
    study = digits_study()
    one = text_of(tables.trial_view(study, trial(3, output="epoch 1\n", metrics={"test": 0.5})))
    assert "Trial 3  done  val_accuracy 0.903" in one
    assert "epoch 1" in one
    one = text_of(
        tables.trial_view(study, trial(3, state="stopped", error="stopped early at step 2"))
    )
    assert "stopped early at step 2" in one
    assert "Error" not in one
    worker = WorkerView(host="h1", resource_class="cpu", slots=2, free=1, seen_s=0.5)
    assert "h1" in text_of(tables.workers_table([worker]))
    full = worker.model_copy(update={"warnings": ["No trials are claimed. The disk is full."]})
    assert "h1: No trials are claimed. The disk is full." in text_of(tables.workers_table([full]))
    assert "caviar worker" in text_of(tables.workers_table([]))


def test_what_is_spent_of_the_hours_is_on_the_screen() -> None:
    """Beside the trials, while the study runs and after it; nothing where no hours are limited."""
    uses = [
        Use(name="hours", spent=0.51, limit=2),
        Use(name="slot_hours", spent=1.2345, limit=8),
    ]
    for shown in (progress(digits_study(uses=uses), 100), result(digits_study(uses=uses), 100)):
        assert "0.51 of 2 hours, 1.23 of 8 slot-hours" in text_of(shown)
    assert "hours" not in text_of(progress(digits_study(), 100))
