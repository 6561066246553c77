"""Laws of a check, whatever the space, the points and the values."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from caviar.search import Round, Settings, propose
from caviar.search.checking import (
    Terms,
    Training,
    next_training,
    points_to_check,
    reopened,
    verdict,
)
from caviar.space import Box, Params, Space
from tests.support.searches import SPACES, histories, law, ledger

VALUES = st.one_of(
    st.none(), st.sampled_from([0.0, 1.0, math.inf, math.nan, 1e300]), st.floats(-5.0, 5.0)
)


@st.composite
def checks(draw: st.DrawFn) -> tuple[Space, Terms, Callable[[Params, int], float | None]]:
    """A space, the terms of a check, and a value for whatever may be trained."""
    space = draw(st.sampled_from(SPACES))
    units = st.lists(st.floats(0.0, 1.0), min_size=len(space), max_size=len(space))
    points = [space.from_unit(draw(units)) for _ in range(draw(st.integers(2, 8)))]
    terms = Terms(
        draw(st.sampled_from(["minimize", "maximize"])),
        tuple({space.key(point): point for point in points}.values()),
        draw(st.integers(2, 20)),
        draw(st.one_of(st.none(), st.sampled_from([0.0, 0.1, 2.0]))),
        draw(st.integers(0, 9)),
        draw(st.sampled_from([0.0, 0.5])),
    )
    salt, drawn = draw(st.integers(0, 999)), draw(st.lists(VALUES, min_size=1, max_size=20))

    def value(point: Params, seed: int) -> float | None:
        """Drawn by the point and the seed, not by when it is asked for."""
        return random.Random(f"{salt} {space.key(point)} {seed}").choice(drawn)

    return space, terms, value


def trained(
    space: Space, terms: Terms, value: Callable[[Params, int], float | None], slots: int, seed: int
) -> list[Training]:
    """``slots`` run at once and end in any order; whatever is asked for is in what comes back."""
    chance, over, running = random.Random(seed), [], []
    while True:
        wanted = next_training(space, terms, [*over, *running]) if len(running) < slots else None
        if wanted is not None:
            assert all(
                (space.key(one.point), one.seed) != (space.key(wanted[0]), wanted[1])
                for one in [*over, *running]
            )
            assert space.check_point(wanted[0]) == dict(wanted[0])
            running.append(Training(*wanted))
        elif running:
            assert verdict(space, terms, [*over, *running]) is None
            ended = running.pop(chance.randrange(len(running)))
            over.append(Training(ended.point, ended.seed, True, value(ended.point, ended.seed)))
        else:
            return over


@law
@given(checks(), st.integers(1, 6), st.integers(0, 99))
def test_a_check_always_ends_in_a_verdict(check, slots, seed):
    """Whatever fails: within its trainings, no point and seed twice, none without a verdict, all figures finite."""
    space, terms, values = check
    over = trained(space, terms, values, slots, seed)
    found = verdict(space, terms, over)
    assert found is not None
    assert len(over) <= terms.trials
    assert found.trainings == len(over)
    assert not any(math.isnan(value) for value in (found.effect, found.low, found.high))
    assert found.low <= found.effect <= found.high
    assert found.reason.endswith(".")
    assert (found.word != "moved") or found.challenger is not None
    if found.challenger is not None:
        assert space.check_point(found.challenger) == dict(found.challenger)
        assert space.key(found.challenger) != space.key(terms.points[0])


@law
@given(checks(), st.integers(1, 6), st.integers(0, 99), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(check, slots, seed, chance):
    """However many slots there are and whichever ends first: the same trainings, the same verdict."""
    space, terms, values = check
    one = trained(space, terms, values, 1, 0)
    other = trained(space, terms, values, slots, seed)
    chance.shuffle(other)

    def keys(trainings):
        return {(space.key(training.point), training.seed) for training in trainings}

    assert keys(one) == keys(other)
    assert verdict(space, terms, one) == verdict(space, terms, other)


def point_of(space: Space, results) -> Params:
    return results[0].params if results else space.from_unit([0.5] * len(space))


@law
@given(histories(), st.integers(2, 20), st.booleans(), st.one_of(st.none(), st.floats(0.0, 2.0)))
def test_points_lie_in_the_space_and_are_different(history, trials, second, noise):
    """The champion first, then the runner-up where there is one; a pair is always left for the duel."""
    space, config, results = history
    champion = point_of(space, results)
    runner_up = results[-1].params if second and results else None
    points = points_to_check(
        space, config, Box.whole(space), results, champion, trials, runner_up, noise
    )
    assert points[0] == champion
    if runner_up is not None and space.key(runner_up) != space.key(champion):
        assert points[1] == runner_up
    assert len({space.key(point) for point in points}) == len(points)
    assert 2 <= len(points) <= max(2, trials - 2)
    for point in points:
        assert space.check_point(point) == dict(point)


def test_twenty_parameters_are_no_more_than_a_check_can_pay_for():
    """Most of them have no neighbour."""
    space = Space.parse({f"x{i}": {"type": "float", "low": 0.0, "high": 1.0} for i in range(20)})
    champion = space.from_unit([0.5] * 20)
    settings = Settings("minimize", "zoom", 0)
    assert len(points_to_check(space, settings, Box.whole(space), [], champion, 10)) == 8


@law
@given(histories())
def test_tuning_again_looks_around_the_last_box(history):
    """Whatever the last box: the new one holds it, lies in the space, survives JSON, and has the first trial."""
    space, config, results = history
    last = ledger(space, config, results)[-1]
    again = reopened(last, "digits")
    assert last.box.inside(again.box)
    assert again.box.inside(Box.whole(space))
    assert Round.from_json(space, json.loads(json.dumps(again.to_json()))) == again
    assert again.box.contains(propose(space, config, again, [], [], 0))
