"""A trial that ended well, taken up by hand: a study of one model that goes on from it."""

from __future__ import annotations

from caviar.adapters.sql import Start, Store, StudyRecord, TrialRow
from caviar.contract.messages import Origin
from caviar.errors import InputError, NotAllowed, Problem
from caviar.search import first_round
from caviar.studies.source import rewritten
from caviar.studies.spec import LONGEST_NAME, Study, load_study

_NOT_ITS = (
    *("mode", "search", "budget", "stop", "confirm", "warm_start", "constraints", "nurse"),
    *("checkpoints", "recheck", "check"),
)
"""Sections of a search, which a babysat study does not take over."""
FROM_NOTHING = (
    "It trains from its start, on the same seed: the trial kept no checkpoint. "
    "`checkpoints: {after: keep}` in a study file keeps the last one of each."
)


def go_on(
    store: Store, origin: StudyRecord, row: TrialRow, name: str | None, user: str | None, team: str
) -> tuple[StudyRecord, Study, bool]:
    """Add a study of ``team`` with ``mode: panda`` whose first trial has the parameters and the seed of ``row``.

    It begins with the checkpoint that the trial's MLflow run has kept (the last value returned), or from nothing where
    there is none.

    Raises:
        InputError: the name is none, or the code is gone; nothing was written.
        NotAllowed: the trial has not ended with a value.
    """
    if row.state not in ("done", "stopped"):
        way_out = "A running one is changed where it is: `caviar trial set`."
        raise NotAllowed(f"Trial {row.number} of study {origin.id} is {row.state}. {way_out}")
    if origin.bundle is not None and not store.bundles.has(team, origin.bundle):
        raise InputError(
            Problem(
                ("bundle",),
                f"the team {team} does not have the code of study {origin.id} (any more)",
                "`caviar submit` with --code brings it.",
            )
        )
    before = load_study(origin.source, origin.filename)
    suffix = f"-t{row.number}"
    name = name or origin.name[: LONGEST_NAME - len(suffix)] + suffix
    points = {"points": [dict(row.params)]}
    text = rewritten(origin.source, name, _NOT_ITS, {"mode": "panda", "warm_start": points})
    try:
        study = load_study(text, origin.filename)
    except InputError as error:
        found = [Problem(p.path, p.reason, p.way_out) for p in error.problems]
        raise InputError(found) from None
    keeps = before.checkpoints.after == "keep" and before.trainer.command is None
    kept = keeps and row.shipped and row.run_id is not None
    begin = Origin(run_id=row.run_id) if kept else None
    record = store.add_study(
        name=study.name,
        fingerprint=study.fingerprint,
        source=text,
        filename=origin.filename,
        folder=origin.folder,
        code_version=origin.code_version,
        user=user,
        first_round=first_round(study.space, study.search_settings).to_json(),
        team=team,
        priority=study.priority,
        bundle=origin.bundle,
        start=Start(points=((dict(row.params), row.seed),), origin=begin),
    )
    return record, study, kept
