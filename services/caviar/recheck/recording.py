"""What MLflow is told of champions and checks, and what is read there: a thread of the refinement job.

A study's run carries its champion as a tag, its history as a picture, and ``recheck.json``, from which the service's
own tables come back. It is all written anew whenever something changed, so that nothing has to be caught in the moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError

from caviar.adapters.mlflow import Record
from caviar.adapters.sql import Store, StudyRecord
from caviar.adapters.sql.rows import ChampionRow, CheckRow, RecheckRow
from caviar.contract import names
from caviar.contract.recheck import VerdictView, Version
from caviar.contract.record import RECHECK
from caviar.errors import ServiceError
from caviar.figures.drawing import check_svg, draw
from caviar.recheck.entry import entry_of
from caviar.recheck.trainings import trained
from caviar.recheck.views import champion_view, check_view, policy_of, recheck_view
from caviar.refinement.setbacks import Setbacks
from caviar.studies.spec import Study, load_study
from caviar.teams import experiment_of, model_of, owner_of, owner_of_model

log = logging.getLogger("caviar.recheck")

LOOK_S = 2.0
DATASETS_S = 15.0
RETRY_S = 5.0
AT_ONCE = 50
"""Studies that are written in one turn: the first after an upgrade, say, has a champion of each that ever ended."""
REFUSALS = 3
"""Then MLflow is held to be away for this turn."""


class Recording:
    """``grant`` gives a team what it may see of a registered model, where MLflow authorizes."""

    def __init__(
        self,
        store: Store,
        record: Record,
        grant: Callable[[str, str], None] = lambda _team, _model: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._rows = store.rechecks
        self._record = record
        self._grant = grant
        self._clock = clock
        self._looked: float | None = None
        self._seen: dict[str, str | None] = {}
        """The digest of each study's dataset at the last look: a new one counts where it was there twice in a row."""
        self._told: set[tuple[str, int]] = set()
        """Checks whose verdict is in their run."""
        self._setbacks = Setbacks()
        self._refused: set[str] = set()
        self._away = False

    def run(self, stop: threading.Event) -> None:
        """Turn until ``stop`` is set, whatever MLflow does."""
        while not stop.wait(LOOK_S):
            try:
                self.turn()
            except ServiceError as error:
                if not self._away:
                    log.warning("%s. Champions are told to it later.", error)
                self._away = True
                stop.wait(RETRY_S)
            except Exception:
                log.exception("champions could not be told to MLflow; trying again")
                stop.wait(RETRY_S)
            else:
                self._away = False

    def turn(self) -> None:
        """Write what changed, and look at the datasets. Raises ServiceError where MLflow does not answer."""
        failed: list[ServiceError] = []
        waiting = [each for each in self._rows.unwritten() if not self._setbacks.waits(each[0])]
        # Those that MLflow did not take come last: a run that somebody deleted keeps no other study waiting.
        waiting.sort(key=lambda each: each[0] in self._refused)
        done = 0
        for study_id, change in waiting:
            record = self._store.study(study_id)
            if record is None or record.run_id is None or record.experiment_id is None:
                continue  # its run is still to be made
            if done == AT_ONCE or len(failed) == REFUSALS:
                break
            done += 1
            try:
                whole = self._write(record)
            except ServiceError as error:
                self._refused.add(study_id)
                failed.append(error)
            except Exception:
                self._setbacks.failed(study_id, "the champion in MLflow")
            else:
                self._setbacks.well(study_id)
                if whole:
                    self._refused.discard(study_id)
                    self._rows.written(study_id, change)
                else:
                    self._refused.add(study_id)
        now = self._clock()
        if self._looked is None or now - self._looked >= DATASETS_S:
            self._looked = now
            refused = 0
            for row in self._rows.watched():
                if refused == REFUSALS:
                    break
                try:
                    self._look(row)
                except ServiceError as error:
                    refused += 1
                    failed.append(error)
                except Exception:
                    log.exception("study %s: its dataset could not be looked at", row.study_id)
        if failed:
            raise failed[0]

    # What is written

    def _write(self, record: StudyRecord) -> bool:
        """Whether MLflow has all of it now; False while a check's study has no run yet."""
        assert record.run_id is not None
        study = load_study(record.source, record.filename)
        row, checks = self._rows.find(record.id), self._rows.checks(record.id)
        champions = self._rows.champions(record.id)
        current = next((each for each in champions if each.state == "champion"), None)
        proposed = [each for each in champions if each.state == "proposed"]
        tags = {
            names.TAG_CHAMPION: champion_view(current).model_dump_json(exclude_none=True)
            if current
            else "",
            names.TAG_PROPOSED: champion_view(proposed[-1]).model_dump_json(exclude_none=True)
            if proposed
            else "",
        }
        if current is None and not proposed:
            tags = {}
        artifacts = {RECHECK: entry_of(row, champions, checks).model_dump_json().encode()}
        if champions:
            seen = [check_view(check) for check in checks]
            shown = recheck_view(record, study, row, champions, seen)
            artifacts["history.svg"] = draw("champions", shown, "svg")
        self._record.write(record.run_id, record.created, tags=tags, artifacts=artifacts)
        policy = policy_of(row)
        if policy is not None and policy.model is not None:
            self._register(record, policy.model, current, proposed[-1] if proposed else None)
        ended = [check for check in checks if check.verdict is not None and check.check_study]
        told = [self._tell(study, record, check) for check in ended]
        return all(told)

    def _tell(self, study: Study, record: StudyRecord, check: CheckRow) -> bool:
        """The verdict, in the run of the check's study; False while it has no run."""
        if (check.study_id, check.number) in self._told:
            return True
        made = self._store.study(check.check_study or "")
        if made is None or made.team != record.team:
            return True
        about = load_study(made.source, made.filename).check
        if about is None or about.of != record.id:
            return True  # MLflow, from which it came back, may have said anything
        if made.run_id is None:
            return False
        said = check.verdict or {}
        verdict = VerdictView.model_validate(said)
        points = trained(study.space, self._store.trials(made.id), verdict.challenger)
        self._record.write(
            made.run_id,
            check.ended or made.created,
            metrics={name: float(said[name]) for name in ("effect", "low", "high")},
            tags={
                names.TAG_CHECKED: record.id,
                names.TAG_VERDICT: str(said["word"]),
                names.TAG_REASON: str(said["reason"])[:5000],
            },
            artifacts={"check.svg": check_svg(study.metric.name, points, verdict)},
        )
        self._told.add((check.study_id, check.number))
        return True

    def _register(
        self,
        record: StudyRecord,
        name: str,
        current: ChampionRow | None,
        proposed: ChampionRow | None,
    ) -> None:
        """Let the aliases of a registered model name what the champion's and the proposed one's runs have logged."""
        others, _ = self._store.not_for(record.team)
        model = model_of(record.team, name)
        if owner_of_model(model, others):
            log.warning("study %s: %s is another team's model", record.id, model)
            return
        for alias, row in ((names.ALIAS_CHAMPION, current), (names.ALIAS_PROPOSED, proposed)):
            version = None
            if row is not None and row.run_id is not None:
                found = self._store.study(row.found_in)
                if found is None or found.team != record.team or found.experiment_id is None:
                    continue  # MLflow may have said anything: no other team's model is named here
                experiment = found.experiment_id
                tags = {names.TAG_STUDY: record.id, names.TAG_TRIAL: str(row.trial)}
                version = self._record.model_version(model, experiment, row.run_id, tags)
            if version is not None:
                self._grant(record.team, model)
            if version is not None or row is None:
                self._record.point_alias(model, alias, version)
            elif row.run_id is not None:
                # Who serves the one before goes on serving it: nothing to serve would be worse.
                log.warning(
                    "study %s: the run of champion %d logged no model; %s@%s stays as it is",
                    *(record.id, row.number, model, alias),
                )

    # What is read

    def _look(self, row: RecheckRow) -> None:
        """Whether the dataset that a study watches has another digest."""
        policy, record = policy_of(row), self._store.study(row.study_id)
        if record is None or policy is None or policy.data is None or policy.data.dataset is None:
            return
        experiment = policy.data.experiment or experiment_of(record.team, policy.data.dataset)
        others, _ = self._store.not_for(record.team)
        if owner_of(experiment, others):
            return  # as if it were not there
        digest = self._record.dataset_digest(experiment, policy.data.dataset)
        if digest is not None and not _is_version(digest):
            log.warning("study %s: the digest of its dataset is no version", record.id)
            return
        before, self._seen[row.study_id] = self._seen.get(row.study_id), digest
        if digest is None or digest == row.data_version:
            return
        if row.data_version is None:
            self._rows.see(row.study_id, data=digest)
        elif digest == before and self._rows.champion(row.study_id) is not None:
            why = f"The dataset {policy.data.dataset} changed from {row.data_version} to {digest}."
            self._rows.ask(
                row.study_id, "data", why=why, by="caviar", data_version=digest, again=False
            )


def _is_version(digest: str) -> bool:
    try:
        TypeAdapter(Version).validate_python(digest)
    except ValidationError:
        return False
    return True
