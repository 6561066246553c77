"""One MLflow run a trial, whichever hosts train its attempts. With real processes it is in tests/chaos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caviar.contract.messages import Assignment, RunAnswer, RunRequest, ShipTarget, Trainer
from caviar_worker import spool
from caviar_worker.files import write_json
from caviar_worker.folders import AttemptFolder
from caviar_worker.one_run import OneRun
from caviar_worker.ship_trial import ship
from caviar_worker.spool import End, Point

TARGET = ShipTarget(experiment_id="1", parent_run_id="parent")


@dataclass
class Record:
    """MLflow in memory, shared by two hosts: it creates as many runs for a trial as it is asked for."""

    runs: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    after_create: Callable[[], None] = lambda: None

    def create(self, _experiment: str, _name: str, _start: int, tags: dict[str, str]) -> str:
        run_id = f"run-{len(self.tags) + 1}"
        self.runs[run_id], self.tags[run_id] = [], dict(tags)
        self.after_create()
        return run_id

    def find(self, _experiment: str, _trial: str) -> str | None:
        return next(iter(self.runs), None)

    def find_all(self, _experiment: str, _trial: str) -> list[str]:
        return list(self.runs)

    def discard(self, run_id: str) -> None:
        assert not self.runs.pop(run_id), "nothing was logged in a run that does not count"

    def log(self, run_id: str, points: Any, _params: Any, tags: dict[str, str]) -> None:
        self.runs[run_id] += [(p.step, p.value) for p in points]
        self.tags[run_id] |= tags

    def last_points(self, run_id: str) -> dict[str, Point]:
        points = sorted(self.runs[run_id])
        return {"score": Point("score", points[-1][0], 1, points[-1][1])} if points else {}

    def steps(self, run_id: str) -> dict[str, set[int]]:
        return {"score": {step for step, _ in self.runs[run_id]}}

    def attempt_of(self, run_id: str) -> int:
        return int(self.tags[run_id]["caviar.attempt"])

    def reopen(self, _run: str) -> None: ...

    def end(self, _run: str, _status: str, _end: int) -> None: ...


@dataclass
class Books:
    """The scheduler's side: the first run that it is told counts."""

    run_id: str | None = None
    attempt: int = 1
    complete: bool = False
    asked: int = 0

    def run_of(self, message: RunRequest) -> RunAnswer:
        self.asked += 1
        self.run_id = self.run_id or message.run_id
        return RunAnswer(run_id=self.run_id, attempt=self.attempt, complete=self.complete)


def attempt(root: Path, number: int, steps: range, outcome: str | None) -> AttemptFolder:
    folder = AttemptFolder(root, "t-1", number)
    folder.path.mkdir(parents=True)
    assignment = Assignment(
        **{"trial": "t-1", "study": "s-1", "study_name": "a study", "number": 1, "round": 0},
        **{"attempt": number, "seed": 5, "params": {"x": 0.5}, "metric": "score"},
        trainer=Trainer(function="m:f"),
        goal="maximize",
        lease_s=60,
    )
    claim = {"assignment": assignment.model_dump(mode="json"), "started_ms": 1, "host": root.name}
    write_json(folder.claim, claim)
    lines = [f'{{"t":{100 * number + s},"s":{s},"m":{{"score":0.{s}}}}}\n' for s in steps]
    folder.spool.write_text("".join(lines))
    if outcome is not None:
        spool.append_end(folder.spool, End(900, outcome, None, {}))
        folder.mark_delivered("accepted")
    return folder


def turn(one: OneRun, runs: Record, folder: AttemptFolder) -> str:
    """What the shipper does with the attempt."""
    what, claim = one.what_to_do(folder, folder.read_claim() or {}, TARGET)
    if what == "ship":
        ship(runs, folder, claim, TARGET)  # type: ignore[arg-type]
    elif what == "fill":
        one.fill(folder, claim["assignment"]["run_id"])
    return what


def test_a_trial_that_ended_at_the_first_attempt_asks_nobody(tmp_path: Path) -> None:
    """The usual short trial costs no further call."""
    runs, books = Record(), Books()
    one = OneRun(runs, books)  # type: ignore[arg-type]
    assert turn(one, runs, attempt(tmp_path / "a", 1, range(3), "failed")) == "ship"
    assert books.asked == 0


def test_of_two_runs_made_at_once_one_counts(tmp_path: Path) -> None:
    """The second host made its run, and is told that the first one's counts: its own, still empty, is removed."""
    runs, books = Record(), Books()
    first, second = OneRun(runs, books), OneRun(runs, books)  # type: ignore[arg-type]
    early = attempt(tmp_path / "a", 1, range(3), None)

    def meanwhile() -> None:
        runs.after_create = lambda: None
        books.run_id = runs.create("1", "of the other host", 1, {"caviar.attempt": "1"})

    runs.after_create = meanwhile
    turn(first, runs, early)
    assert list(runs.runs) == ["run-2"]
    assert [step for step, _ in runs.runs["run-2"]] == [0, 1, 2]
    books.attempt = 2
    turn(second, runs, attempt(tmp_path / "b", 2, range(6), "done"))
    assert [step for step, _ in runs.runs["run-2"]] == [0, 1, 2, 3, 4, 5]


def test_an_earlier_attempt_waits_for_the_later_one_and_adds_what_is_missing(
    tmp_path: Path,
) -> None:
    """It crashed while MLflow was away; another host went on from its checkpoint at step 2. No step is there twice."""
    runs, books = Record(), Books(attempt=2)
    here, there = OneRun(runs, books), OneRun(runs, books)  # type: ignore[arg-type]
    early = attempt(tmp_path / "a", 1, range(4), "crashed")
    assert turn(here, runs, early) == "wait"
    turn(there, runs, attempt(tmp_path / "b", 2, range(3, 6), "done"))
    assert [step for step, _ in runs.runs["run-1"]] == [3, 4, 5]
    books.complete = True
    here.again.clear()
    assert turn(here, runs, early) == "fill"
    assert sorted(step for step, _ in runs.runs["run-1"]) == [0, 1, 2, 3, 4, 5]


def test_attempts_on_the_same_host_go_on_as_ever(tmp_path: Path) -> None:
    """The crash's points come first, in order: nobody waits for anybody."""
    runs, books = Record(), Books(attempt=2)
    one = OneRun(runs, books)  # type: ignore[arg-type]
    early = attempt(tmp_path / "a", 1, range(3), "crashed")
    late = attempt(tmp_path / "a", 2, range(5), "done")
    assert [turn(one, runs, early), turn(one, runs, late)] == ["ship", "ship"]
    assert [step for step, _ in runs.runs["run-1"]] == [0, 1, 2, 3, 4]
