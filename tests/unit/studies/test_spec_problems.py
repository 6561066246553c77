"""The study file: what it says when it is wrong. Each problem has a place, a line, a reason and a way out."""

from __future__ import annotations

import pytest

from caviar.errors import InputError, Problem
from caviar.studies.spec import load_study

RIGHT = """name: small
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space:
  lr: {type: float, low: 1.0e-4, high: 1.0, scale: log}
  kind: {type: categorical, choices: [a, b]}
  only: {type: int, low: 1, high: 9, when: {kind: [a]}}
budget: {trials: 10}
"""


def problems(text: str) -> list[Problem]:
    with pytest.raises(InputError) as raised:
        load_study(text)
    return raised.value.problems


@pytest.mark.parametrize(
    "before, after, place, line, words",
    [
        ("trials: 10", f"trials: 0x{'f' * 5_000}", "budget.trials", 8, "not a number"),
        ("trials: 10", "trials: 10, slot_hours: 0", "budget.slot_hours", 8, "not above 0"),
        ("trials: 10", "trials: 10, gpu_hours: many", "budget.gpu_hours", 8, "a number"),
        (
            "budget:",
            "resources: {share_gpu: 1}\nbudget:",
            "resources.share_gpu",
            8,
            "true or false",
        ),
        ("budget:", "priority: 10\nbudget:", "priority", 8, "outside 0 to 9"),
        (
            "budget:",
            "resources: {preemptible: maybe}\nbudget:",
            "resources.preemptible",
            8,
            "true or false",
        ),
        ("name: small", "nmae: small", "nmae", 1, "did you mean name?"),
        ("name: small", "name: 'a b'", "name", 1, "letters"),
        ("name: small", "name: 3", "name", 1, "quotes"),
        ("name: small", "name:", "name", 1, "not nothing"),
        ("name: small", "name: ''", "name", 1, "not nothing"),
        ("goal: minimize", "goal: minimise", "metric.goal", 2, "did you mean minimize?"),
        ("name: loss, ", "", "metric.name", 2, "missing"),
        ("{name: loss, goal: minimize}", "loss", "metric", 2, "not text"),
        ("{name: loss, goal: minimize}", "{}", "metric", 2, "empty"),
        ("train:main", "train.py:main", "trainer.function", 3, 'did you mean "train:main"?'),
        ("train:main", "pkg/train.main", "trainer.function", 3, 'did you mean "pkg.train:main"?'),
        ("train:main", "rm -rf", "trainer.function", 3, "digits:train"),
        ('function: "train:main"', "command: python train.py", "trainer.command", 3, "list"),
        (
            'function: "train:main"',
            'command: [x, "{lrr}"]',
            "trainer.command",
            3,
            "space has kind, lr",
        ),
        ('function: "train:main"', 'command: [x, "{only}"]', "trainer.command", 3, "CAVIAR_PARAMS"),
        ('function: "train:main"', "command: [x, [y]]", "trainer.command", 3, "quotes"),
        ('{function: "train:main"}', '{function: "a:b", command: [c]}', "trainer", 3, "not both"),
        ('{function: "train:main"}', "{fun: x}", "trainer.fun", 3, "did you mean function?"),
        ("low: 1.0e-4", "low: 0", "space.lr.low", 5, "log"),
        ("low: 1.0e-4", "low: 2", "space.lr.low", 5, ""),
        ("scale: log", "scale: lgo", "space.lr.scale", 5, "did you mean log?"),
        ("trials: 10", "trials: 0", "budget.trials", 8, "outside 1 to 1,000,000"),
        ("trials: 10", "trials: 2000000", "budget.trials", 8, "outside"),
        ("trials: 10", "trials: ten", "budget.trials", 8, "whole number"),
        ("trials: 10", "trials: true", "budget.trials", 8, "whole number"),
        ("trials: 10", "hours: 1", "budget.trials", 8, "missing"),
        ("trials: 10", "trials: 10, hours: 0", "budget.hours", 8, "above 0"),
        ("trials: 10", "trials: 10, target: .nan", "budget.target", 8, "finite"),
        ("trials: 10", "trials: 10, target: x", "budget.target", 8, "number"),
        ("budget:", "resources: {class: GPU}\nbudget:", "resources.class", 8, "lower-case"),
        ("budget:", "resources: {slots: 0}\nbudget:", "resources.slots", 8, "outside"),
        ("budget:", "resources: {slots: 2}\nbudget:", "resources.slots", 8, "one slot"),
        ("budget:", "search: {strategy: zom}\nbudget:", "search.strategy", 8, "did you mean zoom?"),
        ("budget:", "search: {seed: -1}\nbudget:", "search.seed", 8, "outside"),
        ("budget:", "search: zoom\nbudget:", "search", 8, "mapping"),
        ("budget:", "stop: non\nbudget:", "stop", 8, "did you mean none?"),
        ("budget:", "stop: false\nbudget:", "stop", 8, "stop: none"),
        ("budget:", "stop: {rule: hyperband}\nbudget:", "stop.rule", 8, "not known"),
        ("budget:", "stop: {reduction: 1}\nbudget:", "stop.reduction", 8, "outside 2 to 16"),
        ("budget:", "stop: {min_steps: 0}\nbudget:", "stop.min_steps", 8, "outside 1"),
        ("budget:", "stop: {min_step: 3}\nbudget:", "stop.min_step", 8, "did you mean min_steps?"),
        ("budget:", "checkpoints: {keep: 0}\nbudget:", "checkpoints.keep", 8, "outside 1 to 100"),
        ("budget:", "checkpoints: {after: kep}\nbudget:", "checkpoints.after", 8, "mean keep?"),
        ("budget:", "checkpoints: keep\nbudget:", "checkpoints", 8, "mapping"),
        ("budget:", "checkpoints: {last: 1}\nbudget:", "checkpoints.last", 8, "no such key"),
        ("budget:", "confirm: 21\nbudget:", "confirm", 8, "outside 0 to 20"),
        ("budget:", "confirm: 4\nbudget:", "confirm", 8, "a budget of 12 trials"),
        ("budget:", "constraints: 3\nbudget:", "constraints", 8, "mapping"),
        ("budget:", "constraints: {ms: 3}\nbudget:", "constraints.ms", 8, "mapping"),
        ("budget:", "constraints: {ms: {}}\nbudget:", "constraints.ms", 8, "nothing bounds"),
        ("budget:", "constraints: {ms: {max:}}\nbudget:", "constraints.ms", 8, "nothing bounds"),
        (
            "budget:",
            "constraints: {ms: {mx: 3}}\nbudget:",
            "constraints.ms.mx",
            8,
            "did you mean max?",
        ),
        ("budget:", "constraints: {ms: {max: x}}\nbudget:", "constraints.ms.max", 8, "number"),
        (
            "budget:",
            "constraints: {ms: {min: 2, max: 1}}\nbudget:",
            "constraints.ms",
            8,
            "between 2 and 1",
        ),
        ("budget:", "constraints: {loss: {max: 1}}\nbudget:", "constraints.loss", 8, "is tuned"),
        ("budget:", "constraints: {'*': {max: 1}}\nbudget:", "constraints.*", 8, "latency_ms"),
    ],
)
def test_a_mistake_is_refused_at_its_place(
    before: str, after: str, place: str, line: int, words: str
) -> None:
    """One mistake in an otherwise right file."""
    found = problems(RIGHT.replace(before, after, 1))
    at_place = [problem for problem in found if ".".join(problem.path) == place]
    assert at_place, [str(problem) for problem in found]
    assert at_place[0].line == line
    assert words in str(at_place[0]).lower() or words in str(at_place[0])


@pytest.mark.parametrize("section", ["metric", "trainer", "space", "budget"])
def test_a_missing_section_comes_with_an_example(section: str) -> None:
    """Only search and resources may be left out."""
    lines = RIGHT.splitlines(keepends=True)
    kept = [
        line
        for line in lines
        if not line.startswith(section) and not (section == "space" and line.startswith("  "))
    ]
    (problem,) = problems("".join(kept))
    assert problem.path == (section,)
    assert "missing" in problem.reason
    assert section in problem.way_out


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    """Nobody corrects a file one error at a time."""
    text = RIGHT.replace("minimize", "less").replace("1.0e-4", "0").replace("10", "0")
    assert [problem.line for problem in problems(text)] == [2, 5, 8]
