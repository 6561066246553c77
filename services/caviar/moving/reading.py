"""Other tools' files as plain data that knows its lines: YAML or JSON, bounded, never executed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caviar.errors import InputError, Problem
from caviar.space import did_you_mean
from caviar.studies.source import MAX_BYTES, Source, read_source

DEPTH = 48
"""Vizier's conditions take three levels each."""
LARGEST = 1e300
"""Beyond it, sums and ratios of bounds are no numbers any more."""
PAIR = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)
"""A character beyond the first 65,536 as JSON escapes it; YAML has no such pairs."""


def read_text(file: Path) -> str:
    """Raises InputError where there is no such file, where it is too large, or no UTF-8 text."""
    place = (str(file),)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(Problem(place, f"larger than {MAX_BYTES // 1024} KB"))
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(Problem(place, "there is no such file")) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(Problem(place, f"it cannot be read: {reason}")) from None
    except UnicodeDecodeError:
        raise InputError(Problem(place, "it is not UTF-8 text")) from None


def read_data(text: str, what: str) -> Source:
    """YAML or JSON whose root is a mapping. Raises InputError with the line of whatever is wrong."""
    if text.lstrip()[:1] == "{":
        # JSON is YAML but for these two. A tab is never inside of its texts.
        text = PAIR.sub(_joined, text.replace("\t", "  "))
    return read_source(text, what, DEPTH)


def _joined(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def as_number(value: Any) -> float | None:
    """A number, also one that is written as text, as SageMaker and Vizier write them; None for all else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        try:
            return (
                int(value, 10) if re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()) else float(value)
            )
        except ValueError:
            return None
    return None


class Wrong:
    """Everything that is wrong in a file, gathered with its lines."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def note(self, path: tuple[str, ...], reason: str, way_out: str = "") -> None:
        self.problems.append(Problem(path, reason, way_out, self.source.line(path)))

    def number(self, data: Mapping[str, Any], path: tuple[str, ...], key: str) -> float | None:
        """A finite number at ``key``; None where there is none, which is noted."""
        given = data.get(key)
        number = as_number(given)
        if number is None or not abs(number) <= LARGEST:
            reason = "this is missing" if given is None else f"{str(given)[:40]!r} is not a number"
            self.note((*path, key), reason, "A finite number belongs here.")
            return None
        return number

    def bounds(
        self, data: Mapping[str, Any], path: tuple[str, ...], keys: tuple[str, str]
    ) -> tuple[float, float] | None:
        """Two finite numbers, the first not above the second."""
        low, high = (self.number(data, path, key) for key in keys)
        if low is None or high is None:
            return None
        if low > high:
            self.note((*path, keys[0]), f"{low:g} is above {keys[1]} {high:g}", "Swap them.")
            return None
        return low, high

    def one_of(self, value: object, path: tuple[str, ...], known: tuple[str, ...]) -> str | None:
        if value in known:
            return str(value)
        self.note(path, f"{str(value)[:40]!r} is not known", did_you_mean(value, known))
        return None

    def mapping(self, value: object, path: tuple[str, ...]) -> dict[str, Any]:
        """``value``, or an empty mapping where it is none, which is noted unless nothing is there."""
        if isinstance(value, dict):
            return value
        if value is not None:
            self.note(path, "a mapping belongs here")
        return {}

    def listed(self, value: object, path: tuple[str, ...]) -> list[Any]:
        if isinstance(value, list):
            return value
        if value is not None:
            self.note(path, "a list belongs here")
        return []

    def stop(self) -> None:
        """Raises InputError if anything was noted."""
        if self.problems:
            raise InputError(sorted(self.problems, key=lambda problem: problem.line or 0))
