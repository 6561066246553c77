"""The books of a study after all that was done to it: SQL, MLflow, Redis, disks and processes, each read by itself."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import psutil
import redis

from tests.support import wait_until
from tests.support.team import REDIS_PASSWORD, Team

OPEN = {"queued", "dispatched", "running"}
STATUS = {
    "done": "FINISHED",
    "failed": "FAILED",
    "quarantined": "FAILED",
    "stopped": "KILLED",
    "cancelled": "KILLED",
}
PASSING = {"crashed", "released", "lost"}
"""Attempts after which another one may follow."""


@dataclass(frozen=True)
class TrialBook:
    """One trial as SQL has it. ``attempts`` are the outcomes, in order."""

    id: str
    number: int
    state: str
    attempt: int
    crashes: int
    lost: int
    value: float | None
    run_id: str | None
    error: str
    output: str
    seconds: float | None
    attempts: tuple[str | None, ...]


def read_sql(team: Team, study: str) -> list[TrialBook]:
    connection = sqlite3.connect(f"file:{team.database}?mode=ro", uri=True, timeout=30)
    connection.row_factory = sqlite3.Row
    try:
        rows = connection.execute(
            "select * from trials where study_id = ? order by number", (study,)
        ).fetchall()
        tried: dict[str, list[str | None]] = {}
        for row in connection.execute(
            "select trial_id, outcome from attempts where trial_id in"
            " (select id from trials where study_id = ?) order by attempt",
            (study,),
        ):
            tried.setdefault(row["trial_id"], []).append(row["outcome"])
    finally:
        connection.close()
    names = [name for name in TrialBook.__dataclass_fields__ if name != "attempts"]
    return [
        TrialBook(**{name: row[name] for name in names}, attempts=tuple(tried.get(row["id"], ())))
        for row in rows
    ]


class Mlflow:
    """MLflow's own REST API, read without its client. ``token``: what is shown at a gateway in front of it."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(
            base_url=f"{url}/api/2.0/mlflow", headers=headers, timeout=60, trust_env=False
        )

    def runs(self, study: str, kind: str = "trial") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = None
        condition = f"tags.`caviar.kind` = '{kind}' and tags.`caviar.study` = '{study}'"
        while True:
            body: dict[str, Any] = {
                "experiment_ids": self._experiments(),
                "filter": condition,
                "max_results": 1000,
            }
            answer = self._http.post(
                "/runs/search", json=body | ({"page_token": token} if token else {})
            )
            answer.raise_for_status()
            content = answer.json()
            found += content.get("runs", [])
            token = content.get("next_page_token")
            if not token:
                return found

    def points(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        query = {"run_id": run_id, "metric_key": metric, "max_results": 25000}
        answer = self._http.get("/metrics/get-history", params=query)
        answer.raise_for_status()
        return sorted((int(m.get("step", 0)), m["value"]) for m in answer.json().get("metrics", []))

    def _experiments(self) -> list[str]:
        answer = self._http.get("/experiments/search", params={"max_results": 1000})
        answer.raise_for_status()
        return [one["experiment_id"] for one in answer.json()["experiments"]]

    def close(self) -> None:
        self._http.close()


def check_books(team: Team, study: str, *, created: int, steps: int | None = None) -> Counter[str]:
    """Every trial counted once everywhere, and nothing left. The trials by state.

    ``created`` trials were to be made; each one that is done reported ``steps`` values, at steps 0, 1, 2, ...
    """
    record = Mlflow(team.mlflow_url)
    counts = check_counts(read_sql(team, study), record, study, created=created, steps=steps)
    record.close()
    check_nothing_left(team, study)
    return counts


def check_counts(
    books: list[TrialBook], record: Mlflow, study: str, *, created: int, steps: int | None = None
) -> Counter[str]:
    """``check_books`` of SQL and MLflow alone, wherever they are."""
    counts = Counter(book.state for book in books)
    assert not OPEN & counts.keys(), f"trials are open: {counts}"
    assert [book.number for book in books] == list(range(created))
    for book in books:
        _check_attempts(book)
    _check_mlflow(record, study, books, steps)
    return counts


def _check_attempts(book: TrialBook) -> None:
    """Only the last attempt decided, and none is open."""
    assert None not in book.attempts, f"an attempt of {book.id} never ended: {book.attempts}"
    assert len(book.attempts) <= book.attempt, book
    assert set(book.attempts[:-1]) <= PASSING, f"{book.id} was counted more than once: {book}"
    crashes, lost = book.attempts.count("crashed"), book.attempts.count("lost")
    blamed = crashes - book.crashes  # crashes that were held to be the host's fault count as losses
    assert blamed >= 0, book
    assert book.lost == lost + blamed, book
    if book.state in ("done", "failed", "stopped"):
        assert book.attempts[-1] == book.state, book


def _check_mlflow(record: Mlflow, study: str, books: list[TrialBook], steps: int | None) -> None:
    runs: dict[str, dict[str, Any]] = {}
    for run in record.runs(study):
        tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
        trial = tags["caviar.trial"]
        assert trial not in runs, f"{trial} has two runs in MLflow"
        runs[trial] = run
    assert runs.keys() <= {book.id for book in books}
    for book in books:
        found = runs.get(book.id)
        if found is None:  # it never came as far as a run
            assert book.state == "cancelled" or book.attempts[-1] == "lost", f"no run: {book}"
            continue
        assert book.run_id in (None, found["info"]["run_id"]), book
        assert found["info"]["status"] == STATUS[book.state], (book, found["info"])
        if book.state != "done":
            continue
        latest = {m["key"]: m["value"] for m in found["data"].get("metrics", [])}
        assert latest["score"] == book.value, (book, latest)
        points = record.points(found["info"]["run_id"], "score")
        assert len({step for step, _ in points}) == len(points), f"doubled: {book.id} {points}"
        if steps is not None:
            assert [step for step, _ in points] == list(range(steps)), book


def check_nothing_left(team: Team, study: str) -> None:
    """No key in Redis, no file of the study on a host, no process without a parent, no trial that still runs."""
    _vanishes(lambda: leaked_keys(team), "in Redis")
    for host in team.hosts:
        _vanishes(lambda host=host: leftovers(team, host, study), f"on {host}")  # type: ignore[misc]
    _vanishes(lambda: strays(team), "without a parent")


def _vanishes(left: Callable[[], list[Any]], where: str) -> None:
    try:
        wait_until(lambda: not left(), 90)
    except AssertionError:
        raise AssertionError(f"left over {where}: {left()}") from None


def leaked_keys(team: Team) -> list[str]:
    """What is in Redis beside the bindings of the queues themselves."""
    password = REDIS_PASSWORD if team.through_service else None
    with redis.Redis(unix_socket_path=str(team.folder / "redis.sock"), password=password) as client:
        found = [key.decode(errors="replace") for key in client.keys("*")]  # type: ignore[union-attr]
    return [key for key in found if not key.startswith("_kombu.binding")]


def leftovers(team: Team, host: str, study: str) -> list[str]:
    """Spools, states and checkpoints of the study that a host still keeps."""
    folder = team.worker_folder(host)
    kinds = ("trials", "runs", "checkpoints")
    return [str(p) for kind in kinds for p in (folder / kind).glob(f"*{study}-*")]


def strays(team: Team) -> list[psutil.Process]:
    """Processes that no part's own process is an ancestor of."""
    leaders = {part.process.pid for part in team.parts.values() if part.process is not None}
    found = []
    for process in team.processes():
        try:
            line = {process.pid, *(parent.pid for parent in process.parents())}
        except psutil.Error:
            continue
        if not line & leaders:
            found.append(process)
    return found
