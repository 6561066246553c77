"""Values that change while a training runs: what is asked of it, what it has read, what it follows from a schedule.

    orders.json   what is asked, written by the agent     {"orders": [Order, ...]}
    live.jsonl    what came of it, by the training itself  {"reads": name, "value": v}
                                                           {"order": n, "step": s, "before": v, "value": v}
                                                           {"order": n, "refused": why}

Keep this module light: it is loaded in every trial's process.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar_worker import spool
from caviar_worker.files import read_json

if TYPE_CHECKING:
    from caviar.contract.messages import ParameterValue

ORDERS = "orders.json"
TOLD = "live.jsonl"
PATIENCE = 3
"""A value that is not read for so many times the reports between two readings is refused."""
REPLACED_S = 5.0
"""So long a training waits for its end that another is to take the place of; then it goes on."""
PREFIX = "live/"
"""Of the metrics that are the values by step."""


@dataclass(slots=True)
class _Asked:
    order: int
    value: ParameterValue
    reports: int = 0
    """Reports since it would have been handed out."""


class Live:
    """The values of one attempt. They change at a report; the training gets them when it reads next."""

    def __init__(
        self,
        params: Mapping[str, ParameterValue],
        home: Path,
        schedule: Iterable[Mapping[str, Any]] = (),
        passed: int | None = None,
    ) -> None:
        """``schedule``: changes as ``contract.messages.Change`` in JSON, in the order of their steps. ``passed``: the
        last step that an earlier attempt has reported. Its points stand, so nothing new is in effect before them."""
        self._values = dict(params)
        self._home = home
        self._schedule = [dict(change) for change in schedule]
        self._asked: dict[str, _Asked] = {}
        self._passed = passed
        self._known = 0
        """The highest order that was taken over."""
        self._read: dict[str, int] = {}
        """Reports when each parameter was read last."""
        self._gaps: dict[str, int] = {}
        """The most reports that lay between two readings."""
        self._reports = 0
        self._step: int | None = None
        self._seen: tuple[int, int] | None = None
        self._replaced: int | None = None
        """The order by which another trial is to take this one's place."""
        self._handle: int | None = None
        self._follow(None)

    @property
    def shown(self) -> dict[str, float]:
        """The numbers that the training was given last, under their metrics' names."""
        return {
            PREFIX + name: float(value)
            for name in self._read
            if isinstance(value := self._values[name], (int, float)) and not isinstance(value, bool)
        }

    def resume(self, step: int) -> None:
        """The training goes on from a checkpoint of ``step``: what was changed until then is in effect."""
        self._step = step
        self._follow(step)

    def reported(self, step: int) -> None:
        """``step`` is trained: what is asked now may take effect."""
        self._step = step
        self._reports += 1
        self._follow(step)
        for name, asked in list(self._asked.items()):
            asked.reports += 1
            if asked.reports > PATIENCE * self._gaps.get(name, 1):
                del self._asked[name]
                often = f"in {asked.reports} reports"
                why = f"the training did not read {name} {often}: it has to call trial.live({name!r}) as it goes"
                self._tell({"order": asked.order, "refused": why})
        self._take_over()
        if self._replaced is not None:
            self._wait_to_be_replaced(self._replaced)

    def _wait_to_be_replaced(self, order: int) -> None:
        """Whatever is trained from here on is taken back: wait for the word to stop, or that it goes on after all."""
        self._replaced = None
        deadline = time.monotonic() + REPLACED_S
        while time.monotonic() < deadline and not (self._home / "stop").exists():
            answer = (read_json(self._home / "forks.json") or {}).get(str(order), {})
            if "refused" in answer:
                return
            time.sleep(0.01)

    def read(self, name: str) -> ParameterValue:
        """The value in effect. Raises KeyError for what is no parameter of the trial."""
        if name not in self._values:
            known = ", ".join(sorted(self._values))
            raise KeyError(f"{name!r} is no parameter of this trial. It has {known}.")
        if not self._read:  # no step has begun yet
            self._take_over()
        first = name not in self._read
        self._gaps[name] = max(
            self._gaps.get(name, 1), self._reports - self._read.get(name, self._reports)
        )
        self._read[name] = self._reports
        asked = self._asked.pop(name, None)
        if asked is not None:
            before, self._values[name] = self._values[name], asked.value
            self._tell(
                {"order": asked.order, "step": self._step, "before": before, "value": asked.value}
            )
        if first or asked is not None:
            self._tell({"reads": name, "value": self._values[name]})
        return self._values[name]

    def _follow(self, step: int | None) -> None:
        """The changes of the schedule that are in effect after ``step``."""
        while self._schedule:
            at = self._schedule[0].get("step")
            if at is not None and (step is None or at > step):
                return
            change = self._schedule.pop(0)
            name = change["parameter"]
            if name in self._values:
                self._values[name] = change["value"]
                if name in self._read:
                    self._tell({"reads": name, "value": change["value"]})

    def _take_over(self) -> None:
        if self._passed is not None and (self._step is None or self._step < self._passed):
            return
        try:
            about = (self._home / ORDERS).stat()
        except OSError:
            return
        seen = about.st_mtime_ns, about.st_ino
        if seen == self._seen:
            return
        self._seen = seen
        for order in (read_json(self._home / ORDERS) or {}).get("orders", []):
            number, name = order["number"], order.get("parameter")
            if number <= self._known:
                continue
            self._known = number
            if name is None:
                self._replaced = number if order.get("in_place") else self._replaced
                continue
            if name not in self._values:
                self._tell({"order": number, "refused": f"{name} is not there in this trial"})
                continue
            before = self._asked.get(name)
            if before is not None:
                self._tell({"order": before.order, "refused": "another change came before it"})
            self._asked[name] = _Asked(number, order["value"])

    def _tell(self, line: dict[str, Any]) -> None:
        """One write: a kill leaves whole lines. Where the disk is full, the training goes on and nothing is told."""
        try:
            if self._handle is None:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._handle = os.open(self._home / TOLD, flags, 0o600)
            spool.append(self._handle, (json.dumps(line, separators=(",", ":")) + "\n").encode())
        except OSError:
            return


@dataclass(frozen=True, slots=True)
class Told:
    """What a training has said: hostile, user code writes it."""

    live: dict[str, ParameterValue]
    done: dict[int, dict[str, Any]]
    """By order: ``{"step", "before", "value"}`` or ``{"refused"}``."""


def read_told(path: Path) -> Told:
    """All of ``live.jsonl``, which is short: a line a parameter and a few an order."""
    live: dict[str, ParameterValue] = {}
    done: dict[int, dict[str, Any]] = {}
    for record in _lines(path):
        match record:
            case {"reads": str(name), "value": value} if _is_value(value):
                live[name] = value
            case {"order": int(number), "refused": str(why)}:
                done.setdefault(number, {"refused": why[:500]})
            case {"order": int(number), "step": int() | None as step, "before": before}:
                known = before if _is_value(before) else None
                done.setdefault(number, {"step": step, "before": known})
    return Told(live, done)


_MOST = 4_000_000
"""Bytes."""
_LARGEST = 1e300
_LONGEST = 1_000


def _is_value(value: object) -> bool:
    """Whether a parameter can have it."""
    match value:
        case int() | float():
            return -_LARGEST <= value <= _LARGEST  # not so for NaN
        case str():
            return len(value) <= _LONGEST and "\0" not in value
    return False


def _lines(path: Path) -> Iterable[Any]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            data = file.read(_MOST)
    except OSError:
        return
    for line in data.splitlines():
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue
