"""A study that zooms, in a service of this process: a formula trains its trials, the refiner makes its rounds."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any

from caviar.contract.messages import (
    ClaimRequest,
    Finish,
    Heartbeat,
    Held,
    Hello,
    Ticket,
)
from caviar.contract.views import Submission
from caviar.refinement import Refiner
from tests.support import wait_until
from tests.support.real_api import Serving

SOURCE = """\
name: {name}
metric: {{name: {metric}, goal: maximize}}
trainer: {{function: "digits:train"}}
space:
  learning_rate: {{type: float, low: 1.0e-4, high: 1.0, scale: log, tier: 1}}
  momentum: {{type: float, low: 0.9, high: 0.999, scale: reverse_log, when: {{solver: [sgd]}}, tier: 2}}
  hidden_units: {{type: int, low: 16, high: 256, tier: 2}}
  batch_size: {{type: categorical, choices: [16, 32, 64, 128], tier: 2}}
  solver: {{type: categorical, choices: [sgd, {adam}], tier: 2}}
  layers: {{type: int, low: 1, high: 3, tier: 3}}
  lr_decay: {{type: float, low: 1.0e-6, high: 1.0e-1, scale: log, tier: 3}}
search: {{strategy: zoom, seed: 0}}
confirm: {confirm}
stop: none
budget: {{trials: {trials}, slot_hours: 4}}
resources: {{class: cpu}}
"""
STEPS = tuple(range(1, 13))
HOST = "gpu-1"


@dataclass
class Zoomed:
    """``fails`` and ``stops``: every so many trials fail, or are stopped early; 0: none."""

    service: Serving
    fails: int = 0
    stops: int = 0
    refiner: Refiner = field(init=False)
    held: list[Ticket] = field(default_factory=list)
    reported: int = 0

    def __post_init__(self) -> None:
        self.refiner = Refiner(self.service.store, lambda _: None)
        self.service.scheduler.hello(Hello(host=HOST, incarnation="one", slots=4))

    def submit(
        self,
        name: str = "digits-mlp",
        trials: int = 60,
        confirm: int = 0,
        metric: str = "val_accuracy",
        adam: str = "adam",
    ) -> str:
        text = SOURCE.format(name=name, trials=trials, confirm=confirm, metric=metric, adam=adam)
        return self.service.scheduler.submit(Submission(text=text, user="ada"), "default").id

    def train(self, study: str, count: int) -> None:
        """So many of its trials to their ends; the refiner looks after each."""
        for _ in range(count):
            self._end(self._claim(study))
            self.refiner.turn()

    def begin(self, study: str) -> Ticket:
        """A trial that goes on; it has reported once."""
        ticket = self._claim(study)
        self.held.append(ticket)
        self.report()
        return ticket

    def report(self) -> None:
        """A heartbeat with the next step of all that runs."""
        self.reported += 1
        held = tuple(
            Held(
                trial=t.trial,
                attempt=t.attempt,
                step=self.reported,
                value=0.5 + self.reported / 100,
            )
            for t in self.held
        )
        self.service.scheduler.heartbeat(
            Heartbeat(host=HOST, incarnation="one", free=4 - len(held), held=held)
        )

    def end(self) -> None:
        """What runs ends as it should."""
        while self.held:
            self._end(self.held.pop())
            self.refiner.turn()

    def close(self, study: str) -> None:
        """Wait until the study has ended, and let the refiner say what mattered."""

        def has_ended() -> bool:
            record = self.service.store.study(study)
            return record is not None and record.state == "done"

        wait_until(has_ended, why=f"the end of {study}")
        self.refiner.turn()

    def _claim(self, study: str) -> Ticket:
        ticket = wait_until(lambda: self._ticket_of(study), why=f"a ticket of {study}")
        claim = ClaimRequest(
            trial=ticket.trial,
            attempt=ticket.attempt,
            nonce=f"nonce-{ticket.trial}",
            host=HOST,
            incarnation="one",
            slot=0,
        )
        assert self.service.scheduler.claim(claim).granted
        return ticket

    def _ticket_of(self, study: str) -> Ticket | None:
        for ticket in self.service.tickets:
            if ticket.study == study:
                self.service.tickets.remove(ticket)
                return ticket
        return None

    def _end(self, ticket: Ticket) -> None:
        number = int(ticket.trial.rpartition("-")[2])
        about: dict[str, Any] = {
            "trial": ticket.trial,
            "attempt": ticket.attempt,
            "nonce": f"nonce-{ticket.trial}",
        }
        if self.fails and number % self.fails == self.fails - 1:
            error = (
                "Traceback (most recent call last):\n  ...\nValueError: the loss is <not> finite"
            )
            self.service.scheduler.finish(
                Finish(**about, outcome="failed", error=error, seconds=3.0)
            )
            return
        stopped = bool(self.stops) and number % self.stops == self.stops - 1
        value = worth(ticket.params, number)
        steps = STEPS[:4] if stopped else STEPS
        curve = tuple((s, round(value * (1 - 0.7 * math.exp(-0.45 * s)), 5)) for s in steps)
        self.service.scheduler.finish(
            Finish(
                **about,
                outcome="stopped" if stopped else "done",
                value=curve[-1][1] if stopped else value,
                metrics={"test_accuracy": round(value - 0.01, 5)},
                steps=steps[-1],
                curve=curve,
                error="stopped early at step 4, rung 1 of 3" if stopped else "",
                seconds=12.0 + number % 5,
            )
        )


def worth(params: dict[str, Any], seed: int) -> float:
    """An accuracy: best at a rate of 0.006, many units, small batches and adam; some noise."""
    off = ((math.log10(float(params["learning_rate"])) + 2.2) / 2.2) ** 2
    off += 0.08 * (1 - int(params["hidden_units"]) / 256) ** 2
    off += 0.02 * math.log2(int(params["batch_size"]) / 16)
    off += 0.02 * (int(params["layers"]) - 1)
    off += 0.0 if params["solver"] != "sgd" else 0.06 * (1.2 - float(params["momentum"]))
    noise = random.Random(seed).gauss(0.0, 0.004)
    return round(max(0.1, 0.985 * math.exp(-0.6 * off) + noise), 5)
