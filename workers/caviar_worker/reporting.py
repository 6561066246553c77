"""The report of an attempt: written down first, then delivered, by its slot or later by the agent."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from caviar.contract.ending import TrialEnd
from caviar.contract.messages import Done, Finish
from caviar_worker import spool
from caviar_worker.files import read_tail, write_json
from caviar_worker.folders import AttemptFolder
from caviar_worker.live import read_told
from caviar_worker.outcome import Ending
from caviar_worker.processes import alive
from caviar_worker.room import when_there_is_room
from caviar_worker.rungs import curve_so_far, whole_curve
from caviar_worker.scheduler import Away, Refused, Scheduler
from caviar_worker.wards import orders_of

log = logging.getLogger("caviar.worker")

_OUTPUT_TAIL = 4096
"""Bytes of output in a report."""
_MOST_ANSWERS = 10_000


def write_down(
    folder: AttemptFolder,
    nonce: str,
    ending: Ending,
    seconds: float,
    give_up: Callable[[], bool] = lambda: True,
) -> Finish:
    """Put how the attempt ended on disk: from here on the agent delivers it, whoever dies.

    On a full disk it waits for room until ``give_up`` says yes. Raises OSError then, and nothing is told.
    """
    now_ms = time.time_ns() // 1_000_000
    metric = str((folder.read_claim() or {}).get("assignment", {}).get("metric"))
    finish = Finish(
        trial=folder.trial,
        attempt=folder.attempt,
        nonce=nonce,
        outcome=ending.outcome,
        value=ending.value,
        metrics=ending.metrics,
        steps=ending.steps,
        curve=tuple(
            whole_curve(folder, metric) if ending.outcome == "done" else curve_so_far(folder)
        ),
        error=ending.error[-8000:] or (folder.stop_note() if ending.outcome == "stopped" else ""),
        output=read_tail(folder.output, _OUTPUT_TAIL),
        seconds=seconds,
        answers=_answers(folder),
    )
    about = TrialEnd(
        value=finish.value,
        metrics=finish.metrics,
        steps=finish.steps,
        curve=finish.curve,
        error=finish.error,
        seconds=seconds,
    )
    end = spool.End(now_ms, ending.outcome, ending.value, ending.metrics, about.to_tag())
    what = f"the end of {folder.path.name}"
    when_there_is_room(lambda: spool.append_end(folder.spool, end), what, give_up)
    message = finish.model_dump(mode="json")
    when_there_is_room(lambda: write_json(folder.finish, message), what, give_up)
    return finish


def _answers(folder: AttemptFolder) -> tuple[Done, ...]:
    """What the training has said of the changes that were asked of it: the newest, of what nobody asked nothing."""
    told, found = read_told(folder.live).done, []
    asked = {order.number for order in orders_of(folder) if order.parameter is not None}
    for number in sorted(asked & told.keys())[-_MOST_ANSWERS:]:
        with suppress(ValidationError):
            found.append(Done.model_validate({"number": number} | told[number]))
    return tuple(found)


def deliver(scheduler: Scheduler, folder: AttemptFolder, finish: Finish) -> bool:
    """Whether the scheduler has taken the report. A replay is harmless."""
    try:
        verdict: str = scheduler.finish(finish).verdict
    except Away as error:
        log.info("The report of %s waits: %s", folder.path.name, error)
        return False
    except Refused as error:
        log.error("The report of %s was refused and is dropped: %s", folder.path.name, error)
        verdict = "fenced"
    try:
        folder.mark_delivered(verdict)
    except OSError as error:  # a full disk: told again later, which changes nothing
        log.warning("The scheduler's word on %s waits for room: %s", folder.path.name, error)
    return True


class Outbox:
    """A thread that delivers what is written down, so that a slot takes its next ticket meanwhile.

    In order, each once. What it could not deliver, and what it held when its process died, the agent delivers.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        """``scheduler``: a connection of its own. A claim does not wait behind a report."""
        self._scheduler = scheduler
        self._due: queue.SimpleQueue[tuple[AttemptFolder, Finish]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def put(self, folder: AttemptFolder, finish: Finish) -> None:
        if self._thread.ident is None:
            self._thread.start()
        self._due.put((folder, finish))

    def _run(self) -> None:
        while True:
            folder, finish = self._due.get()
            try:
                deliver(self._scheduler, folder, finish)
            except Exception:  # a disk that is full: the reports after this one are not to suffer
                log.exception("The report of %s waits for the agent.", folder.path.name)


def slot_is_alive(claim: dict[str, Any]) -> bool:
    """Whether the slot that made the claim still runs."""
    pid, start = claim.get("slot_pid"), claim.get("slot_start")
    return isinstance(pid, int) and alive(pid, start if isinstance(start, int) else None)
