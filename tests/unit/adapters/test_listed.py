"""A table of trials: the database filters, sorts and cuts it as Python would, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from caviar.adapters.sql import Store, TrialRow
from caviar.errors import InputError

Filled = tuple[Store, str]
SORTS: dict[str, Callable[[TrialRow], Any]] = {
    "number": lambda row: row.number,
    "value": lambda row: row.value,
    "seconds": lambda row: row.seconds,
    "ended": lambda row: row.ended,
    "round": lambda row: row.round,
    "param:learning_rate": lambda row: row.params.get("learning_rate"),
    "param:momentum": lambda row: row.params.get("momentum"),
    "param:layers": lambda row: row.params.get("layers"),
    "param:optimizer": lambda row: row.params.get("optimizer"),
    "metric:test_accuracy": lambda row: row.metrics.get("test_accuracy"),
    "metric:val/loss": lambda row: row.metrics.get("val/loss"),
}


def in_order(
    rows: list[TrialRow], key: Callable[[TrialRow], Any], descending: bool = False
) -> list[int]:
    """By the key, those without one last, equals by number."""
    having = sorted((row for row in rows if key(row) is not None), key=lambda row: row.number)
    rest = sorted(row.number for row in rows if key(row) is None)
    return [row.number for row in sorted(having, key=key, reverse=descending)] + rest


def nothing(_row: TrialRow) -> bool:
    return False


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_it_is_sorted_by_what_is_asked_for(filled: Filled, sort: str, descending: bool) -> None:
    """Numbers as numbers and words as words; a trial without it (inactive, failed, not measured) is last either way."""
    store, study = filled
    rows, total = store.listed(study, sort=sort, descending=descending, limit=1000)
    wanted = in_order(store.trials(study), SORTS[sort], descending)
    assert total == 400
    assert [row.number for row in rows] == wanted


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({"states": ["failed", "quarantined"]}, lambda row: row.state in ("failed", "quarantined")),
        ({"states": []}, nothing),
        ({"kinds": ["confirm"]}, lambda row: row.kind == "confirm"),
        ({"round": 3}, lambda row: row.round == 3),
        ({"states": ["done"], "round": 3}, lambda row: row.round == 3 and row.state == "done"),
        ({"text": "GPU-3"}, lambda row: row.host == "gpu-3.example"),
        ({"text": "not a finite"}, lambda row: "not a finite" in row.error),
        ({"text": '"lamb"'}, nothing),
        ({"text": "lamb"}, lambda row: row.params["optimizer"] == "lamb"),
        ({"text": "100%"}, nothing),
    ],
)
def test_it_shows_those_that_are_asked_for(
    filled: Filled, given: dict[str, Any], holds: Callable[[TrialRow], bool]
) -> None:
    """By state, kind, round and text; the total counts what is left, not what is on the page."""
    store, study = filled
    wanted = [row.number for row in store.trials(study) if holds(row)]
    rows, total = store.listed(study, **given, limit=7)
    assert total == len(wanted)
    assert [row.number for row in rows] == wanted[:7]


def test_a_number_finds_its_trial(filled: Filled) -> None:
    """Digits alone are a trial's number, beside all that has these digits somewhere."""
    store, study = filled
    rows, _ = store.listed(study, text="399", limit=400)
    assert 399 in [row.number for row in rows]


def test_pages_are_the_whole_without_gap_or_double(filled: Filled) -> None:
    """Page by page it is the same list, and behind its end there is nothing."""
    store, study = filled
    whole = [row.number for row in store.listed(study, sort="value", limit=400)[0]]
    paged = [
        row.number
        for offset in range(0, 450, 45)
        for row in store.listed(study, sort="value", offset=offset, limit=45)[0]
    ]
    assert paged == whole


def test_rows_come_without_their_output(filled: Filled) -> None:
    """It is most of a row, and no table shows it."""
    store, study = filled
    assert {row.output for row in store.listed(study)[0]} == {""}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sort": "param:learnin_rate"}, "Did you mean param:learning_rate?"),
        ({"sort": "nonce"}, "cannot be sorted by 'nonce'"),
        ({"sort": "metric:"}, "cannot be sorted"),
        ({"sort": """metric:a"') --"""}, "cannot be sorted"),
        ({"sort": "param:"}, "cannot be sorted"),
        ({"text": "a\0b"}, "no NUL"),
        ({"text": "x" * 201}, "at most 200"),
        ({"round": 2**40}, "there is no round"),
        ({"offset": -1}, "begins at 0"),
        ({"limit": 0}, "begins at 0"),
    ],
)
def test_what_it_cannot_do_is_said(filled: Filled, given: dict[str, Any], said: str) -> None:
    """Not a database's error, and nothing of a name reaches its language."""
    store, study = filled
    with pytest.raises(InputError) as caught:
        store.listed(study, **given)
    assert said in str(caught.value)


def test_a_study_that_is_not_there_has_no_table(filled: Filled) -> None:
    """The others' names say nothing of it."""
    with pytest.raises(InputError, match="there is no study nowhere"):
        filled[0].listed("nowhere")
