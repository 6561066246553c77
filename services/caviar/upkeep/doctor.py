"""What is not as it should be, and what of it can be mended.

It runs in a process of its own. The scheduler never waits for MLflow, nor does it carry MLflow's client: that would
double its memory, and reading every run takes its time. What only the scheduler knows comes in as ``Facts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from caviar.adapters.mlflow_books import Books
from caviar.adapters.sql import Store
from caviar.contract.upkeep import Finding
from caviar.errors import ServiceError
from caviar.upkeep.agreement import disagreements
from caviar.upkeep.facts import Facts
from caviar.upkeep.waiting import waiting


def examine(
    store: Store,
    books: Books,
    ask_broker: Callable[[], None],
    facts: Facts,
    *,
    mend: bool,
    now: float,
) -> Iterator[Finding]:
    """Everything that is found, mended where ``mend`` says so and it can be.

    Args:
        ask_broker: raises ServiceError while Redis is away.
        now: seconds since the epoch.
    """
    try:
        ask_broker()
    except ServiceError as error:
        yield Finding(
            kind="broker-away",
            where="Redis",
            what=str(error),
            why="No ticket reaches a worker: trials that run go on, no other starts.",
            way_out="Start it again; what it held is sent anew.",
        )
    yield from _warnings(facts)
    yield from waiting(store, facts, mend=mend, now=now)
    try:
        yield from disagreements(store, books, mend=mend, now=now)
    except ServiceError as error:
        yield Finding(
            kind="mlflow-away",
            where="MLflow",
            what=str(error),
            why="Results wait on the workers' disks; what is in MLflow was not looked at.",
            way_out="Start it again: everything that waits is shipped then.",
        )


def _warnings(facts: Facts) -> Iterator[Finding]:
    for worker in facts.workers:
        for text in worker.warnings:
            yield Finding(
                kind="worker-warning",
                where=f"host {worker.host}",
                what=text,
                why="The worker says so itself.",
            )
