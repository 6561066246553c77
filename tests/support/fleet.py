"""A scheduler with hosts around it, in one process: a real SQLite store, a queue and two clocks that the test holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from caviar.adapters.sql import Store, TeamRow, TrialRow, migrate, open_engine
from caviar.contract.access import Quota
from caviar.contract.messages import (
    Assignment,
    ClaimAnswer,
    ClaimRequest,
    Finish,
    Heartbeat,
    HeartbeatAnswer,
    Held,
    Hello,
    Offers,
    Outcome,
    Ticket,
)
from caviar.contract.views import Submission, Submitted
from caviar.scheduler import Scheduler
from caviar.teams import DEFAULT_TEAM

STUDY = """
name: {name}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  x: {{type: float, low: -1.0, high: 1.0}}
search: {{strategy: random, seed: 0}}
budget: {{{budget}}}
resources: {{{resources}}}
stop: none
"""
LEASE_S = 10.0
STALE = "not dispatched with this attempt"


@dataclass
class Machine:
    """A worker host. ``held``: what its slots train."""

    name: str
    slots: int = 1
    gpus: tuple[str, ...] = ()
    slots_per_gpu: int = 1
    incarnation: str = "one"
    offers: Offers | None = None
    changes: bool = True
    """Whether it can change what it trains."""
    held: list[Assignment] = field(default_factory=list)

    @property
    def free(self) -> int:
        return self.slots - len(self.held)


class Fleet:
    def __init__(self, path: Path, *machines: Machine, resource_class: str = "cpu") -> None:
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        self.machines = {machine.name: machine for machine in machines}
        self.resource_class = resource_class
        self.now = 1000.0
        self.day = 1.7e9
        self.store = Store(engine, clock=lambda: self.day)
        self.queue: list[Ticket] = []
        self.teams: dict[str, TeamRow] = {}
        self.restart()

    def restart(self) -> None:
        """The scheduler is killed and starts again; its workers say hello."""
        self.scheduler = Scheduler(
            self.store,
            lambda ticket, _: self.queue.append(ticket),
            lease_s=LEASE_S,
            claim_s=LEASE_S / 2,
            teams=lambda: self.teams,
            local=True,
            clock=lambda: self.now,
            wall=lambda: self.day,
        )
        for machine in self.machines.values():
            self.hello(machine)

    def hello(self, machine: Machine) -> None:
        self.scheduler.hello(
            Hello(
                host=machine.name,
                incarnation=machine.incarnation,
                resource_class=self.resource_class,
                slots=machine.slots,
                gpus=len(machine.gpus),
                offers=machine.offers,
            )
        )

    def team(self, name: str, weight: float = 1.0, **quota: float) -> str:
        """Add a team, or change it."""
        self.teams[name] = TeamRow(name, weight, Quota.model_validate(quota), self.day)
        self.scheduler.teams_changed()
        return name

    def submit(
        self,
        budget: str = "trials: 20",
        name: str = "parabola",
        resources: str = "",
        team: str = DEFAULT_TEAM,
        priority: int = 0,
    ) -> str:
        return self.submitted(budget, name, resources, team, priority).id

    def submitted(
        self,
        budget: str = "trials: 20",
        name: str = "parabola",
        resources: str = "",
        team: str = DEFAULT_TEAM,
        priority: int = 0,
    ) -> Submitted:
        resources = resources or f"class: {self.resource_class}"
        text = STUDY.format(name=name, budget=budget, resources=resources)
        text += f"priority: {priority}\n"
        return self.scheduler.submit(Submission(text=text, resume=False), team)

    def pass_time(self, seconds: float, beat: bool = True) -> None:
        """In steps shorter than a lease, with a heartbeat of every machine unless ``beat`` is False."""
        while seconds > 0:
            step = min(seconds, LEASE_S / 4)
            self.now += step
            self.day += step
            seconds -= step
            if beat:
                for machine in self.machines.values():
                    self.beat(machine)
            self.scheduler.tick()

    def beat(self, machine: Machine, output: str | None = None) -> HeartbeatAnswer:
        held = tuple(
            Held(trial=each.trial, attempt=each.attempt, output=output) for each in machine.held
        )
        return self.scheduler.heartbeat(
            Heartbeat(
                host=machine.name, incarnation=machine.incarnation, free=machine.free, held=held
            )
        )

    def claim(self, machine: Machine, ticket: Ticket) -> ClaimAnswer:
        answer = self.scheduler.claim(
            ClaimRequest(
                trial=ticket.trial,
                attempt=ticket.attempt,
                nonce=_nonce(ticket.trial, ticket.attempt),
                host=machine.name,
                incarnation=machine.incarnation,
                slot=len(machine.held),
                gpus=machine.gpus,
                slots_per_gpu=machine.slots_per_gpu,
                offers=machine.offers,
                changes=machine.changes,
            )
        )
        if answer.assignment is not None:
            machine.held.append(answer.assignment)
        return answer

    def take(self, machine: Machine) -> ClaimAnswer | None:
        """Claim the first ticket of the queue that is not stale; None where there is none."""
        self.scheduler.tick()
        while self.queue:
            ticket = self.queue.pop(0)
            if any(each.trial == ticket.trial for m in self.machines.values() for each in m.held):
                continue  # another slot would ask with a nonce of its own
            answer = self.claim(machine, ticket)
            if answer.reason != STALE:
                return answer
        return None

    def end(
        self, machine: Machine, assignment: Assignment, outcome: Outcome, value: float | None = None
    ) -> str:
        machine.held.remove(assignment)
        return self.scheduler.finish(
            Finish(
                trial=assignment.trial,
                attempt=assignment.attempt,
                nonce=_nonce(assignment.trial, assignment.attempt),
                outcome=outcome,
                value=0.5 if outcome == "done" and value is None else value,
                seconds=1.0,
            )
        ).verdict

    def rows(self, study: str, states: Sequence[str] = ()) -> list[TrialRow]:
        return [row for row in self.store.trials(study) if not states or row.state in states]

    def trial(self, study: str, number: int) -> TrialRow:
        row = self.store.trial(f"{study}-{number}")
        assert row is not None
        return row


def _nonce(trial: str, attempt: int) -> str:
    return f"nonce-{trial}-{attempt}"[:64]
