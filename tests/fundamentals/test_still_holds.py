"""Whether last month's hyperparameters still hold: rivals on the same data, luck left out, few trainings."""

import random

from caviar.search import checking
from caviar.search.checking import Terms, Training
from caviar.space import Space
from caviar.studies.rechecking import next_due
from caviar.studies.spec import load_study

SPACE = Space.parse({"x": {"type": "float", "low": -1.0, "high": 1.0}})
NOISE = 0.01
CHAMPION = {"x": 0.3}
RIVALS = ({"x": 0.32}, {"x": 0.1}, {"x": 0.5})
TERMS = Terms("minimize", (CHAMPION, *RIVALS), trials=10, noise=NOISE, freedom=6)


def check(optimum, level=0.0, seed=0):
    """Train what the check asks for, one after the other, until it says something."""
    trainings = []
    while (wanted := checking.next_training(SPACE, TERMS, trainings)) is not None:
        point, again = wanted
        luck = random.Random(f"{seed}:{again}:{point['x']}").gauss(0.0, NOISE)
        value = (point["x"] - optimum) ** 2 + level + luck
        trainings.append(Training(point, again, over=True, value=value))
    return checking.verdict(SPACE, TERMS, trainings)


def test_worse_for_everybody_is_not_moved():
    """On harder data all values are worse. The champion is still the best of them."""
    assert check(optimum=0.3, level=5.0).word == "holds"


def test_an_optimum_that_moved_is_seen_with_how_much_there_is_to_gain():
    """Where, by how much, and how surely: the whole interval of the gain is above 0."""
    found = check(optimum=0.6)
    assert found.word == "moved"
    assert 0 < found.low < found.effect < found.high
    assert found.challenger["x"] > CHAMPION["x"]
    assert found.drifts[0].parameter == "x"


def test_what_is_clear_costs_few_trainings():
    """It stops as soon as the evidence suffices, and never goes beyond what it may cost."""
    assert check(optimum=0.6).trainings < 10
    assert max(check(optimum=0.32, seed=seed).trainings for seed in range(20)) <= 10


def test_luck_is_seldom_taken_for_a_move():
    """A rival that is as good as the champion wins about every second first look. Of 200 checks, 10 may be wrong."""
    said = [check(optimum=0.31, seed=seed).word for seed in range(200)]
    assert said.count("moved") <= 10
    assert said.count("holds") > 100


def test_when_a_check_is_due_stands_in_the_study_file():
    """A time that was missed is made up for once: the next one counts from now."""
    study = load_study(
        """
name: churn
metric: {name: loss, goal: minimize}
trainer: {function: "churn:train"}
space: {x: {type: float, low: 0.0, high: 1.0}}
budget: {trials: 60}
recheck: {cron: "0 6 * * MON", data: {file: train.csv}, when_moved: propose}
"""
    )
    monday_at_six = 1_783_317_600.0
    assert next_due(study.recheck, after=monday_at_six - 1) == monday_at_six
    assert next_due(study.recheck, after=monday_at_six) == monday_at_six + 7 * 86_400
