"""What waits, for whom and how long, and what will wait for ever."""

from __future__ import annotations

from collections.abc import Iterator

from caviar.adapters.sql import Store, StudyRecord
from caviar.contract.upkeep import Finding
from caviar.errors import InputError
from caviar.studies.life import ENDED, OPEN, after_loss
from caviar.studies.spec import load_study
from caviar.upkeep.facts import Facts

PATIENCE_S = 60.0
"""Less than this is no waiting: shippers, leases and the refiner take seconds."""
SHOWN = 5


def waiting(store: Store, facts: Facts, *, mend: bool, now: float) -> Iterator[Finding]:
    """``now`` in seconds since the epoch."""
    going = [r for r in store.studies(closed=False) if r.state not in ENDED]
    over = [r for r in store.studies(closed=False) if r.state in ENDED]
    yield from _without_worker(going, facts)
    yield from _unclaimed(facts)
    yield from _without_lease(store, facts, mend, now)
    yield from _unshipped(store, facts, now)
    for record in over:
        if record.ended is not None and now - record.ended > PATIENCE_S:
            yield from _not_closed(store, record, now)


def _without_worker(going: list[StudyRecord], facts: Facts) -> Iterator[Finding]:
    there = {worker.resource_class for worker in facts.workers}
    for record in going:
        if record.state != "running":
            continue
        try:
            needed = load_study(record.source, record.filename).resources.resource_class
        except InputError as error:
            yield Finding(
                kind="unreadable-study",
                where=f"study {record.id}",
                what=f"its file cannot be read by this version: {error.problems[0]}",
                why="It does not go on.",
                way_out="Run the version that took it, or stop it.",
            )
            continue
        if needed not in there:
            yield Finding(
                kind="no-worker",
                where=f"study {record.id}",
                what=f"no worker of class {needed} has called",
                why="Its trials wait.",
                way_out=f"Start one with CAVIAR_WORKER_CLASS={needed}.",
            )


def _unclaimed(facts: Facts) -> Iterator[Finding]:
    if facts.unclaimed:
        yield Finding(
            kind="unclaimed-tickets",
            where="the queue",
            what=f"nobody takes {len(facts.unclaimed)} trials: {_some(facts.unclaimed)}",
            why="Workers call, but their slots do not get what is on the queue.",
            way_out="Look whether the workers use the same Redis (CAVIAR_BROKER_URL) as the service.",
        )


def _without_lease(store: Store, facts: Facts, mend: bool, now: float) -> Iterator[Finding]:
    """The scheduler takes back what has lost its lease, but only in studies that go on."""
    for row in store.trials(states=("running",)):
        old = row.started is not None and now - row.started > PATIENCE_S
        if row.id in facts.leases or not old:
            continue
        record = store.study(row.study_id)
        over = record is None or record.state in ENDED
        verdict = after_loss(row.crashes, row.lost, cancelled=True)
        mended = mend and over and store.lose(row, verdict, "its host did not call again")
        yield Finding(
            kind="lost-trial",
            where=f"trial {row.id}",
            what=f"it is said to run on {row.host}, which does not hold it",
            why="Its study cannot be closed." if over else "It is not trained.",
            way_out="--mend takes it back." if over else "The scheduler takes it back on its own.",
            mended=mended,
        )


def _unshipped(store: Store, facts: Facts, now: float) -> Iterator[Finding]:
    calling = {worker.host for worker in facts.workers}
    for runs in store.waiting_runs():
        if now - runs.since <= PATIENCE_S:
            continue
        here = runs.host in calling
        yield Finding(
            kind="waiting-runs",
            where=f"host {runs.host}",
            what=f"{runs.count} ended trials of study {runs.study_id} are not complete in MLflow, "
            f"the oldest for {_duration(now - runs.since)}",
            why="What they logged is on that host's disk only." if here else "The host is gone.",
            way_out="Look into its worker's log, and whether MLflow answers it."
            if here
            else "Start its worker again, with the same folder: it ships what it still has.",
        )


def _not_closed(store: Store, record: StudyRecord, now: float) -> Iterator[Finding]:
    assert record.ended is not None
    counts = store.counts(record.id)
    reasons = []
    if going := sum(counts[state] for state in OPEN):
        reasons.append(f"{going} trials that still run")
    if unshipped := store.unshipped(record.id):
        reasons.append(f"{unshipped} runs that are not complete")
    if not reasons:
        reasons.append("the refiner")
    yield Finding(
        kind="open-record",
        where=f"study {record.id}",
        what=f"it ended {_duration(now - record.ended)} ago and is not complete in MLflow: "
        f"it waits for {' and '.join(reasons)}",
        why="Its summary and pictures are missing there.",
        way_out="See what is said of its trials and hosts; else look into the refiner's log.",
    )


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _duration(seconds: float) -> str:
    """For instance ``3 min``."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (size == 60 and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
