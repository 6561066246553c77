"""The SQL store written again from MLflow alone.

What ended comes back as it was. A study that had not ended comes back paused: what MLflow holds may have been written
by anybody who may write there, and it starts code, so a person looks first and says `caviar resume`. Of its trials

- those that ended count once;
- those whose run had begun are taken up again under the same number, in the same run, as an attempt that no worker has
  seen: what workers still hold of earlier ones is fenced;
- numbers of which MLflow has no run are given out anew. The trials that get them have ids of their own, so that they
  meet neither checkpoints nor runs of the ones that were forgotten.

All of it is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine

from caviar.adapters.mlflow_books import Books, Missing, Seen
from caviar.adapters.sql import InterventionRow, PriorRow, StudyRecord, TrialRow
from caviar.adapters.sql.restoring import Restoring, restoring
from caviar.contract import names
from caviar.contract.record import RECHECK, RECORD, ROUND, RoundEntry, StudyEntry
from caviar.contract.upkeep import PassedOver, Rebuilt, RebuiltStudy
from caviar.errors import NotAllowed
from caviar.studies.life import ENDED, FINAL, LEARNT_FROM
from caviar.studies.spec import Study
from caviar.upkeep.checking import (
    Damaged,
    read_changes,
    read_fork,
    read_recheck,
    read_round,
    read_study,
    read_trial,
)

Tell = Callable[[str], None]
"""Gets a line of progress."""

PAUSED = "came back from MLflow: caviar resume goes on with it"


def rebuild(engine: Engine, books: Books, *, missing: bool, tell: Tell) -> Rebuilt:
    """Write every study that MLflow has and the store has not.

    Args:
        missing: take a store that has studies; those stay as they are.

    Raises:
        NotAllowed: the store has studies and ``missing`` is False; nothing was written.
        ServiceError: MLflow does not answer; nothing was written.
    """
    with restoring(engine) as writer:
        known = writer.known()
        if known and not missing:
            raise NotAllowed(
                f"The store has studies already, {min(known)} among them. "
                "`--missing` leaves them alone and brings back the others."
            )
        studies: list[RebuiltStudy] = []
        passed: list[PassedOver] = []
        for experiment, run in books.study_runs():
            title = run.tags.get(names.TAG_STUDY, "")
            if title in known:
                continue
            try:
                entry, study = read_study(run, books.file(run.run_id, RECORD), experiment)
            except (Damaged, Missing) as error:
                passed.append(PassedOver(run_id=run.run_id, what=run.name, reason=str(error)))
                continue
            known.add(entry.id)
            tell(f"{study.name} ({entry.id})")
            back = _Back(books, run, entry, study, tell)
            studies.append(back.write(writer))
    return Rebuilt(studies=studies, passed_over=passed)


@dataclass
class _Back:
    """One study on its way back."""

    books: Books
    run: Seen
    entry: StudyEntry
    study: Study
    tell: Tell
    passed: list[PassedOver] = field(default_factory=list)
    done: dict[tuple[str, int], InterventionRow] = field(default_factory=dict)
    """What was done to trainings while they ran, by trial and number."""

    def write(self, writer: Restoring) -> RebuiltStudy:
        ledger, runs = self._rounds()
        trials = self._trials()
        over = self.entry.state in ENDED
        rebuilt = self._count(trials)
        if not self.run.ended:
            # Said in MLflow first: should this end half-way, the next time counts on from here.
            self.books.tag(self.run.run_id, {names.TAG_REBUILT: str(rebuilt)})
        rows = [trials[number] for number in sorted(trials)]
        lost: list[TrialRow] = []
        if over:
            rows, lost = self._cancelled(rows)
        else:
            rows = [row if row.state in FINAL else _again(row) for row in rows]
        rows += self._without_run(set(trials), rebuilt)
        known = [
            PriorRow(self.entry.id, number, prior.source, prior.params, prior.value)
            for number, prior in enumerate(self.entry.priors)
        ]
        record = self._record(rebuilt)
        writer.write(record, ledger, runs, rows, known, lost, list(self.done.values()))
        self._champions(writer)
        counts: dict[str, int] = {}
        for row in rows:
            counts[row.state] = counts.get(row.state, 0) + 1
        return RebuiltStudy(
            id=record.id,
            name=record.name,
            state=record.state,
            trials=counts,
            rounds=len(ledger),
            passed_over=self.passed,
        )

    def _champions(self, writer: Restoring) -> None:
        try:
            content = self.books.file(self.run.run_id, RECHECK)
            seen, champions, checks = read_recheck(content, self.entry.id, self.study.space)
        except Missing:
            return
        except Damaged as error:
            self._pass_over(self.run, str(error))
            return
        writer.write_champions(
            self.entry.id, seen.data_version, seen.code_version, champions, checks
        )

    def _record(self, rebuilt: int) -> StudyRecord:
        entry = self.entry
        over = entry.state in ENDED
        return StudyRecord(
            id=entry.id,
            name=self.study.name,
            fingerprint=self.study.fingerprint,
            state=entry.state if over else "paused",
            reason=entry.reason if over else PAUSED,
            source=entry.source,
            filename=entry.filename,
            folder=entry.folder,
            code_version=entry.code_version,
            bundle=entry.bundle,
            user=entry.user,
            created=entry.created,
            ended=entry.ended if over else None,
            importance=None
            if entry.importance is None
            else [share.model_dump() for share in entry.importance],
            experiment_id=self.run.experiment_id,
            run_id=self.run.run_id,
            closed=over and self.run.ended,
            primed=entry.primed,
            branched_from=entry.branched_from,
            branched_round=entry.branched_round,
            rebuilt=rebuilt,
            team=entry.team,
            priority=entry.priority,
            place=entry.place,
            shared=entry.shared,
            notes=[note.model_dump() for note in entry.notes],
        )

    def _rounds(self) -> tuple[list[RoundEntry], dict[int, str]]:
        """The unbroken beginning of the ledger: what is missing behind it is computed again from the trials."""
        first = RoundEntry(index=0, created=self.entry.created, data=self.entry.first_round)
        found, runs = {0: first}, dict[int, str]()
        for page in self.books.runs(self.run.experiment_id, self.entry.id, "round"):
            for run in page:
                try:
                    entry = read_round(run, self.books.file(run.run_id, ROUND), self.study.space)
                except (Damaged, Missing) as error:
                    self._pass_over(run, str(error))
                    continue
                if entry.index in runs:
                    self._pass_over(run, f"round {entry.index} has another run")
                    continue
                found[entry.index], runs[entry.index] = entry, run.run_id
        ledger = [found[index] for index in range(len(found)) if index in found]
        ledger = [entry for place, entry in enumerate(ledger) if entry.index == place]
        for index in sorted(runs.keys() - range(len(ledger))):
            why = f"round {len(ledger)} before it is missing"
            self.passed.append(PassedOver(run_id=runs[index], what=f"r{index}", reason=why))
        return ledger, runs

    def _trials(self) -> dict[int, TrialRow]:
        found: dict[int, tuple[TrialRow, Seen]] = {}
        read = 0
        for page in self.books.runs(self.run.experiment_id, self.entry.id, "trial"):
            for run in page:
                try:
                    row = read_trial(run, self.entry, self.study)
                except Damaged as error:
                    self._pass_over(run, str(error))
                    if not (run.ended or run.params or run.metrics):
                        # Begun in the moment in which all ended: its number is given out anew, with another run.
                        self.books.set_aside(run.run_id, str(error), run.start_ms / 1000)
                    continue
                rival = found.get(row.number)
                if rival is not None and _rank(*rival) >= _rank(row, run):
                    self._pass_over(run, f"trial {row.number} has another run")
                    continue
                if rival is not None:
                    self._pass_over(rival[1], f"trial {row.number} has another run")
                found[row.number] = row, run
            read += len(page)
            self.tell(f"{self.study.name} ({self.entry.id}): {read:,} trials read")
        rows = {number: row for number, (row, _) in found.items()}
        for number, row in list(rows.items()):
            # The scheduler trains a leader's point again: it must be there.
            leader = None if row.repeats is None else rows.get(row.repeats)
            wrong = leader is None or leader.state not in LEARNT_FROM or leader.kind == "confirm"
            if row.repeats is not None and wrong:
                self._pass_over(
                    found[number][1], f"it repeats trial {row.repeats}, which is not there"
                )
                del rows[number]
        self._interventions({number: (row, found[number][1]) for number, row in rows.items()})
        return rows

    def _interventions(self, trials: dict[int, tuple[TrialRow, Seen]]) -> None:
        for row, run in trials.values():
            try:
                changes = read_changes(run, row)
            except Damaged as error:
                self._pass_over(run, str(error))
                continue
            self.done |= {(each.trial_id, each.number): each for each in changes}
        for row, _ in trials.values():
            if row.kind == "fork" and row.origin is not None:
                parent = trials.get(row.origin.get("number", -1))
                asked = None if parent is None else read_fork(row, parent[0])
                if asked is not None:
                    self.done[asked.trial_id, asked.number] = asked

    def _pass_over(self, run: Seen, reason: str) -> None:
        self.passed.append(PassedOver(run_id=run.run_id, what=run.name, reason=reason))

    def _count(self, trials: dict[int, TrialRow]) -> int:
        """How many times the study has come back, this time included."""
        said = self.run.tags.get(names.TAG_REBUILT, "")
        tagged = int(said) if said.isascii() and said.isdecimal() and len(said) < 7 else 0
        seen = (names.rebuilt_of(row.id) for row in trials.values())
        return max(tagged, self.entry.rebuilt, *seen, 0) + 1

    def _cancelled(self, rows: list[TrialRow]) -> tuple[list[TrialRow], list[TrialRow]]:
        """Trials that had not ended when their study had. Nobody completes their runs any more: the keeper does."""
        ended = self.entry.ended
        lost = [
            replace(row, state="cancelled", ended=ended) for row in rows if row.state not in FINAL
        ]
        numbers = {row.number for row in lost}
        return [*(row for row in rows if row.number not in numbers), *lost], lost

    def _without_run(self, there: set[int], rebuilt: int) -> list[TrialRow]:
        rows = []
        for trial in self.entry.without_run:
            if trial.number in there:
                continue
            there.add(trial.number)
            rows.append(
                TrialRow(
                    id=trial.id
                    if trial.state == "cancelled"
                    else names.trial_id(self.entry.id, trial.number, rebuilt),
                    study_id=self.entry.id,
                    number=trial.number,
                    round=trial.round,
                    state=trial.state,
                    attempt=trial.attempt,
                    crashes=0,
                    lost=0,
                    params=trial.params,
                    seed=trial.seed,
                    value=None,
                    metrics={},
                    steps=0,
                    nonce=None,
                    host=None,
                    incarnation=None,
                    slot=None,
                    created=trial.created,
                    started=None,
                    ended=trial.ended,
                    seconds=None,
                    error="",
                    output="",
                    run_id=None,
                    shipped=False,
                    kind=trial.kind,
                    repeats=trial.repeats,
                    origin=None if trial.origin is None else trial.origin.model_dump(mode="json"),
                )
            )
        return rows


def _again(row: TrialRow) -> TrialRow:
    """A trial that had begun: its next attempt has a number that no worker has a folder of."""
    return replace(row, attempt=(row.attempt // names.ATTEMPTS + 1) * names.ATTEMPTS)


def _rank(row: TrialRow, run: Seen) -> tuple[bool, bool, int, int, int, str]:
    """Of two runs of one trial the greater stays: the one that ended, then the newer attempt, then the older run."""
    return (
        row.state in FINAL,
        run.ended,
        names.rebuilt_of(row.id),
        row.attempt,
        -run.start_ms,
        run.run_id,
    )
