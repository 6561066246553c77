"""Trials that fall behind end early: at a few steps each is compared with all that were there before it."""

from __future__ import annotations

import random
from pathlib import Path

from caviar.contract.halving import goes_on, rungs
from caviar.contract.messages import StopRule
from caviar_worker import Trial
from caviar_worker.folders import AttemptFolder
from caviar_worker.rungs import Climb, keep_rule


def test_rungs_lie_at_about_a_third_and_a_ninth_of_a_training() -> None:
    """After 3 and 9 of 40 steps, and after 9 and 27 of 81, whether a trainer counts from 0 or from 1."""
    assert rungs(reduction=3, first=1, last=40) == (3, 9)
    assert rungs(reduction=3, first=0, last=39) == (2, 8)
    assert rungs(reduction=3, first=1, last=81) == (9, 27)


def test_the_best_third_goes_on() -> None:
    """Among 6 values the best two, and whoever comes first at a rung: there is nothing to compare it with."""
    others = [0.70, 0.75, 0.80, 0.85, 0.90]
    assert goes_on(0.86, others, reduction=3, goal="maximize")
    assert not goes_on(0.84, others, reduction=3, goal="maximize")
    assert goes_on(0.10, [], reduction=3, goal="maximize")


def test_most_of_the_training_is_saved_and_a_good_trial_is_found() -> None:
    """100 trials whose order at a step already says something about the end: half of the steps is enough."""
    chance = random.Random(0)
    known: dict[int, list[float]] = {rung: [] for rung in rungs(3, first=1, last=40)}
    steps, whole, all_of_them = 0, [], []
    for _ in range(100):
        quality = chance.random()
        all_of_them.append(quality)
        for rung, others in known.items():
            value = quality * (1 - 1 / rung) + chance.gauss(0, 0.05)
            on = goes_on(value, others, 3, "maximize")
            others.append(value)
            if not on:
                steps += rung
                break
        else:
            steps += 40
            whole.append(quality)
    assert steps < 0.5 * 100 * 40
    assert max(whole) > sorted(all_of_them)[-4]


def test_a_training_function_hears_it_when_it_looks(tmp_path: Path) -> None:
    """`should_stop` turns true in the report that decided it, for nothing had to be asked."""
    folder = AttemptFolder(tmp_path, "study-7", 1)
    folder.path.mkdir(parents=True)
    rule = StopRule(first=1, last=40, rungs=(3, 9), values=((0.8, 0.9), ()))
    keep_rule(tmp_path, "study", rule)
    climb = Climb(folder, "study", "maximize", rule.model_dump(mode="json"))
    trial = Trial(
        params={"learning_rate": 0.5},
        number=7,
        seed=0,
        round=0,
        attempt=1,
        metric="accuracy",
        home=folder.path,
        checkpoints=folder.checkpoints,
        climb=climb,
    )
    for epoch in range(1, 41):
        trial.report(epoch, accuracy=0.1)
        if trial.should_stop():
            break
    assert epoch == 3
