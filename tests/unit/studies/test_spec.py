"""The study file: what it says when it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import Trainer
from caviar.errors import InputError
from caviar.studies.constraints import Constraint
from caviar.studies.source import MAX_BYTES, read_source
from caviar.studies.spec import Budget, Metric, Resources, load_study
from caviar.studies.stopping import Stopping

SMALL = """
name: small
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space:
  lr: {type: float, low: 1.0e-4, high: 1.0, scale: log}
budget: {trials: 10}
"""


def test_everything_that_may_be_left_out_has_a_default() -> None:
    """The project is named after the study; the search is zoom with seed 0 on one slot of class cpu."""
    study = load_study(SMALL)
    assert (study.name, study.project) == ("small", "small")
    assert study.metric == Metric("loss", "minimize")
    assert study.trainer == Trainer(function="train:main")
    assert (study.strategy, study.seed) == ("zoom", 0)
    assert study.budget == Budget(trials=10, hours=None, target=None)
    assert study.resources == Resources("cpu", 1)
    assert study.warnings == ()


def test_everything_can_be_given() -> None:
    """All keys of all sections at once."""
    study = load_study(
        SMALL.replace("name: small", "name: small\nproject: vision")
        .replace('{function: "train:main"}', '{command: [python, train.py, --lr, "{lr}", 3]}')
        .replace("{trials: 10}", "{trials: 10, hours: 1.5, target: 0.01}")
        + "search: {strategy: random, seed: 7}\nresources: {class: gpu-a100, slots: 1}\n"
        "constraints: {latency_ms: {max: 50}, recall: {min: 0.5, max: 1}}\nconfirm: 3\n"
    )
    assert study.project == "vision"
    assert study.trainer.command == ("python", "train.py", "--lr", "{lr}", "3")
    assert (study.strategy, study.seed) == ("random", 7)
    assert study.budget == Budget(10, 1.5, 0.01)
    assert study.resources == Resources("gpu-a100", 1)
    assert study.constraints == (
        Constraint("latency_ms", max=50.0),
        Constraint("recall", min=0.5, max=1.0),
    )
    assert (study.confirm, study.search_trials) == (3, 7)


@pytest.mark.parametrize(
    "section, stopping",
    [
        ("", Stopping("asha", 3, None)),
        ("stop: none\n", Stopping("none")),
        ("stop: asha\n", Stopping("asha")),
        ("stop: {rule: none}\n", Stopping("none")),
        ("stop: {rule: asha, reduction: 4, min_steps: 5}\n", Stopping("asha", 4, 5)),
    ],
)
def test_early_stopping_is_on_unless_the_study_says_no(section: str, stopping: Stopping) -> None:
    """The rule's name alone is enough."""
    assert load_study(SMALL + section).stopping == stopping


def test_layout_and_comments_do_not_change_the_fingerprint() -> None:
    """A study is continued where its content is the same, however it is written."""
    rewritten = SMALL.replace(
        "metric: {name: loss, goal: minimize}", "metric:\n  goal: minimize  # less\n  name: 'loss'"
    )
    assert load_study(rewritten).fingerprint == load_study(SMALL).fingerprint


@pytest.mark.parametrize(
    "before, after",
    [
        ("trials: 10", "trials: 11"),
        ("low: 1.0e-4", "low: 1.0e-3"),
        ("name: small", "name: other"),
    ],
)
def test_content_changes_the_fingerprint(before: str, after: str) -> None:
    """Another budget, range or name is another study."""
    assert load_study(SMALL.replace(before, after)).fingerprint != load_study(SMALL).fingerprint


def test_a_priority_does_not_change_the_fingerprint() -> None:
    """Whoever submits a study again, more urgently, goes on with it."""
    urgent = load_study(SMALL + "priority: 7\n")
    assert (urgent.priority, load_study(SMALL).priority) == (7, 0)
    assert urgent.fingerprint == load_study(SMALL).fingerprint


def test_the_order_of_parameters_changes_the_fingerprint() -> None:
    """It is the order of the search's coordinates: the same seed gives other points."""
    one = SMALL.replace("budget:", "  b: {type: int, low: 1, high: 9}\nbudget:")
    other = SMALL.replace("space:", "space:\n  b: {type: int, low: 1, high: 9}")
    assert load_study(one).fingerprint != load_study(other).fingerprint


def test_values_are_plain_python() -> None:
    """Nothing of the YAML library leaves the reader."""
    data = read_source("a: [1, 2.5e-3, yes, true, ~, 'x', 0x10, 1_000, 2026-01-01, -.inf]").data
    assert data == {"a": [1, 0.0025, "yes", True, None, "x", 16, 1000, "2026-01-01", -float("inf")]}
    assert [type(value) for value in data["a"]] == [
        *(int, float, str, bool, type(None)),
        *(str, int, int, str, float),
    ]


def test_a_missing_place_has_the_line_of_its_nearest_parent() -> None:
    """An error about a key that is not there points at the mapping that lacks it."""
    source = read_source("a: 1\nspace:\n  lr:\n    low: 1\n")
    assert source.line(("space", "lr", "low")) == 4
    assert source.line(("space", "lr", "high")) == 3
    assert source.line(("budget",)) == 1


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("name: &a x\nproject: *a", 1, "anchors"),
        ("name: *a", 1, "anchors"),
        ("name: x\nname: y", 2, "twice, first in line 1"),
        ("name: x\nbudget: [1,", 2, "not YAML"),
        ("name: x\n\tproject: y", 2, "tab"),
        ("a: 1\n---\nb: 2", 2, "another document"),
        ("- a\n- b", 1, "mapping"),
        ("", 1, "mapping"),
        ("a: !!python/name:os.system x", 1, "tag"),
        ("a: !!python/object:os.x {b: 1}", 1, "tag"),
        ("a: " + "[" * 40 + "]" * 40, 1, "levels deep"),
        ('name: "\\x1b[2J"', 1, "control characters"),
        ("a: 1\n? [x]\n: 2", 2, "key"),
        ("a: " + "9" * 5000, 1, "not a number"),
    ],
)
def test_a_hostile_or_broken_file_is_refused_with_its_line(
    text: str, line: int, words: str
) -> None:
    """Before anything is built from it."""
    with pytest.raises(InputError) as raised:
        read_source(text)
    assert raised.value.problems[0].line == line
    assert words in str(raised.value)


def test_a_file_that_is_too_large_is_named() -> None:
    """It has no line to point at."""
    with pytest.raises(InputError, match=r"big\.yaml: the file is larger than 256 KB"):
        load_study("# " + "x" * MAX_BYTES, "big.yaml")


def test_the_example_of_the_repository_is_right() -> None:
    """`make run` starts from it; nothing in it is worth a warning."""
    text = Path("examples/digits/study.yaml").read_text(encoding="utf-8")
    study = load_study(text)
    assert study.budget.trials == 60
    assert study.warnings == ()
    views = study.space.to_views()
    assert {view.tier for view in views} == {1, 2, 3, 4}
    assert {view.scale for view in views} >= {"linear", "log", "reverse_log"}
