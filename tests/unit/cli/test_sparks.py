"""Curves in one line of text."""

from __future__ import annotations

import math

from caviar.cli.sparks import as_steps, spark, step_spark


def test_low_values_are_low() -> None:
    """A loss that falls goes down, whatever the study wants of it."""
    assert spark([(0, 1.0), (1, 0.5), (2, 0.2)], 8) == "█▄▁"


def test_a_curve_of_many_points_has_the_width_that_there_is() -> None:
    """Each character is the last value of its stretch of steps."""
    assert spark([(step, float(step)) for step in range(800)], 8) == "▁▂▃▄▅▆▇█"


def test_reports_far_apart_are_drawn_by_their_steps() -> None:
    """Nine early ones and one late one: the value stays until the next report."""
    points = [(step, 0.0) for step in range(9)] + [(100, 1.0)]
    assert spark(points, 5) == "▁▁▁▁█"


def test_values_over_decades_are_on_a_log_axis() -> None:
    assert spark([(0, 100.0), (1, 10.0), (2, 1.0)], 8) == "█▅▁"


def test_what_is_no_number_is_blank() -> None:
    """A training that diverged shows where."""
    assert spark([(0, 1.0), (1, None), (2, math.inf), (3, 2.0)], 8) == "▁  █"
    assert spark([(0, None)], 8) == ""
    assert spark([], 8) == ""


def test_a_value_that_stays_is_in_the_middle() -> None:
    assert spark([(0, 0.3), (1, 0.3)], 8) == "▅▅"


def test_the_best_so_far_stays_until_the_next() -> None:
    """Over all trials, also those that were no better."""
    assert step_spark([(0, 0.0), (5, 1.0)], 10, 10) == "▁▁▁▁██████"
    assert step_spark([], 10, 10) == ""


def test_a_first_value_far_off_does_not_flatten_the_rest() -> None:
    """A first trial that learned nothing: one still sees what came of the others."""
    changes = [(0, 0.1), (3, 0.90), (50, 0.95), (80, 0.98)]
    assert step_spark(changes, 100, 10) == "▁▁▁▁▅▅▅███"


def test_corners_of_steps() -> None:
    """For a plot, which joins its points."""
    assert as_steps([(0, 0.1), (4, 0.5)], 9) == [(0, 0.1), (4, 0.1), (4, 0.5), (9, 0.5)]
    assert as_steps([], 9) == []
