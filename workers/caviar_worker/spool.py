"""The spool of an attempt: JSON lines, appended only, with times frozen when they are written.

    {"t": 1700000000123, "s": 4, "m": {"loss": 0.31, "gap": "nan"}, "bad": ["gap"]}
    {"t": 1700000004321, "end": {"outcome": "done", "value": 0.97, "metrics": {"test": 0.96}}}

``t`` is milliseconds since the epoch. Frozen times make a replay of a batch to MLflow change nothing.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CHUNK = 1_000_000
"""Bytes read at a time: about 10,000 points."""
_TAIL = 4096


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric. ``value`` may be NaN or infinite; ``t_ms`` since the epoch."""

    name: str
    step: int
    t_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class End:
    """How the attempt ended: the last line of its spool."""

    t_ms: int
    outcome: str
    value: float | None
    metrics: dict[str, float]
    record: str = ""
    """The same and more as ``contract.ending.TrialEnd`` in JSON, for the run's tag."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What the spool holds from one offset on, in whole lines.

    ``offset`` (bytes) is where to read on; it stays before the end's line, which can be read again.
    """

    points: tuple[Point, ...]
    end: End | None
    offset: int
    more: bool


def append_end(path: Path, end: End) -> None:
    """Close the spool of an attempt whose process is gone."""
    line = {
        "t": end.t_ms,
        "end": {
            "outcome": end.outcome,
            "value": end.value,
            "metrics": end.metrics,
            "record": end.record,
        },
    }
    # A process that was killed in the middle of a write leaves half a line: it is closed first.
    torn = path.exists() and path.stat().st_size > 0 and _last_byte(path) != b"\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        append(handle, (("\n" if torn else "") + json.dumps(line) + "\n").encode())
    finally:
        os.close(handle)


def append(handle: int, line: bytes) -> None:
    """Append a whole line. Raises OSError where the disk takes only a part of it, or nothing: repeat it then.

    A part is closed by the line's repetition, which starts with a line's end, and no reader takes it for a line.
    """
    written = os.write(handle, line)
    if written == len(line) - 1:  # all but the end of the line: the part would be read as whole
        os.ftruncate(handle, os.fstat(handle).st_size - written)
    if written < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read(path: Path, offset: int) -> Slice:
    """The whole lines after ``offset``. Half a line at the end waits; a line that isn't one is passed over."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(_CHUNK)
    except FileNotFoundError:
        data = b""
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == _CHUNK:
        whole = data  # a line of a megabyte is none of ours
    points: list[Point] = []
    end: End | None = None
    used = 0
    for line in whole.splitlines(keepends=True):
        found = _parse(line)
        if isinstance(found, End):
            end = found
            break
        used += len(line)
        points += found
    return Slice(tuple(points), end, offset + used, more=len(data) == _CHUNK and end is None)


def read_end(path: Path) -> End | None:
    """How the attempt ended, from the spool's last 64 KB; None while it has not."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    return read(path, max(0, size - 65_536)).end


def last_step(path: Path, metric: str) -> tuple[int | None, float | None]:
    """The newest step, and the newest finite value of ``metric``, from the spool's last 4 KB."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None, None
    step, value = None, None
    for point in read(path, max(0, size - _TAIL)).points:
        step = point.step
        if point.name == metric and math.isfinite(point.value):
            value = point.value
    return step, value


def last_point(path: Path, metric: str) -> Point | None:
    """The newest value of ``metric``, finite or not, from the spool's last 4 KB."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    found = [p for p in read(path, max(0, size - _TAIL)).points if p.name == metric]
    return found[-1] if found else None


def last_values(path: Path, names: Collection[str]) -> dict[str, float]:
    """The newest value of each of ``names`` in the whole spool: a bounded metric may be reported once, at the start."""
    found: dict[str, float] = {}
    offset, more = 0, bool(names)
    while more:
        piece = read(path, offset)
        found |= {point.name: point.value for point in piece.points if point.name in names}
        offset, more = piece.offset, piece.more
    return found


def _parse(line: bytes) -> list[Point] | End:
    """A line is written by user code's process: anything may stand there."""
    try:
        record = json.loads(line)
        if "end" in record:
            end: dict[str, Any] = record["end"]
            about = str(end.get("record", ""))
            return End(record["t"], end["outcome"], end["value"], end["metrics"], about)
        return [
            Point(str(name), int(record["s"]), int(record["t"]), float(value))
            for name, value in record["m"].items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return []


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
