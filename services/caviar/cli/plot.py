"""Curves in a terminal: braille dots, two by four in each character, over an axis with marks.

 0.9 ┤⡀
     │⠑⢄
0.28 ┤  ⠑⠤⣀
     │     ⠉⠒⠤⣀⡀
0.09 ┤         ⠈⠉⠒
     └────▲────◀──────
      0             412
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from caviar.cli.numbers import number

Point = tuple[int, float | None]
Dot = tuple[int, int]
"""Column and row, from the lower left."""

DECADE = 10.0
"""Positive values that span more are drawn on a log axis."""
BLANK = 0x2800
DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""The bits of a braille character by column and row, from the lower left (Unicode chapter 21.1)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve. Where a value is None or no finite number, it has a gap."""

    points: Sequence[Point]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign on the axis, and a thin line above it."""

    step: int
    sign: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from ``low`` to ``high`` onto [0, 1]."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def of(cls, values: Sequence[float]) -> Axis:
        """That of finite values, at least one."""
        low, high = min(values), max(values)
        return cls(low, high, low > 0 and high / low > DECADE)

    def place(self, value: float) -> float:
        if self.high <= self.low:
            return 0.5
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        span = (
            self.high / 2 - self.low / 2
        )  # halves: the difference of large values may be infinite
        return (value / 2 - self.low / 2) / span

    def value(self, place: float) -> float:
        if self.log:
            return math.exp(math.log(self.low) * (1 - place) + math.log(self.high) * place)
        return self.low * (1 - place) + self.high * place


def plot(lines: Sequence[Line], marks: Sequence[Mark], width: int, height: int) -> Text:
    """``lines``, the last one on top, in ``width`` by ``height + 2`` characters. Empty where no value is finite."""
    known = [
        (step, value)
        for line in lines
        for step, value in line.points
        if value is not None and math.isfinite(value)
    ]
    if not known:
        return Text()
    steps, values = zip(*known, strict=True)
    axis, first, last = Axis.of(values), min(steps), max(steps)
    middle = height // 2
    labels = {middle: axis.value((middle + 0.5) / height)}
    if axis.high > axis.low:
        labels |= {height - 1: axis.high, 0: axis.low}
    words = {row: number(value) for row, value in labels.items()}
    margin = max(map(len, words.values()))
    columns = max(2, width - margin - 2)
    cells: dict[Dot, int] = {}
    styles: dict[Dot, str] = {}

    def column(step: int) -> int:
        share = (step - first) / (last - first) if last > first else 0.0
        return round(share * (2 * columns - 1))

    for line in lines:
        for x, y in _dots(line.points, column, axis, 4 * height):
            cell = (x // 2, y // 4)
            cells[cell] = cells.get(cell, 0) | DOTS[x % 2][y % 4]
            styles[cell] = line.style
    shown = {column(m.step) // 2: m for m in marks if first <= m.step <= last}
    text = Text()
    for row in range(height - 1, -1, -1):
        text.append(words.get(row, "").rjust(margin), "dim")
        text.append(" ┤" if row in words else " │", "dim")
        for x in range(columns):
            if bits := cells.get((x, row)):
                text.append(chr(BLANK + bits), styles[x, row])
            else:
                text.append("┊" if x in shown else " ", "dim")
        text.append("\n")
    text.append(" " * margin + " └", "dim")
    for x in range(columns):
        mark = shown.get(x)
        text.append(mark.sign if mark else "─", mark.style if mark else "dim")
    left, right = str(first), str(last)
    room = columns - len(left)
    text.append(f"\n{' ' * (margin + 2)}{left}", "dim")
    if last > first and len(right) < room:
        text.append(right.rjust(room), "dim")
    return text


def _dots(
    points: Sequence[Point], column: Callable[[int], int], axis: Axis, rows: int
) -> Iterator[Dot]:
    """All dots of a curve, joined; of many points in a column those between the least and the greatest."""
    before: Dot | None = None
    for step, value in points:
        if value is None or not math.isfinite(value):
            before = None
            continue
        here = column(step), round(axis.place(value) * (rows - 1))
        if here != before:
            yield from _joined(before or here, here)
        before = here


def _joined(a: Dot, b: Dot) -> Iterator[Dot]:
    """The dots of the straight line from ``a`` to ``b``, both included."""
    across, up = b[0] - a[0], b[1] - a[1]
    count = max(abs(across), abs(up), 1)
    for i in range(count + 1):
        yield a[0] + round(across * i / count), a[1] + round(up * i / count)
