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

from caviar.contract.numbers import number

Point = tuple[int, float | None]
Dot = tuple[int, int]
"""Column and row, from the lower left."""

DECADES = 1.0
"""Positive values that span more are drawn on a log axis."""
BLANK = 0x2800
DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""The bits of a braille character by column and row, from the lower left (Unicode chapter 21.1)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve. Where a value is None or no finite number, it has a gap."""

    points: Sequence[Point]
    style: str = ""
    fits: bool = True
    """The axis has room for all of it; otherwise it leaves the picture where the others end."""

    @property
    def finite(self) -> list[tuple[int, float]]:
        return [(s, v) for s, v in self.points if v is not None and math.isfinite(v)]


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
        return cls(low, high, low > 0 and math.log10(high) - math.log10(low) > DECADES)

    def place(self, value: float) -> float:
        """Beyond [0, 1] where the value lies outside."""
        if self.high <= self.low:
            return 0.5 + (value > self.high) - (value < self.low)
        if self.log:
            if value <= 0:
                return -1.0
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(value) - low) / (high - low)
        low, high = self.low / 2, self.high / 2  # the difference of large ones may be infinite
        return (value / 2 - low) / (high - low)

    def value(self, place: float) -> float:
        if self.log:
            return math.exp(math.log(self.low) * (1 - place) + math.log(self.high) * place)
        return self.low * (1 - place) + self.high * place


def plot(lines: Sequence[Line], marks: Sequence[Mark], width: int, height: int) -> Text:
    """``lines``, the last one on top, in ``width`` by ``height + 2`` characters. Empty where no value is finite."""
    known = [point for line in lines for point in line.finite]
    if not known:
        return Text()
    within = [point for line in lines if line.fits for point in line.finite] or known
    axis = Axis.of([value for _, value in within])
    first, last = min(known)[0], max(known)[0]
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
        place = axis.place(value)
        inside = 0.0 <= place <= 1.0
        here = column(step), round(min(max(place, 0.0), 1.0) * (rows - 1))
        if here != before and (inside or before is not None):
            yield from _joined(before or here, here)
        before = here if inside else None


def _joined(a: Dot, b: Dot) -> Iterator[Dot]:
    """The dots of the straight line from ``a`` to ``b``, both included."""
    across, up = b[0] - a[0], b[1] - a[1]
    count = max(abs(across), abs(up), 1)
    for i in range(count + 1):
        yield a[0] + round(across * i / count), a[1] + round(up * i / count)
