"""Whether MLflow and the store say the same: orphans, duplicates, runs that never end, runs that are gone.

A run that is not a trial's is set aside: its kind becomes ``aside`` and it is ended. Nothing in MLflow is deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from caviar.adapters.mlflow_books import Books, Seen
from caviar.adapters.sql import Store, StudyRecord, TrialMark
from caviar.contract import names
from caviar.contract.upkeep import Finding
from caviar.studies.life import FINAL
from caviar.upkeep.waiting import PATIENCE_S

STATUS = {"done": "FINISHED", "failed": "FAILED", "quarantined": "FAILED"}
"""How a run ends, by its trial's state; KILLED for all others."""
SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Run:
    """What is kept of a run while all of a study's are read: there may be 100,000."""

    run_id: str
    ended: bool
    attempt: int
    start_ms: int

    @property
    def rank(self) -> tuple[bool, int, int, str]:
        return self.ended, self.attempt, -self.start_ms, self.run_id


@dataclass
class _Study:
    record: StudyRecord
    books: Books
    mend: bool
    now: float
    runs: dict[str, list[_Run]] = field(default_factory=lambda: defaultdict(list))

    def findings(self, marks: dict[str, TrialMark]) -> Iterator[Finding]:
        """``marks`` were read after the runs: a trial is in the store before it has a run."""
        orphans = [run for trial, found in self.runs.items() if trial not in marks for run in found]
        yield from self._aside(
            "orphan-run",
            orphans,
            "are of trials that the store does not know",
            "the service does not know this trial",
        )
        doubles = []
        stuck: list[tuple[_Run, TrialMark]] = []
        gone = []
        for trial, mark in marks.items():
            found = self.runs.get(trial, [])
            kept = next((run for run in found if run.run_id == mark.run_id), None)
            kept = kept or max(found, key=lambda run: run.rank, default=None)
            doubles += [run for run in found if run is not kept]
            if kept is None and mark.shipped and mark.run_id is not None:
                gone.append(mark.run_id)
            old = mark.ended is not None and self.now - mark.ended > PATIENCE_S
            if kept and not kept.ended and mark.state in FINAL and mark.shipped and old:
                stuck.append((kept, mark))
        yield from self._aside(
            "duplicate-run", doubles, "are second runs of a trial", "its trial has another run"
        )
        yield from self._stuck(stuck)
        if gone:
            yield self._finding(
                "missing-run",
                gone,
                "were complete and are not there any more",
                why="Their results are in the store alone.",
                way_out="Somebody deleted them: MLflow's own `runs restore` brings them back.",
            )

    def _aside(self, kind: str, runs: list[_Run], what: str, reason: str) -> Iterator[Finding]:
        if not runs:
            return
        for run in runs if self.mend else ():
            self.books.set_aside(run.run_id, reason, None if run.ended else self.now)
        yield self._finding(
            kind,
            [run.run_id for run in runs],
            what,
            why="Whoever counts the study's runs in MLflow counts them too.",
            way_out="--mend sets them aside: marked and ended, not deleted.",
            mended=self.mend,
        )

    def _stuck(self, runs: list[tuple[_Run, TrialMark]]) -> Iterator[Finding]:
        if not runs:
            return
        for run, mark in runs if self.mend else ():
            ended = mark.ended or self.now
            self.books.end(run.run_id, STATUS.get(mark.state, "KILLED"), ended)
        yield self._finding(
            "stuck-run",
            [run.run_id for run, _ in runs],
            "are RUNNING although their trials ended",
            why="MLflow shows them as training.",
            way_out="--mend ends them as their trials ended.",
            mended=self.mend,
        )

    def _finding(
        self, kind: str, runs: list[str], what: str, why: str, way_out: str, mended: bool = False
    ) -> Finding:
        some = ", ".join(runs[:3]) + (", ..." if len(runs) > 3 else "")
        return Finding(
            kind=kind,
            where=f"study {self.record.id}",
            what=f"{len(runs)} runs in MLflow {what}: {some}",
            why=why,
            way_out=way_out,
            mended=mended,
            runs=runs,
        )


def disagreements(store: Store, books: Books, *, mend: bool, now: float) -> Iterator[Finding]:
    """Every run of every study is read: about one to two minutes for 50,000.

    Raises ServiceError while MLflow does not answer.
    """
    studies = {run.tags.get(names.TAG_STUDY, ""): run for _, run in books.study_runs()}
    records = {record.id: record for record in store.studies()}
    yield from _unknown([run for study, run in studies.items() if study not in records])
    for record in records.values():
        if record.experiment_id is None:
            continue
        run = studies.get(record.id)
        if record.closed and run is not None and not run.ended:
            if mend:
                books.end(run.run_id, STATUS.get(record.state, "KILLED"), record.ended or now)
            yield Finding(
                kind="stuck-run",
                where=f"study {record.id}",
                what="its own run is RUNNING although it is complete",
                why="MLflow shows it as going on.",
                way_out="--mend ends it.",
                mended=mend,
                runs=[run.run_id],
            )
        study = _Study(record, books, mend, now)
        for page in books.runs(record.experiment_id, record.id, "trial"):
            for each in page:
                trial = each.tags.get(names.TAG_TRIAL, "")
                study.runs[trial].append(_kept(each))
        yield from study.findings(store.marks(record.id))


def _kept(run: Seen) -> _Run:
    attempt = run.tags.get(names.TAG_ATTEMPT, "")
    number = int(attempt) if attempt.isascii() and attempt.isdecimal() else 0
    return _Run(run.run_id, run.ended, number, run.start_ms)


def _unknown(runs: list[Seen]) -> Iterator[Finding]:
    if runs:
        some = ", ".join(run.name for run in runs[:3]) + (", ..." if len(runs) > 3 else "")
        yield Finding(
            kind="unknown-studies",
            where="MLflow",
            what=f"{len(runs)} studies there are not this service's: {some}",
            why="They are another service's, or this one lost them.",
            way_out="`caviar rebuild --missing` brings lost ones back, with the service stopped.",
            note=True,
            runs=[run.run_id for run in runs],
        )
