"""The states of studies and trials, and the only transitions between them.

queued -> dispatched(attempt + 1) -> running -> done | failed | stopped
  ^            | no claim in time: ticket again, same attempt
  +------------+--- lease lost or crash; budgets spent -> quarantined;   any open -> cancelled
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, get_args

from caviar.contract.messages import Outcome
from caviar.contract.views import StudyState, TrialState

TRIAL_STATES: Final[tuple[TrialState, ...]] = get_args(TrialState)
OPEN: Final[frozenset[TrialState]] = frozenset({"queued", "dispatched", "running"})
FINAL: Final[frozenset[TrialState]] = frozenset(TRIAL_STATES) - OPEN
LEARNT_FROM: Final[frozenset[TrialState]] = FINAL - {"cancelled"}
"""How trials end that say something to the search: not because somebody cancelled them."""
GOING_ON: Final[frozenset[StudyState]] = frozenset({"running", "paused"})
ENDED: Final[frozenset[StudyState]] = frozenset({"done", "stopped", "failed"})

CRASH_BUDGET: Final = 3
"""A trial whose process died this many times is quarantined: it would die again."""
LOST_BUDGET: Final = 5
"""A trial whose host was lost this many times is quarantined. Apart from crashes: the host is the usual cause."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt's end does to its trial."""

    state: TrialState
    crashes: int
    lost: int


def after_finish(
    outcome: Outcome,
    crashes: int,
    lost: int,
    cancelled: bool,
    *,
    asked: bool = False,
    valued: bool = False,
    blamed: bool = False,
) -> Verdict:
    """The trial's state after an attempt ended with ``outcome``.

    ``cancelled`` says that the study was stopped: nothing goes back to the queue, and what ended early was cancelled.
    ``asked`` says that somebody stopped this one trial: it does not come back, and it is a result only where it is
    ``valued``, has a value. ``blamed`` says that its host is held to be at fault: the trial is tried again, within
    the budget for lost hosts.
    """
    again = not (cancelled or asked)
    if blamed and again and outcome in ("failed", "crashed") and lost + 1 < LOST_BUDGET:
        return Verdict("queued", crashes, lost + 1)
    if outcome == "crashed":
        crashes += 1
        if crashes >= CRASH_BUDGET:
            return Verdict("quarantined", crashes, lost)
    if outcome in ("crashed", "released"):
        return Verdict("queued" if again else "cancelled", crashes, lost)
    if outcome == "stopped" and (cancelled or (asked and not valued)):
        return Verdict("cancelled", crashes, lost)
    states: dict[Outcome, TrialState] = {"done": "done", "failed": "failed", "stopped": "stopped"}
    return Verdict(states[outcome], crashes, lost)


def after_loss(crashes: int, lost: int, cancelled: bool) -> Verdict:
    """The trial's state after its lease was lost."""
    lost += 1
    if cancelled:
        return Verdict("cancelled", crashes, lost)
    return Verdict("quarantined" if lost >= LOST_BUDGET else "queued", crashes, lost)


def study_after(counts: dict[TrialState, int]) -> StudyState:
    """How a study ends whose budget is spent: it failed when not one trial gave a value."""
    return "done" if counts["done"] + counts["stopped"] else "failed"


def trial_seed(study_seed: int, number: int) -> int:
    """A trial's own seed in [0, 2**31): a hash, so that neighbouring numbers share nothing."""
    digest = hashlib.sha256(f"{study_seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
