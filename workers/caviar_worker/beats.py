"""The agent's talk with the scheduler: hello, heartbeats, reports that a slot could not deliver."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from caviar.contract.messages import Finish, Heartbeat, Held, Hello
from caviar.contract.panda import MOST_ORDERS, Report, Ward
from caviar_worker import leftovers, spool
from caviar_worker.disk import Disk
from caviar_worker.files import read_json, read_tail
from caviar_worker.folders import AttemptFolder, held
from caviar_worker.outcome import Ending
from caviar_worker.processes import kill_group
from caviar_worker.reporting import deliver, slot_is_alive, write_down
from caviar_worker.room import no_room
from caviar_worker.rungs import curve_so_far, keep_rule, tidy
from caviar_worker.scheduler import Away, Refused, Scheduler
from caviar_worker.settings import WorkerSettings
from caviar_worker.trainers import offers
from caviar_worker.wards import answers_of

log = logging.getLogger("caviar.worker")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_ASK_S = 10.0
"""Between two questions which checkpoints are still needed."""
_LOOK_S = 1.0
"""Between two looks for reports that are due and slots that died."""


_OUTPUT_TAIL = 2000
"""Bytes of a trial's output that a heartbeat carries, where there is more of it than the one before knew."""


class Beats:
    """Runs in a thread of the agent until ``ended``. The scheduler may be away for as long as it likes."""

    def __init__(
        self, settings: WorkerSettings, incarnation: str, ended: threading.Event, disk: Disk
    ) -> None:
        self.settings = settings
        self.incarnation = incarnation
        self.ended = ended
        self.disk = disk
        self.scheduler = Scheduler(settings.url, settings.token)
        self.lease_s: float | None = None
        self.outputs: dict[AttemptFolder, str] = {}
        """The output that the scheduler knows of each attempt."""
        self.next_question = 0.0
        """When the scheduler is asked next which checkpoints are still needed."""
        self.unknown: set[AttemptFolder] = set()
        """Seen once with a dead slot and no report; the slot may have ended between two looks."""

    def run(self) -> None:
        pause = _FIRST_PAUSE_S
        next_beat = 0.0
        while not self.ended.is_set():
            try:
                if self.lease_s is None:
                    # What ended before is told first: a hello gives back all that an earlier agent held.
                    self.deliver_due()
                    self.tell_answers()
                    self.greet()
                if time.monotonic() >= next_beat:
                    self.beat()
                    assert self.lease_s is not None
                    next_beat = time.monotonic() + self.lease_s / 4
                self.deliver_reports()
                pause = _FIRST_PAUSE_S
                wait = min(_LOOK_S, max(0.0, next_beat - time.monotonic()))
            except (Away, Refused) as error:
                log.warning("%s", error)
                wait = pause
                pause = min(_LONGEST_PAUSE_S, pause * 2)
            except Exception:  # the thread must not end: without heartbeats every trial is lost
                log.exception("A heartbeat failed.")
                wait = _LONGEST_PAUSE_S
            self.ended.wait(wait)
        self.scheduler.close()

    def greet(self) -> None:
        """Say hello; what an earlier agent left running here is the scheduler's again."""
        answer = self.scheduler.hello(
            Hello(
                host=self.settings.host,
                incarnation=self.incarnation,
                resource_class=self.settings.resource_class,
                slots=self.settings.slots,
                gpus=len(self.settings.gpus),
                offers=offers(self.settings),
            )
        )
        self.lease_s = answer.lease_s
        log.info("Known to the scheduler at %s as %s.", self.settings.url, self.settings.host)

    def beat(self) -> None:
        holding: list[Held] = []
        outputs: dict[AttemptFolder, str] = {}
        running = 0
        for folder in held(self.settings.folder):
            claim = folder.read_claim()
            if claim is None:
                continue
            step, value = spool.last_step(folder.spool, claim["assignment"]["metric"])
            curve = tuple(curve_so_far(folder))
            output = read_tail(folder.output, _OUTPUT_TAIL)
            outputs[folder] = output
            holding.append(
                Held(
                    trial=folder.trial,
                    attempt=folder.attempt,
                    step=step,
                    value=value,
                    curve=curve,
                    output=output if output != self.outputs.get(folder, "") else None,
                )
            )
            running += not folder.finish.exists()
        verdict = self.disk.verdict
        now = time.monotonic()
        kept: tuple[str, ...] = ()
        if now >= self.next_question:
            kept = leftovers.leftovers(self.settings.folder)
            self.next_question = now + _ASK_S
        answer = self.scheduler.heartbeat(
            Heartbeat(
                host=self.settings.host,
                incarnation=self.incarnation,
                free=0 if verdict.full else max(0, self.settings.slots - running),
                held=tuple(holding),
                warnings=(verdict.warning[:500],) if verdict.warning else (),
                kept=kept,
            )
        )
        with suppress(OSError):  # a full disk is no reason to fall silent
            self.settings.alive_file.touch()
        self.outputs = outputs
        leftovers.remove(self.settings.folder, answer.over)
        if not answer.known:
            self.outputs = {}
            self.lease_s = None
            self.greet()
        for one in answer.stop:
            folder = AttemptFolder(self.settings.folder, one.trial, one.attempt)
            if folder.claim.exists() and not folder.finish.exists():
                folder.ask_to_stop("stop")
        for one in answer.release:
            folder = AttemptFolder(self.settings.folder, one.trial, one.attempt)
            if folder.claim.exists() and not folder.finish.exists():
                with suppress(OSError):  # a full disk: it is asked again with the next heartbeat
                    folder.ask_to_stop("release")
        with suppress(OSError):  # a full disk: trials go by the rule that they have
            for study, rule in answer.rules.items():
                keep_rule(self.settings.folder, study, rule)
        tidy(self.settings.folder, set(answer.rules))

    def tell_answers(self) -> None:
        """Tell what trainings that died with an earlier agent had answered: their points stand in MLflow, so the next
        attempt has to change its values where they did. Raises Away."""
        for folder in held(self.settings.folder):
            claim = folder.read_claim() or {}
            before = claim.get("incarnation")
            done = tuple(answers_of(folder).values())[-MOST_ORDERS:]
            if done and isinstance(before, str) and before != self.incarnation:
                ward = Ward(trial=folder.trial, attempt=folder.attempt, done=done)
                message = Report(host=self.settings.host, incarnation=before, wards=(ward,))
                with suppress(Refused):  # the worker is greeted all the same
                    self.scheduler.report_wards(message)

    def deliver_due(self) -> None:
        """Deliver the reports that are written down. Raises Away or Refused."""
        for folder in held(self.settings.folder):
            if folder.finish.exists():
                self._deliver(folder)

    def deliver_reports(self) -> None:
        """Deliver reports that are due, and report for slots that died."""
        suspects: set[AttemptFolder] = set()
        for folder in held(self.settings.folder):
            claim = folder.read_claim()
            if claim is None or (slot_is_alive(claim) and not folder.finish.exists()):
                continue
            if folder.finish.exists():
                self._deliver(folder)
            elif folder not in self.unknown:
                suspects.add(folder)
            elif claim.get("incarnation") == self.incarnation:
                self._report_crash(folder, claim)
            else:
                # Hello gave it back to the scheduler. What it reported still belongs to its run.
                folder.mark_delivered("lost")
        self.unknown = suspects

    def _deliver(self, folder: AttemptFolder) -> None:
        message = read_json(folder.finish)
        if message is None:  # delivered by its slot this moment
            return
        try:
            finish = Finish.model_validate(message)
        except ValidationError:
            log.exception("The report of %s is damaged and is dropped.", folder.path.name)
            folder.mark_delivered("fenced")
            return
        if not deliver(self.scheduler, folder, finish):
            raise Away("Reports wait for the scheduler.")

    def _report_crash(self, folder: AttemptFolder, claim: dict[str, Any]) -> None:
        group = read_json(folder.group) or {}
        if isinstance(group.get("pid"), int) and not folder.finish.exists():
            kill_group(group["pid"])
        ending = Ending("crashed", error="The slot's process died while the trial ran.")
        try:
            finish = write_down(folder, str(claim["nonce"]), ending, 0.0)
        except OSError as error:
            if not no_room(error):
                raise
            log.warning("The disk is full: the end of %s waits for room.", folder.path.name)
        else:
            deliver(self.scheduler, folder, finish)
