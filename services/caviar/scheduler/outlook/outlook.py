"""What the API asks of the future: the queue, what a study will have taken, what one would take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.contract.queue import Quote
from caviar.contract.views import Projection, Submission
from caviar.errors import InputError, NotAllowed
from caviar.scheduler.budget import HOUR_S
from caviar.scheduler.outlook.cases import Earlier, case_of, to_start
from caviar.scheduler.outlook.projection import Total, project
from caviar.scheduler.outlook.prospects import Prospect, prospects
from caviar.scheduler.outlook.snapshot import Snapshot, StudyNow
from caviar.scheduler.quotas import refuse_study
from caviar.search import Round, first_round
from caviar.studies.advice import which
from caviar.studies.life import ENDED, LEARNT_FROM
from caviar.studies.spec import Study, load_study

FEWEST: Final = 5
"""Ended trials from which on a study's own projection is shown."""
MOST: Final = 300
"""The newest ended trials of one study that are looked at."""
MOST_STUDIES: Final = 5
"""Earlier studies that a quote stands on, the newest first."""
LOOKED_AT: Final = 200
"""Newest studies of the team among which they are sought."""
RECENT: Final = 100
"""Ended trials whose lengths the queue goes by."""
KEPT: Final = 2000
MORE: Final = 1.2
"""A projection is made anew when so many times the trials have ended: it costs a few hundredths of a second."""


@dataclass(frozen=True, slots=True)
class _Known:
    ended: int
    projection: Projection


class Outlook:
    """Thread-safe. ``look`` takes a snapshot of the queue, a team that it is given in it though it has no study;
    ``look_at`` one of a study, None where it is over."""

    def __init__(
        self,
        store: Store,
        look: Callable[[str | None], Snapshot],
        look_at: Callable[[str], StudyNow | None],
    ) -> None:
        self._store = store
        self.look = look
        self._look_at = look_at
        self._lock = threading.Lock()
        self._lengths: dict[str, tuple[int, list[float]]] = {}
        """Of studies that go on: how many trials had ended, and the lengths of the newest of them."""
        self._known: dict[str, _Known] = {}

    def queue(self) -> tuple[Snapshot, list[Prospect]]:
        snapshot = self.look(None)
        return snapshot, prospects(snapshot, self._read_lengths(snapshot))

    def _read_lengths(self, snapshot: Snapshot) -> dict[str, list[float]]:
        with self._lock:
            known = self._lengths
        fresh = {}
        for each in snapshot.studies:
            study = each.record.id
            before = known.get(study)
            if before is None or before[0] != each.ended:
                before = each.ended, self._store.recent_lengths(study, RECENT)
            fresh[study] = before
        with self._lock:
            self._lengths = fresh
        return {study: lengths for study, (_, lengths) in fresh.items()}

    def projection(self, record: StudyRecord) -> Projection | None:
        """Of a study that goes on, once ``FEWEST`` of its trials have ended."""
        now = self._look_at(record.id)
        if now is None or now.ended < FEWEST:
            return None
        with self._lock:
            known = self._known.get(record.id)
        if known is not None and known.ended <= now.ended < MORE * known.ended:
            return known.projection
        projection = self._projected(now)
        if projection is None:
            return None
        with self._lock:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[record.id] = _Known(now.ended, projection)
        return projection

    def _projected(
        self, now: StudyNow, earlier: Sequence[Earlier] = (), names: str = ""
    ) -> Projection | None:
        rows = self._ended(now.record.id)
        case = case_of(
            now.study,
            now.round.box,
            now.left,
            rows,
            now.running,
            now.spent_s,
            now.trained_s,
            earlier,
        )
        total = project(case)
        learned = now.ended + sum(len(each.rows) for each in earlier)
        source = " and ".join(filter(None, ["its own" if now.ended else "", names]))
        return _projection(total, now.study, learned, source) if total else None

    def _ended(self, study_id: str) -> list[TrialRow]:
        """The newest, in the order of their ends."""
        rows = self._store.trials(study_id, LEARNT_FROM, limit=MOST, newest_first=True)
        return sorted(rows, key=lambda row: row.ended or 0.0)

    def quote(self, submission: Submission, team: str) -> Quote:
        """What a study of ``team`` would cost; of one that goes on already, what it will have cost.

        Raises InputError: the text is not a study.
        """
        study = load_study(submission.text, submission.filename)
        snapshot = self.look(team)
        there = self._store.unfinished(study.fingerprint, team, submission.bundle)
        now = next((s for s in snapshot.studies if there and s.record.id == there.id), None)
        if now is not None:
            return self._of_its_own(now, snapshot)
        earlier, names = self._earlier(study, team, submission.bundle)
        trials = to_start(study)
        first = first_round(study.space, study.search_settings)
        total = project(case_of(study, first.box, trials, earlier=earlier)) if earlier else None
        learned = sum(len(each.rows) for each in earlier)
        known = _projection(total, study, learned, names) if total else Projection(learned_from=0)
        lengths = self._read_lengths(snapshot)
        lengths[""] = [row.seconds for each in earlier for row in each.rows if row.seconds]
        here = _if_it_came(study, first, team, snapshot, lengths)
        return _quote(known, trials, here, snapshot, _refusal(study, team, snapshot))

    def _of_its_own(self, now: StudyNow, snapshot: Snapshot) -> Quote:
        few = now.ended < FEWEST
        earlier, names = (
            self._earlier(now.study, now.record.team, now.record.bundle) if few else ([], "")
        )
        known = self._projected(now, earlier, names) or Projection(learned_from=0)
        found = prospects(snapshot, self._read_lengths(snapshot))
        here = next(each for each in found if each.now.record.id == now.record.id)
        note = f"It goes on already, as {now.record.id}: submitting it again starts nothing new."
        return _quote(known, to_start(now.study), here, snapshot, note)

    def _earlier(self, study: Study, team: str, bundle: str | None) -> tuple[list[Earlier], str]:
        """Studies of the team with the same trainer, those with the same code before others, and their names."""
        found: list[tuple[bool, StudyRecord, Study]] = []
        for record in self._store.newest_studies(LOOKED_AT, team=team):
            if record.team != team or (
                record.fingerprint == study.fingerprint and record.state not in ENDED
            ):
                continue  # another's that is shared, or the study itself
            try:
                other = load_study(record.source, record.filename)
            except InputError:  # written for another version
                continue
            if other.trainer == study.trainer:
                found.append((record.bundle != bundle, record, other))
        found.sort(key=lambda each: each[0])
        earlier, names = [], []
        for _, record, other in found:
            rows = self._ended(record.id)
            if rows:
                earlier.append(Earlier(other, rows))
                names.append(f"{record.name} ({record.id})")
            if len(earlier) == MOST_STUDIES:
                break
        return earlier, ", ".join(names)


def _if_it_came(
    study: Study,
    first: Round,
    team: str,
    snapshot: Snapshot,
    lengths: dict[str, list[float]],
) -> Prospect:
    """Where a study would stand in the queue that came now."""
    record = StudyRecord(
        id="",
        name=study.name,
        fingerprint=study.fingerprint,
        state="running",
        reason="",
        source="",
        filename="",
        folder=None,
        code_version=None,
        user=None,
        created=max((each.record.created for each in snapshot.studies), default=0.0),
        ended=None,
        importance=None,
        experiment_id=None,
        run_id=None,
        closed=False,
        team=team,
        priority=study.priority,
    )
    came = StudyNow(
        record=record,
        study=study,
        round=first,
        running=(),
        dispatched=0,
        back=0,
        left=to_start(study),
        ready=True,
        created=0,
        served=0,
        unclaimed=False,
        ended=0,
        spent_s=0.0,
        trained_s=0.0,
    )
    name = study.resources.resource_class
    with_it = replace(
        snapshot,
        studies=(*snapshot.studies, came),
        classes={**snapshot.classes, name: snapshot.at(name)},
    )
    return next(each for each in prospects(with_it, lengths) if each.now is came)


def _quote(known: Projection, trials: int, here: Prospect, snapshot: Snapshot, note: str) -> Quote:
    now = snapshot.teams[here.now.record.team]
    limit, hours = now.quota.slot_hours, known.slot_hours
    notes = [note] if note else []
    if here.starts_s is None or here.starts_s > 0:
        notes.append(here.why)
    if limit is not None and hours is not None and now.month_hours + hours > limit:
        notes.append(
            f"{max(0.0, limit - now.month_hours):.3g} of the team's {limit:g} slot-hours of this month are left: "
            "it would not be done before they are spent."
        )
    return Quote(
        **known.model_dump(),
        trials=trials,
        starts_s=here.starts_s,
        ends_s=here.ends_s,
        quota_share=hours / limit if hours is not None and limit else None,
        notes=tuple(notes),
        advice=_advice(here.now.study, known, trials, snapshot),
    )


def _advice(study: Study, known: Projection, trials: int, snapshot: Snapshot) -> str:
    slots = snapshot.at(study.resources.resource_class).slots
    each = known.slot_hours / trials if known.slot_hours is not None and trials else None
    mode, why = which(slots, trials, each, study.budget.hours)
    return why if mode != study.mode and study.mode == "caviar" else ""


def _refusal(study: Study, team: str, snapshot: Snapshot) -> str:
    """Why it would be refused now; empty where it would not."""
    own = [
        each
        for each in snapshot.studies
        if each.record.team == team and each.record.state not in ENDED
    ]
    left = sum(max(0, each.study.planned_trials - each.created) for each in own)
    try:
        quota = snapshot.teams[team].quota
        refuse_study(team, quota, len(own), left, study.planned_trials)
    except NotAllowed as error:
        return f"It would be refused: {error}"
    return ""


def _projection(total: Total, study: Study, learned: int, source: str) -> Projection:
    """A budget of slot-hours cuts it."""
    limit = study.budget.slot_hours
    middle, low, high = (
        min(seconds / HOUR_S, limit) if limit is not None else seconds / HOUR_S
        for seconds in (total.middle, total.low, total.high)
    )
    return Projection(learned_from=learned, source=source, slot_hours=middle, low=low, high=high)
