"""Takes fields out of plain mappings; gathers every problem with its line instead of stopping at the first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from caviar.errors import Problem
from caviar.space import did_you_mean
from caviar.studies.source import Path, Source

_MISSING: Any = object()


def kind(value: object) -> str:
    """What a person would call the type of a YAML value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true/false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


class Fields:
    """One mapping of the file. Sections share the list of problems."""

    def __init__(
        self, source: Source, data: Mapping[str, Any], path: Path, problems: list[Problem]
    ) -> None:
        self._source, self._data, self._path, self._problems = source, data, path, problems

    def problem(self, key: str | None, reason: str, way_out: str = "") -> None:
        path = self._path if key is None else (*self._path, key)
        self._problems.append(Problem(path, reason, way_out, self._source.line(path)))

    def only(self, *known: str) -> None:
        for key in self._data:
            if key not in known:
                self.problem(key, "there is no such key", did_you_mean(key, known))

    def names(self) -> list[str]:
        """The keys that are there, for a section whose keys are the writer's own."""
        return list(self._data)

    def has(self, key: str) -> bool:
        return key in self._data

    def section(self, key: str, example: str, required: bool = True) -> Fields:
        """The mapping under ``key``; an empty one where it is missing or wrong, which is noted."""
        value = self._data.get(key, _MISSING)
        if value is _MISSING and required:
            self.problem(key, "this section is missing", f"For instance {example}.")
        elif value is not _MISSING and not isinstance(value, dict):
            self.problem(
                key, f"a mapping belongs here, not {kind(value)}", f"For instance {example}."
            )
        elif value == {} and required:
            self.problem(key, "this section is empty", f"For instance {example}.")
        return Fields(
            self._source,
            value if isinstance(value, dict) else {},
            (*self._path, key),
            self._problems,
        )

    def given(self) -> bool:
        """Whether anything is here; an empty section was already noted as missing or wrong."""
        return bool(self._data)

    def raw(self, key: str) -> Any:
        return self._data.get(key)

    def text(self, key: str, example: str, default: str | None = None) -> str:
        value = self._data.get(key, _MISSING)
        if value is _MISSING and default is not None:
            return default
        if value is _MISSING:
            self.problem(key, "this is missing", f"For instance `{key}: {example}`.")
        elif not isinstance(value, str) or not value.strip():
            way_out = "Put it in quotes." if isinstance(value, int | float) else ""
            self.problem(
                key, f"text belongs here, not {kind(value) if value else 'nothing'}", way_out
            )
        else:
            return value.strip()
        return ""

    def choice(self, key: str, known: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, known[0], default)
        if value and value not in known:
            self.problem(key, f"{value!r} is not known", did_you_mean(value, known))
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value = self._data.get(key, _MISSING)
        if value is _MISSING:
            if default is None:
                self.problem(key, "this is missing", f"For instance `{key}: {max(low, 60)}`.")
            return default if default is not None else low
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.problem(key, f"a whole number belongs here, not {_shown(value)}")
        elif not low <= value <= high:
            self.problem(key, f"{value} is outside {low:,} to {high:,}")
        else:
            return value
        return low

    def truth(self, key: str, default: bool) -> bool:
        value = self._data.get(key, default)
        if not isinstance(value, bool):
            self.problem(key, f"true or false belongs here, not {_shown(value)}")
            return default
        return value

    def real(self, key: str, above: float = -math.inf) -> float | None:
        """a finite number larger than ``above``; None where the key is absent."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.problem(key, f"a number belongs here, not {_shown(value)}")
        elif not math.isfinite(value):
            self.problem(key, "a finite number belongs here")
        elif value <= above:
            self.problem(key, f"{value} is not above {above:g}")
        else:
            return float(value)
        return None


def _shown(value: object) -> str:
    return f"{value!r}"[:60] if isinstance(value, str | int | float) else kind(value)
