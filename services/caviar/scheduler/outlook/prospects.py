"""The queue as it is and as it will likely go: from a snapshot and the lengths of trials that ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean, median

from caviar.contract.messages import Trainer
from caviar.contract.queue import TeamShare
from caviar.scheduler.outlook.forecast import Waiting, forecast, left_of
from caviar.scheduler.outlook.reasons import why
from caviar.scheduler.outlook.snapshot import Snapshot, StudyNow
from caviar.scheduler.outlook.turns import MOST_PICKS, order, turns
from caviar.scheduler.sharing import due

LengthsOf = Mapping[str, Sequence[float]]
"""Study -> seconds of its newest ended trials, early stops included; empty where none has."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """One study in the queue."""

    now: StudyNow
    why: str
    starts_s: float | None
    ends_s: float | None


def prospects(snapshot: Snapshot, lengths: LengthsOf) -> list[Prospect]:
    """Class by class, each in the order in which its studies get their next slot."""
    found = []
    for resource_class in snapshot.classes:
        found += _of_class(snapshot, resource_class, lengths)
    return found


def _of_class(snapshot: Snapshot, resource_class: str, lengths: LengthsOf) -> list[Prospect]:
    at = snapshot.at(resource_class)
    line = order(snapshot, resource_class)
    typical = _typical(line, lengths)
    waiting = [
        Waiting(
            each.record.id,
            each.left,
            median(typical[each.record.id]) if typical[each.record.id] else None,
            tuple(left_of(one.seconds, typical[each.record.id]) for one in each.running),
        )
        for each in line
    ]
    promised = (
        each.record.id for each in line if _may(each, snapshot) for _ in range(each.dispatched)
    )
    picks = (each.record.id for each in islice(turns(snapshot, resource_class), MOST_PICKS))
    starts = forecast(at.slots, waiting, [*promised, *picks]) if not snapshot.broker_is_down else {}
    for each in line:
        if starts.get(each.record.id) is None and each.record.state == "running" and each.ready:
            starts[each.record.id] = _when_held_back(each, snapshot, line, typical)
    holds = Counter(
        each.record.id for each in islice(turns(snapshot, resource_class, fresh=True), at.slots)
    )
    found, ahead = [], list[StudyNow]()
    for each in line:
        study = each.record.id
        start = starts.get(study)
        ends = _ends(each, holds[study], start, typical[study])
        found.append(Prospect(each, why(each, snapshot, ahead), start, ends))
        if each.waits:
            ahead.append(each)
    return found


def _may(each: StudyNow, snapshot: Snapshot) -> bool:
    """Whether a trial of it that is out may be claimed."""
    return each.record.state == "running" and snapshot.teams[each.record.team].room > 0


def _typical(line: Sequence[StudyNow], lengths: LengthsOf) -> dict[str, Sequence[float]]:
    """By study its own where one has ended, else those of other studies of the same trainer and team."""
    of_trainer: dict[tuple[str, Trainer], list[float]] = {}
    for each in line:
        if own := lengths.get(each.record.id):
            of_trainer.setdefault((each.record.team, each.study.trainer), []).extend(own)
    return {
        each.record.id: lengths.get(each.record.id, ())
        or of_trainer.get((each.record.team, each.study.trainer), ())
        for each in line
    }


def _when_held_back(
    each: StudyNow,
    snapshot: Snapshot,
    line: Sequence[StudyNow],
    typical: Mapping[str, Sequence[float]],
) -> float | None:
    """A team at its quota starts a trial when one of its own ends; one whose month is spent, with the next month."""
    team = snapshot.teams[each.record.team]
    if team.room > 0 or not snapshot.at(each.resource_class).slots:
        return None
    if team.quota.slot_hours is not None and team.month_hours >= team.quota.slot_hours:
        return snapshot.month_left_s
    if not team.quota.slots:
        return None
    ends = [
        end
        for other in line
        if other.record.team == each.record.team
        for one in other.running
        if (end := left_of(one.seconds, typical[other.record.id])) is not None
    ]
    return min(ends, default=None)


def _ends(
    each: StudyNow, holds: int, start: float | None, lengths: Sequence[float]
) -> float | None:
    """Seconds until its last trial is over, on the slots that are its share."""
    if each.record.state != "running" or not lengths:
        return None
    mean = fmean(lengths)
    going = [left_of(one.seconds, lengths) or 0.0 for one in each.running]
    if not each.left:
        return max(going, default=None)
    if start is None or not holds:
        return None
    return max([start + mean, (sum(going) + each.left * mean) / holds, *going])


def shares(snapshot: Snapshot) -> list[TeamShare]:
    """What each team has of late and what its weight gives it among those that want slots, all classes together."""
    used = {name: sum(team.used_s.values()) for name, team in snapshot.teams.items()}
    together = sum(used.values())
    wanting = {
        each.record.team
        for each in snapshot.studies
        if each.running or each.dispatched or each.waits
    }
    weights = {name: team.weight for name, team in snapshot.teams.items()}
    dues = due(dict.fromkeys(wanting, 0), weights, 1.0) if wanting else {}
    return [
        TeamShare(
            team=name,
            weight=team.weight,
            running=team.running,
            share=used[name] / together if together > 0 else 0.0,
            due=dues.get(name, 0.0),
        )
        for name, team in snapshot.teams.items()
    ]
