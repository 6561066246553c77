"""The whole service in one process: real SQL, a real MLflow server, the real shipper; trials train in a function.

What is lost with a wipe is really lost: the store's file is removed, and every part starts anew from what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from mlflow.entities import Run
from mlflow.tracking.client import MlflowClient
from sqlalchemy import Engine

from caviar.adapters.mlflow import Record
from caviar.adapters.mlflow_books import Books
from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.contract import names
from caviar.contract.messages import (
    Assignment,
    ClaimRequest,
    Finish,
    FinishAnswer,
    RunAnswer,
    RunRequest,
    Shipped,
    ShipTarget,
    Ticket,
)
from caviar.contract.upkeep import Rebuilt
from caviar.contract.views import Submission
from caviar.refinement import Refiner
from caviar.refinement.keeper import Keeper
from caviar.refinement.refiner import Recorded
from caviar.scheduler import Scheduler
from caviar.studies.life import OPEN
from caviar.upkeep.rebuild import rebuild
from caviar_worker.files import write_json
from caviar_worker.folders import AttemptFolder
from caviar_worker.mlflow_client import Runs
from caviar_worker.outcome import Ending
from caviar_worker.reporting import deliver, write_down
from caviar_worker.settings import WorkerSettings
from caviar_worker.shipper import Shipper

"""``caviar_worker.mlflow_client.Runs``"""

STUDY = """
name: {name}
project: {project}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "bowl:train"}}
space:
  x: {{type: float, low: -1.0, high: 1.0}}
  layers: {{type: int, low: 1, high: 8}}
  solver: {{type: categorical, choices: [sgd, adam]}}
  decay: {{type: float, low: 1.0e-6, high: 1.0e-1, scale: log, when: {{solver: [sgd]}}}}
{more}
"""
OTHER_CLOCKS = ("started", "ended")
"""Of a trial: MLflow has its worker's clock, and when its first attempt started."""
NOT_RECORDED = ("output",)
"""The end of what a trial printed: MLflow has it as a file of failed trials."""

Train = Callable[[Assignment], Ending]


def bowl(assignment: Assignment) -> Ending:
    """A trial that trains well."""
    x, layers = float(assignment.params["x"]), int(assignment.params["layers"])
    value = (x - 0.3) ** 2 + layers / 10 + (assignment.params["solver"] == "sgd") / 3
    return Ending("done", value, {"latency": float(layers), "test": value * 1.1}, steps=3)


def of_all_kinds(assignment: Assignment) -> Ending:
    """Every seventh raises, every fifth is stopped early, number 3 dies in every attempt."""
    if assignment.number == 3:
        return Ending("crashed", error="The process was killed by SIGSEGV.")
    if assignment.number % 7 == 6 and assignment.repeats is None:
        return Ending("failed", error="Traceback ...\nValueError: no good\u00e9\x1b")
    if assignment.number % 5 == 4 and assignment.repeats is None:
        return Ending("stopped", 3.5 + assignment.number, {"latency": 2.0}, steps=1)
    return bowl(assignment)


@dataclass
class Service:
    """``folder`` holds the store and one worker host."""

    folder: Path
    mlflow_uri: str
    project: str
    tickets: list[Ticket] = field(default_factory=list)
    claims: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.client = MlflowClient(self.mlflow_uri)
        self.runs = Runs(self.mlflow_uri)
        self.settings = WorkerSettings(
            url="http://127.0.0.1:1",
            token="a-token",
            broker="redis://nowhere",
            mlflow=self.mlflow_uri,
            host="host-1",
            slots=2,
            resource_class="cpu",
            folder=self.folder / "worker",
            run_dir=self.folder / "run",
        )
        self.start()

    # The service

    def start(self) -> None:
        """Every part of the service, anew."""
        self.engine: Engine = open_engine(f"sqlite:///{self.folder / 'caviar.db'}")
        migrate(self.engine)
        self.store = Store(self.engine)
        self.tickets.clear()
        self.scheduler = Scheduler(
            self.store, lambda t, _: self.tickets.append(t), lease_s=60, claim_s=60, local=True
        )
        self.recorded: dict[str, Recorded] = {}
        self.keeper = Keeper(self.store, Record(self.mlflow_uri), self.recorded)
        self.refiner = Refiner(self.store, self.recorded.get)
        self.restart_shipper()
        access = Access(Teams(self.engine), "t" * 20, "w")
        app = create_app(self.store, self.scheduler, access, mlflow_uri="http://mlflow")
        self.api = TestClient(app, headers={"Authorization": f"Bearer {'t' * 20}"})

    def close(self) -> None:
        """Take its studies out of the server's sight: other tests read all that is there."""
        self.engine.dispose()
        for experiment in self.client.search_experiments():
            if experiment.name.rpartition("/")[2] == self.project:
                self.client.delete_experiment(experiment.experiment_id)

    def restart_shipper(self) -> None:
        self.shipper = Shipper(self.settings, _ToScheduler(self), self.runs)  # type: ignore[arg-type]

    def wipe(self) -> None:
        """The store is gone, and the queue with it."""
        self.engine.dispose()
        for path in self.folder.glob("caviar.db*"):
            path.unlink()

    def rebuild(self, *, missing: bool = False) -> Rebuilt:
        engine = open_engine(f"sqlite:///{self.folder / 'caviar.db'}")
        migrate(engine)
        try:
            return rebuild(engine, Books(self.mlflow_uri), missing=missing, tell=lambda _: None)
        finally:
            engine.dispose()

    def submit(self, more: str, name: str = "bowl", team: str = "default") -> str:
        text = STUDY.format(name=name, project=self.project, more=more)
        folder = str(self.folder)
        sent = Submission(text=text, user="ada", folder=folder, code_version="abc123")
        study = self.scheduler.submit(sent, team).id
        self.keeper.turn()
        self.keeper.turn()
        return study

    # A worker

    def claim(self) -> tuple[AttemptFolder, Assignment] | None:
        """What a free slot gets to train next."""
        self.scheduler.tick()
        while self.tickets:
            ticket = self.tickets.pop(0)
            nonce = f"nonce-{sum(self.claims.values()):06}"
            answer = self.scheduler.claim(
                ClaimRequest(
                    trial=ticket.trial,
                    attempt=ticket.attempt,
                    nonce=nonce,
                    host="host-1",
                    incarnation="one",
                    slot=0,
                )
            )
            if answer.assignment is None:
                continue
            self.claims[ticket.trial] += 1
            folder = AttemptFolder(self.settings.folder, ticket.trial, ticket.attempt)
            assert not folder.path.exists(), "no attempt meets the folder of another"
            folder.path.mkdir(parents=True)
            claim = {
                "assignment": answer.assignment.model_dump(mode="json"),
                "nonce": nonce,
                "started_ms": 1_700_000_000_000 + 1000 * len(self.claims),
                "host": "host-1",
            }
            write_json(folder.claim, claim)
            return folder, answer.assignment
        return None

    def trains(self, folder: AttemptFolder) -> None:
        """Three reports by step."""
        with folder.spool.open("a") as spool:
            for step in range(3):
                spool.write(
                    f'{{"t": {1_700_000_000_000 + step}, "s": {step}, "m": {{"loss": {9 - step}}}}}\n'
                )

    def ends(self, folder: AttemptFolder, ending: Ending) -> str | None:
        """Report how the attempt ended; the scheduler's verdict."""
        claim = folder.read_claim() or {}
        if ending.outcome == "stopped":
            folder.stop_early("stopped early at step 1, rung 1 of 3")
            folder.curve.parent.mkdir(exist_ok=True)
            line = '{"study": "%s", "resumed": false, "s": %d, "v": %d}\n'
            text = "".join(line % (claim["assignment"]["study"], s, 9 - s) for s in (0, 1))
            folder.curve.write_text(text)
        finish = write_down(folder, str(claim["nonce"]), ending, 1.25)
        deliver(_ToScheduler(self), folder, finish)  # type: ignore[arg-type]
        return folder.verdict()

    def ship(self) -> None:
        """Whatever is due on the host, running trials too."""
        for _ in range(2):  # a running attempt is due some time after it was first seen
            for about in self.shipper.known.values():
                about.since = -1000.0
            self.shipper.pass_once()

    def work(self, train: Train = bowl, trials: int = 10_000) -> int:
        """Train up to that many attempts, one after the other; returns how many there were."""
        for done in range(trials):
            claimed = self.claim()
            if claimed is None:
                self.settle()
                claimed = self.claim()
            if claimed is None:
                return done
            folder, assignment = claimed
            self.trains(folder)
            self.ends(folder, train(assignment))
            if done % 8 == 7:
                self.settle()
        return trials

    def settle(self) -> None:
        """Ship, refine and keep the record until nothing is left to do."""
        self.ship()
        for _ in range(3):
            self.scheduler.tick()
            self.refiner.turn()
            self.keeper.turn()

    # What is there

    def dump(self, study: str) -> dict[str, Any]:
        """All that the API shows of a study, but for what a trial's run does not tell."""
        shown = self.api.get(f"/api/v1/studies/{study}").json()
        trials = self.trials(study)
        for trial in [*trials, *shown["failures"], *shown["running"]]:
            for name in (*OTHER_CLOCKS, *NOT_RECORDED):
                del trial[name]
        rounds = self.api.get(f"/api/v1/studies/{study}/rounds").json()
        return {"study": shown, "trials": trials, "rounds": rounds}

    def trials(self, study: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.get(f"/api/v1/studies/{study}/trials").json()
        return found

    def trial_runs(self, study: str) -> list[Run]:
        experiment = self.client.get_experiment_by_name(self.project)
        query = f"tags.`{names.TAG_STUDY}` = '{study}' and tags.`{names.TAG_KIND}` = 'trial'"
        found: list[Run] = list(
            self.client.search_runs([experiment.experiment_id], query, max_results=1000)
        )
        return found

    def check_books(self, study: str, budget: int) -> None:
        """Every number once, each with exactly one complete run, and nothing open."""
        rows = self.store.trials(study)
        assert [row.number for row in rows] == list(range(budget))
        assert not [row for row in rows if row.state in OPEN]
        runs = self.trial_runs(study)
        by_trial = Counter(run.data.tags[names.TAG_TRIAL] for run in runs)
        assert by_trial == Counter(row.id for row in rows)
        numbers = sorted(int(run.data.tags[names.TAG_NUMBER]) for run in runs)
        assert numbers == list(range(budget))
        assert {run.info.status for run in runs} <= {"FINISHED", "FAILED", "KILLED"}
        values = {run.data.tags[names.TAG_TRIAL]: run.data.metrics.get("loss") for run in runs}
        for row in rows:
            if row.state == "done":
                assert values[row.id] == row.value
                (run,) = (r for r in runs if r.data.tags[names.TAG_TRIAL] == row.id)
                history = self.client.get_metric_history(run.info.run_id, "loss")
                assert Counter(m.step for m in history if m.value > 6) == {0: 1, 1: 1, 2: 1}


@dataclass
class _ToScheduler:
    """What a worker's processes ask over HTTP."""

    service: Service

    def finish(self, message: Finish) -> FinishAnswer:
        return self.service.scheduler.finish(message)

    def ship_target(self, study: str) -> ShipTarget | None:
        return self.service.scheduler.ship_target(study)

    def shipped(self, message: Shipped) -> None:
        self.service.scheduler.shipped(message)

    def run_of(self, message: RunRequest) -> RunAnswer:
        return self.service.scheduler.run_of(message)
