"""One slot: claim the trial of a ticket, train it in a process of its own, report how it ended.

A plain function, ``run_ticket``; ``app`` is the Celery task round it.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from caviar.contract.bundle import BundleError
from caviar.contract.messages import (
    Assignment,
    ClaimRequest,
    Finish,
    PassRequest,
    Ticket,
    Trainer,
)
from caviar.contract.names import ENV_MLFLOW, ENV_MLFLOW_TOKEN
from caviar.contract.offers import why_not
from caviar.contract.panda import fork_key
from caviar.contract.protocol import OLDEST, PROTOCOL
from caviar_worker import output, spool
from caviar_worker.bundles import Bundles
from caviar_worker.checkpoints import newest
from caviar_worker.client import Conversation, ForkServerGone
from caviar_worker.disk import may_claim
from caviar_worker.fetching import fetch
from caviar_worker.files import read_json, write_json
from caviar_worker.folders import AttemptFolder
from caviar_worker.forks import adopt
from caviar_worker.gpus import hold
from caviar_worker.outcome import Ending, Exit, judge, judge_command, with_bounded
from caviar_worker.processes import boot_id, kill_group, started_at
from caviar_worker.reporting import Outbox, deliver, write_down
from caviar_worker.room import is_full
from caviar_worker.rungs import keep_rule
from caviar_worker.scheduler import Away, Refused, Scheduler, WrongProtocol
from caviar_worker.settings import WorkerSettings
from caviar_worker.ship_state import passed
from caviar_worker.trainers import installed, offers
from caviar_worker.user import prepare_attempt
from caviar_worker.welcome import wait_until_welcome

log = logging.getLogger("caviar.worker")

CLAIM_PATIENCE_S = 60.0
"""Then the ticket is dropped: the scheduler sends another."""
OTHERS_S = 30.0
"""How long a slot rests that was given a ticket which it cannot read."""
ROOM_PATIENCE_S = 10.0
"""How long a ticket is kept where no GPU of the host has room; then another host may have it."""
AGAIN_S = 0.5
FORKSERVER_PATIENCE_S = 30.0
STOP_GRACE_S = 10.0
"""Between asking a trial to stop and ending it: room for one epoch and a checkpoint."""
RELEASE_GRACE_S = 2.0
"""The same where the whole host shuts down, which is to take less than 5 s."""
TERM_GRACE_S = 2.0
POLL_S = 0.2

_FUNCTION = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")


@dataclass(frozen=True, slots=True)
class Slot:
    """What a slot works with. ``index`` is 0-based on its host."""

    settings: WorkerSettings
    scheduler: Scheduler
    outbox: Outbox
    incarnation: str
    index: int


def run_ticket(slot: Slot, message: object) -> None:
    """All of one ticket. Returns when the trial is over and written down; raises nothing for bad input.

    The report is delivered while the slot takes its next ticket: the scheduler may see this slot's next claim first.
    """
    try:
        ticket = Ticket.model_validate_json(json.dumps(message))
    except (ValidationError, ValueError, TypeError) as error:
        log.warning("A ticket that is none was dropped: %s", str(error)[:500])
        if _is_of_another_version(message):
            _leave_to_others(slot)
        return
    if not _wait_for_room(slot) or slot.settings.closing_file.exists():
        return
    nonce = uuid.uuid4().hex
    assignment = _claim(slot, ticket, nonce)
    if assignment is None:
        return
    folder = AttemptFolder(slot.settings.folder, assignment.trial, assignment.attempt)
    started_ms = time.time_ns() // 1_000_000
    begun = time.monotonic()
    try:
        _write_claim(slot, folder, assignment, nonce, started_ms)
    except OSError as error:
        _give_back(slot, folder, nonce, error)
        return
    try:
        ending = _train(slot, folder, assignment)
    except Exception as error:  # without a report the attempt would be held for ever
        log.exception("%s could not be trained.", folder.path.name)
        ending = Ending("crashed", error=f"The worker failed: {error}")
    seconds = time.monotonic() - begun
    shutil.rmtree(folder.path / "scratch", ignore_errors=True)
    output.bound(folder.output, output.MOST_KEPT)
    finish = write_down(folder, nonce, ending, seconds, slot.settings.closing_file.exists)
    if slot.settings.closing_file.exists():  # this process ends with its ticket
        deliver(slot.scheduler, folder, finish)
    else:
        slot.outbox.put(folder, finish)


def _is_of_another_version(message: object) -> bool:
    """Whether the scheduler may be newer than this worker, or older."""
    version = message.get("v") if isinstance(message, dict) else None
    return isinstance(version, int) and not OLDEST <= version <= PROTOCOL


def _leave_to_others(slot: Slot) -> None:
    """The ticket cannot be read here. The scheduler sends it again, and a worker that can is to have it then."""
    log.error("The ticket is left to workers of another version. This one has to be upgraded.")
    _rest(slot, OTHERS_S)
    wait_until_welcome(slot.scheduler, slot.settings.closing_file.exists)


def _wait_for_room(slot: Slot) -> bool:
    """Wait until the host has room for a trial; False where it shuts down before.

    The ticket is not given away: this slot would only take the next one. The scheduler sends it again to others.
    """
    while not may_claim(slot.settings):
        if slot.settings.closing_file.exists():
            return False
        time.sleep(POLL_S)
    return True


def _give_back(slot: Slot, folder: AttemptFolder, nonce: str, error: OSError) -> None:
    """A claim that could not be written down: the trial goes to another host, or waits for room."""
    log.error("%s is given back, its claim could not be written: %s", folder.path.name, error)
    shutil.rmtree(folder.path, ignore_errors=True)
    reason = f"The worker could not write the claim down: {error}"[:8000]
    finish = Finish(
        trial=folder.trial, attempt=folder.attempt, nonce=nonce, outcome="released", error=reason
    )
    with suppress(Away, Refused):  # then its lease ends
        slot.scheduler.finish(finish)


def _claim(slot: Slot, ticket: Ticket, nonce: str) -> Assignment | None:
    """The assignment; None where the trial is somebody else's, or the scheduler is away for long."""
    request = ClaimRequest(
        trial=ticket.trial,
        attempt=ticket.attempt,
        nonce=nonce,
        host=slot.settings.host,
        incarnation=slot.incarnation,
        slot=slot.index,
        gpus=slot.settings.gpus,
        slots_per_gpu=slot.settings.slots_per_gpu,
        offers=offers(slot.settings),
        changes=True,
    )
    deadline = time.monotonic() + CLAIM_PATIENCE_S
    patience = time.monotonic() + ROOM_PATIENCE_S
    again = 0.02  # often the report of the trial that had the GPU is on its way
    pause = 0.1
    while True:
        try:
            answer = slot.scheduler.claim(request)
            if not answer.again or time.monotonic() > patience or _rest(slot, again):
                break
            again = min(AGAIN_S, again * 2)
        except Refused as error:
            log.warning("The claim of %s was refused: %s", ticket.trial, error)
            return None
        except WrongProtocol as error:
            log.error("The ticket of %s was dropped: %s", ticket.trial, error)
            wait_until_welcome(slot.scheduler, slot.settings.closing_file.exists)
            return None
        except Away as error:
            if time.monotonic() > deadline or slot.settings.closing_file.exists():
                log.warning("The ticket of %s was dropped: %s", ticket.trial, error)
                return None
            time.sleep(pause)
            pause = min(5.0, pause * 2)
    _rest(slot, answer.pause_s)
    assignment = answer.assignment
    if not answer.granted or assignment is None:
        return None
    if (assignment.trial, assignment.attempt) != (ticket.trial, ticket.attempt):
        log.error("The claim of %s was answered with another trial: dropped.", ticket.trial)
        return None
    return assignment


def _rest(slot: Slot, seconds: float) -> bool:
    """Wait. True, at once, where the host shuts down."""
    until = time.monotonic() + seconds
    while not slot.settings.closing_file.exists():
        left = until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, POLL_S))
    return True


def _write_claim(
    slot: Slot, folder: AttemptFolder, assignment: Assignment, nonce: str, started_ms: int
) -> None:
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    claim = {
        "assignment": assignment.model_dump(mode="json"),
        "nonce": nonce,
        "started_ms": started_ms,
        "host": slot.settings.host,
        "incarnation": slot.incarnation,
        "slot_pid": os.getpid(),
        "slot_start": started_at(os.getpid()),
    }
    if assignment.stop is not None:
        keep_rule(folder.root, assignment.study, assignment.stop)
    write_json(folder.claim, claim)


def _train(slot: Slot, folder: AttemptFolder, assignment: Assignment) -> Ending:
    refusal = refuse(assignment.trainer, slot.settings)
    if refusal:
        return Ending("failed", error=refusal)
    try:
        code = _bring_code(slot, folder, assignment)
        prepare_attempt(slot.settings.user, folder)
    except (BundleError, Refused) as error:
        return Ending("failed", error=f"The study's code cannot be used: {error}")
    except (Away, OSError) as error:
        log.warning("%s is given back: %s", folder.path.name, error)
        _rest(slot, AGAIN_S)  # it comes again at once
        return Ending("released", error=f"The study's code did not come: {error}")
    assignment = assignment.model_copy(update={"trainer": code})
    lock = _hold_gpu(slot, folder, assignment)
    if lock is None:
        return Ending("stopped" if folder.stop_reason() == "stop" else "released")
    with lock:
        return _run_trainer(slot, folder, assignment)


def _hold_gpu(slot: Slot, folder: AttemptFolder, assignment: Assignment) -> IO[bytes] | None:
    """The trial's GPU, once whatever the scheduler gave up there has really ended; None when asked to stop before."""
    while True:
        lock = hold(slot.settings.run_dir, assignment.gpu, assignment.gpu_alone)
        if lock is not None:
            return lock
        if slot.settings.closing_file.exists():
            folder.ask_to_stop("release")
        if folder.stop_reason() is not None:
            return None
        time.sleep(POLL_S / 4)


def _run_trainer(slot: Slot, folder: AttemptFolder, assignment: Assignment) -> Ending:
    # Set in the trial's own process: nothing before it has looked at a GPU.
    environ = {"CUDA_VISIBLE_DEVICES": assignment.gpu} if assignment.gpu else {}
    command = assignment.trainer.command is not None
    if command:
        run_id = _wait_for_run(slot, folder)
        if run_id is None:
            return Ending("stopped" if folder.stop_reason() == "stop" else "released")
        environ |= {"MLFLOW_RUN_ID": run_id, ENV_MLFLOW: slot.settings.mlflow}
        if slot.settings.behind_gateway:
            try:
                environ |= _pass_of(slot, folder)
            except Refused as error:
                return Ending("released", error=f"The trial got no pass to MLflow: {error}")
    if assignment.attempt > 1 and slot.settings.checkpoints and not command:
        fetch(folder, partial(_asked_to_end, slot, folder))
    if not command and (reason := _bring_origin(slot, folder, assignment)):
        return Ending("failed", error=reason)
    exit = _run(slot, folder, assignment, environ)
    asked = folder.stop_reason()
    result = read_json(folder.result)
    if command:
        logged: dict[str, float] = {}
        if exit.code == 0 and result is None:
            logged = _metrics_of_run(slot, folder)
            asked = folder.stop_reason()
        value = logged.pop(assignment.metric, None)
        ending = judge_command(exit, result, asked, assignment.metric, value)
        if ending.outcome == "failed" and is_full(folder.root):
            return replace(
                ending, outcome="crashed", error=f"The worker's disk was full. {ending.error}"
            )
        return with_bounded(ending, assignment.bounded, logged)
    _, last = spool.last_step(folder.spool, assignment.metric)
    reported = spool.last_values(folder.spool, assignment.bounded)
    return with_bounded(judge(exit, result, asked, last), assignment.bounded, reported)


def _bring_origin(slot: Slot, folder: AttemptFolder, assignment: Assignment) -> str | None:
    """Put the checkpoint there with which the trial begins, where it begins with one. Why that cannot be."""
    origin = assignment.origin
    if origin is None or (origin.fork is None and origin.run_id is None):
        return None
    key = origin.fork or fork_key(folder.trial, 0, 0)
    if origin.run_id is not None and newest(folder.checkpoints, folder.attempt) is None:
        fetch(folder, partial(_asked_to_end, slot, folder))
    if adopt(folder.root, folder.trial, key) or _asked_to_end(slot, folder):
        return None
    if origin.run_id is not None:
        return (
            f"It begins with the checkpoint of run {origin.run_id}, which has none that is whole."
        )
    where = f"trial {origin.number}'s checkpoint of step {origin.step}"
    return f"It begins with {where}, which is not on this host any more."


def refuse(trainer: Trainer, settings: WorkerSettings) -> str | None:
    """Why this worker does not run the trainer; None where it does."""
    if trainer.function is not None and not _FUNCTION.match(trainer.function):
        return f"The trainer {trainer.function!r} is not of the form module:name."
    if trainer.command is not None and not trainer.command:
        return "The trainer's command is empty."
    reason = why_not(trainer, offers(settings))
    if reason is not None or trainer.folder is None:
        return reason
    if not Path(trainer.folder).is_absolute() or not Path(trainer.folder).is_dir():
        return f"The trainer's folder {trainer.folder!r} is no absolute folder on this worker."
    return None


def _bring_code(slot: Slot, folder: AttemptFolder, assignment: Assignment) -> Trainer:
    """The trainer as the fork server starts it: a function or a command, and the folder where its code lies here.

    Raises BundleError, Away or OSError.
    """
    trainer = assignment.trainer
    if trainer.name is not None:
        return Trainer(function=installed()[trainer.name])
    if trainer.bundle is None:
        return trainer
    bundles = Bundles(folder.root)
    fetch_it = partial(slot.scheduler.bundle, assignment.study)
    home = bundles.get(trainer.bundle, fetch_it)
    return trainer.model_copy(update={"folder": str(home)})


def _run(
    slot: Slot, folder: AttemptFolder, assignment: Assignment, environ: dict[str, str]
) -> Exit:
    """Start the trial, see it through to its end, and leave nothing of its group."""
    group = 0
    try:
        with Conversation(
            slot.settings.forkserver_socket, patience_s=FORKSERVER_PATIENCE_S
        ) as conversation:
            request = {
                "op": "run",
                "folder": str(folder.path),
                "assignment": assignment.model_dump(mode="json"),
                "trainer": assignment.trainer.model_dump(mode="json"),
                "checkpoints": str(folder.checkpoints),
                "environ": environ,
                "passed": passed(folder, assignment.passed),
            }
            conversation.ask(request)
            killer = _Killer(slot.settings, folder)
            while True:
                message = conversation.answer(POLL_S)
                if message is None:
                    output.bound(folder.output)
                    if killer.due(group):
                        return Exit(signal=9)
                elif "pid" in message:
                    group = int(message["pid"])
                    record = {"pid": group, "start": message["start"], "boot": boot_id()}
                    write_json(folder.group, record)
                else:
                    return Exit(
                        message.get("code"), message.get("signal"), str(message.get("error", ""))
                    )
    except ForkServerGone as error:
        log.warning("%s: %s", folder.path.name, error)
        return Exit(signal=9)
    finally:
        kill_group(group)


class _Killer:
    """Ends a trial that was asked to stop and did not: SIGTERM after the grace, then SIGKILL."""

    def __init__(self, settings: WorkerSettings, folder: AttemptFolder) -> None:
        self.settings = settings
        self.folder = folder
        self.asked_at: float | None = None
        self.termed = False

    def due(self, group: int) -> bool:
        """Look at the stop files, act; True where there is no process yet and none is wanted."""
        if self.settings.closing_file.exists():
            self.folder.ask_to_stop("release")
        reason = self.folder.stop_reason()
        if reason is None:
            return False
        now = time.monotonic()
        self.asked_at = now if self.asked_at is None else self.asked_at
        closing = self.settings.closing_file.exists()
        grace = RELEASE_GRACE_S if closing else STOP_GRACE_S
        if group == 0:  # still importing
            return True
        waited = now - self.asked_at
        if closing:
            if waited >= grace:
                kill_group(group)
        elif waited >= grace + TERM_GRACE_S:
            kill_group(group)
        elif waited >= grace and not self.termed:
            self.termed = True
            kill_group(group, 15)
        return False


def _asked_to_end(slot: Slot, folder: AttemptFolder) -> bool:
    if slot.settings.closing_file.exists():
        folder.ask_to_stop("release")
    return folder.stop_reason() is not None


def _wait_for_run(slot: Slot, folder: AttemptFolder) -> str | None:
    """The MLflow run that a command logs to, once the shipper has made it; None when asked to stop."""
    while True:
        if folder.run_id.exists():
            return folder.run_id.read_text().strip()
        if _asked_to_end(slot, folder):
            return None
        time.sleep(POLL_S / 2)


def _pass_of(slot: Slot, folder: AttemptFolder) -> dict[str, str]:
    """What the trial shows to MLflow, a token of its own, as variables for it.

    Raises Refused where the claim does not hold any more, or the scheduler is away and the trial is asked to end.
    """
    claim = read_json(folder.claim) or {}
    request = PassRequest(trial=folder.trial, attempt=folder.attempt, nonce=str(claim["nonce"]))
    while True:
        try:
            token = slot.scheduler.trial_pass(request)
            return {} if token is None else {ENV_MLFLOW_TOKEN: token}
        except Away as error:
            if _asked_to_end(slot, folder):
                raise Refused(str(error), 503) from None
        _rest(slot, AGAIN_S)


def _metrics_of_run(slot: Slot, folder: AttemptFolder) -> dict[str, float]:
    """The newest finite values of the metric and of the bounded ones in the command's run, asked of the shipper."""
    folder.metric_request.touch()
    while True:
        answer = read_json(folder.metric_answer)
        if answer is not None:
            return {
                name: float(value)
                for name, value in answer.items()
                if isinstance(value, (int, float)) and math.isfinite(value)
            }
        if _asked_to_end(slot, folder):
            return {}
        time.sleep(POLL_S / 4)
