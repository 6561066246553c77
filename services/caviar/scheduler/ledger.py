"""What a person does to a study's ledger of rounds, on the store: take rounds back, branch another study off."""

from __future__ import annotations

from caviar.adapters.sql import Read, Start, Store, StudyRecord
from caviar.contract.views import Note
from caviar.errors import InputError, Problem, ServiceError
from caviar.search import History, Round, branched, numbered, undone
from caviar.studies.life import LEARNT_FROM
from caviar.studies.mapping import Known
from caviar.studies.source import renamed
from caviar.studies.spec import LONGEST_NAME, Study, load_study

ATTEMPTS = 2
"""The refinement job may write the same index first: once more, with what it wrote."""


def undo(store: Store, study_id: str, study: Study, number: int, user: str | None) -> Round:
    """Append the round that takes back round ``number`` and all after it. See :func:`caviar.search.undone`.

    Raises:
        InputError, NotAllowed: as ``undone``; nothing was written.
        ServiceError: other rounds came each time; nothing was written.
    """
    for _ in range(ATTEMPTS):
        rows = store.trials(study_id, LEARNT_FROM)
        history = History(study.space, study.metric.goal, [row.result() for row in rows])
        new = undone(_rounds(store, study_id, study), number, history, user)
        sources = [(row.id, row.run_id) for row in rows]
        if store.add_round(study_id, new.index, new.to_json(), sources):
            return new
    raise ServiceError(f"New rounds of study {study_id} came in between; try again")


def branch(
    store: Store, origin: StudyRecord, number: int, name: str | None, user: str | None, team: str
) -> tuple[StudyRecord, Study]:
    """Add a study of ``team`` that starts from round ``number`` of ``origin``, whether that has ended or not.

    It has the same file but for its name, the round's box and memory, and the results that the round was computed
    from (with those that ``origin`` itself had from elsewhere) as results from elsewhere.

    Raises:
        InputError: there is no such round, the name is none, or its code is gone; nothing was written.
    """
    if origin.bundle is not None and not store.bundles.has(team, origin.bundle):
        raise InputError(
            Problem(
                ("bundle",),
                f"the team {team} does not have the code of study {origin.id} (any more)",
                "`caviar submit` with --code brings it.",
            )
        )
    before = load_study(origin.source, origin.filename)
    round_ = numbered(_rounds(store, origin.id, before), number)
    suffix = f"-r{number}"
    name = name or origin.name[: LONGEST_NAME - len(suffix)] + suffix
    text = renamed(origin.source, name)
    try:
        study = load_study(text, origin.filename)
    except InputError as error:
        found = [Problem(p.path, p.reason, p.way_out) for p in error.problems]
        raise InputError(found) from None
    known = _known(store, origin.id, number)
    title = f"{origin.name} ({origin.id})"
    read = [Read(f"study:{origin.id}", known, _note(len(known), f"{title} up to round {number}"))]
    inherited: dict[str, list[Known]] = {}
    for prior in store.priors(origin.id):
        inherited.setdefault(prior.source, []).append((prior.params, prior.value))
    for source, results in inherited.items():
        read.append(
            Read(source, results, _note(len(results), f"elsewhere that {title} had ({source})"))
        )
    first = branched(round_, title, len(known), user)
    record = store.add_study(
        name=study.name,
        fingerprint=study.fingerprint,
        source=text,
        filename=origin.filename,
        folder=origin.folder,
        code_version=origin.code_version,
        user=user,
        first_round=first.to_json(),
        branched=(origin.id, number),
        team=team,
        priority=study.priority,
        bundle=origin.bundle,
        start=Start(read=tuple(read)),
    )
    return record, study


def _note(count: int, source: str) -> Note:
    return Note(text=f"{count} result{'' if count == 1 else 's'} from {source}")


def _rounds(store: Store, study_id: str, study: Study) -> list[Round]:
    return [Round.from_json(study.space, row.data) for row in store.rounds(study_id)]


def _known(store: Store, study_id: str, number: int) -> list[Known]:
    """The successful trials behind a round, with their values."""
    sources = {trial for trial, _ in store.computed_from(study_id, number)}
    rows = [row for row in store.trials(study_id, LEARNT_FROM) if row.id in sources]
    results = [result for row in rows if (result := row.result()).succeeded]
    return [(result.params, result.value) for result in results if result.value is not None]
