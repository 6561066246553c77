"""The studies that a re-check opens: one whose trials are the check, one that tunes again."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import variance
from typing import Any

from caviar.adapters.sql import Read, Start, Store, StudyRecord
from caviar.adapters.sql.rechecks import start, start_retuning
from caviar.adapters.sql.rows import ChampionRow, CheckRow
from caviar.adapters.sql.standing import standing
from caviar.contract.recheck import Policy
from caviar.contract.views import Note
from caviar.errors import InputError, NotAllowed, Problem
from caviar.scheduler.checking import trainings
from caviar.search import Result, Round, first_round
from caviar.search.checking import points_to_check, reopened
from caviar.search.confirming import leaders
from caviar.space import Params
from caviar.studies.life import LEARNT_FROM, trial_seed
from caviar.studies.source import rewritten
from caviar.studies.spec import LONGEST_NAME, Budget, Study, load_study

SHARE = 10
"""A check may cost one training in this many of the study's own."""
FEWEST = 6
"""Trainings that a check needs to tell anything, of a small study too."""
MOST = 20
"""What this many trainings do not tell, unless the study file asks for more, is inconclusive."""
OF_A_SEARCH = ("mode", "search", "budget", "stop", "confirm", "warm_start", "nurse", "recheck")
"""Sections that a check does not take over."""


@dataclass(frozen=True, slots=True)
class Found:
    """The study in which a champion was found, and what its search knew at its end."""

    record: StudyRecord
    study: Study
    round: Round

    @classmethod
    def load(cls, store: Store, champion: ChampionRow, team: str) -> Found:
        """Raises NotAllowed where the study is gone, or is not the team's: MLflow may have said anything."""
        record = store.study(champion.found_in)
        if record is None or record.team != team:
            raise NotAllowed(
                f"The study {champion.found_in} in which champion {champion.number} was found is gone. "
                "`caviar champion STUDY --promote N` chooses another one."
            )
        study = load_study(record.source, record.filename)
        newest = store.rounds(record.id)[-1]
        return cls(record, study, Round.from_json(study.space, newest.data))


@dataclass(frozen=True, slots=True)
class Opening:
    """A study that is ready to be written; ``values`` are the arguments of ``Store.add_study``."""

    study: Study
    values: dict[str, Any]


def of_check(
    store: Store, record: StudyRecord, champion: ChampionRow, check: CheckRow, policy: Policy
) -> Opening:
    """The study of ``check``, which is due. Written, it marks that as running: both, or neither (``Taken``).

    Raises InputError: its code is gone.
    """
    found = Found.load(store, champion, record.team)
    trials = most_trainings(policy, load_study(record.source, record.filename))
    rows = store.trials(found.record.id, LEARNT_FROM)
    # Without those whose parameters do not say how they were trained, as in the search.
    searched = [row for row in rows if row.kind not in ("confirm", "fork") and not row.touched]
    results = [row.result() for row in searched]
    noise, freedom = noise_of(store, found.record)
    points = points_to_check(
        found.study.space,
        found.study.search_settings,
        found.round.box,
        results,
        champion.params,
        trials,
        _runner_up(store, found, champion, results),
        noise,
    )
    about: dict[str, Any] = {"of": record.id, "number": check.number, "freedom": freedom}
    about |= {"tolerance": policy.tolerance, "box": found.round.box.to_json()}
    if noise is not None:
        about["noise"] = noise
    added = {
        "mode": "check",
        "check": about,
        "search": {"strategy": "random", "seed": _seed(record, check.number)},
        "budget": {"trials": trials},
        "warm_start": {"points": [dict(point) for point in points]},
    }
    text, study = _rewritten(record, f"-check{check.number}", added, OF_A_SEARCH)
    values = _values(store, record, check, text, study)
    return Opening(
        study,
        values
        | {"within": lambda connection, made: start(connection, record.id, check.number, made.id)},
    )


def of_retuning(
    store: Store, record: StudyRecord, champion: ChampionRow, check: CheckRow
) -> Opening:
    """The study that tunes again after ``check``: from the last good box, widened, in half of the trials.

    It knows what the check trained, since that was on the data as it is, and the champion is its first point.
    Written, it marks the check so: both, or neither (``Taken``).

    Raises InputError: its code is gone.
    """
    found = Found.load(store, champion, record.team)
    before = load_study(record.source, record.filename)
    first = [champion.params]
    if challenger := (check.verdict or {}).get("challenger"):
        first.append(challenger)
    trials = max(before.budget.trials // 2, len(first))
    confirm = before.confirm if trials >= 3 * before.confirm else 0
    added = {
        "budget": {"trials": trials, **_half_of_hours(before.budget)},
        "search": {"strategy": before.strategy, "seed": _seed(record, check.number)},
        "warm_start": {"points": [dict(point) for point in first]},
        **({"confirm": confirm} if confirm else {}),
    }
    text, study = _rewritten(record, f"-again{check.number}", added, ("confirm", "recheck"))
    values = _values(store, record, check, text, study)
    if study.strategy == "zoom":
        title = f"{found.record.name} ({found.record.id})"
        values["first_round"] = reopened(found.round, title).to_json()
    points = tuple(
        (dict(point), trial_seed(study.seed, number)) for number, point in enumerate(first)
    )
    values["start"] = Start(read=_checked(store, check), points=points)
    return Opening(
        study,
        values
        | {
            "within": lambda connection, made: start_retuning(
                connection, record.id, check.number, made.id
            )
        },
    )


def _half_of_hours(budget: Budget) -> dict[str, float]:
    """Without the target: the champion reached it, or it cannot be."""
    hours = {"hours": budget.hours, "slot_hours": budget.slot_hours, "gpu_hours": budget.gpu_hours}
    return {name: given / 2 for name, given in hours.items() if given is not None}


def _values(
    store: Store, record: StudyRecord, check: CheckRow, text: str, study: Study
) -> dict[str, Any]:
    return {
        "name": study.name,
        "fingerprint": study.fingerprint,
        "source": text,
        "filename": record.filename,
        "folder": record.folder,
        "code_version": check.code_version or record.code_version,
        "user": check.by or None,
        "first_round": first_round(study.space, study.search_settings).to_json(),
        "team": record.team,
        "priority": record.priority,
        "bundle": _code(store, record, check),
    }


def most_trainings(policy: Policy, study: Study) -> int:
    return policy.trials or min(max(FEWEST, study.budget.trials // SHARE), MOST)


def noise_of(store: Store, record: StudyRecord) -> tuple[float | None, int]:
    """The standard deviation of a training over seeds, pooled over the study's new runs, and its degrees of freedom."""
    runs: dict[int, list[float]] = {}
    for row in store.trials(record.id, kind="confirm"):
        result = row.result()
        if row.repeats is not None and result.succeeded and result.value is not None:
            runs.setdefault(row.repeats, []).append(result.value)
    several = [values for values in runs.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if not freedom:
        return None, 0
    return math.sqrt(sum((len(v) - 1) * variance(v) for v in several) / freedom), freedom


def _seed(record: StudyRecord, number: int) -> int:
    """Each check trains on seeds of its own: what the study was tuned on is known too well."""
    return trial_seed(load_study(record.source, record.filename).seed, -number)


def _runner_up(
    store: Store, found: Found, champion: ChampionRow, results: Sequence[Result]
) -> Params | None:
    """The best other point: by new runs where there were some, else by what the search expects."""
    confirmation = standing(store, found.record, found.study).confirmation
    numbers = list(confirmation.rivals) if confirmation else []
    settings = found.study.search_settings
    prior = [row.result() for row in store.priors(found.record.id)]
    numbers += leaders(found.study.space, settings, found.round, results, 2, prior)
    by_number = {result.number: result.params for result in results}
    mine = found.study.space.key(champion.params)
    for number in numbers:
        params = by_number.get(number)
        if params is not None and found.study.space.key(params) != mine:
            return params
    return None


def _checked(store: Store, check: CheckRow) -> tuple[Read, ...]:
    """What the check trained: the mean of each point's values."""
    assert check.check_study is not None
    record = store.study(check.check_study)
    assert record is not None
    study = load_study(record.source, record.filename)
    values: dict[tuple[object, ...], tuple[Params, list[float]]] = {}
    for training in trainings(study, store.trials(record.id)):
        if training.value is not None:
            key = study.space.key(training.point)
            values.setdefault(key, (training.point, []))[1].append(training.value)
    known = [(dict(point), sum(each) / len(each)) for point, each in values.values()]
    text = f"{len(known)} points that check {check.number} trained on the data as it is now"
    return (Read(f"study:{record.id}", known, Note(text=text)),) if known else ()


def _rewritten(
    record: StudyRecord, suffix: str, added: dict[str, Any], without: Collection[str]
) -> tuple[str, Study]:
    """In the project of the study itself, whatever it is called."""
    name = record.name[: LONGEST_NAME - len(suffix)] + suffix
    added["project"] = load_study(record.source, record.filename).project
    text = rewritten(record.source, name, {*without, *added}, added)
    try:
        return text, load_study(text, record.filename)
    except InputError as error:
        found = [Problem(p.path, p.reason, p.way_out) for p in error.problems]
        raise InputError(found) from None


def _code(store: Store, record: StudyRecord, check: CheckRow) -> str | None:
    """The newest code that somebody brought for a check; else the study's own."""
    brought = [each.bundle for each in store.rechecks.checks(record.id) if each.bundle]
    bundle = check.bundle or (brought[-1] if brought else record.bundle)
    if bundle is not None and not store.bundles.has(record.team, bundle):
        raise InputError(
            Problem(
                ("bundle",),
                f"the team {record.team} does not have the code {bundle[:12]} (any more)",
                "`caviar recheck STUDY --code DIR` brings it.",
            )
        )
    return bundle
