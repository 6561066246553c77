"""The studies that go on, in memory: loaded at start, changed with the SQL store, forgotten when they are over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.contract.names import study_of
from caviar.contract.views import StudyState, TrialState
from caviar.errors import InputError, NotAllowed
from caviar.scheduler.accounts import Accounts
from caviar.scheduler.budget import Clocks
from caviar.scheduler.desk import Desk, SearchFailed, over
from caviar.scheduler.ending import ending
from caviar.scheduler.fleet import Fleet
from caviar.scheduler.hosts import Hosts
from caviar.scheduler.places import Places
from caviar.scheduler.tickets import Tickets
from caviar.search import Round
from caviar.studies.life import ENDED, after_loss
from caviar.studies.spec import Study, load_study

log = logging.getLogger("caviar.scheduler")


@dataclass(frozen=True, slots=True)
class Tally:
    """What has gone wrong with trials since this process began."""

    lost: int = 0
    """Attempts whose worker was lost."""
    quarantined: int = 0
    """Trials that were given up: they crashed, or lost their hosts, too often."""


class Desks:
    """Study id -> its desk. All of it is called under the scheduler's lock."""

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        tickets: Tickets,
        hosts: Hosts,
        places: Places,
        accounts: Accounts,
        clocks: Callable[[], Clocks],
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._tickets = tickets
        self._hosts = hosts
        self._places = places
        self._accounts = accounts
        self._clocks = clocks
        self._desks: dict[str, Desk] = {}
        self.tally = Tally()

    def __iter__(self) -> Iterator[Desk]:
        """Over a copy: what is done with a desk may remove it."""
        return iter(list(self._desks.values()))

    def load(self, now: float) -> None:
        """Every study that goes on, or has trials that still run; each running trial gets one whole lease."""
        for record in self._store.studies(closed=False):
            if record.state in ENDED and not self._store.counts(record.id)["running"]:
                continue
            try:
                study = load_study(record.source, record.filename)
            except InputError as error:  # written for another version: the others go on without it
                log.error("study %s cannot be read any more: %s", record.id, error)
                reason = f"its file cannot be read any more: {error.problems[0]}"
                self._store.move_study(record.id, ("running", "paused"), "failed", reason)
                continue
            desk = self.open(record, study)
            for row in desk.by_state["running"].values():
                self._fleet.lease(row.id, now)
                self._places.took(row, not study.resources.share_gpu)
        self._accounts.remember(list(self))
        for desk in self:
            for row in desk.by_state["running"].values():
                self._accounts.starts(desk, now - desk.spending.held_s(row.id, now))

    def open(self, record: StudyRecord, study: Study, first: Round | None = None) -> Desk:
        """``first``: the study was just written, with this round and nothing to start from."""
        now = self._clocks()
        desk = (
            Desk.load(self._store, record, study, now)
            if first is None
            else Desk.fresh(record, study, first, now)
        )
        self._desks[record.id] = desk
        return desk

    def takes_slot(self, desk: Desk, row: TrialRow, gpus: float, now: float) -> None:
        """A trial was claimed. Asking again changes nothing."""
        if desk.spending.starts(row.id, gpus, now):
            self._accounts.starts(desk)

    def leaves_slot(self, desk: Desk, row: TrialRow, now: float) -> float | None:
        """Its attempt is over: the seconds that it held its slot. None where it held none."""
        seconds = desk.spending.ends(row.id, now)
        if seconds is not None:
            self._accounts.ends(desk)
        return seconds

    def find(self, study_id: str) -> Desk | None:
        return self._desks.get(study_id)

    def of_trial(self, identifier: str) -> Desk | None:
        return self._desks.get(study_of(identifier))

    def get(self, study_id: str) -> Desk:
        """The study in memory; an ended one is there while trials of it still run.

        Raises:
            NotAllowed: there is no such study, or it ended.
        """
        desk = self._desks.get(study_id)
        if desk is None:
            record = self._store.study(study_id)
            raise over(record) if record else NotAllowed(f"Study {study_id} does not exist.")
        return desk

    def move(self, study_id: str, leaving: StudyState, to: StudyState) -> None:
        """Raises NotAllowed where the study is in neither of the two states."""
        desk = self.get(study_id)
        if desk.record.state == to:
            return
        if desk.record.state != leaving:
            raise NotAllowed(f"Study {study_id} is {desk.record.state}, not {leaving}.")
        self._store.move_study(study_id, [leaving], to)
        desk.record = replace(desk.record, state=to)

    def end(self, desk: Desk, state: StudyState, reason: str) -> None:
        """What waits is cancelled; what runs is asked to end with the next heartbeat."""
        moved = self._store.move_study(desk.record.id, ("running", "paused"), state, reason)
        if moved:
            log.info("study %s is %s %s", desk.record.id, state, f"({reason})" if reason else "")
        desk.record = replace(desk.record, state=state, reason=reason)
        for row in list(desk.open.values()):
            if row.state != "running":
                self._tickets.forget(row.id)
                self._take(desk, row.id)

    def lose(self, desk: Desk, row: TrialRow, detail: str) -> None:
        """The lease of a running trial is lost."""
        ended = desk.record.state in ENDED
        verdict = after_loss(row.crashes, row.lost, cancelled=ended or row.stop_asked)
        slot_s = self.leaves_slot(desk, row, self._clocks().monotonic)
        if self._store.lose(row, verdict, detail, slot_s, self._fleet.output(row.id)):
            log.warning(
                "trial %s attempt %d: %s; now %s", row.id, row.attempt, detail, verdict.state
            )
            self.counts(verdict.state, lost=True)
        self._fleet.end_lease(row.id)
        self._places.leave(row.host, row.id)
        self._take(desk, row.id)

    def counts(self, state: TrialState, lost: bool = False) -> None:
        """An attempt is over and leaves its trial in ``state``."""
        gone, given_up = self.tally.lost + lost, state == "quarantined"
        self.tally = Tally(gone, self.tally.quarantined + given_up)

    def stop_trial(self, desk: Desk, row: TrialRow) -> TrialRow | None:
        """One trial: it is cancelled where no worker has it, else asked to end. None: it is over already."""
        moved = self._store.stop_trial(row.id)
        if moved is not None:
            self._tickets.forget(row.id)
            desk.put(moved)
        return moved

    def _take(self, desk: Desk, identifier: str) -> None:
        row = self._store.trial(identifier)
        if row is not None:
            desk.put(row)

    def reap(self, now: float, lease_s: float) -> None:
        """Take back the trials whose leases are over."""
        for identifier in self._fleet.expired(now):
            row = self._store.trial(identifier)
            desk = self.find(row.study_id) if row else None
            if row is None or desk is None or row.state != "running":
                self._fleet.end_lease(identifier)
                continue
            self.lose(desk, row, f"no heartbeat from {row.host} for {lease_s:g} s")

    def read_news(self) -> None:
        """Take over rounds and prior results that other processes wrote."""
        for study_id, index in self._store.latest_rounds().items():
            desk = self.find(study_id)
            if desk is not None and index > desk.round.index:
                newest = self._store.rounds(study_id, after=index - 1)[-1]
                desk.round = Round.from_json(desk.study.space, newest.data)
        for study_id, count in self._store.prior_counts().items():
            desk = self.find(study_id)
            if desk is not None and count > len(desk.prior):
                desk.read_priors(self._store)

    def settle(self) -> None:
        """End studies whose budget is spent; forget those that have ended and hold nothing."""
        for desk in self:
            if desk.record.state not in ENDED:
                self.settle_one(desk)
            elif not desk.open:
                del self._desks[desk.record.id]
                self._hosts.forget(desk.record.id)

    def settle_one(self, desk: Desk) -> None:
        """End the study where it is over."""
        try:
            ends = ending(desk, self._store, self._clocks().monotonic)
        except SearchFailed as error:
            ends = ("failed", str(error))
        if ends is not None:
            self.end(desk, *ends)
