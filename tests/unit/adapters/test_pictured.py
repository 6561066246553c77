"""What the database chooses for pictures is what one would choose who reads all trials, on both databases."""

from __future__ import annotations

import pytest

from caviar.adapters.sql import Store, TrialRow, spread
from caviar.adapters.sql.pictured import BEST, stride_of
from caviar.studies.life import LEARNT_FROM

Filled = tuple[Store, str]


def may_be_best(row: TrialRow) -> bool:
    return row.state == "done" and row.kind != "confirm" and row.violation <= 0


def test_all_trials_are_dots_where_they_are_few(filled: Filled) -> None:
    """Every one that ended, failed ones too, by number."""
    store, study = filled
    found = store.pictured.dots(study, True, 2000)
    ended = [row for row in store.trials(study) if row.state in LEARNT_FROM]
    assert found.of == len(ended)
    assert [(dot.number, dot.value, dot.params) for dot in found.rows] == [
        (row.number, row.value, row.params) for row in ended
    ]


@pytest.mark.parametrize("maximize", [False, True])
def test_of_many_trials_the_best_are_dots_and_others_evenly(
    filled: Filled, maximize: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 at most of 400: the ten best whatever their numbers, and every so many."""
    store, study = filled
    monkeypatch.setattr("caviar.adapters.sql.pictured.BEST", 10)
    found = store.pictured.dots(study, maximize, 20)
    rows = [row for row in store.trials(study) if row.state in LEARNT_FROM]
    sign = -1.0 if maximize else 1.0
    able = sorted(filter(may_be_best, rows), key=lambda row: (sign * (row.value or 0), row.number))
    best = {row.number for row in able[:10]}
    evenly = {row.number for row in rows if row.number % 64 == 0}
    assert [dot.number for dot in found.rows] == sorted(best | evenly)
    assert found.of == len(rows)


@pytest.mark.parametrize("maximize", [False, True])
def test_the_course_has_each_trial_that_became_the_best(filled: Filled, maximize: bool) -> None:
    """Better than all that had ended before, whole, within the bounds, and no rerun of a leader."""
    store, study = filled
    best: float | None = None
    wanted = []
    for row in sorted(store.trials(study), key=lambda row: (row.ended, row.number)):
        if row.value is not None and may_be_best(row):
            better = best is None or (row.value > best if maximize else row.value < best)
            if better:
                wanted.append((row.number, row.value))
                best = row.value
    course = store.pictured.course(study, maximize, 10)
    assert [(step.number, step.value) for step in course.steps if step.is_best] == wanted


def test_the_course_counts_what_was_spent(filled: Filled) -> None:
    """Up to each step the seconds of all that had ended by then, whether they have a value or not."""
    store, study = filled
    rows = sorted(store.trials(study), key=lambda row: (row.ended, row.number))
    spent, total = {}, 0.0
    for row in rows:
        total += row.seconds or 0.0
        spent[row.number] = total
    course = store.pictured.course(study, True, 2000)
    assert [step.number for step in course.steps] == [
        row.number for row in rows if row.value is not None
    ]
    assert course.of == len(course.steps)
    assert {step.number: step.spent for step in course.steps} == pytest.approx(
        {step.number: spent[step.number] for step in course.steps}
    )
    assert course.spent == pytest.approx(total)
    assert course.ended == rows[-1].ended


def test_each_round_has_the_number_of_its_first_trial(filled: Filled) -> None:
    """And the end is behind the last trial."""
    store, study = filled
    wanted: dict[int, int] = {}
    for row in store.trials(study):
        wanted.setdefault(row.round, row.number)
    assert store.pictured.firsts(study) == (wanted, 400)


def test_curves_are_the_best_the_stopped_and_some_others(filled: Filled) -> None:
    """Three of each, eight in all; who failed before its first report has none."""
    store, study = filled
    found, of = store.pictured.curved(study, True, 8, 3)
    numbers = [row.number for row in found]
    rows = store.trials(study)
    best = sorted(filter(may_be_best, rows), key=lambda row: -(row.value or 0))[:3]
    stopped = [row for row in rows if row.state == "stopped"][-3:]
    assert {row.number for row in (*best, *stopped)} <= set(numbers)
    assert numbers == sorted(set(numbers))
    assert 6 < len(numbers) <= 8
    assert all(row.curve for row in found)
    assert of == sum(row.value is not None for row in rows)


def test_the_leaders_new_runs_are_found(filled: Filled) -> None:
    """By number, and nothing else."""
    store, study = filled
    wanted = [row.number for row in store.trials(study) if row.kind == "confirm"]
    assert [row.number for row in store.pictured.confirming(study)] == wanted
    assert len(wanted) == 15


def test_a_study_without_trials_has_empty_pictures(filled: Filled) -> None:
    """No trial, no error."""
    store = filled[0]
    assert store.pictured.dots("none", True, 2000).rows == []
    assert store.pictured.course("none", False, 2000).steps == []
    assert store.pictured.firsts("none") == ({}, 0)
    assert store.pictured.curved("none", True, 80, 25) == ([], 0)
    assert store.pictured.confirming("none") == []


@pytest.mark.parametrize("count", [0, 1, 299, 300, 301, 50_000, 1_000_000])
def test_a_stride_leaves_few_enough_and_not_too_few(count: int) -> None:
    """At most so many; more than half as many where there are more."""
    shown = len(range(0, count, stride_of(count, BEST)))
    assert shown <= BEST
    assert shown == count or 2 * shown > BEST


def test_what_is_spread_keeps_both_ends() -> None:
    """And is even between them."""
    assert spread(list(range(9)), 5) == [0, 2, 4, 6, 8]
    assert spread([1, 2, 3], 3) == [1, 2, 3]
    assert spread([1, 2, 3], 1) == [3]
    assert spread([1, 2, 3], 0) == []
