"""One MLflow run a trial, whichever hosts trained its attempts, and none of their points twice.

MLflow chooses the ids of runs and creates as many as it is asked for. So the scheduler keeps the one that counts: the
first that it is told. Whoever comes second removes its own, in which nothing was logged yet.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from caviar.contract.messages import Assignment, RunAnswer, RunRequest, ShipTarget
from caviar_worker import ship_state, spool
from caviar_worker.folders import AttemptFolder, state_of
from caviar_worker.scheduler import Scheduler
from caviar_worker.ship_state import AttemptState, ShipState
from caviar_worker.ship_trial import PASSING, run_of

if TYPE_CHECKING:
    from caviar_worker.mlflow_client import Runs

log = logging.getLogger("caviar.worker")

_AGAIN_S = 1.0
What = Literal["ship", "wait", "fill"]
"""``fill``: a later attempt has completed the run; only what it lacks is added."""


@dataclass
class OneRun:
    """Asks the scheduler where another host may be at the same trial; that is rare."""

    runs: Runs
    scheduler: Scheduler
    asked: dict[AttemptFolder, tuple[float, bool]] = field(default_factory=dict)
    """When the scheduler was asked last, and whether the attempt had ended by then."""
    again: dict[AttemptFolder, float] = field(default_factory=dict)
    """When to ask again about an attempt that waits."""

    def what_to_do(
        self, folder: AttemptFolder, claim: dict[str, Any], target: ShipTarget
    ) -> tuple[What, dict[str, Any]]:
        """What may be shipped of the attempt now, and its claim with the run that counts.

        Raises MlflowAway, MlflowRefused, Away or Refused.
        """
        if not self._may_have_rivals(folder, claim):
            return "ship", claim
        if time.monotonic() < self.again.get(folder, 0.0):
            return "wait", claim
        path = state_of(folder.root, folder.trial)
        state = ship_state.load(path)
        answer = self._ask(folder, state.run_id)
        if _is_elsewhere(folder, state, answer.attempt):
            if not answer.complete:
                self.again[folder] = time.monotonic() + _AGAIN_S
                return "wait", claim
            if answer.run_id is not None:
                return "fill", _with_run(claim, answer.run_id)
        if answer.run_id is None:
            assignment = Assignment.model_validate(claim["assignment"])
            made, ours = run_of(self.runs, state, path, assignment, claim, target)
            answer = self._ask(folder, ours)
            if (
                state.intent
            ):  # a kill came in between: one of its own may be left beside the one that counts
                self._discard_others(folder, target, str(answer.run_id))
            state = made
        if state.run_id is not None and state.run_id != answer.run_id:
            self._discard_others(folder, target, str(answer.run_id))
            folder.run_id.unlink(missing_ok=True)
            state = ShipState()
            ship_state.save(path, state)
        if _missed_one(folder, state) and answer.run_id is not None:
            elsewhere = AttemptState(last=self.runs.last_points(answer.run_id))
            ship_state.save(path, replace(state, run_id=answer.run_id).with_attempt(0, elsewhere))
        self.asked[folder] = time.monotonic(), folder.delivered.exists()
        return "ship", _with_run(claim, str(answer.run_id))

    def fill(self, folder: AttemptFolder, run_id: str) -> None:
        """Add the points at steps that the run does not have: an earlier attempt is late with them."""
        there = self.runs.steps(run_id)
        offset, more = 0, True
        while more:
            piece = spool.read(folder.spool, offset)
            late = [p for p in piece.points if p.step not in there.get(p.name, ())]
            if late:
                self.runs.log(run_id, late, {}, {})
            offset, more = piece.offset, piece.more

    def forget(self, folder: AttemptFolder) -> None:
        self.asked.pop(folder, None)
        self.again.pop(folder, None)

    def _may_have_rivals(self, folder: AttemptFolder, claim: Mapping[str, Any]) -> bool:
        """A first attempt that ended for good had none. Else: at the start, at the end, after a long silence."""
        ended = folder.delivered.exists()
        assignment = claim["assignment"]
        if assignment["attempt"] == 1 and folder.verdict() in ("accepted", "duplicate"):
            end = spool.read_end(folder.spool)
            if end is not None and end.outcome not in PASSING:
                return False
        at, had_ended = self.asked.get(folder, (0.0, False))
        # A host that was frozen or cut off for longer than its lease has lost its trials meanwhile.
        silent = time.monotonic() - at > assignment["lease_s"] / 2
        if at and not ended and not silent:
            self.asked[folder] = time.monotonic(), False
            return False
        return (ended and not had_ended) or silent or not at

    def _ask(self, folder: AttemptFolder, run_id: str | None) -> RunAnswer:
        return self.scheduler.run_of(
            RunRequest(trial=folder.trial, attempt=folder.attempt, run_id=run_id)
        )

    def _discard_others(self, folder: AttemptFolder, target: ShipTarget, kept: str) -> None:
        for other in self.runs.find_all(target.experiment_id, folder.trial):
            if other != kept:
                log.warning("%s has the run %s: %s is removed.", folder.trial, kept, other)
                self.runs.discard(other)


def _is_elsewhere(folder: AttemptFolder, state: ShipState, newest: int) -> bool:
    """Whether a later attempt than this one trained on another host."""
    return any(
        number not in state.attempts
        and not AttemptFolder(folder.root, folder.trial, number).path.exists()
        for number in range(folder.attempt + 1, newest + 1)
    )


def _missed_one(folder: AttemptFolder, state: ShipState) -> bool:
    """Whether the attempt before this one was another host's: this host does not know what it logged."""
    before = folder.attempt - 1
    return before > 0 and not {before, folder.attempt} & state.attempts.keys()


def _with_run(claim: dict[str, Any], run_id: str) -> dict[str, Any]:
    return {**claim, "assignment": {**claim["assignment"], "run_id": run_id}}
