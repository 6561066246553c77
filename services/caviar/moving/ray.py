"""A Ray Tune search space: the dictionary that ``Tuner(param_space=...)`` takes.

Its objects are read by their public attributes and the names of their classes; Ray itself is not imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from caviar.moving.draft import Draft
from caviar.moving.ranges import NoRange, Range, multiple, normal
from caviar.moving.report import Moved

WHAT = "a Ray Tune space"
GRID = "grid_search"


def from_ray(space: Mapping[str, Any], name: str = "study") -> Moved:
    """The study file's text and the report. Nothing of ``space`` is called but ``get_sampler``.

    Raises InputError where nothing of it can be tuned.
    """
    draft = Draft(WHAT, name)
    _walk(draft, space, "")
    return draft.finish("the space")


def _walk(draft: Draft, space: Mapping[str, Any], prefix: str) -> None:
    for key, value in space.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and set(value) == {GRID}:
            note = "a grid tries each with every other: search.strategy: grid does so"
            draft.choice(name, name, list(value[GRID]), notes=(note,))
        elif isinstance(value, Mapping):
            _walk(draft, value, f"{name}.")
        elif _kind(value) is not None:
            try:
                _domain(draft, name, value)
            except NoRange as reason:
                draft.left_out(name, str(reason))
        elif isinstance(value, (list, tuple)) and any(_kind(inner) for inner in value):
            draft.left_out(name, "a list of ranges: write each as a parameter")
        else:
            draft.constant(name, name, value)


def _kind(value: object) -> str | None:
    """Float, Integer, Categorical or Function, of Ray or derived from Ray's; None for all else."""
    for base in type(value).__mro__:
        if base.__module__.startswith("ray.") and base.__name__ in KINDS:
            return base.__name__
    return None


KINDS = ("Float", "Integer", "Categorical", "Function")


def _domain(draft: Draft, name: str, domain: Any) -> None:
    kind = _kind(domain)
    if kind == "Function":
        raise NoRange("sample_from calls Python: write a range, and `when` for a condition")
    sampler = domain.get_sampler()
    if kind == "Categorical":
        notes: tuple[str, ...] = ()
        if type(sampler).__name__ == "Grid":
            notes = ("a grid tries each with every other: search.strategy: grid does so",)
        draft.choice(name, name, list(domain.categories), notes=notes)
        return
    step: float | None = None
    if hasattr(sampler, "q"):
        step, sampler = float(sampler.q), sampler.get_sampler()
        if not step > 0:
            raise NoRange(f"its steps of {step:g} are not above 0")
    draft.number(name, name, _range(domain, sampler, step, whole=kind == "Integer"))


def _range(domain: Any, sampler: Any, step: float | None, whole: bool) -> Range:
    names = {base.__name__ for base in type(sampler).__mro__}
    if "Normal" in names:
        return normal(float(sampler.mean), float(sampler.sd), step)
    if not names & {"Uniform", "LogUniform"}:
        raise NoRange(f"nothing here stands for {type(sampler).__name__}")
    low, high = float(domain.lower), float(domain.upper)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise NoRange("it has no bounds")
    if whole and step in (None, 1.0):
        high, step = high - 1, None  # without its upper bound, as range()
    if step is not None:
        # Rounded inwards, to multiples of the step.
        low = multiple(math.ceil(low / step - 1e-9), step)
        high = multiple(math.floor(high / step + 1e-9), step)
    if low > high:
        raise NoRange(f"there is no value from {low:g} to {high:g}")
    return Range(low, high, "log" if "LogUniform" in names else "linear", whole, step)
