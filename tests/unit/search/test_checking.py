"""Whether a champion still holds: which trainings a check asks for, and what they say."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats

from caviar.search import Round, Searcher, Settings, propose
from caviar.search.checking import (
    Terms,
    Training,
    Verdict,
    next_training,
    points_to_check,
    reopened,
    verdict,
)
from caviar.search.checking.duel import Noise, look, pooled
from caviar.search.checking.student import quantile, tail
from caviar.search.checking.surface import level
from caviar.space import Box, Interval, Kept, Params, Space

SPACE = Space.parse(
    {
        "x": {"type": "float", "low": 0.0, "high": 1.0},
        "y": {"type": "float", "low": 0.0, "high": 1.0},
    }
)
CHAMPION = {"x": 0.5, "y": 0.5}
NEIGHBOURS = (
    {"x": 0.6, "y": 0.5},
    {"x": 0.4, "y": 0.5},
    {"x": 0.5, "y": 0.6},
    {"x": 0.5, "y": 0.4},
)
POINTS = (CHAMPION, {"x": 0.52, "y": 0.48}, *NEIGHBOURS)

Trained = Callable[[Params, int], float | None]


def bowl(x: float, y: float, at: tuple[float, float] = (0.5, 0.5)) -> float:
    return 100.0 * ((x - at[0]) ** 2 + (y - at[1]) ** 2)


def terms(points: Sequence[Params] = POINTS, trials: int = 10, **more: object) -> Terms:
    return Terms("minimize", tuple(points), trials, **{"noise": 0.1, "freedom": 6, **more})


def check(asked: Terms, trained: Trained, space: Space = SPACE) -> tuple[Verdict, list[Training]]:
    trainings: list[Training] = []
    while (wanted := next_training(space, asked, trainings)) is not None:
        trainings.append(Training(*wanted, over=True, value=trained(*wanted)))
    found = verdict(space, asked, trainings)
    assert found is not None
    return found, trainings


def noisy(seed: int, at: tuple[float, float] = (0.5, 0.5), sigma: float = 0.1) -> Trained:
    rng = np.random.default_rng(seed)
    return lambda point, _: bowl(**point, at=at) + sigma * float(rng.normal())


def test_where_nothing_changed_one_look_at_each_rival_is_enough() -> None:
    """Every neighbour is worse, so no second seed is spent."""
    found, trainings = check(terms(), lambda point, _: bowl(**point))
    assert found.word == "holds"
    assert found.challenger is None
    assert found.drifts == ()
    assert [training.seed for training in trainings] == [0] * len(POINTS)
    assert found.trainings == len(POINTS)
    assert found.effect < 0


def test_an_optimum_that_moved_is_found_on_new_seeds() -> None:
    """The surface moved by a box width along x: the verdict says by how much, where and how surely."""
    found, trainings = check(terms(), noisy(0, at=(0.6, 0.5)))
    assert found.word == "moved"
    assert found.low <= found.effect <= found.high
    assert found.effect == pytest.approx(1.0, abs=0.5)
    assert found.drifts[0].parameter == "x"
    assert found.drifts[0].distance == pytest.approx(1.0, abs=0.3)
    assert found.drifts[0].before == 0.5
    assert len(trainings) <= 10


def test_a_drift_is_told_in_widths_of_the_last_box() -> None:
    """Neighbours may lie nearer or farther: what a person knows of the study is its box."""
    box = Box(SPACE, (Interval(0.4, 0.6), Interval(0.4, 0.6)))
    near, _ = check(terms(), noisy(0, at=(0.6, 0.5)))
    told, _ = check(terms(box=box), noisy(0, at=(0.6, 0.5)))
    assert told.drifts[0].distance == pytest.approx(near.drifts[0].distance / 2)


def test_the_parabola_names_an_optimum_between_the_neighbours() -> None:
    """It moved along both parameters: no neighbour is there, the challenger is."""
    found, _ = check(terms(noise=0.3), noisy(1, at=(0.6, 0.4), sigma=0.01))
    assert found.word == "moved"
    assert found.challenger is not None
    assert found.challenger["x"] == pytest.approx(0.6, abs=0.02)
    assert found.challenger["y"] == pytest.approx(0.4, abs=0.02)


def test_the_seed_that_chose_the_challenger_does_not_judge_it() -> None:
    """A rival that is lucky on seed 0 alone does not win, however lucky."""

    def trained(point: Params, seed: int) -> float:
        return -50.0 if point == POINTS[1] and seed == 0 else bowl(**point) - 0.001 * seed

    found, trainings = check(terms(), trained)
    assert found.word == "holds"
    assert found.challenger == POINTS[1]
    assert found.drifts == ()
    assert {training.seed for training in trainings} > {0}


def test_goal_maximize_is_the_mirror_of_minimize() -> None:
    """The same values with the other sign give the same word; effect and interval keep theirs, better is above 0."""
    low, _ = check(terms(), noisy(2, at=(0.6, 0.5)))
    mirrored = Terms("maximize", POINTS, 10, 0.1, 6)
    trained = noisy(2, at=(0.6, 0.5))
    high, _ = check(mirrored, lambda point, seed: -(trained(point, seed) or 0.0))
    assert (high.word, high.effect, high.low) == (low.word, low.effect, low.low)
    assert low.champion is not None
    assert high.champion == -low.champion


def test_a_difference_within_the_tolerance_does_not_matter() -> None:
    """The same move, and a tolerance above what it costs: the champion holds."""
    assert check(terms(tolerance=2.0), noisy(0, at=(0.6, 0.5)))[0].word == "holds"


def test_on_a_plateau_the_champion_holds() -> None:
    """Nothing but noise: whoever leads by luck is mostly not better by a standard deviation of the noise, and hardly
    ever is said to be better."""
    words = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        words.append(check(terms(), lambda *_, rng=rng: 0.1 * float(rng.normal()))[0].word)
    assert words.count("moved") <= 10
    assert words.count("holds") >= 160


@pytest.mark.parametrize("value", [0.0, 3.5, -1e99])
def test_equal_values_everywhere_hold(value: float) -> None:
    """Without any noise a rival that is just as good is no reason to move."""
    assert check(terms(noise=0.0), lambda *_: value)[0].word == "holds"
    assert check(terms(noise=None, freedom=0), lambda *_: value)[0].word == "holds"


def test_without_noise_the_first_pair_decides() -> None:
    """A deterministic training needs one new seed."""
    found, trainings = check(terms(noise=0.0), lambda point, _: bowl(**point, at=(0.6, 0.5)))
    assert found.word == "moved"
    assert len(trainings) == len(POINTS) + 2


def test_without_known_noise_its_own_repetitions_say_it() -> None:
    """A study without confirmation: the check's own seeds tell how much a training varies."""
    found, _ = check(terms(noise=None, freedom=0), noisy(3, at=(0.6, 0.5), sigma=0.01))
    assert found.word == "moved"


def test_a_champion_that_trains_no_more_has_moved() -> None:
    """On two seeds it fails where a rival trains: that is no chance."""
    found, trainings = check(terms(), lambda point, _: None if point == CHAMPION else bowl(**point))
    assert found.word == "moved"
    assert found.champion is None
    assert found.challenger == POINTS[1]
    assert "failed" in found.reason
    assert found.effect == found.low == found.high == 0.0
    assert len(trainings) <= 10


def test_one_failure_of_the_champion_is_no_verdict() -> None:
    """Its first training failed, the later ones are as good as ever."""
    found, _ = check(
        terms(), lambda point, seed: None if (point, seed) == (CHAMPION, 0) else bowl(**point)
    )
    assert found.word == "holds"


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -math.inf])
def test_where_everything_fails_nothing_is_said(nothing: float | None) -> None:
    """A value that is not finite is a failure too."""
    found, trainings = check(terms(), lambda *_: nothing)
    assert found.word == "inconclusive"
    assert len(trainings) <= 10
    assert math.isfinite(found.effect)


def test_where_all_rivals_fail_nothing_is_said() -> None:
    found, _ = check(terms(), lambda point, _: 1.0 if point == CHAMPION else None)
    assert found.word == "inconclusive"
    assert found.champion == 1.0


def test_a_challenger_that_fails_twice_makes_room_for_the_next() -> None:
    """The best rival trains on seed 0 only; the second best is truly better, too."""

    def trained(point: Params, seed: int) -> float | None:
        if point == POINTS[1]:
            return -9.0 if seed == 0 else None
        return -8.0 if point == POINTS[2] else 0.0

    found, _ = check(terms(trials=14), trained)
    assert found.word == "moved"
    assert found.challenger == POINTS[2]


def test_two_trainings_are_a_check() -> None:
    """Champion and one rival on one seed: enough where the rival is far better or worse, else it says so."""
    pair = POINTS[:2]
    far = check(terms(pair, trials=2), lambda point, _: 5.0 if point == CHAMPION else 0.0)[0]
    near = check(terms(pair, trials=2), lambda point, _: 0.2 if point == CHAMPION else 0.0)[0]
    worse = check(terms(pair, trials=2), lambda point, _: 0.0 if point == CHAMPION else 1.0)[0]
    assert (far.word, near.word, worse.word) == ("moved", "inconclusive", "holds")


def test_more_points_than_trainings_leave_a_pair_for_the_duel() -> None:
    """Of many points the first ones are looked at."""
    _, trainings = check(terms(trials=5), noisy(0))
    assert len({SPACE.key(training.point) for training in trainings if training.seed == 0}) == 3


def test_all_of_the_first_look_may_run_at_once() -> None:
    """Six slots: six trainings, none twice; then there is nothing to do but wait."""
    trainings: list[Training] = []
    while (wanted := next_training(SPACE, terms(), trainings)) is not None:
        trainings.append(Training(*wanted))
    assert [training.point for training in trainings] == list(POINTS)
    assert verdict(SPACE, terms(), trainings) is None


def test_a_training_that_runs_keeps_the_verdict_back() -> None:
    """The words come when all are over: none is told that the next value could change."""
    _, trainings = check(terms(), lambda point, _: bowl(**point))
    running = [*trainings[:-1], Training(trainings[-1].point, 0)]
    assert verdict(SPACE, terms(), running) is None
    assert next_training(SPACE, terms(), running) is None


def test_noise_that_grew_is_noticed() -> None:
    """New data on another scale: the study's noise counts as little as one repetition, the check's own for the rest."""
    assert pooled(0.1, 6, [1.0, 1.1, 0.95], []).freedom == 8
    assert pooled(0.1, 6, [1.0, 3.0, -2.0], []) == Noise(pytest.approx(4.2256, rel=1e-3), 3)


def test_the_level_is_spent_over_the_looks() -> None:
    """The same gain that is enough at the only look is not at the first of three."""
    quiet = Noise(1.0, 6)
    assert look([3.2], 0, 1, quiet, 0.0, 1.0, last=False).word == "moved"
    assert look([3.2], 0, 3, quiet, 0.0, 1.0, last=False).word is None


def test_students_t_without_scipy_is_that_of_scipy() -> None:
    for freedom in (1, 2, 3, 6, 17, 60):
        for t in (-4.0, -0.3, 0.0, 0.7, 2.0, 12.0):
            assert tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), abs=1e-12)
        for above in (0.0125, 0.05, 0.3):
            assert quantile(above, freedom) == pytest.approx(stats.t.isf(above, freedom))
    assert quantile(0.05, 0) == math.inf


def test_deciding_does_not_import_scipy() -> None:
    """The scheduler imports it, and SciPy's statistics cost a second."""
    code = "import sys, caviar.search.checking; sys.exit(any(name.startswith('scipy') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Points


def searched(space: Space, loss: Callable[[Params], float], trials: int = 40) -> Searcher:
    searcher = Searcher(space, goal="minimize", seed=0)
    for _ in range(trials):
        point = searcher.ask()
        searcher.tell(point, loss(point.params))
    return searcher


def points_of(
    searcher: Searcher, trials: int = 10, champion: Params | None = None, **more: object
) -> tuple[Params, ...]:
    assert searcher.best is not None
    return points_to_check(
        searcher.space,
        searcher.settings,
        searcher.round.box,
        searcher.results,
        champion or searcher.best.params,
        trials,
        **more,
    )


def test_neighbours_lie_on_both_sides_along_what_matters() -> None:
    """y has no effect: the trainings are spent on x."""
    searcher = searched(SPACE, lambda point: (float(point["x"]) - 0.4) ** 2)
    points = points_of(searcher, noise=0.001)
    champion = points[0]
    assert searcher.best is not None
    assert champion == searcher.best.params
    assert {point["y"] for point in points} == {champion["y"]}
    assert min(point["x"] for point in points) < champion["x"] < max(point["x"] for point in points)


def test_the_runner_up_is_second_and_no_point_comes_twice() -> None:
    searcher = searched(SPACE, lambda point: bowl(**point))
    other = {"x": 0.9, "y": 0.1}
    points = points_of(searcher, runner_up=other)
    assert points[1] == other
    assert len({SPACE.key(point) for point in points}) == len(points)
    assert searcher.best is not None
    assert points_of(searcher, runner_up=dict(searcher.best.params))[0] == searcher.best.params


def test_a_louder_study_looks_farther_away() -> None:
    """Steps are as long as it takes to see a difference through the noise."""
    searcher = searched(SPACE, lambda point: bowl(**point))

    def reach(noise: float) -> float:
        points = points_of(searcher, noise=noise)
        units, _ = SPACE.encode(points)
        return float(np.abs(units - units[0]).max())

    assert reach(0.01) < reach(1.0)


FOUR = Space.parse({f"x{i}": {"type": "float", "low": 0.0, "high": 1.0} for i in range(4)})


def test_each_of_many_numbers_is_looked_at_both_ways_by_neighbours_that_move_two() -> None:
    """Four numbers have eight directions: four neighbours, in each one number goes up and another one down."""
    searcher = searched(
        FOUR, lambda point: sum((float(value) - 0.5) ** 2 for value in point.values()), 60
    )
    champion = FOUR.from_unit([0.5] * 4)
    points = points_of(searcher, champion=champion, noise=1e-4)
    units, _ = FOUR.encode(points)
    ways = np.sign(np.round(units[1:] - 0.5, 6))
    assert ways.shape == (4, 4)
    assert (np.sort(ways, axis=1) == [-1, 0, 0, 1]).all()
    assert (np.sort(ways, axis=0).T == [-1, 0, 0, 1]).all()


def test_neighbours_that_move_two_name_the_one_that_drifted() -> None:
    """Only x0 moved. No neighbour is better: the one that has x0 right has x1 wrong. A pair decides all the same."""
    champion = FOUR.from_unit([0.5] * 4)
    ways = ((0.1, -0.1, 0, 0), (0, 0.1, -0.1, 0), (0, 0, 0.1, -0.1), (-0.1, 0, 0, 0.1))
    neighbours = [FOUR.from_unit(np.array(way) + 0.5) for way in ways]

    def trained(point: Params, _: int) -> float:
        apart = FOUR.to_unit(point) - [0.6, 0.5, 0.5, 0.5]
        return 100.0 * float(apart @ apart)

    found, trainings = check(terms([champion, *neighbours], noise=0.1), trained, FOUR)
    assert found.word == "moved"
    assert [drift.parameter for drift in found.drifts] == ["x0"]
    assert found.drifts[0].distance == pytest.approx(1.0)
    assert len(trainings) == 7


def test_a_runner_up_beside_the_champion_is_a_second_look_at_it() -> None:
    """What cannot be told from the champion says with it how high the champion lies: luck of one counts half."""
    losses = [3.0, 1.0, 4.0, 4.0, 4.0, 4.0]
    assert level(SPACE, POINTS, losses) == 3.0
    beside = (CHAMPION, {"x": 0.501, "y": 0.499}, *NEIGHBOURS)
    assert level(SPACE, beside, losses) == 2.0


def test_at_a_bound_the_neighbours_lie_inside() -> None:
    """The best is a corner: what lies outside cannot be trained."""
    searcher = searched(SPACE, lambda point: float(point["x"]) + float(point["y"]))
    points = points_of(searcher, champion={"x": 0.0, "y": 0.0})
    assert len(points) > 1
    for point in points:
        assert SPACE.check_point(point) == point


MIXED = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-5, "high": 1.0, "scale": "log"},
        "layers": {"type": "int", "low": 1, "high": 4},
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
        "momentum": {
            "type": "float",
            "low": 0.5,
            "high": 0.999,
            "scale": "reverse_log",
            "when": {"solver": ["sgd"]},
        },
    }
)


def mixed(point: Params) -> float:
    loss = abs(math.log10(float(point["lr"])) + 3) / 2 + abs(int(point["layers"]) - 2)
    return loss + (2.0 if point["solver"] == "sgd" else 0.0)


def test_a_neighbour_of_another_category_is_a_whole_point() -> None:
    """What the other choice brings with it gets a value, what it does without is left out."""
    searcher = searched(MIXED, mixed)
    points = points_of(searcher, noise=0.01)
    assert any(point["solver"] == "sgd" and "momentum" in point for point in points[1:])
    for point in points:
        assert MIXED.check_point(point) == point


def test_whole_numbers_move_by_one_at_least() -> None:
    layers = [point["layers"] for point in points_of(searched(MIXED, mixed), noise=1e-6)]
    assert len(set(layers)) > 1


@pytest.mark.parametrize("strategy", ["random", "zoom"])
def test_few_or_no_results_are_enough_for_points(strategy: str) -> None:
    """Before anything is known of importance, the order of tiers and of the space is what there is."""
    settings = Settings("maximize", strategy, 0)
    points = points_to_check(SPACE, settings, Box.whole(SPACE), [], CHAMPION, 10)
    assert len(points) == 5


def test_the_box_of_tuning_again_is_the_last_one_widened() -> None:
    """With all categories, and without the memory of a box too narrow by now."""
    sides = (Interval(0.5, 0.6), Interval(0.2, 0.4), Kept(("sgd",)), Interval(0.0, 0.1))
    last = Round(9, Box(MIXED, sides), "shrink", "It shrank.", memory={"length": 0.1})
    again = reopened(last, "digits")
    assert again.index == 0
    assert again.kind == "reopen"
    assert last.box.inside(again.box)
    assert again.box.side("solver") == Kept(("sgd", "adam"))
    assert "length" not in again.memory
    assert "digits" in again.reason
    settings = Settings("minimize", "zoom", 0)
    assert again.box.contains(propose(MIXED, settings, again, [], [], 0))
