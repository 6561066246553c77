"""The nurse: each of its rules on a made-up curve."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from caviar.panda.nurse import RACES, Act, Limits, Look, Memory, decide
from caviar.panda.races import Race, Runner
from tests.support.nursing import nurse_through

LIMITS = Limits(low=1e-5, high=1.0)
PAST_RACES = Memory(value=0.1, races=len(RACES))
EVERY_THIRD = tuple(range(0, 301, 3))


def look(
    curve: Callable[[int], float], to: int, rate: float = 0.1, wasted: int = 0, planned: int = 300
) -> Look:
    """A training at step ``to`` that reported ``curve`` of each step, with a checkpoint at every third."""
    points = [(step, curve(step)) for step in range(to + 1)]
    kept = [step for step in EVERY_THIRD if step <= to]
    return Look(points, {"learning_rate": rate}, kept, planned, to + wasted)


def level(_: int) -> float:
    """Nothing learned."""
    return 1.0


def valley(loss: float, rate: float, step: int) -> float:
    """A toy that learns in proportion to the learning rate, and blows up beyond 0.3."""
    return loss * (1 - 0.2 * rate) if rate < 0.3 else loss * 1.5


def test_a_loss_that_is_not_finite_goes_back_with_a_lower_value() -> None:
    """To a checkpoint some steps before, as the last one may be spoilt already."""
    memory, act = decide(LIMITS, PAST_RACES, look(lambda s: math.nan if s == 41 else 1.0, 41))
    assert act == Act(
        "rollback",
        {"learning_rate": pytest.approx(0.1 / 3)},
        "the metric is not finite at step 41: back to step 33 with learning_rate 0.0333",
        33,
    )
    assert memory.ceiling == 0.1


def test_a_finite_loss_far_above_its_start_is_a_divergence_too() -> None:
    """A loss of 1 that has come to 50 will not come back."""
    _, act = decide(LIMITS, PAST_RACES, look(lambda s: 1.0 if s < 40 else 50.0, 42))
    assert act is not None
    assert act.kind == "rollback"
    assert "far worse than where it began" in act.reason


def test_a_divergence_that_comes_again_goes_back_farther() -> None:
    """Twice as far each time, with a third of the value again."""
    bad = look(lambda s: math.nan if s == 100 else 1.0, 100)
    memory, first = decide(LIMITS, PAST_RACES, bad)
    assert first is not None
    again = replace(bad, params=first.params)
    _, second = decide(LIMITS, memory, again)
    assert second is not None
    assert (first.to_step, second.to_step) == (93, 87)
    assert second.params["learning_rate"] == pytest.approx(0.1 / 9)


def test_a_divergence_at_the_lowest_value_is_left_alone() -> None:
    """There is nothing left that the nurse may do."""
    limits = Limits(low=0.1, high=1.0)
    _, act = decide(limits, PAST_RACES, look(lambda s: math.nan if s == 41 else 1.0, 41))
    assert act is None


def test_without_a_checkpoint_in_reach_a_nan_is_left_alone() -> None:
    """All steps that may be wasted are gone: the weights are lost, a new value would not mend them."""
    bad = look(lambda s: math.nan if s == 41 else 1.0, 41, wasted=90)
    assert decide(LIMITS, PAST_RACES, bad)[1] is None


def test_a_rate_that_is_ten_times_too_low_is_found_by_a_race() -> None:
    """From 0.01 up to 0.1, which is the best decade; one more blows up and is not tried again."""
    run = nurse_through(valley, 0.01, LIMITS)
    assert [act.params["learning_rate"] for _, _, act in run.acts[:3]] == [
        pytest.approx(rate) for rate in (0.1, 1.0, 0.1)
    ]
    assert "did best from step 0" in run.acts[2][2].reason
    assert run.points[-1][1] < 0.1 * 0.998**300


def test_a_rate_that_is_ten_times_too_high_is_found_by_a_race() -> None:
    """From 1.0, which blows up, down to 0.1; 0.01 is worse again."""
    run = nurse_through(valley, 1.0, LIMITS)
    assert run.acts[0][2].params == {"learning_rate": pytest.approx(0.1)}
    assert run.points[-1][1] < 0.1


def test_of_values_that_did_not_learn_yet_the_higher_one_is_kept() -> None:
    """A loss that stands still at first says nothing against speed."""
    race = Race("refine", 0, 12, 1.0, (Runner(0.1, 1.01), Runner(0.033, 1.0)))
    assert race.best().value == 0.1


def test_of_values_that_learned_as_much_the_lower_one_is_kept() -> None:
    """It has less to lose later."""
    race = Race("refine", 0, 12, 1.0, (Runner(0.1, 0.5), Runner(0.033, 0.505)))
    assert race.best().value == 0.033


def test_a_value_that_is_far_behind_at_half_of_its_window_is_given_up() -> None:
    """It would only waste the other half."""
    race = Race("refine", 0, 12, 1.0, (Runner(0.1, 0.5, 0.001, half=0.7),))
    memory = Memory(value=0.1 / 3, race=race, races=2)
    _, act = decide(LIMITS, memory, look(lambda s: 1 - 0.01 * s, 6, rate=0.1 / 3))
    assert act is not None
    assert (act.to_step, act.params) == (0, {"learning_rate": 0.1})
    assert act.reason == "learning_rate 0.1 did best from step 0: 0.5, given up with 0.0333"


def test_a_curve_that_rises_goes_back_to_where_it_was_best() -> None:
    """With a third of the value: it would rise again otherwise."""
    _, act = decide(LIMITS, PAST_RACES, look(lambda s: 0.2 + abs(s - 60) / 100, 80))
    assert act is not None
    assert act.kind == "rollback"
    assert act.to_step == 63
    assert act.params == {"learning_rate": pytest.approx(0.1 / 3)}
    assert act.reason.startswith("the metric went from 0.2233 to 0.36")


def test_a_curve_that_rises_out_of_reach_is_at_least_slowed_down() -> None:
    """Where too many steps are wasted already, only the value changes."""
    rising = look(lambda s: 0.2 + abs(s - 60) / 100, 80, wasted=80)
    _, act = decide(LIMITS, PAST_RACES, rising)
    assert act is not None
    assert act.kind == "set"
    assert act.params == {"learning_rate": pytest.approx(0.1 / 3)}


def flat(step: int) -> float:
    """Falls for 60 steps, then stands still."""
    return max(1 - step / 100, 0.4)


def test_a_curve_that_stands_still_gets_a_try_of_a_lower_value() -> None:
    """For a window, from here on."""
    memory, act = decide(LIMITS, PAST_RACES, look(flat, 120))
    assert act is not None
    assert act.kind == "set"
    assert act.params == {"learning_rate": pytest.approx(0.1 / 3)}
    assert act.reason == "no progress for 60 steps: learning_rate 0.0333 for 12 steps"
    assert memory.needs == 120


@pytest.mark.parametrize("after", [0.3, 0.5])
def test_a_try_is_kept_if_it_helped_and_taken_back_if_not(after: float) -> None:
    """Against the window before it; what was trained since is wasted only if it did not help."""
    memory, act = decide(LIMITS, PAST_RACES, look(flat, 120))
    assert act is not None
    tried = look(lambda s: flat(s) if s <= 120 else after, 132, rate=act.params["learning_rate"])
    memory, act = decide(LIMITS, memory, tried)
    if after == 0.3:
        assert act is None
        assert memory.value == pytest.approx(0.1 / 3)
    else:
        assert act is not None
        assert (act.kind, act.to_step, act.params["learning_rate"]) == ("rollback", 120, 0.1)
        assert "did not help" in act.reason


def test_a_loss_that_has_not_fallen_yet_does_not_stand_still() -> None:
    """A lower value would only make a slow start slower."""
    assert decide(LIMITS, PAST_RACES, look(level, 120))[1] is None


def test_near_the_end_a_lower_value_is_tried_while_the_curve_still_falls() -> None:
    """What is left of the training is too short to lose much by being slow."""
    _, early = decide(LIMITS, PAST_RACES, look(lambda s: 1 - s / 400, 237))
    _, late = decide(LIMITS, PAST_RACES, look(lambda s: 1 - s / 400, 240))
    assert early is None
    assert late is not None
    assert late.reason == "near the end: learning_rate 0.0333 for 9 steps"


def test_a_change_by_a_person_is_the_new_value_and_is_left_alone_for_a_while() -> None:
    """No race begins from it, and what stands still may do so for a tenth of the length."""
    memory, act = decide(LIMITS, PAST_RACES, look(flat, 120, rate=0.05))
    assert (memory.value, act) == (0.05, None)
    memory, act = decide(LIMITS, memory, look(flat, 147, rate=0.05))
    assert act is None
    memory, act = decide(LIMITS, memory, look(flat, 156, rate=0.05))
    assert act is not None
    assert act.params == {"learning_rate": pytest.approx(0.05 / 3)}


def test_a_change_by_a_person_ends_a_race() -> None:
    """Whatever the race was about, the person has decided."""
    race = Race("jump", 0, 3, 1.0, (Runner(0.1, 0.5),))
    memory, act = decide(LIMITS, Memory(0.1, race, 1), look(level, 5, rate=0.02))
    assert act is None
    assert memory.race is None
    assert memory.races == len(RACES)


@pytest.mark.parametrize("step", [30, 90])
def test_a_race_that_nobody_watched_is_over(step: int) -> None:
    """After a rollback by a person, or a time switched off, its windows say nothing any more."""
    race = Race("try", 36, 12, 1.0, (Runner(0.3, 0.5),))
    memory, act = decide(LIMITS, replace(PAST_RACES, race=race), look(lambda s: 1 - s / 400, step))
    assert memory.race is None
    assert act is None


def test_a_person_s_value_above_the_limits_is_brought_within_them_by_a_cut() -> None:
    """A third of it may still be too much."""
    above = look(lambda s: math.nan if s == 41 else 1.0, 41, rate=9.0)
    _, act = decide(LIMITS, replace(PAST_RACES, value=9.0), above)
    assert act is not None
    assert act.params == {"learning_rate": 1.0}


def test_a_person_s_value_that_diverges_is_rescued_at_once() -> None:
    """Leaving alone does not mean to look on."""
    memory, _ = decide(LIMITS, PAST_RACES, look(flat, 120, rate=0.5))
    _, act = decide(LIMITS, memory, look(lambda s: math.nan if s == 123 else 1.0, 123, rate=0.5))
    assert act is not None
    assert act.kind == "rollback"


def test_a_nurse_that_comes_late_tries_only_whether_higher_is_better() -> None:
    """And keeps it only if that is clear: noise that falls would make any lower value look good."""
    memory, act = decide(LIMITS, Memory(), look(lambda s: 1 - s / 1000, 150, rate=0.001))
    assert act is not None
    assert act.params == {"learning_rate": pytest.approx(0.003)}
    assert memory.race is not None
    assert memory.race.kind == "raise"


def test_a_metric_to_be_maximised_is_nursed_alike() -> None:
    """The acts are those of the negated curve."""
    up = replace(LIMITS, goal="maximize")
    down_run = nurse_through(lambda x, rate, s: x - rate / (1 + s), 0.01, LIMITS)
    up_run = nurse_through(lambda x, rate, s: x + rate / (1 + s), 0.01, up, first=-1.0)
    assert [(s, t, a.kind, a.params) for s, t, a in down_run.acts] == [
        (s, t, a.kind, a.params) for s, t, a in up_run.acts
    ]


def test_its_memory_survives_a_restart_at_any_step() -> None:
    """Through JSON, also in the middle of a race with a value that was given up."""
    assert nurse_through(valley, 0.01, LIMITS, restarts=True).acts == (
        nurse_through(valley, 0.01, LIMITS).acts
    )
    race = Race("jump", 0, 3, 1.0, (Runner(0.1, math.inf), Runner(0.01, 0.5)))
    memory = Memory(0.01, race, races=1, ceiling=0.1)
    text = json.dumps(memory.to_json(), allow_nan=False)
    assert Memory.from_json(json.loads(text)) == memory


def test_in_the_middle_of_a_race_it_knows_the_best_value_so_far() -> None:
    """So that switching it off then does not leave a mere try in effect."""
    race = Race("jump", 0, 3, 1.0, (Runner(0.1, 0.5), Runner(1.0, math.inf)))
    assert Memory(value=0.01, race=race).standing == 0.1
    assert Memory(value=0.01).standing == 0.01


def test_a_training_of_few_reports_is_left_alone() -> None:
    """Three reports make a window: with ten in all there is no room for a race."""
    assert nurse_through(valley, 0.01, LIMITS, planned=10, every=1).acts == []


def test_before_the_first_report_there_is_nothing_to_do() -> None:
    """Nothing is known yet, not even the value."""
    assert decide(LIMITS, Memory(), Look([], {"learning_rate": 0.1}, [], 300, 0)) == (
        Memory(),
        None,
    )


@pytest.mark.parametrize(
    "low, high, waste", [(0.0, 1.0, 0.3), (1.0, 0.1, 0.3), (0.1, math.inf, 0.3), (0.1, 1.0, -1.0)]
)
def test_limits_that_make_no_sense_are_refused(low: float, high: float, waste: float) -> None:
    """When they are made, not in the middle of a training."""
    with pytest.raises(ValueError):
        Limits(low=low, high=high, waste=waste)
