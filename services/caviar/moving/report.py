"""What became of a search that was written for another tool, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Fate = Literal["carried", "changed", "left out", "to fill in"]
"""carried: the same values on the same scale. changed: near, and the line says how it differs. left out: a study file
has no such thing. to fill in: a study needs it and the source does not say it; the text has an example there."""

FATES: tuple[Fate, ...] = get_args(Fate)


@dataclass(frozen=True, slots=True)
class Line:
    """One place of the source and what became of it."""

    place: str
    fate: Fate
    said: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A study file's text that ``load_study`` accepts, and the report."""

    source: str
    """What was read: "a W&B sweep"."""
    text: str
    lines: tuple[Line, ...]
    warnings: tuple[str, ...] = ()
    """What Caviar would warn of in the study itself."""

    @property
    def counts(self) -> dict[Fate, int]:
        return {fate: sum(line.fate == fate for line in self.lines) for fate in FATES}

    @property
    def report(self) -> str:
        """One line for each place, and the counts."""
        return "\n".join([*table(self.lines), summary(self.counts)])


def table(lines: Sequence[Line]) -> list[str]:
    """The lines in columns: what became of it, where, and why."""
    width = max((len(line.place) for line in lines), default=0)
    return [
        f"{line.fate:<10}  {line.place:<{width}}  {line.said}".rstrip().replace("\n", " ")
        for line in lines
    ]


def summary(counts: dict[Fate, int]) -> str:
    """For instance ``7 carried, 2 changed, 1 left out, 0 to fill in``."""
    return ", ".join(f"{count} {fate}" for fate, count in counts.items())
