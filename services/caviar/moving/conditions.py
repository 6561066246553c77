"""Which condition a parameter had that was not in every trial: Optuna does not store it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ENOUGH = 2
"""Trials with and trials without the parameter: with fewer, chance explains too much."""
MOST_VALUES = 50


def read_condition(
    name: str, trials: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, list[Any]] | None, str]:
    """``{parent: values}`` where the trials show it, and what to say of it; None and an empty text: there is none.

    A parent is a parameter that decides in every trial whether ``name`` was there: no value of it is on both sides.
    """
    having = [trial for trial in trials if name in trial]
    lacking = [trial for trial in trials if trial and name not in trial]
    if not lacking or not having:
        return None, ""
    missing = f"it was in {len(having)} of {len(having) + len(lacking)} trials"
    found: dict[str, list[Any]] = {}
    if len(having) >= ENOUGH and len(lacking) >= ENOUGH:
        for parent in having[0]:
            values = _deciding(parent, name, having, lacking)
            if values:
                found[parent] = values
    if len(found) == 1:
        ((parent, values),) = found.items()
        return found, f"{missing}, those with {parent} {values}: read as its condition"
    if found:
        return None, f"{missing}, and {' or '.join(found)} may decide it: write `when`"
    return None, f"{missing}, and they do not show why: here it is in all; write `when`"


def _deciding(
    parent: str,
    name: str,
    having: Sequence[Mapping[str, Any]],
    lacking: Sequence[Mapping[str, Any]],
) -> list[Any]:
    """The values of ``parent`` with which ``name`` is there; empty where it does not decide."""
    if parent == name or any(parent not in trial for trial in having):
        return []
    with_it = list(dict.fromkeys(trial[parent] for trial in having))
    if any(isinstance(value, float) for value in with_it) or len(with_it) > MOST_VALUES:
        return []
    without = {trial[parent] for trial in lacking if parent in trial}
    return [] if not without or without & set(with_it) else with_it
