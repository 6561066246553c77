"""The trainings of this host that can be changed: what the service asks of them, and what came of it.

Two threads of the agent. ``Listener`` waits for what is asked and writes it down for the training; ``Teller`` tells
what the training has answered, read, saved and reported. Neither is needed for a trial to be counted right.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from caviar.contract.messages import Done
from caviar.contract.panda import (
    MOST_ORDERS,
    MOST_POINTS,
    Order,
    Orders,
    Report,
    ReportAnswer,
    Waiting,
    Ward,
    fork_key,
)
from caviar_worker import checkpoints, forks, spool
from caviar_worker.files import read_json, write_json
from caviar_worker.folders import AttemptFolder, held
from caviar_worker.live import read_told
from caviar_worker.scheduler import Away, Refused, Scheduler
from caviar_worker.settings import WorkerSettings

log = logging.getLogger("caviar.worker")

_LOOK_S = 0.1
"""Between two looks at what the trainings of this host have written."""
_SCAN_S = 0.5
"""Between two looks for trainings that can be changed."""
_POINTS_S = 0.2
"""Between two reports where there are only new points."""
_MOST_WARDS = 256
"""Trainings in one report."""
_UNKNOWN_S = 60.0
"""So long a service is not asked again that does not know these calls."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0


def wards(root: Path) -> list[AttemptFolder]:
    """The attempts that train here and can be changed: they have read a live value or saved a checkpoint."""
    return [folder for folder in held(root) if not folder.finish.exists() and _is_ward(folder)]


def _is_ward(folder: AttemptFolder) -> bool:
    return _has_told(folder) or _has_checkpoint(folder)


def _has_told(folder: AttemptFolder) -> bool:
    with suppress(OSError):
        return folder.live.stat().st_size > 0
    return False


def _has_checkpoint(folder: AttemptFolder) -> bool:
    return next(iter(folder.checkpoints.glob("[0-9]*/[0-9]*")), None) is not None


def orders_of(folder: AttemptFolder) -> tuple[Order, ...]:
    """What was asked of the attempt, as far as this host knows."""
    given = (read_json(folder.orders) or {}).get("orders", [])
    try:
        return tuple(Order.model_validate(order) for order in given)
    except ValidationError:
        return ()


def answers_of(folder: AttemptFolder) -> dict[int, Done]:
    """What came of the attempt's orders, by their numbers."""
    told = read_told(folder.live).done
    found = {}
    for order in orders_of(folder):
        about = told.get(order.number) if order.parameter is not None else None
        about = about or folder.laid_aside().get(order.number)
        if about is not None:
            with suppress(ValidationError):
                found[order.number] = Done.model_validate({"number": order.number} | about)
    return found


class Listener:
    """Waits, over a connection of its own, for what is asked of the trainings here."""

    def __init__(self, settings: WorkerSettings, incarnation: str, ended: threading.Event) -> None:
        self._settings = settings
        self._incarnation = incarnation
        self._ended = ended
        self._scheduler = Scheduler(settings.url, settings.token)

    def run(self) -> None:
        run_for_ever(self._once, self._ended)
        self._scheduler.close()

    def _once(self) -> float:
        """One question. Seconds to wait until the next."""
        there = {folder.trial: folder for folder in wards(self._settings.folder)}
        if not there:
            return _SCAN_S
        known = {}
        for trial, folder in there.items():
            answered = answers_of(folder)
            # A checkpoint that could not be laid aside is asked for again.
            known[trial] = tuple(
                order.number
                for order in orders_of(folder)
                if order.parameter is not None and order.number not in answered
            )
        told = self._scheduler.orders(
            Waiting(host=self._settings.host, incarnation=self._incarnation, open=known)
        )
        if told is None:
            return _UNKNOWN_S
        self._take(there, told)
        return _LOOK_S  # what ends does so at its next step, and is told to until then

    def _take(self, there: dict[str, AttemptFolder], told: Orders) -> None:
        for trial, orders in told.orders.items():
            folder = there.get(trial)
            if folder is None or not folder.claim.exists():
                continue
            known = {order.number: order for order in orders_of(folder)}
            new = known | {order.number: order for order in orders}
            if new != known:
                # The training's own user reads it: what it says is meant for it.
                about = {"orders": [new[number].model_dump(mode="json") for number in sorted(new)]}
                write_json(folder.orders, about, mode=0o644)
            for order in orders:
                if order.parameter is None:
                    self._lay_aside(folder, order)
        for trial, why in told.stop.items():
            folder = there.get(trial)
            if folder is not None and folder.claim.exists() and not folder.finish.exists():
                folder.ask_to_stop("stop", why)

    def _lay_aside(self, folder: AttemptFolder, order: Order) -> None:
        if order.number in folder.laid_aside():
            return
        about: dict[str, Any]
        try:
            key = fork_key(folder.trial, folder.attempt, order.number)
            step = forks.lay_aside(folder, key, order.step)
            about = {"step": step, "in_place": order.in_place}
        except forks.NoCheckpoint as reason:
            about = {"refused": str(reason)[:500]}
        except OSError as error:
            about = {"refused": f"the host has no room for it: {error}"[:500]}
        folder.note_laid_aside(order.number, about)


@dataclass(slots=True)
class _Told:
    """What the service has been told of one attempt."""

    known: int = 0
    state: object = None
    at: float = -math.inf
    answered: frozenset[int] = frozenset()
    """The orders of which it knows what came of them."""
    looked: float = -math.inf
    seen: object = None
    """When there was nothing new last, and how the files looked in which answers come."""


class Teller:
    """Tells the service, within a fraction of a second, what the trainings here have come to."""

    def __init__(self, settings: WorkerSettings, incarnation: str, ended: threading.Event) -> None:
        self._settings = settings
        self._incarnation = incarnation
        self._ended = ended
        self._scheduler = Scheduler(settings.url, settings.token)
        self._told: dict[AttemptFolder, _Told] = {}
        self._look_again = 0.0

    def run(self) -> None:
        run_for_ever(self._once, self._ended)
        self._scheduler.close()

    def _once(self) -> float:
        now = time.monotonic()
        if now >= self._look_again:  # thousands may wait to be shipped: not at every turn
            self._look_again = now + _SCAN_S
            for folder in wards(self._settings.folder):
                self._told.setdefault(folder, _Told())
        last = {folder.trial: folder.attempt for folder in sorted(self._told, key=_attempt)}
        news: dict[AttemptFolder, Ward] = {}
        for folder in list(self._told):
            # Those too that have just ended, for their last points. They may lie here for long after that.
            over = _is_over(folder)
            ward = None
            if folder.claim.exists() and folder.attempt == last[folder.trial]:
                ward = self._news(folder, self._told[folder], now)
            if ward is not None and len(news) < _MOST_WARDS:
                news[folder] = ward
            elif ward is None and (over or not folder.claim.exists()):
                del self._told[folder]
        if not news:
            return _LOOK_S
        answer = self._scheduler.report_wards(
            Report(
                host=self._settings.host,
                incarnation=self._incarnation,
                wards=tuple(news.values()),
            )
        )
        if answer is None:
            return _UNKNOWN_S
        self._note(news, answer, now)
        return _LOOK_S

    def _news(self, folder: AttemptFolder, told: _Told, now: float) -> Ward | None:
        seen = _stamps(folder)
        if seen == told.seen and now - told.looked < _POINTS_S and not _is_over(folder):
            return None
        claim = folder.read_claim()
        if claim is None:
            return None
        answers = answers_of(folder)
        live = read_told(folder.live).live
        saved = sorted(
            {step for _, step, _ in checkpoints.saved(folder.checkpoints, folder.attempt)}
        )
        state = (tuple(sorted(answers)), live, saved)
        piece = None
        if _is_over(folder) or now - told.at >= _POINTS_S:
            piece = spool.read(folder.spool, told.known)
        if state == told.state and (piece is None or piece.offset == told.known):
            told.seen, told.looked = seen, now
            return None
        metric = str(claim["assignment"]["metric"])
        piece = piece or spool.read(folder.spool, told.known)
        points = [
            (point.step, point.value if math.isfinite(point.value) else None)
            for point in piece.points
            if point.name == metric
        ]
        begin, end = told.known, piece.offset
        # There are more after a restart of either side: the newest are what is looked at.
        points = points[-MOST_POINTS:]
        try:
            return Ward(
                trial=folder.trial,
                attempt=folder.attempt,
                live=live,
                done=tuple(
                    answers[number]
                    for number in sorted(answers.keys() - told.answered)[:MOST_ORDERS]
                ),
                checkpoints=tuple(saved[-200:]),
                begin=begin,
                end=end,
                points=tuple(points),
            )
        except ValidationError as error:
            log.warning("%s says what cannot be told: %s", folder.path.name, str(error)[:300])
            told.state, told.at, told.known = state, now, end
            return None

    def _note(self, news: dict[AttemptFolder, Ward], answer: ReportAnswer, now: float) -> None:
        for folder, ward in news.items():
            if ward.trial not in answer.known and _is_over(folder):
                del self._told[folder]  # the service does not want to hear of it any more
                continue
            told = self._told[folder]
            told.known = answer.known.get(ward.trial, 0)
            told.at = now
            if ward.trial in answer.known:
                told.answered |= {each.number for each in ward.done}
            if told.known == ward.end:
                saved = list(ward.checkpoints)
                told.state = (tuple(sorted(told.answered)), dict(ward.live), saved)


def _attempt(folder: AttemptFolder) -> int:
    return folder.attempt


def _stamps(folder: AttemptFolder) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for path in (folder.live, folder.forks):
        try:
            about = path.stat()
            found.append((about.st_mtime_ns, about.st_size))
        except OSError:
            found.append(None)
    return found


def _is_over(folder: AttemptFolder) -> bool:
    return folder.finish.exists() or folder.delivered.exists()


def run_for_ever(once: Callable[[], float], ended: threading.Event) -> None:
    """Call ``once`` until ``ended``, after the pause that it names; with a growing one while the service is away."""
    pause = _FIRST_PAUSE_S
    while not ended.is_set():
        try:
            wait = once()
            pause = _FIRST_PAUSE_S
        except (Away, Refused) as error:
            log.info("%s", error)
            wait = pause
            pause = min(_LONGEST_PAUSE_S, pause * 2)
        except Exception:  # the thread must not end: trainings could not be changed any more
            log.exception("Trainings cannot be changed at the moment.")
            wait = _LONGEST_PAUSE_S
        ended.wait(wait)
