"""The study file's warm_start: what it takes, and what it says when it is wrong."""

from __future__ import annotations

import pytest

from caviar.errors import InputError
from caviar.studies.spec import WarmStart, load_study

STUDY = """name: small
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space:
  lr: {type: float, low: 1.0e-4, high: 1.0, scale: log}
  units: {type: int, low: 16, high: 256, default: 64}
budget: {trials: 3}
"""


def problems(section: str) -> dict[str, tuple[int | None, str]]:
    """Place -> (line, the whole message)."""
    with pytest.raises(InputError) as raised:
        load_study(STUDY + section)
    return {".".join(p.path): (p.line, str(p)) for p in raised.value.problems}


def test_a_study_without_it_starts_cold() -> None:
    """Nothing is read from anywhere unless it is named."""
    assert load_study(STUDY).warm_start == WarmStart()


def test_the_three_ways() -> None:
    """Studies, MLflow experiments, points; a point's missing values take their defaults."""
    study = load_study(
        STUDY + "warm_start:\n  studies: [small, abc123]\n  experiments: [Team vision]\n"
        "  points: [{lr: 0.01}, {lr: 0.1, units: 128}]\n"
    )
    assert study.warm_start == WarmStart(
        studies=("small", "abc123"),
        experiments=("Team vision",),
        points=({"lr": 0.01, "units": 64}, {"lr": 0.1, "units": 128}),
    )


def test_every_wrong_point_is_named_with_its_line() -> None:
    """All of them at once, each value by its own place."""
    found = problems("warm_start:\n  points:\n    - {lr: 7}\n    - {rl: 0.1}\n    - 3\n")
    assert found["warm_start.points.0.lr"][0] == 10
    assert "outside [0.0001, 1]" in found["warm_start.points.0.lr"][1]
    assert "Did you mean lr?" in found["warm_start.points.1.rl"][1]
    assert found["warm_start.points.2"][0] == 12


@pytest.mark.parametrize(
    "section, place, words",
    [
        ("warm_start: small", "warm_start", "a mapping belongs here"),
        ("warm_start: {study: [a]}", "warm_start.study", "Did you mean studies?"),
        ("warm_start: {studies: small}", "warm_start.studies", "a list of names"),
        ("warm_start: {studies: [3]}", "warm_start.studies", "Put it in quotes."),
        ("warm_start: {experiments: ['']}", "warm_start.experiments", "a name is text"),
        ("warm_start: {points: {lr: 0.1}}", "warm_start.points", "a list of points"),
        ("warm_start: {points: [{units: 32}]}", "warm_start.points.0.lr", "missing"),
        (
            "warm_start: {points: [{lr: 0.1}, {lr: 0.1, units: 64}]}",
            "warm_start.points.1",
            "the same point as number 1",
        ),
        (
            "warm_start: {points: [{lr: 0.1}, {lr: 0.2}, {lr: 0.3}, {lr: 0.4}]}",
            "warm_start.points",
            "4 points, but the budget is 3 trials",
        ),
    ],
)
def test_what_is_wrong_is_said(section: str, place: str, words: str) -> None:
    """The place, the reason, and where there is one the way out."""
    assert words in problems(section + "\n")[place][1]


def test_a_strategy_that_does_not_learn_from_it_is_warned_of() -> None:
    """Random search takes no advice; the points are trained all the same."""
    section = "search: {strategy: random}\nwarm_start: {studies: [a], points: [{lr: 0.1}]}\n"
    (warning,) = load_study(STUDY + section).warnings
    assert warning.startswith("random does not learn from results elsewhere")
    assert load_study(STUDY + section.replace("studies: [a], ", "")).warnings == ()
