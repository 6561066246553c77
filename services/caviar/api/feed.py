"""What happens in a study, or in a team's studies, told as it happens to all who listen.

An event's id is the position behind it: how many changes, rounds and states of the study its reader has seen. All of it
is in the database, so a reader that was cut off goes on where it was, after a restart of the service too. Whoever
listens costs no thread and no query: one task looks at the studies that are listened to, and what it finds is read and
written down once for all their listeners.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from fastapi.sse import format_sse_event
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from caviar.adapters.sql import Mark, Store, StudyRecord
from caviar.api.positions import Position
from caviar.api.present import Presenter
from caviar.api.problems import Refused
from caviar.scheduler.pulse import Pulse
from caviar.studies.life import ENDED, OPEN

log = logging.getLogger("caviar.api")

LOOK_S: Final = 0.25
"""How often the studies that are listened to are looked at."""
TEAM_LOOK_S: Final = 0.5
"""How often the studies that go on, the slots and the workers are looked at for those who listen to a team."""
BEAT_S: Final = 15.0
"""A line that says nothing, for whoever would think that nobody is there; the token is looked at again with it."""
PAGE: Final = 500
"""Trials that are read at once."""
A_TOKEN: Final = 100
ALL: Final = 2000
"""Streams of one token, and of all, at most."""
OVERLAP_S: Final = 60.0
"""Studies that ended so long before it left are told to a team's listener again: clocks may have been set meanwhile."""
LONGEST_S: Final = 24 * 3600.0
"""Studies that ended earlier are not told to whoever comes back."""
RETRY = b"retry: 2000\n\n"
BEAT = b":\n\n"


@dataclass(frozen=True, slots=True)
class News:
    """What lies behind a position, as bytes on the wire."""

    events: tuple[bytes, ...]
    position: Position
    more: bool = False
    """There is another page behind it."""
    over: bool = False
    """Nothing more will come."""


Holds = Callable[[], Awaitable[bool]]
"""Whether the listener may go on listening."""


class Feed:
    """Looks at what is listened to and wakes its listeners. All of it runs in the event loop but for the queries."""

    def __init__(self, store: Store, presenter: Presenter, pulse: Callable[[], Pulse]) -> None:
        self._store = store
        self._presenter = presenter
        self._read_pulse = pulse
        self._bells: dict[str | None, set[asyncio.Event]] = {}
        """By study; None: those of whole teams."""
        self._marks: dict[str, Mark] = {}
        """The studies that are listened to, as of the last look."""
        self._open: dict[str, Mark] = {}
        """The studies that go on or ended of late, as of the last look for teams."""
        self._looks = 0
        """Looks for teams that found something."""
        self._moved: frozenset[str] = frozenset()
        """The studies in which the last of them found it."""
        self._pulse: Pulse | None = None
        self._slots = b""
        """The pulse's event."""
        self._looked_for_teams = 0.0
        self._reading: dict[str, dict[Position | None, asyncio.Task[News]]] = {}
        """By study and position: what was read since the study's mark last moved."""
        self._rows: dict[str, tuple[Mark, bytes]] = {}
        self._streams: Counter[str] = Counter()
        self._watching: asyncio.Task[None] | None = None
        self._ending: Callable[[], bool] = lambda: False

    def ends(self, ending: Callable[[], bool]) -> None:
        """``ending`` says that the server ends: then streams do too, and their readers come back to the next one."""
        self._ending = ending

    def is_ending(self) -> bool:
        """Whether the server ends."""
        return self._ending()

    def refuse_more(self, token: str) -> None:
        """Raises Refused (429) where this token has all the streams it may have."""
        if self._streams[token] >= A_TOKEN or self._streams.total() >= ALL:
            detail = (
                f"A token has at most {A_TOKEN} streams at once, all together {ALL}. End one first."
            )
            raise Refused("too-many", detail, {"Retry-After": "10"})

    async def of_study(
        self, study_id: str, position: Position | None, token: str, holds: Holds
    ) -> AsyncIterator[bytes]:
        """Events behind ``position``; None: where the study stands, and what comes then."""
        with self._listening(study_id, token) as bell:
            yield RETRY
            while not self._ending():
                bell.clear()
                news = await self.news(study_id, position)
                for event in news.events:
                    yield event
                position = news.position
                if news.over:
                    return
                if not news.more and not await _rung(bell):
                    if not await holds():
                        return
                    yield BEAT

    async def of_team(
        self, team: str | None, since: float | None, token: str, holds: Holds
    ) -> AsyncIterator[bytes]:
        """The line of each of the team's studies that goes on, again whenever it changes; None: of all teams. And
        ``queue`` whenever anything in the queue or at the workers changed.

        ``since``: and of those that ended then or later, in seconds since the epoch.
        """
        told: dict[str, Mark] = {}
        with self._listening(None, token) as bell:
            yield RETRY
            await self._look_for_teams()
            now = self._open
            look = self._looks
            if since is None:
                told = {s: mark for s, mark in now.items() if mark.state in ENDED}
            else:
                long_ago = max(since, time.time() - LONGEST_S) - OVERLAP_S
                now = await run_in_threadpool(self._store.open_marks, long_ago) | now
            heard, pulse = -1, None
            while not self._ending():
                bell.clear()
                # Who heard of the look before needs no more than what this one found.
                ids = (
                    self._moved
                    if heard == look - 1 == self._looks - 1
                    else now.keys() | told.keys()
                )
                heard = look
                news = [s for s in ids if s in now and told.get(s) is not now[s]]
                news = [s for s in news if team is None or now[s].team == team]
                marks = {s: now[s] for s in news}
                told.update(marks)
                for gone in ids - now.keys():
                    told.pop(gone, None)
                for event in await self._lines(news, marks):
                    yield event
                if pulse is not self._pulse:
                    pulse = self._pulse
                    yield self._slots
                if not await _rung(bell):
                    if not await holds():
                        return
                    yield BEAT
                now, look = self._open, self._looks

    async def news(self, study_id: str, position: Position | None) -> News:
        """What lies behind ``position``, read once for all that are there."""
        reading = self._reading.setdefault(study_id, {})
        task = reading.get(position)
        if task is None:
            task = asyncio.create_task(run_in_threadpool(self._read, study_id, position))
            reading[position] = task
            if study_id not in self._bells:  # nobody watches: it is not kept
                del self._reading[study_id]
        try:
            return await asyncio.shield(task)
        except Exception:
            reading.pop(position, None)
            raise

    @contextmanager
    def _listening(self, study_id: str | None, token: str) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        self._bells.setdefault(study_id, set()).add(bell)
        self._streams[token] += 1
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            yield bell
        finally:
            self._streams[token] -= 1
            self._bells[study_id].remove(bell)
            if not self._bells[study_id]:
                del self._bells[study_id]
                if study_id is not None:
                    self._marks.pop(study_id, None)
                    self._reading.pop(study_id, None)

    async def _watch(self) -> None:
        """While somebody listens."""
        while self._bells:
            try:
                await self._look()
            except SQLAlchemyError:
                log.exception("the studies that are listened to cannot be read; trying again")
            if self._ending():
                self._ring(*self._bells)
            await asyncio.sleep(LOOK_S)
        self._watching = None

    async def _look(self) -> None:
        listened = [study_id for study_id in self._bells if study_id is not None]
        if listened:
            marks = await run_in_threadpool(self._store.marks_of, listened)
            for study_id, mark in marks.items():
                if self._marks.get(study_id) != mark and study_id in self._bells:
                    self._marks[study_id] = mark
                    self._reading.pop(study_id, None)
                    self._ring(study_id)
        if None in self._bells and time.monotonic() - self._looked_for_teams >= TEAM_LOOK_S:
            await self._look_for_teams()

    async def _look_for_teams(self) -> None:
        self._looked_for_teams = time.monotonic()
        found, pulse = await run_in_threadpool(self._read_for_teams)
        before = self._open
        # A mark that stays is the same object, so that each listener compares no more than that.
        marks = {s: old if (old := before.get(s)) == mark else mark for s, mark in found.items()}
        moved = {s for s, mark in marks.items() if before.get(s) is not mark}
        moved |= before.keys() - marks.keys()
        if self._pulse is None or pulse.mark != self._pulse.mark:
            self._pulse = pulse
            self._slots = _event("queue", pulse.slots, int(time.time()))
        elif not moved:
            return
        self._open, self._moved = marks, frozenset(moved)
        self._looks += 1
        self._rows = {s: row for s, row in self._rows.items() if s in marks}
        self._ring(None)

    def _read_for_teams(self) -> tuple[dict[str, Mark], Pulse]:
        return self._store.open_marks(time.time() - OVERLAP_S), self._read_pulse()

    def _ring(self, *study_ids: str | None) -> None:
        for study_id in study_ids:
            for bell in self._bells.get(study_id, ()):
                bell.set()

    def _read(self, study_id: str, position: Position | None) -> News:
        store, presenter = self._store, self._presenter
        mark = store.marks_of([study_id])[study_id]
        record = store.study(study_id)
        assert record is not None  # nothing deletes one
        now = presenter.now(record)
        if position is None:
            position = Position.of(mark, now)
            return News(
                (_event("study", now, position),), position, over=_is_over(record, now.counts)
            )
        events = []
        position = position.within(mark)
        rows = store.changed_trials(study_id, position.changed, PAGE)
        for row in rows:
            position = replace(position, changed=row.changed)
            events.append(_event("trial", presenter.trial(row), position))
        if len(rows) == PAGE:
            return News(tuple(events), position, more=True)
        newer = presenter.rounds(record)[position.rounds :] if mark.round >= position.rounds else ()
        for view in newer:
            position = replace(position, rounds=view.round + 1)
            events.append(_event("round", view, position))
        if now.best is not None and now.best.trial != position.best:
            position = replace(position, best=now.best.trial)
            events.append(_event("best", now.best, position))
        if now.state != position.state:
            position = replace(position, state=now.state)
            events.append(_event("study", now, position))
        return News(tuple(events), position, over=_is_over(record, now.counts))

    async def _lines(self, study_ids: list[str], marks: Mapping[str, Mark]) -> list[bytes]:
        unknown = [s for s in study_ids if self._rows.get(s, (None,))[0] is not marks[s]]
        if unknown:
            made = await run_in_threadpool(self._read_rows, unknown)
            for study_id, line in made.items():
                self._rows[study_id] = (marks[study_id], line)
        return [self._rows[study_id][1] for study_id in study_ids if study_id in self._rows]

    def _read_rows(self, study_ids: list[str]) -> dict[str, bytes]:
        records = [record for record in map(self._store.study, study_ids) if record]
        at = int(time.time())
        return {row.id: _event("study", row, at) for row in self._presenter.rows(records)}


async def _rung(bell: asyncio.Event) -> bool:
    """Wait for it. False: nothing came for as long as a listener should be without a sign."""
    try:
        async with asyncio.timeout(BEAT_S):
            await bell.wait()
    except TimeoutError:
        return False
    return True


def _event(name: str, data: BaseModel, position: Position | int) -> bytes:
    return format_sse_event(data_str=data.model_dump_json(), event=name, id=str(position))


def _is_over(record: StudyRecord, counts: dict[str, int]) -> bool:
    return record.state in ENDED and not any(counts[state] for state in OPEN)
