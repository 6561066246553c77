"""The trials of a study as an Optuna study in a SQLite storage of its own."""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.contract.messages import ParameterValue
from caviar.contract.views import ParameterView, StudyView, TrialState, TrialView
from caviar.errors import InputError, Problem
from caviar.moving.columns import moment
from caviar.moving.extras import optuna_package
from caviar.moving.files import whole_file
from caviar.moving.optuna import SCHEME

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

STATES: dict[TrialState, str] = {
    "queued": "WAITING",
    "dispatched": "WAITING",
    "running": "RUNNING",
    "done": "COMPLETE",
    "stopped": "PRUNED",
    "failed": "FAIL",
    "quarantined": "FAIL",
    "cancelled": "FAIL",
}
ABOUT = "caviar"
"""The user attribute with these fields of a trial, as one mapping: a row for each would double the time."""
FIELDS = ("state", "kind", "round", "attempt", "repeats", "host", "error", "run_id")
CONSTRAINTS = "constraints"
"""Optuna's system attribute: up to 0 is within the bounds."""
BATCH = 2_000
FIXED = "fixed_params"
"""Optuna's system attribute: the point of a trial that waits."""


def storage_file(address: str) -> Path:
    """The file of a SQLite address. Raises InputError where it is none, and where the file is there already."""
    if not address.startswith(SCHEME) or "?" in address or not address.removeprefix(SCHEME):
        reason = "only a SQLite storage is written"
        way_out = "For instance sqlite:///study.db; `optuna.copy_study` brings it into another one."
        raise InputError(Problem(("--optuna",), reason, way_out))
    file = Path(address.removeprefix(SCHEME))
    if file.exists():
        reason = "it is there already"
        way_out = (
            "Choose another name; `optuna.copy_study` brings a study into a storage with others."
        )
        raise InputError(Problem((str(file),), reason, way_out))
    return file


def write_optuna(study: StudyView, trials: Iterable[TrialView], file: Path) -> None:
    """One Optuna trial for each, with the same number.

    Raises InputError where Optuna is not installed, or where ``file`` cannot be written.
    """
    module = optuna_package()
    with whole_file(file) as part:
        storage = module.storages.RDBStorage(
            f"{SCHEME}{part.absolute()}", engine_kwargs={"connect_args": {"factory": _Unsynced}}
        )
        try:
            _create(module, storage, study)
            distributions = {each.name: _distribution(each) for each in study.parameters}
            rest = iter(trials)
            while batch := list(islice(rest, BATCH)):
                # Loaded anew, Optuna forgets the trials that it has stored.
                made = module.load_study(study_name=study.name, storage=storage)
                for trial in batch:
                    made.add_trial(_frozen(study, trial, distributions))
        finally:
            storage.engine.dispose()
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())


class _Unsynced(sqlite3.Connection):
    """Does not wait for the disk after each trial: the file is synced once, at its end."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.execute("pragma synchronous = off")
        self.execute("pragma journal_mode = memory")


def _create(module: Any, storage: Any, study: StudyView) -> None:
    """A new Optuna study, without its line in the log."""
    said = module.logging.get_verbosity()
    module.logging.set_verbosity(module.logging.WARNING)
    try:
        made = module.create_study(storage=storage, study_name=study.name, direction=study.goal)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", module.exceptions.ExperimentalWarning)
            made.set_metric_names([study.metric])
        made.set_user_attr(ABOUT, {"study": study.id})
    finally:
        module.logging.set_verbosity(said)


def not_kept(study: StudyView) -> list[str]:
    """What an Optuna study cannot say of this one's space."""
    said = [
        f"{each.name}: Optuna has no reverse_log scale, its distribution is linear"
        for each in study.parameters
        if each.scale == "reverse_log"
    ]
    return said + [
        f"{each.name}: Optuna keeps no conditions, it is only in the trials that have it"
        for each in study.parameters
        if each.when
    ]


def _distribution(parameter: ParameterView) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if parameter.type == "categorical":
        return CategoricalDistribution(parameter.choices or [])
    low, high, log = parameter.low or 0, parameter.high or 0, parameter.scale == "log"
    if parameter.type == "int":
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _frozen(
    study: StudyView, trial: TrialView, distributions: dict[str, BaseDistribution]
) -> FrozenTrial:
    from optuna.trial import FrozenTrial, TrialState

    state = TrialState[STATES[trial.state]]
    if state == TrialState.COMPLETE and trial.value is None:
        state = TrialState.FAIL
    params: dict[str, ParameterValue] = {
        parameter.name: _value(trial.params[parameter.name], parameter)
        for parameter in study.parameters
        if parameter.name in trial.params
    }
    user: dict[str, Any] = {
        ABOUT: {key: told for key in FIELDS if (told := getattr(trial, key)) not in ("", None)}
    }
    user |= {f"metrics.{name}": value for name, value in sorted(trial.metrics.items())}
    system: dict[str, Any] = {}
    if study.constraints and state == TrialState.COMPLETE:
        system[CONSTRAINTS] = [trial.violation]
    waiting = state == TrialState.WAITING
    if waiting:
        system[FIXED] = params
        params = {}
    step, last = trial.step, trial.last
    started = trial.started if trial.started is not None else study.created
    ended = trial.ended if trial.ended is not None else started
    return FrozenTrial(
        number=trial.number,
        state=state,
        value=trial.value if state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
        datetime_start=None if waiting else _local(started),
        datetime_complete=_local(ended) if state.is_finished() else None,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs=user,
        system_attrs=system,
        intermediate_values={} if step is None or last is None else {step: last},
        trial_id=-1,
    )


def _value(value: ParameterValue, parameter: ParameterView) -> ParameterValue:
    return float(value) if parameter.type == "float" else value


def _local(seconds: float) -> Any:
    """Optuna's times are the machine's own, without a zone."""
    return moment(seconds).astimezone().replace(tzinfo=None)
