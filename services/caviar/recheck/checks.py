"""What people and MLflow ask of the re-check, and what they see of it. The duty does what is asked for."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final

from caviar.adapters.sql import CheckRow, Store, StudyRecord
from caviar.contract.recheck import (
    Cause,
    ChampionView,
    CheckView,
    HookView,
    Policy,
    RecheckRequest,
    RecheckView,
)
from caviar.errors import InputError, NotAllowed, Problem
from caviar.recheck.mlflow_events import delivery_of, event_of
from caviar.recheck.policies import as_in_a_file
from caviar.recheck.views import champion_view, check_view, policy_of, recheck_view
from caviar.studies.rechecking import next_due
from caviar.studies.spec import load_study
from caviar.teams import model_of

HOOKS: Final = "/api/v1/hooks/mlflow"
MLFLOW: Final = "mlflow"
"""Who asked, where MLflow did."""


class Checks:
    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        """``clock`` gives seconds since the epoch."""
        self._store = store
        self._rechecks = store.rechecks
        self._clock = clock

    def view(self, record: StudyRecord) -> RecheckView:
        study = load_study(record.source, record.filename)
        row = self._rechecks.find(record.id)
        checks = [self._check(each) for each in self._rechecks.checks(record.id)]
        return recheck_view(record, study, row, self._rechecks.champions(record.id), checks)

    def ask(
        self,
        record: StudyRecord,
        asked: RecheckRequest,
        by: str,
        team: str,
        key: str | None = None,
        cause: Cause = "signal",
    ) -> CheckView:
        """The check that serves this: a new one, or one that is open and about the same.

        Raises:
            InputError: the team has not uploaded that code, or the study takes none.
            NotAllowed: the study has no champion yet.
        """
        code_version = asked.code_version
        if asked.bundle is not None:
            self._refuse_code(record, asked.bundle, team)
            code_version = code_version or f"sha256:{asked.bundle}"
        found = self._rechecks.ask(
            record.id,
            cause,
            key=key,
            why=asked.why,
            by=by,
            data_version=asked.data_version,
            code_version=code_version,
            bundle=asked.bundle,
            again=True,
        )
        assert found is not None  # only what need not be checked again is None
        return self._check(found[0])

    def set_policy(self, record: StudyRecord, policy: Policy | None) -> RecheckView:
        """From now on it is checked so; None: only when somebody asks.

        Raises InputError for what a study file could not say either.
        """
        if policy is not None:
            policy = as_in_a_file(policy, load_study(record.source, record.filename).mode)
        kept = None if policy is None else policy.model_dump(mode="json", exclude_defaults=True)
        before = self._rechecks.find(record.id)
        if policy is None:
            due = None
        elif before is not None and before.next_due is not None and policy_of(before) == policy:
            due = before.next_due
        else:
            due = next_due(policy, self._clock())
        self._rechecks.set_policy(record.id, kept, due)
        if policy is not None and policy.data is not None and policy.data.version is not None:
            self._told(record, policy.data.version)
        return self.view(record)

    def promote(self, record: StudyRecord, number: int | None, by: str, why: str) -> ChampionView:
        """By default the newest that is proposed. Raises NotAllowed: there is none, or it is the champion already."""
        number = self._proposed(record) if number is None else number
        made = self._rechecks.promote(record.id, number, by, why)
        if made is None:
            raise NotAllowed(
                f"Study {record.id} has no champion {number} that could be promoted: it is the champion already, or "
                f"there is none of that number. `caviar history {record.id}` lists them."
            )
        return champion_view(made)

    def reject(self, record: StudyRecord, number: int | None, by: str, why: str) -> ChampionView:
        """By default the newest that is proposed. Raises NotAllowed: it is not proposed."""
        number = self._proposed(record) if number is None else number
        rejected = self._rechecks.reject(record.id, number, by, why)
        if rejected is None:
            raise NotAllowed(
                f"Champion {number} of study {record.id} is not proposed. `caviar history {record.id}` lists them."
            )
        return champion_view(rejected)

    def rollback(self, record: StudyRecord, by: str, why: str) -> ChampionView:
        """The former champion that was it last is it again. Raises NotAllowed where there is none."""
        former = [c for c in self._rechecks.champions(record.id) if c.state == "former"]
        if not former:
            raise NotAllowed(
                f"Study {record.id} has had no champion before this one. `caviar history {record.id}` lists them."
            )
        before = max(former, key=lambda each: (each.decided or each.created, each.number))
        return self.promote(record, before.number, by, why)

    def hook(self, record: StudyRecord) -> HookView:
        """Where MLflow sends events of its model registry, and a new secret for them; the one before counts no more."""
        policy = load_study(record.source, record.filename).recheck
        if policy is not None and not record.rebuilt and self._rechecks.find(record.id) is None:
            # Before the duty has met the study: a row without a policy would say that there is none.
            self._rechecks.set_policy(record.id, policy.model_dump(mode="json"), None)
        secret = secrets.token_urlsafe(32)
        self._rechecks.set_secret(record.id, secret)
        return HookView(path=f"{HOOKS}/{record.id}", secret=secret)

    def from_mlflow(
        self, study_id: str, headers: Mapping[str, str], body: bytes
    ) -> CheckView | None:
        """The check that an event calls for. None: it came already, or is about nothing that calls for one.

        Raises:
            NotSigned: MLflow did not send it, or not now; or there is no such study or hook.
            NotAllowed: the study has no champion yet.
        """
        row = self._rechecks.find(study_id)
        delivery = delivery_of(headers, body, row.secret if row else None, self._clock())
        event, record = event_of(body), self._store.study(study_id)
        if event is None or record is None or row is None:
            return None
        policy = policy_of(row)
        model = None if policy is None else policy.model
        if model is not None and event.model != model_of(record.team, model):
            return None
        if event.run_id and self._store.is_of_a_trial(event.run_id):
            return None  # a training registered it: a check whose trainings do would call for the next one
        key = f"{MLFLOW}:{delivery}"
        if any(key in each.keys for each in self._rechecks.checks(study_id)):
            return None
        asked = RecheckRequest(why=event.words)
        return self.ask(record, asked, MLFLOW, record.team, key, MLFLOW)

    def _told(self, record: StudyRecord, version: str) -> None:
        """A policy names the version of the data: another one than before calls for a check, as with a file's."""
        row = self._rechecks.find(record.id)
        before = None if row is None else row.data_version
        if version == before:
            return
        if before is None or self._rechecks.champion(record.id) is None:
            self._rechecks.see(record.id, data=version)
            return
        why = f"The data changed from {before} to {version}."
        self._rechecks.ask(
            record.id, "data", why=why, by="caviar", data_version=version, again=False
        )

    def _refuse_code(self, record: StudyRecord, bundle: str, team: str) -> None:
        """Raises InputError where the study cannot be trained with that code."""
        trainer = load_study(record.source, record.filename).trainer
        if trainer.name is not None:
            raise InputError(
                Problem(
                    ("bundle",),
                    f"the study's trainer {trainer.name} is installed on the workers, it takes no code",
                    "Name its new version with code_version.",
                )
            )
        if not self._store.bundles.has(team, bundle):
            raise InputError(
                Problem(
                    ("bundle",),
                    f"the team {team} has uploaded no code {bundle[:12]}",
                    "`caviar recheck STUDY --code DIR` uploads it first.",
                )
            )

    def _proposed(self, record: StudyRecord) -> int:
        """The number of the newest. Raises NotAllowed."""
        proposed = [c.number for c in self._rechecks.champions(record.id) if c.state == "proposed"]
        if not proposed:
            raise NotAllowed(
                f"Nothing is proposed for study {record.id}. A number names one: `caviar history {record.id}`."
            )
        return max(proposed)

    def _check(self, row: CheckRow) -> CheckView:
        record = None if row.check_study is None else self._store.study(row.check_study)
        return check_view(row, None if record is None else record.run_id)
