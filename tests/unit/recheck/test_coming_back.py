"""What ``recheck.json`` may say when a study comes back from MLflow, where anybody of its team may write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from caviar.recheck.entry import entry_of
from caviar.studies.spec import load_study
from caviar.upkeep.checking import Damaged, read_recheck

SPACE = load_study("""
name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space: {x: {type: float, low: 0.0, high: 1.0}}
budget: {trials: 5}
""").space
CHAMPION = {
    **{"number": 1, "state": "former", "params": {"x": 0.5}, "study": "a1", "trial": 3},
    **{"run_id": "r", "value": 0.5, "created": 1.7e9, "decided": 1.7e9, "by": "caviar"},
}
VERDICT = {"word": "moved", "effect": 0.1, "low": 0.0, "high": 0.2, "challenger": {"x": 0.6}}
CHECK = {
    **{"number": 1, "state": "ended", "causes": ["signal"], "champion": 1, "asked": 1.7e9},
    **{"study": "b2", "verdict": VERDICT},
}


def read(champions: list[dict[str, Any]], checks: list[dict[str, Any]]) -> Any:
    text = json.dumps({"champions": champions, "checks": checks})
    return read_recheck(text.encode(), "a1", SPACE)


def test_what_the_service_wrote_comes_back() -> None:
    """And what it writes of a study without any of it."""
    _, champions, checks = read([CHAMPION], [CHECK])
    assert read([CHAMPION | {"value": -1e200, "trial": 0}], [])
    assert (champions[0].found_in, checks[0].check_study) == ("a1", "b2")
    assert read_recheck(entry_of(None, (), ()).model_dump_json().encode(), "a1", SPACE)[1:] == (
        [],
        [],
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": "a" * 256},
        {"why": "a\0b"},
        {"run_id": "r" * 65},
        {"study": "s" * 65},
        {"data_version": "v" * 201},
        {"number": 2**31},
        {"trial": -1},
        {"created": 1e300},
        {"decided": -1.0},
        {"value": float("inf")},
        {"params": {"x": 7.0}},
    ],
)
def test_what_no_database_takes_is_refused(wrong: dict[str, Any]) -> None:
    """One study's file would end the return of all, or every later turn that draws it."""
    with pytest.raises(Damaged):
        read([CHAMPION | wrong], [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"asked": float("nan")},
        {"retuned": "s" * 65},
        {"champion": 2**40},
        {"verdict": VERDICT | {"effect": float("inf")}},
        {"verdict": VERDICT | {"challenger": {"y": 1.0}}},
        {"verdict": VERDICT | {"trainings": 2**80}},
    ],
)
def test_so_is_a_check(wrong: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        read([], [CHECK | wrong])


def test_one_trial_is_one_champion() -> None:
    """The store has them so, and would end the return of all studies."""
    with pytest.raises(Damaged, match="one trial"):
        read([CHAMPION, CHAMPION | {"number": 2}], [])
