"""What is said about a change of a learning curve that is made up."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from caviar.panda.verdict import AFTER, BEFORE, SIDE_BY_SIDE, Effect, compare, effect

AT = 60
Points = list[tuple[int, float]]


def curve(
    shape: Callable[[int], float] = lambda _: 0.0,
    *,
    noise: float = 0.002,
    seed: int = 0,
    steps: int = 80,
) -> Points:
    """A loss that falls like a learning curve, with noise, and something added to it."""
    rng = np.random.default_rng(seed)
    falling = ((step, step**-0.5 + shape(step)) for step in range(1, steps + 1))
    return [(step, value + noise * float(rng.normal())) for step, value in falling]


def since(step: int) -> int:
    return max(0, step - AT)


def asked(points: Points, **how: int) -> Effect:
    return effect(points, AT, "minimize", "loss", **how)


def test_a_loss_that_falls_faster_was_helped() -> None:
    """With how many times faster, and an interval around that."""
    found = asked(curve(lambda step: -0.004 * since(step), noise=0.0005))
    assert found.word == "helped"
    assert found.ratio is not None
    assert found.low is not None
    assert found.high is not None
    assert 1.0 < found.low < found.ratio < found.high
    assert found.sentence.startswith(f"helped: loss falls {found.ratio:.2g} times faster, 90%")
    assert found.look_again is None


def test_a_loss_that_drops_and_then_goes_on_was_helped_too() -> None:
    """What a smaller learning rate does: the noise is gone within a few steps."""
    found = asked(curve(lambda step: -0.05 * (step > AT)))
    assert found.word == "helped"
    assert found.sentence.startswith("helped: loss came out lower at once, by 0.0")


def test_a_loss_that_rises_was_hurt() -> None:
    """And it says by how much."""
    found = asked(curve(lambda step: 0.004 * since(step)))
    assert found.word == "hurt"
    assert found.sentence.startswith("hurt: loss rises since, by 0.0")
    assert found.sentence.endswith("in 20 steps")


def test_a_loss_that_falls_more_slowly_than_it_would_have_was_hurt() -> None:
    """It still falls: that alone is no good news."""
    slower = [(s, v if s <= AT else AT**-0.5 - 1e-4 * since(s)) for s, v in curve(noise=2e-5)]
    found = asked(slower)
    assert found.word == "hurt"
    assert found.ratio is not None
    assert 0.0 < found.ratio < 0.5
    assert " of its pace, 90% interval " in found.sentence


def test_a_loss_that_is_no_number_any_more_was_hurt_at_once() -> None:
    """One such report is enough."""
    points = [*curve(steps=AT), (AT + 1, 0.1), (AT + 2, math.nan)]
    assert asked(points).sentence == f"hurt: loss is not a finite number at step {AT + 2}"


def test_a_change_is_not_blamed_for_what_was_broken_before_it() -> None:
    """The last report before it was no number either."""
    points = [*curve(steps=AT - 1), (AT, math.inf), *((AT + s, math.inf) for s in range(1, 9))]
    assert asked(points).word == "too early"


@pytest.mark.parametrize("seed", range(5))
def test_slowing_down_by_itself_is_no_effect(seed: int) -> None:
    """Nothing was changed: before and after, the slopes differ all the same."""
    found = asked(curve(noise=0.0002, seed=seed))
    assert found.word == "no effect yet"
    assert found.sentence == "no visible effect yet, look again in 20 steps"
    assert found.look_again == 20


def test_a_curve_may_be_too_noisy_to_say() -> None:
    """A pace three times as high would not be seen in it."""
    found = asked(curve(noise=0.1))
    assert found.word == "too noisy"
    assert found.sentence == "the curve is too noisy to say, look again in 20 steps"


def test_few_reports_after_a_change_are_too_early() -> None:
    """It says when there will be enough."""
    found = asked(curve(steps=AT + AFTER - 3))
    assert found.word == "too early"
    assert found.look_again == 3


def test_few_reports_before_a_change_stay_too_few() -> None:
    """Looking again would not help."""
    found = effect(curve(), BEFORE - 1, "minimize")
    assert found.word == "too early"
    assert found.look_again is None


def test_what_comes_after_the_next_change_is_not_looked_at() -> None:
    """Nor is there anything to wait for."""
    points = curve(lambda step: 0.5 * (step > AT + 10))
    assert asked(points).word == "hurt"
    found = asked(points, until=AT + 10)
    assert found.word in ("no effect yet", "too noisy")
    assert found.look_again is None


def test_what_came_before_the_previous_change_is_not_looked_at() -> None:
    """It would be no part of the same curve."""
    points = curve(lambda step: 3.0 * (step <= 20), noise=0.0005)
    assert asked(points, since=20).word == "no effect yet"


def test_a_trainer_may_report_less_often_after_a_change() -> None:
    """The pace is that of steps, not of reports."""
    points = [(s, v) for s, v in curve(noise=0.0002, steps=140) if s <= AT or s % 5 == 0]
    assert asked(points).word == "no effect yet"


def test_a_metric_that_is_maximized_rises_when_it_is_helped() -> None:
    """The words follow the goal."""
    points = [(s, -v) for s, v in curve(lambda step: -0.004 * since(step), noise=0.0005)]
    found = effect(points, AT, "maximize", "accuracy")
    assert found.sentence.startswith("helped: accuracy rises ")


def side(shape: Callable[[int], float], seed: int) -> Points:
    return curve(shape, seed=seed, steps=AT + 40)


def test_of_two_curves_from_one_checkpoint_the_lower_one_was_helped() -> None:
    """With the history of the first one, and without."""
    a, b = side(lambda _: 0.0, 0), side(lambda step: -0.002 * since(step), 1)
    assert compare(a, b, AT, "minimize", "loss").word == "helped"
    assert compare(b, a, AT, "minimize", "loss").word == "hurt"
    assert compare(a[AT:], b[AT:], AT, "minimize", "loss").word == "helped"


@pytest.mark.parametrize("seed", range(5))
def test_two_curves_that_differ_by_their_noise_alone_are_not_told_apart(seed: int) -> None:
    """Unchanged twins with other minibatches."""
    a, b = side(lambda _: 0.0, seed), side(lambda _: 0.0, seed + 100)
    found = compare(a, b, AT, "minimize", "loss")
    assert found.word in ("no effect yet", "too noisy")
    assert found.look_again == 40


def test_two_curves_are_compared_at_the_steps_that_both_have() -> None:
    """A fork that is behind is not behind in anything else."""
    a, b = side(lambda _: 0.0, 0), side(lambda _: 0.0, 1)
    found = compare(a, b[: AT + SIDE_BY_SIDE - 2], AT, "minimize", "loss")
    assert found.word == "too early"
    assert found.look_again == 2


def test_of_two_curves_the_one_that_is_a_number_is_the_better_one() -> None:
    """At the first step where they differ in that."""
    a, b = side(lambda _: 0.0, 0), side(lambda _: 0.0, 1)
    broken = [(s, math.nan if s > AT + 5 else v) for s, v in a]
    assert compare(a, broken, AT, "minimize", "loss").word == "hurt"
    assert compare(broken, b, AT, "minimize", "loss").word == "helped"
    assert compare(broken, broken, AT, "minimize", "loss").word == "too noisy"
