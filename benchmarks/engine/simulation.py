"""The scheduler with 1,000 workers and 100 studies on a virtual clock: latency, fairness, load.

    python benchmarks/engine/simulation.py [--workers 10 100 1000] [--studies 100] [--seconds 300] [--strategy random]

The scheduler, its store on SQLite and its proposals are the real ones; the workers, the queue and the clock are not.
Workers have 1 to 8 slots, studies 20 to thousands of trials with a typical training of 6 to 600 s, heavy-tailed within
a study. Some workers die and come back. All is drawn from a seed: two runs are the same but for the processor's time.
Prints, for each number of workers

- dispatch latency in virtual seconds, from a slot that is free to a claim that is granted;
- fairness: slot-seconds of each study against an equal share while it had trials to give, and Jain's index of them;
- the load in a virtual second: claims, finishes, heartbeats, SQL statements, tickets, and what MLflow would be asked
  (``MLFLOW_A_TRIAL`` requests a trial and one in ``MLFLOW_EVERY_S`` of each that runs);
- processor time a call, and processor seconds in a virtual second: above 1 one scheduler cannot keep up.

The refiner and the HTTP server are processes and layers of their own and not in these figures.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import event

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.contract.messages import (
    Assignment,
    ClaimRequest,
    Finish,
    Heartbeat,
    Held,
    Hello,
    Ticket,
)
from caviar.contract.views import Submission
from caviar.scheduler import Scheduler
from caviar.scheduler.accounts import ReadTeams

LEASE_S, CLAIM_S = 20.0, 15.0
TURN_S, IDLE_S = 0.01, 0.25
"""A turn of the loop is over so long after what woke it; without, it turns so often."""
QUEUE_S = 0.005
"""Typical time of a ticket in the queue and of a claim's way."""
LIFE_S, AWAY_S = 3600.0, 45.0
"""Typical life of a worker, and how long a dead one is away."""
MLFLOW_A_TRIAL, MLFLOW_EVERY_S = 3, 0.8
EPOCH = 1.7e9
STUDY = """
name: study-{index}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "quadratic:train"}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
  y: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
  z: {{type: int, low: 1, high: 9}}
search: {{strategy: {strategy}, seed: {index}}}
budget: {{trials: {trials}}}
stop: none
"""


@dataclass(eq=False)
class Slot:
    worker: Worker
    index: int
    free_since: float = 0.0
    held: Assignment | None = None
    nonce: str = ""
    training: int = 0
    """Counts up; an end of an earlier training says nothing of this one."""


@dataclass(eq=False)
class Worker:
    host: str
    slots: list[Slot] = field(default_factory=list)
    lives: int = 0
    alive: bool = False

    @property
    def incarnation(self) -> str:
        return f"life-{self.lives}"


@dataclass
class Demand:
    """One study: how long it had trials to give, what it got meanwhile and what an equal share would have been."""

    budget: int
    typical_s: float
    running: int = 0
    created: int = 0
    wanted_s: float = 0.0
    got: float = 0.0
    share: float = 0.0


class Simulation:
    """``report`` after ``run``."""

    def __init__(
        self,
        folder: Path,
        workers: int,
        studies: int,
        seed: int = 0,
        strategy: str = "random",
        life_s: float = LIFE_S,
        most_trials: int = 20_000,
        typical_s: float = 60.0,
        teams: ReadTeams = dict,
    ) -> None:
        """``life_s`` is a worker's typical life, ``typical_s`` the typical training of the typical study."""
        self._rng = np.random.default_rng(seed)
        self._now = 0.0
        self._life_s = life_s
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        engine = open_engine(f"sqlite:///{folder / 'simulated.db'}")
        migrate(engine)
        self.statements = 0
        event.listen(engine, "before_cursor_execute", self._count)
        self.store = Store(engine, lambda: EPOCH + self._now)
        self.queue: deque[Ticket] = deque()
        self.idle: deque[Slot] = deque()
        self.calls: Counter[str] = Counter()
        self.spent: dict[str, list[float]] = {}
        self.latencies: list[float] = []
        self.busy_s = 0.0
        self.demands: dict[str, Demand] = {}
        self._turn_due = False
        self._over = False
        self.scheduler = Scheduler(
            self.store,
            self._send,
            lease_s=LEASE_S,
            claim_s=CLAIM_S,
            teams=teams,
            clock=lambda: self._now,
            wall=lambda: EPOCH + self._now,
        )
        for index in range(studies):
            self._submit(index, strategy, most_trials, typical_s)
        self.workers = [Worker(f"host-{index}") for index in range(workers)]
        for worker in self.workers:
            count = int(self._rng.integers(1, 9))
            worker.slots = [Slot(worker, index) for index in range(count)]
            self._at(float(self._rng.random()), lambda worker=worker: self._begin(worker))  # type: ignore[misc]
        self._at(IDLE_S, self._idle_turn)
        self._at(1.0, self._sample)

    @property
    def slots(self) -> int:
        return sum(len(worker.slots) for worker in self.workers)

    def run(self, seconds: float) -> None:
        """Until so many virtual seconds are over, or every study is."""
        while self._events and self._events[0][0] <= seconds:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
            if self._over:
                break

    # What is made up

    def _submit(self, index: int, strategy: str, most: int, typical_s: float) -> None:
        budget = min(most, round(float(20 * (1 + self._rng.pareto(0.7)))))
        typical = float(np.clip(self._rng.lognormal(0.0, 1.0), 0.1, 10) * typical_s)
        text = STUDY.format(index=index, strategy=strategy, trials=budget)
        study = self.scheduler.submit(Submission(text=text, resume=False)).id
        self.demands[study] = Demand(budget, typical)

    def _begin(self, worker: Worker) -> None:
        worker.lives += 1
        worker.alive = True
        hello = Hello(host=worker.host, incarnation=worker.incarnation, slots=len(worker.slots))
        self._timed("hello", self.scheduler.hello, hello)
        for slot in worker.slots:
            self._free(slot)
        life = worker.lives
        self._at(float(self._rng.random()) * LEASE_S / 4, lambda: self._beat(worker, life))
        self._at(float(self._rng.exponential(self._life_s)), lambda: self._die(worker))
        self._woken()

    def _die(self, worker: Worker) -> None:
        worker.alive = False
        for slot in worker.slots:
            if slot.held is not None:
                self.demands[slot.held.study].running -= 1
            slot.held = None
            slot.training += 1
        self.idle = deque(slot for slot in self.idle if slot.worker is not worker)
        self._at(AWAY_S, lambda: self._begin(worker))

    def _beat(self, worker: Worker, life: int) -> None:
        if not worker.alive or worker.lives != life:
            return
        held = tuple(
            Held(trial=slot.held.trial, attempt=slot.held.attempt, step=1)
            for slot in worker.slots
            if slot.held is not None
        )
        message = Heartbeat(
            host=worker.host,
            incarnation=worker.incarnation,
            free=len(worker.slots) - len(held),
            held=held,
        )
        answer = self._timed("heartbeat", self.scheduler.heartbeat, message)
        for stop in answer.stop:
            for slot in worker.slots:
                if slot.held is not None and slot.held.trial == stop.trial:
                    self._end(slot, slot.training, "stopped")
        self._at(LEASE_S / 4, lambda: self._beat(worker, life))

    def _send(self, ticket: Ticket, _queue: str) -> None:
        self.calls["ticket"] += 1
        self.queue.append(ticket)
        self._hand_out()

    def _free(self, slot: Slot) -> None:
        slot.free_since = self._now
        self._wait(slot)

    def _wait(self, slot: Slot) -> None:
        self.idle.append(slot)
        self._hand_out()

    def _hand_out(self) -> None:
        """A ticket goes to the slot that waits longest, as a list in Redis gives it."""
        while self.queue and self.idle:
            slot, ticket = self.idle.popleft(), self.queue.popleft()
            delay = float(self._rng.exponential(QUEUE_S))
            life = slot.worker.lives
            self._at(delay, lambda s=slot, t=ticket, n=life: self._claim(s, t, n))  # type: ignore[misc]

    def _claim(self, slot: Slot, ticket: Ticket, life: int) -> None:
        worker = slot.worker
        if not worker.alive or worker.lives != life:
            return  # the ticket died with the worker
        nonce = f"nonce-{next(self._order)}"
        request = ClaimRequest(
            trial=ticket.trial,
            attempt=ticket.attempt,
            nonce=nonce,
            host=worker.host,
            incarnation=worker.incarnation,
            slot=slot.index,
        )
        answer = self._timed("claim", self.scheduler.claim, request)
        self._woken()
        if answer.assignment is None:
            self.calls["refused"] += 1
            self._wait(slot)
            return
        demand = self.demands[answer.assignment.study]
        self.latencies.append(self._now - slot.free_since)
        demand.running += 1
        demand.created = max(demand.created, answer.assignment.number + 1)
        slot.held, slot.nonce = answer.assignment, nonce
        slot.training += 1
        training = slot.training
        length = demand.typical_s * float(self._rng.lognormal(0.0, 0.8))
        self._at(length, lambda: self._end(slot, training, "done"))

    def _end(self, slot: Slot, training: int, outcome: Any) -> None:
        held = slot.held
        if held is None or slot.training != training:
            return
        value = (held.params["x"] - 0.3) ** 2  # type: ignore[operator]
        finish = Finish(
            trial=held.trial,
            attempt=held.attempt,
            nonce=slot.nonce,
            outcome=outcome,
            value=value if outcome == "done" else None,
            steps=10,
            seconds=1.0,
        )
        self._timed("finish", self.scheduler.finish, finish)
        self.demands[held.study].running -= 1
        slot.held = None
        self._free(slot)
        self._woken()

    # The loop of the scheduler, and the clock

    def _woken(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self._at(TURN_S, self._turn)

    def _turn(self) -> None:
        self._turn_due = False
        if self._timed("turn", self.scheduler.tick):
            self._woken()

    def _idle_turn(self) -> None:
        self._woken()
        self._at(IDLE_S, self._idle_turn)

    def _sample(self) -> None:
        """Once a second: who has slots, and who would like to."""
        wanting = [d for d in self.demands.values() if d.created < d.budget]
        running = sum(d.running for d in self.demands.values())
        self.busy_s += running
        for demand in wanting:
            demand.wanted_s += 1
            demand.got += demand.running
            demand.share += sum(d.running for d in wanting) / len(wanting)
        self._over = not self.store.studies(states=("running",))
        self._at(1.0, self._sample)

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), happen))

    def _timed(self, what: str, call: Callable[..., Any], *given: Any) -> Any:
        self.calls[what] += 1
        began = time.process_time()
        found = call(*given)
        self.spent.setdefault(what, []).append(time.process_time() - began)
        return found

    def _count(self, *_: Any) -> None:
        self.statements += 1

    # What came of it

    def jain(self, least_s: float = 30.0) -> float:
        """Jain's index of what studies got by an equal share: 1 is perfectly fair, 1/n where one has all."""
        shares = np.array(
            [d.got / d.share for d in self.demands.values() if d.wanted_s >= least_s and d.share]
        )
        return float(shares.sum() ** 2 / (len(shares) * (shares**2).sum())) if len(shares) else 1.0

    def report(self) -> str:
        seconds = self._now
        shares = sorted(d.got / d.share for d in self.demands.values() if d.wanted_s >= 30)
        late = 1e3 * np.quantile(self.latencies, [0.5, 0.95, 0.99])
        a_second = {name: self.calls[name] / seconds for name in self.calls}
        running = self.busy_s / seconds
        mlflow = MLFLOW_A_TRIAL * a_second["finish"] + running / MLFLOW_EVERY_S
        cpu = sum(sum(times) for times in self.spent.values())
        a_trial = sum(sum(self.spent[what]) for what in ("turn", "claim", "finish"))
        carries = (1 - (cpu - a_trial) / seconds) / (a_trial / self.calls["finish"])
        each = ", ".join(
            f"{name} {1e3 * float(np.mean(times)):.2f} (p99 {1e3 * float(np.quantile(times, 0.99)):.1f})"
            for name, times in self.spent.items()
        )
        extremes = f"{shares[0]:.2f} to {shares[-1]:.2f}" if shares else "nobody waited"
        return (
            f"{len(self.workers)} workers with {self.slots} slots, {len(self.demands)} studies, {seconds:.0f} s\n"
            f"  busy slots         {running / self.slots:.1%} on average, the start included\n"
            f"  dispatch latency   median {late[0]:.0f} ms, p95 {late[1]:.0f} ms, p99 {late[2]:.0f} ms\n"
            f"  fairness           Jain's index {self.jain():.3f}; shares of an equal one {extremes}\n"
            f"  in a second        {a_second['claim']:.1f} claims ({a_second.get('refused', 0):.2f} refused), "
            f"{a_second['finish']:.1f} finishes, {a_second['heartbeat']:.1f} heartbeats, "
            f"{self.statements / seconds:.0f} SQL statements, {a_second['ticket']:.1f} tickets, "
            f"{mlflow:.0f} requests to MLflow\n"
            f"  processor ms       {each}\n"
            f"  processor s        {cpu / seconds:.3f} in a second; a whole processor carries {carries:.0f} trials/s"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--strategy", default="random")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for workers in chosen.workers:
        with tempfile.TemporaryDirectory() as folder:
            simulation = Simulation(
                Path(folder), workers, chosen.studies, chosen.seed, chosen.strategy
            )
            simulation.run(chosen.seconds)
            print(simulation.report(), flush=True)


if __name__ == "__main__":
    main()
