"""Values to choose from, as other tools list them, as choices that a study file has."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from caviar.contract.messages import ParameterValue
from caviar.moving.ranges import NoRange
from caviar.space.parameter import same


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices by the values of the source that they stand for."""

    sources: tuple[Any, ...]
    values: tuple[ParameterValue, ...]
    notes: tuple[str, ...]

    def of(self, source: object) -> ParameterValue | None:
        """The choice that stands for a value of the source; None where there is none."""
        for known, value in zip(self.sources, self.values, strict=True):
            if type(known) is type(source) and known == source:
                return value
        for known, value in zip(self.sources, self.values, strict=True):
            if isinstance(known, bool) == isinstance(source, bool) and known == source:
                return value
        return None


def choices(given: Sequence[Any], notes: tuple[str, ...] = ()) -> Choices:
    """At least one choice, none twice. Raises NoRange where two of them could not be told apart in MLflow."""
    sources: list[Any] = []
    values: list[ParameterValue] = []
    found = list(notes)
    for source in given:
        value, note = plain(source)
        if note and note not in found:
            found.append(note)
        if any(same(value, other) and str(value) == str(other) for other in values):
            found.append(f"{source!r} is there twice: once is kept")
            continue
        for other in values:
            if str(value) == str(other) or value == other:
                raise NoRange(f"{other!r} and {value!r} are the same in MLflow")
        sources.append(source)
        values.append(value)
    if not values:
        raise NoRange("there is no choice")
    return Choices(tuple(sources), tuple(values), tuple(dict.fromkeys(found)))


def plain(source: Any) -> tuple[ParameterValue, str]:
    """A value as a study file can have it, and what the trainer has to know if that differs."""
    if hasattr(source, "item") and not isinstance(source, (str, bytes)):
        source = source.item()  # of NumPy
    if isinstance(source, (bool, int, str)):
        return source, ""
    if isinstance(source, float):
        if math.isfinite(source):
            return source, ""
        return str(source), f"{source} is no number to choose: the text {str(source)!r}"
    if source is None:
        return "None", "None comes as the text 'None'"
    try:
        text = json.dumps(source, separators=(", ", ": "), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise NoRange(f"a choice is {type(source).__name__}, which is no plain value") from None
    return text, "lists and mappings come as JSON text: json.loads reads them"
