"""A fleet whose trainings have an optimum that moves with their data: what checks of champions are tried on."""

from __future__ import annotations

import random
from pathlib import Path

from caviar.adapters.sql import StudyRecord
from caviar.adapters.sql.rows import ChampionRow, CheckRow
from caviar.contract.messages import Assignment
from caviar.contract.views import Submission
from caviar.recheck.duty import VERSIONS_S, Duty
from tests.support.fleet import Fleet, Machine

STUDY = """
name: parabola
metric: {{name: loss, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  x: {{type: float, low: -1.0, high: 1.0}}
search: {{strategy: zoom, seed: 0}}
budget: {{{budget}}}
confirm: 3
stop: none
recheck: {{{recheck}}}
"""
HOUR_S = 3600.0


class Town(Fleet):
    """One host of two slots, a duty that looks when it is told to, and a file of data."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine("host-1", slots=2)
        self.folder = folder / "code"
        self.folder.mkdir()
        self.optimum = 0.2
        self.noise = 1e-4
        self.write("one")
        super().__init__(folder / "caviar.db", self.machine)

    def restart(self) -> None:
        super().restart()
        self.duty = self.another_duty()

    def another_duty(self) -> Duty:
        return Duty(self.store, self.scheduler, local=True, clock=lambda: self.day)

    def write(self, data: str) -> None:
        (self.folder / "data.csv").write_text(data)

    def begin(
        self, recheck: str = "", code_version: str | None = None, budget: str = "trials: 60"
    ) -> str:
        """A study whose champion is found."""
        text = STUDY.format(recheck=recheck, budget=budget)
        submission = Submission(
            text=text, resume=False, folder=str(self.folder), code_version=code_version
        )
        study = self.scheduler.submit(submission).id
        self.look()
        self.work()
        self.look()
        return study

    def look(self, seconds: float = 0.0) -> None:
        """``seconds`` later, the duty looks."""
        self.pass_time(seconds)
        self.duty.turn()

    def look_at_versions(self) -> None:
        """A version counts where it was there twice."""
        for _ in range(2):
            self.look(VERSIONS_S + 1)

    def work(self) -> None:
        """Train until nothing waits."""
        while (answer := self.take(self.machine)) is not None:
            if answer.assignment is not None:
                self.end(self.machine, answer.assignment, "done", self.loss(answer.assignment))
        self.scheduler.tick()

    def loss(self, assignment: Assignment) -> float:
        x = assignment.params["x"]
        assert isinstance(x, float)
        luck = random.Random(f"{assignment.seed}:{x}").gauss(0.0, self.noise)
        return (x - self.optimum) ** 2 + luck

    def settle(self) -> None:
        """Look and train until nothing happens any more."""
        for _ in range(4):
            self.look()
            self.work()
        self.look()

    def checks(self, study: str) -> list[CheckRow]:
        return self.store.rechecks.checks(study)

    def champions(self, study: str) -> list[ChampionRow]:
        return self.store.rechecks.champions(study)

    def words(self, study: str) -> list[str]:
        return [str((check.verdict or {}).get("word", check.state)) for check in self.checks(study)]

    def opened(self, study: str) -> list[StudyRecord]:
        """All studies but the one."""
        return [record for record in self.store.studies() if record.id != study]
