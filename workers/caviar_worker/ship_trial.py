"""Shipping one attempt: from its spool to its trial's MLflow run, at most once whatever is killed when.

A short trial that ended costs three calls: create the run, log everything, end it.
"""

from __future__ import annotations

import getpass
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar import __version__
from caviar.contract import names, pages
from caviar.contract.ending import TrialChange, in_pieces
from caviar.contract.markdown import link
from caviar.contract.messages import Assignment, ShipTarget
from caviar_worker import ship_state, spool
from caviar_worker.files import read_json, read_tail
from caviar_worker.folders import AttemptFolder, state_of
from caviar_worker.live import read_told
from caviar_worker.ship_state import AttemptState, ShipState

if TYPE_CHECKING:
    from caviar_worker.mlflow_client import Runs

log = logging.getLogger("caviar.worker")

_STATUS = {"done": "FINISHED", "failed": "FAILED", "crashed": "FAILED"}
"""By outcome; what was stopped or given back is KILLED, early stopping included: FINISHED is what trained whole, also
for those who filter or sort runs in MLflow. A later attempt opens the run again."""
_OUTPUT_LIMIT = 1_000_000
PASSING = ("crashed", "released")
"""Outcomes after which another attempt may follow: checkpoints and state are kept."""


class Forgotten(Exception):
    """The service lost its store before anything of this trial was in MLflow: another trial has its number."""


def ship(
    runs: Runs, folder: AttemptFolder, claim: Mapping[str, Any], target: ShipTarget
) -> tuple[str, bool]:
    """Ship what is new. Returns the run's id and whether nothing of this attempt is left to ship.

    How the attempt ended is shipped only when the scheduler has taken it: a fenced attempt must not
    end the run of the one that replaced it. Raises MlflowAway or MlflowRefused; what was shipped until
    then is remembered. Raises Forgotten where nothing of the trial may be shipped.
    """
    assignment = Assignment.model_validate(claim["assignment"])
    path = state_of(folder.root, folder.trial)
    verdict = folder.verdict()
    accepted = verdict in ("accepted", "duplicate")
    state = ship_state.load(path)
    piece = spool.read(folder.spool, state.of(folder.attempt).offset)
    told: dict[str, str] = {}
    if accepted and piece.end is not None and _is_new(state, assignment, target):
        # A trial that is over when its run is made: how it ended goes with the other tags.
        told = _closing(folder, piece.end)
    state, run_id = run_of(runs, state, path, assignment, claim, target, told)
    if not folder.run_id.exists():
        draft = folder.path / ".run_id"
        draft.write_text(run_id)
        draft.rename(folder.run_id)
    earlier = state.earlier(folder.attempt)
    while True:
        mine = state.of(folder.attempt)
        tags, params = _opening(assignment, claim, mine)
        changes = _changes(folder)
        tags |= dict(changes[mine.changes :])
        points = ship_state.unrepeated(piece.points, earlier)
        last = ship_state.newest(mine.last, points)
        ending = piece.end if accepted else None
        if ending is not None and _superseded(runs, run_id, folder, ending):
            ending = None
        if ending is not None:
            # A command logged its metric itself: MLflow's latest value is what was reported.
            logged = assignment.trainer.command is not None
            before = ship_state.newest(earlier, last.values())
            finals = [] if logged else ship_state.final_points(ending, assignment.metric, before)
            points += finals
            last = ship_state.newest(last, finals)
            if not told:
                tags |= _closing(folder, ending)
        if points or tags or params:
            runs.log(run_id, points, params, tags)
        if ending is not None:
            if ending.outcome in ("failed", "crashed"):
                _upload_output(runs, run_id, folder)
            runs.end(run_id, _STATUS.get(ending.outcome, "KILLED"), ending.t_ms)
        new = AttemptState(piece.offset, opened=True, last=last, changes=len(changes))
        if new != mine:
            state = state.with_attempt(folder.attempt, new)
            ship_state.save(path, state)
        if not piece.more:
            return run_id, verdict is not None
        piece = spool.read(folder.spool, new.offset)


def _closing(folder: AttemptFolder, ending: spool.End) -> dict[str, str]:
    """The tags that say how it ended."""
    tags = {names.TAG_STATE: str(ending.outcome)}
    if ending.record:
        tags[names.TAG_END] = ending.record
    early = folder.stop_reason() == "early"
    if ending.outcome == "stopped" and early and (note := folder.stop_note()):
        tags[names.TAG_STOPPED] = note
    replaced = [about for about in folder.laid_aside().values() if about.get("in_place")]
    if ending.outcome == "stopped" and replaced:
        tags[names.TAG_ABANDONED] = f"after step {replaced[-1].get('step')}"
    return tags


def _changes(folder: AttemptFolder) -> list[tuple[str, str]]:
    """A tag for each value that was set while it trained, in the order in which they took effect."""
    done = read_told(folder.live).done
    if not done:
        return []
    found = []
    orders = {each["number"]: each for each in (read_json(folder.orders) or {}).get("orders", [])}
    for number, about in done.items():
        order = orders.get(number, {})
        if order.get("parameter") is not None and "refused" not in about:
            told = TrialChange.to_tag(
                order["parameter"],
                about["before"],
                order["value"],
                about["step"],
                order.get("by", ""),
                order.get("why", ""),
            )
            found.append((f"{names.TAG_CHANGE}{order['number']}", told))
    return found


def _is_new(state: ShipState, assignment: Assignment, target: ShipTarget) -> bool:
    """Nobody can have made the trial's run yet."""
    known = state.run_id is not None or state.intent or assignment.run_id is not None
    before = names.rebuilt_of(assignment.trial) < target.rebuilt
    return assignment.attempt == 1 and not known and not before


def _superseded(runs: Runs, run_id: str, folder: AttemptFolder, ending: spool.End) -> bool:
    """Whether a later attempt, on any host, has the run already: its end is what counts."""
    # A trial that failed is tried again where the scheduler holds the host to be at fault.
    return ending.outcome in (*PASSING, "failed") and runs.attempt_of(run_id) > folder.attempt


def run_of(
    runs: Runs,
    state: ShipState,
    path: Path,
    assignment: Assignment,
    claim: Mapping[str, Any],
    target: ShipTarget,
    told: Mapping[str, str] | None = None,
) -> tuple[ShipState, str]:
    """The trial's one run: known, found, or created with ``told`` among its tags."""
    if state.run_id is not None:
        run_id = state.run_id
        if assignment.attempt > 1 and not state.of(assignment.attempt).opened:
            runs.reopen(run_id)
        return state, run_id
    found = assignment.run_id
    forgotten = names.is_forgotten(assignment.trial, assignment.attempt, target.rebuilt)
    if found is None and (state.intent or assignment.attempt > 1 or forgotten):
        found = runs.find(target.experiment_id, assignment.trial)
    if found is not None:
        if assignment.attempt > 1 and not state.attempts:
            # Another host trained the earlier attempts: what they logged is not logged again.
            state = state.with_attempt(0, AttemptState(last=runs.last_points(found)))
            runs.reopen(found)
    elif forgotten:
        raise Forgotten(f"{assignment.trial} was not in MLflow when its study came back from there")
    else:
        state = replace(state, intent=True)
        ship_state.save(path, state)
        found = runs.create(
            target.experiment_id,
            names.trial_run_name(assignment.number),
            int(claim["started_ms"]),
            {**_tags(assignment, claim, target), **(told or {})},
        )
    state = replace(state, run_id=found)
    ship_state.save(path, state)
    return state, found


def _tags(assignment: Assignment, claim: Mapping[str, Any], target: ShipTarget) -> dict[str, str]:
    trainer = assignment.trainer
    again = assignment.repeats
    chosen = {names.TAG_ADDED: "1"} if assignment.added else {}
    if assignment.origin is not None:
        told = assignment.origin.model_dump_json(exclude_defaults=True)
        chosen |= in_pieces(names.TAG_ORIGIN, told)
    return (
        ({} if again is None else {names.TAG_REPEATS: str(again)})
        | chosen
        | {
            names.TAG_KIND: "trial",
            names.TAG_STUDY: assignment.study,
            names.TAG_STUDY_NAME: assignment.study_name,
            names.TAG_ROUND: str(assignment.round),
            names.TAG_TRIAL: assignment.trial,
            names.TAG_NUMBER: str(assignment.number),
            names.TAG_ATTEMPT: str(assignment.attempt),
            names.TAG_SEED: str(assignment.seed),
            names.TAG_HOST: str(claim.get("host", "")),
            names.TAG_VERSION: __version__,
            names.TAG_PARENT: target.parent_run_id,
            names.TAG_USER: getpass.getuser(),
            names.TAG_SOURCE: trainer.function or " ".join(trainer.command or ()),
            names.TAG_NOTE: _note(assignment, target),
        }
    )


def _note(assignment: Assignment, target: ShipTarget) -> str:
    """What it is, in Markdown, and the ways to its study and to the service's page of it."""
    study = pages.run_page("", target.experiment_id, target.parent_run_id)
    about = f"Trial {assignment.number}, round {assignment.round}, of {link(assignment.study_name, study)}"
    if assignment.repeats is not None:
        about += f": trial {assignment.repeats} again, on a new seed"
    elif assignment.origin is not None:
        about += ": a fork"
    elif assignment.added:
        about += ": a point that a person chose"
    if target.service is None:
        return f"{about}."
    page = pages.trial_page(target.service, assignment.study, assignment.number)
    return f"{about}. [The trial in Caviar]({page})"


def _opening(
    assignment: Assignment, claim: Mapping[str, Any], mine: AttemptState
) -> tuple[dict[str, str], dict[str, str]]:
    """Tags and parameters that go with an attempt's first batch."""
    if mine.opened:
        return {}, {}
    params = {name: str(value) for name, value in assignment.params.items()}
    if assignment.attempt == 1:
        return {}, params
    tags = {
        names.TAG_ATTEMPT: str(assignment.attempt),
        names.TAG_HOST: str(claim.get("host", "")),
        names.TAG_STATE: "running",
    }
    return tags, params


def _upload_output(runs: Runs, run_id: str, folder: AttemptFolder) -> None:
    """The end of what the trial printed, as ``output.txt``."""
    text = read_tail(folder.output, _OUTPUT_LIMIT)
    if not text:
        return
    path = folder.path / "output.txt"
    path.write_text(text, encoding="utf-8")
    try:
        runs.upload(run_id, path)
    finally:
        with suppress(OSError):
            path.unlink()
