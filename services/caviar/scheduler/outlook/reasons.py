"""Why a study waits, in one or two sentences: with figures, and with a way out where there is one.

No study is named: whoever may look at this one may not look at the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from caviar.scheduler.line import RANKS
from caviar.scheduler.outlook.snapshot import ClassNow, Snapshot, StudyNow

RAISE = "An operator may raise the quota."


def why(each: StudyNow, snapshot: Snapshot, ahead: Sequence[StudyNow]) -> str:
    """``ahead``: the studies of its class that get a slot before it."""
    at = snapshot.at(each.resource_class)
    if each.record.state == "paused":
        return f"Paused{_still(each)}. `caviar resume {each.record.id}` lets it go on."
    if each.record.state != "running":
        return f"It is {each.record.state}{_still(each)}."
    stuck = _stuck(each, at, snapshot)
    if stuck:
        return stuck
    if not each.left and each.running:
        return f"All its trials are out: it ends with the {_trials(len(each.running))} that run{_s(len(each.running))}."
    if each.running and not each.ready:
        return (
            f"Its search is over: once the {_trials(len(each.running))} that run{_s(len(each.running))} have ended, "
            "its leaders train again."
        )
    held_back = snapshot.teams[each.record.team].held_back
    if held_back is not None:
        return f"{_runs(each)}{_upper(held_back)}. {RAISE}"
    if each.unclaimed:
        return (
            f"{_runs(each)}A slot is free, and nobody takes the trial that was handed out several times. "
            "`caviar doctor` looks for the reason."
        )
    if at.free > 0:
        return f"{_runs(each)}A slot is free: its next trial is on its way."
    if len(each.running) == at.running and not ahead:
        return f"{_runs(each)}It has every slot of class {each.resource_class}.{_again(each)}"
    return f"{_runs(each)}{_taken(each, at, snapshot)}{_turn(each, ahead)}{_again(each)}"


def _stuck(each: StudyNow, at: ClassNow, snapshot: Snapshot) -> str:
    """What keeps a whole class from working."""
    name = each.resource_class
    if not at.workers and not each.running:
        others = ", ".join(
            f"{known} ({now.slots} slot{'' if now.slots == 1 else 's'})"
            for known, now in snapshot.classes.items()
            if now.workers
        )
        there = f"The workers that are there are of class {others}." if others else "None is there."
        return (
            f"No worker of class {name} has called. {there} "
            f"Start one with CAVIAR_WORKER_CLASS={name} `caviar worker`."
        )
    if at.workers and len(at.without_work) == at.workers:
        host, reason = next(iter(at.without_work.items()))
        which = (
            f"The only host of class {name}, {host}, is"
            if at.workers == 1
            else (f"All {at.workers} hosts of class {name} are")
        )
        return f"{which} {reason}."
    if snapshot.broker_is_down:
        return (
            f"{_runs(each)}The broker (Redis) is away: no trial can be handed out until it is back."
        )
    if not at.slots and not each.running:
        return f"The workers of class {name} have no slot that can train now."
    return ""


def _taken(each: StudyNow, at: ClassNow, snapshot: Snapshot) -> str:
    """Who has the slots."""
    team = each.record.team
    holders, mine = dict(snapshot.held(each.resource_class)), len(each.running)
    own = holders.pop(team, 0) - mine
    parts = [f"{mine} by it"] if mine else []
    parts += [f"{own} by other studies of its team"] if own else []
    parts += [f"{count} by team {name}" for name, count in sorted(holders.items(), key=_most)]
    if len(parts) > 4:
        parts = [*parts[:3], f"{at.running - _sum(parts[:3])} by others"]
    who = f", {', '.join(parts)}" if parts else ""
    slots = "The only slot" if at.slots == 1 else f"All {at.slots} slots"
    return f"{slots} of class {each.resource_class} {'is' if at.slots == 1 else 'are'} taken{who}."


def _sum(parts: list[str]) -> int:
    return sum(int(part.partition(" ")[0]) for part in parts)


def _most(holder: tuple[str, int]) -> tuple[int, str]:
    return -holder[1], holder[0]


def _turn(each: StudyNow, ahead: Sequence[StudyNow]) -> str:
    """Who is before it, and by which rule."""
    if each.record.place == "last":
        return " An operator put it behind all others."
    if not ahead:
        return " It is next."
    rank, team = RANKS[each.record.place], each.record.team
    placed = sum(RANKS[other.record.place] < rank for other in ahead)
    own = [o for o in ahead if o.record.team == team and RANKS[o.record.place] == rank]
    higher = sum(other.record.priority > each.record.priority for other in own)
    teams = sorted({o.record.team for o in ahead if RANKS[o.record.place] == rank} - {team})
    parts = [f"{_studies(placed)} that an operator put first"] if placed else []
    parts += [f"{_studies(higher)} of its team with a higher priority"] if higher else []
    equals = len(own) - higher
    parts += (
        [
            f"{_studies(equals)} of its team that hold{_s(equals)} fewer slots or wait{_s(equals)} longer"
        ]
        if equals
        else []
    )
    if teams:
        named = ", ".join(teams[:3]) + (f" and {len(teams) - 3} more" if len(teams) > 3 else "")
        parts.append(
            f"team{'' if len(teams) == 1 else 's'} {named}, further below {'its' if len(teams) == 1 else 'their'} share"
        )
    return f" Before it: {'; '.join(parts)}." if parts else ""


def _runs(each: StudyNow) -> str:
    return f"Runs {_trials(len(each.running))}. " if each.running else ""


def _still(each: StudyNow) -> str:
    count = len(each.running)
    return f", {_trials(count)} still run{_s(count)}" if count else ""


def _again(each: StudyNow) -> str:
    if not each.back:
        return ""
    of_it = f" {_trials(each.back)} of it wait{_s(each.back)} to be trained again"
    return f"{of_it}: a crash, a lost host, or another study went first."


def _trials(count: int) -> str:
    return f"{count} trial{'' if count == 1 else 's'}"


def _studies(count: int) -> str:
    return f"{count} stud{'y' if count == 1 else 'ies'}"


def _s(count: int) -> str:
    return "s" if count == 1 else ""


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
