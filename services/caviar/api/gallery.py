"""The pictures of studies as data, for routes and pages: however many look at one, it is made once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from caviar import __version__
from caviar.adapters.sql import Store, StudyRecord
from caviar.api.etags import etag
from caviar.contract.figures import FigureName, FigureView
from caviar.figures.data import figure
from caviar.recheck import Checks
from caviar.scheduler import Scheduler
from caviar.studies.spec import load_study

KEPT = 48
"""Pictures that were looked at last and are kept: some two megabytes each at most."""

DRAWN_FROM: Final[dict[FigureName, FigureName]] = {"parallel": "zoom"}
"""Pictures that show another one's data."""


@dataclass(slots=True)
class _Shown:
    """One picture; who comes while it is made waits for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    tag: str = ""
    view: FigureView | None = None
    body: bytes = b""


class Gallery:
    def __init__(self, store: Store, scheduler: Scheduler, checks: Checks) -> None:
        self._store = store
        self._scheduler = scheduler
        self._checks = checks
        self._lock = threading.Lock()
        self._shown: dict[tuple[str, FigureName], _Shown] = {}

    def tag(self, record: StudyRecord, name: FigureName) -> str:
        """The entity tag of a picture, made of what it depends on without making it."""
        name = DRAWN_FROM.get(name, name)
        mark = self._store.marks_of([record.id])[record.id]
        shown: list[object] = [
            __version__,
            record.rebuilt,
            record.ended,
            mark.changed,
            mark.round,
            record.importance,
        ]
        if name == "curves":
            reported = self._scheduler.curves(record.id)
            shown += [(number, len(line), line[-1]) for number, line in reported.items() if line]
        if name == "champions":
            shown.append(self._checks.view(record).model_dump(mode="json"))
        return etag([record.id, name], shown)

    def view(self, record: StudyRecord, name: FigureName, tag: str | None = None) -> FigureView:
        """``tag`` is its entity tag, where that is known already."""
        return self._look(record, name, tag)[0]

    def body(self, record: StudyRecord, name: FigureName, tag: str | None = None) -> bytes:
        """The same as JSON."""
        return self._look(record, name, tag)[1]

    def _look(
        self, record: StudyRecord, name: FigureName, tag: str | None
    ) -> tuple[FigureView, bytes]:
        name = DRAWN_FROM.get(name, name)
        tag = tag or self.tag(record, name)
        key = record.id, name
        with self._lock:
            shown = self._shown[key] = self._shown.pop(key, _Shown())
            if len(self._shown) > KEPT:
                del self._shown[next(iter(self._shown))]
        with shown.lock:
            if shown.view is None or shown.tag != tag:
                shown.view = self._made(record, name)
                shown.body = shown.view.model_dump_json().encode()
                shown.tag = tag
            return shown.view, shown.body

    def _made(self, record: StudyRecord, name: FigureName) -> FigureView:
        if name == "champions":
            return self._checks.view(record)
        study = load_study(record.source, record.filename)
        running = self._scheduler.curves(record.id) if name == "curves" else {}
        return figure(name, self._store, record, study, running)
