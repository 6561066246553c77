"""What happens to champions without a person: the first one of a study, checks that are due, verdicts, tuning again.

A thread of the scheduler's process, beside its loop. Each step is a compare-and-set in SQL: a kill in between leaves
it to be done, two schedulers do it once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from caviar.adapters.sql import Store, StudyRecord, Taken
from caviar.adapters.sql.rows import ChampionRow, CheckRow, RecheckRow
from caviar.adapters.sql.standing import Standing, standing
from caviar.contract.recheck import Cause, Policy, VerdictView
from caviar.errors import CaviarError, InputError
from caviar.recheck.versions import Versions
from caviar.recheck.views import policy_of, verdict_view
from caviar.scheduler import Scheduler, rechecking
from caviar.scheduler.checking import verdict_of
from caviar.space import Params, Space
from caviar.studies.life import ENDED
from caviar.studies.rechecking import next_due
from caviar.studies.spec import load_study

log = logging.getLogger("caviar.recheck")

Row = TypeVar("Row", RecheckRow, CheckRow, StudyRecord)

LOOK_S = 1.0
VERSIONS_S = 10.0
"""How often files and commits are looked at. A version counts once it was there twice in a row."""
AGAIN_S = 10.0
"""What could not be opened, beyond a quota, say, is tried again after this long."""
CROWNED_AT_ONCE = 50
"""Studies in one turn."""
BY = "caviar"


class Duty:
    """``clock`` gives seconds since the epoch; ``local``: study folders lie on this machine."""

    def __init__(
        self,
        store: Store,
        scheduler: Scheduler,
        *,
        local: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._rows = store.rechecks
        self._scheduler = scheduler
        self._clock = clock
        self._versions = Versions() if local else None
        self._looked = 0.0
        self._without: set[str] = set()
        """Studies that ended without anything to recommend."""
        self._met: set[str] = set()
        """Studies whose policy is written down."""
        self._waiting: dict[tuple[str, int], float] = {}
        """Checks that could not go on, and when to try again."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recheck", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.turn()
            except Exception:
                log.exception("checks could not be looked at; trying again")
                self._stop.wait(LOOK_S)

    def turn(self) -> None:
        """Do what is due. One study that fails holds up no other. Raises the last error."""
        now = self._clock()
        # A clock that went back makes nothing wait longer.
        self._waiting = {k: t for k, t in self._waiting.items() if now < t <= now + AGAIN_S}
        look = now - self._looked >= VERSIONS_S or now < self._looked
        self._looked = now if look else self._looked
        failed: Exception | None = None

        def each(rows: Iterable[Row], step: Callable[[Row], None]) -> None:
            nonlocal failed
            for row in rows:
                if isinstance(row, CheckRow) and (row.study_id, row.number) in self._waiting:
                    continue
                try:
                    step(row)
                except Exception as error:
                    of = row.id if isinstance(row, StudyRecord) else row.study_id
                    error.add_note(f"study {of}")
                    failed = error
                    if isinstance(row, CheckRow):
                        self._try_later(row)

        if look:
            self._rows.note_runs()
        each((record for record, _ in self._scheduler.census()), self._meet)
        each(self._ended(), self._crown)
        each(self._rows.watched(), lambda row: self._watch(row, now, look))
        each((row for row in self._rows.open_checks() if row.state == "running"), self._settle)
        waiting = self._rows.open_checks()
        busy = {row.study_id for row in waiting if row.state == "running"}
        due = {row.study_id: row for row in reversed(waiting) if row.study_id not in busy}
        each(due.values(), self._open)
        each(self._rows.retuning(), self._retune)
        if failed is not None:
            raise failed

    # Champions

    def _meet(self, record: StudyRecord) -> None:
        """Write down what a study's file says of checks, with the versions that it is tuned on."""
        if record.id in self._met:
            return
        policy = load_study(record.source, record.filename).recheck
        if policy is not None and self._rows.find(record.id) is None:
            self._rows.set_policy(record.id, policy.model_dump(mode="json"), None)
            data, code = self._now(record, policy, None)
            self._rows.see(record.id, data=data, code=code)
        self._met.add(record.id)

    def _ended(self) -> Iterator[StudyRecord]:
        """Studies that may have a first champion by now; a part of them where there are many, after an upgrade, say."""
        new = [each for each in self._rows.without_champion() if each not in self._without]
        for study_id in new[:CROWNED_AT_ONCE]:
            if (record := self._store.study(study_id)) is not None:
                yield record

    def _crown(self, record: StudyRecord) -> None:
        """The first champion of a study that has ended with a best trial."""
        try:
            study = load_study(record.source, record.filename)
        except CaviarError as error:
            log.warning("study %s has no champion, its file cannot be read: %s", record.id, error)
            self._without.add(record.id)
            return
        stands = standing(self._store, record, study)
        if stands.best is None or study.mode != "caviar":
            self._without.add(record.id)
            return
        if not record.rebuilt:  # what came back from MLflow begins nothing by itself
            self._meet(record)
        seen = self._rows.find(record.id)
        self._propose(record, record, stands, seen, "The best of its study.", None, first=True)
        policy = policy_of(seen)
        if policy is not None:
            self._rows.move_due(record.id, None, next_due(policy, self._clock()))

    def _propose(
        self,
        record: StudyRecord,
        found: StudyRecord,
        stands: Standing,
        seen: RecheckRow | None,
        why: str,
        check: CheckRow | None,
        *,
        first: bool = False,
    ) -> None:
        best, confirmation = stands.best, stands.confirmation
        assert best is not None
        data = seen.data_version if seen else None
        code = (check and check.code_version) or found.code_version or found.bundle
        self._rows.propose(
            record.id,
            dict(best.params),
            found.id,
            best.number,
            run_id=best.run_id if best.shipped else None,
            value=confirmation.mean if confirmation else best.value,
            low=confirmation.low if confirmation else None,
            high=confirmation.high if confirmation else None,
            runs=confirmation.runs if confirmation else 1,
            data_version=check.data_version if check else data,
            code_version=code,
            why=why,
            by=BY,
            check_number=check.number if check else None,
            state="champion" if first else "proposed",
        )

    # What calls for a check

    def _watch(self, row: RecheckRow, now: float, look: bool) -> None:
        due = row.next_due is not None and row.next_due <= now
        if not (due or look):
            return
        policy = policy_of(row)
        champion = self._rows.champion(row.study_id)
        if policy is None or champion is None:
            return
        if look:
            self._look(row, policy, champion)
        then = next_due(policy, now)
        if due and row.next_due is not None:
            # After the versions: what changed just now and is due as well is one question.
            self._rows.ask_scheduled(row.study_id, row.next_due, then, why="It was due.", by=BY)
        elif row.next_due is None or (then is not None and then < row.next_due):
            # A kill came between the champion and its first time, or the clock was wrong when that was set.
            self._rows.move_due(row.study_id, row.next_due, then)

    def _look(self, row: RecheckRow, policy: Policy, champion: ChampionRow) -> None:
        """Whether there is another version of the data or of the code."""
        record = self._store.study(row.study_id)
        assert record is not None
        data, code = self._now(record, policy, row)
        both: dict[Cause, tuple[str | None, str | None, str | None]] = {
            "data": (row.data_version, champion.data_version, data),
            "code": (row.code_version, champion.code_version, code),
        }
        for cause, (seen, chosen_on, after) in both.items():
            before = seen or chosen_on
            if after in (None, seen):
                continue
            if before in (None, after):
                self._rows.see(row.study_id, **{cause: after})
                continue
            self._rows.ask(
                row.study_id,
                cause,
                why=f"The {cause} changed from {_short(before)} to {_short(after)}.",
                by=BY,
                data_version=data,  # both with both: together they are one question
                code_version=code,
                again=False,
            )

    def _now(
        self, record: StudyRecord, policy: Policy, row: RecheckRow | None
    ) -> tuple[str | None, str | None]:
        """The versions of data and code that can be seen from here; None where one cannot, or is not to be watched."""
        data = code = None
        if policy.data is not None and policy.data.version is not None and row is None:
            data = policy.data.version  # later ones are told
        if self._versions is not None and record.folder is not None:
            if policy.data is not None and policy.data.file is not None:
                data = self._versions.of_file(
                    record.id, record.folder, policy.data.file, first=row is None
                )
            if policy.code:
                code = self._versions.of_code(record.id, record.folder, first=row is None)
        return data, code

    # Checks

    def _open(self, check: CheckRow) -> None:
        """Start the check: a study whose trials are its trainings."""
        record, seen = self._study(check), self._rows.find(check.study_id)
        champion = self._rows.champion(check.study_id)
        assert champion is not None
        data, code = (seen.data_version, seen.code_version) if seen else (None, None)
        if check.champion != champion.number:
            self._drop(check, "Another champion took its place before it began.")
            return
        if check.data_version not in (None, data):
            self._drop(check, f"The data went on to {_short(data)} before it began.")
            return
        if check.code_version not in (None, code) and code is not None and check.bundle is None:
            self._drop(check, f"The code went on to {_short(code)} before it began.")
            return
        policy = policy_of(seen) or Policy()
        try:
            opening = rechecking.of_check(self._store, record, champion, check, policy)
            made = self._scheduler.open(opening)
        except Taken:
            return
        except CaviarError as error:
            self._wait(check, str(error))
            return
        log.info("study %s: check %d is study %s", record.id, check.number, made.id)

    def _drop(self, check: CheckRow, why: str) -> None:
        """End a check that has nothing left to check, and ask for what is to be checked instead."""
        verdict = VerdictView(word="inconclusive", effect=0.0, low=0.0, high=0.0, reason=why)
        cause: Cause = check.causes[0] if check.causes else "signal"
        self._rows.ask(check.study_id, cause, why=why, by=BY, again=False)
        self._rows.end(check.study_id, check.number, verdict.model_dump() | {"mixed": True}, None)

    def _settle(self, check: CheckRow) -> None:
        """Write the verdict once the check's study has ended."""
        made = self._of_team(check, check.check_study)
        if made is None:
            self._drop(check, "The study of its trainings is gone.")
            return
        if made.state not in ENDED:
            return
        study = load_study(made.source, made.filename)
        found = verdict_of(study, self._store.trials(made.id))
        if found is None:
            why = f"It was cut short: {made.reason or made.state}."
            view = VerdictView(word="inconclusive", effect=0.0, low=0.0, high=0.0, reason=why)
        else:
            view = verdict_view(found)
        mixed = self._is_mixed(check, made)
        if mixed is not None:
            view = view.model_copy(update={"word": "inconclusive", "reason": mixed, "drifts": []})
        again = view.word == "moved" and self._tunes_again(check) and self._is_of_champion(check)
        if mixed is not None:
            self._rows.ask(check.study_id, "data", why=mixed, by=BY, again=False)
        ended = view.model_dump(mode="json") | {"mixed": mixed is not None}
        if self._rows.end(check.study_id, check.number, ended, "wanted" if again else None):
            log.info("study %s: check %d: %s", check.study_id, check.number, view.word)

    def _is_mixed(self, check: CheckRow, made: StudyRecord) -> str | None:
        """Why its trainings do not belong together, where the data, or code in a folder, changed meanwhile."""
        seen = self._rows.find(check.study_id)
        later = [each for each in self._rows.checks(check.study_id) if each.number > check.number]
        data = [each.data_version for each in later] + [seen.data_version if seen else None]
        code = [each.code_version for each in later] + [seen.code_version if seen else None]
        if made.bundle is not None:
            code = []
        for what, before, after in (
            ("data", check.data_version, data),
            ("code", check.code_version, code),
        ):
            others = [each for each in after if each != before]
            if before is not None and others:
                words = f"{_short(before)} to {_short(others[0])}"
                return f"The {what} changed from {words} while it was checked."
        return None

    # Tuning again

    def _retune(self, check: CheckRow) -> None:
        if check.retuned is not None:
            self._crown_again(check, check.retuned)
        elif not (self._tunes_again(check) and self._is_of_champion(check)):
            self._rows.retuning_over(check.study_id, check.number)
        else:
            record, champion = self._study(check), self._rows.champion(check.study_id)
            assert champion is not None
            try:
                opening = rechecking.of_retuning(self._store, record, champion, check)
                made = self._scheduler.open(opening)
            except Taken:
                return
            except CaviarError as error:
                self._wait(check, str(error))
                return
            log.info("study %s is tuned again: study %s", record.id, made.id)

    def _crown_again(self, check: CheckRow, retuned: str) -> None:
        """What the study that tuned again found is proposed, or takes the place at once, as the policy says."""
        made = self._of_team(check, retuned)
        if made is None:
            self._rows.retuning_over(check.study_id, check.number)
        if made is None or made.state not in ENDED:
            return
        study = load_study(made.source, made.filename)
        stands, champion = standing(self._store, made, study), self._rows.champion(check.study_id)
        record, best = self._study(check), stands.best
        space = load_study(record.source, record.filename).space
        # MLflow, from which it came back, may have said anything of its point.
        new = best.params if best is not None and _is_point(space, best.params) else None
        if new and champion is not None and space.key(new) != space.key(champion.params):
            seen = self._rows.find(check.study_id)
            why = f"Check {check.number} said that the optimum moved."
            self._propose(record, made, stands, seen, why, check)
            policy = policy_of(seen)
            # One that was cut short may not have tried the old champion, and a champion that took its place meanwhile
            # is a person's choice: a person decides.
            by_itself = policy is not None and policy.when_moved == "promote"
            if by_itself and made.state == "done" and self._is_of_champion(check):
                self._promote(check, made.id)
        self._rows.retuning_over(check.study_id, check.number)

    def _promote(self, check: CheckRow, found_in: str) -> None:
        for row in self._rows.champions(check.study_id):
            if row.found_in == found_in and row.state == "proposed":
                self._rows.promote(check.study_id, row.number, BY, row.why)

    def _tunes_again(self, check: CheckRow) -> bool:
        policy = policy_of(self._rows.find(check.study_id))
        return policy is not None and policy.when_moved != "tell"

    def _is_of_champion(self, check: CheckRow) -> bool:
        """Whether the champion that was checked still is it."""
        champion = self._rows.champion(check.study_id)
        return champion is not None and champion.number == check.champion

    # What waits

    def _study(self, check: CheckRow) -> StudyRecord:
        record = self._store.study(check.study_id)
        assert record is not None
        return record

    def _of_team(self, check: CheckRow, study_id: str | None) -> StudyRecord | None:
        """A study that a check opened. What came back from MLflow may name another team's: that is as if none."""
        record = self._store.study(study_id) if study_id else None
        return record if record is not None and record.team == self._study(check).team else None

    def _wait(self, check: CheckRow, why: str) -> None:
        self._try_later(check)
        if check.waits != why:
            self._rows.waits(check.study_id, check.number, why)

    def _try_later(self, check: CheckRow) -> None:
        self._waiting[check.study_id, check.number] = self._clock() + AGAIN_S


def _is_point(space: Space, params: Params) -> bool:
    try:
        space.check_point(params)
    except InputError:
        return False
    return True


def _short(version: str | None) -> str:
    """A version in a sentence: of a hash its beginning says enough."""
    if version is None:
        return "unknown"
    return version if len(version) <= 24 else f"{version[:20]}..."
