"""Never one trial over: random lives of a study on a real store, with crashes, lost hosts, restarts, people."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from caviar.contract.views import NewTrial
from caviar.errors import InputError, NotAllowed
from caviar.studies.life import FINAL
from tests.support.fleet import LEASE_S, Fleet, Machine

OUTCOMES = st.sampled_from(["done", "done", "failed", "crashed", "released", "stopped"])


class Lives(RuleBasedStateMachine):
    """What ended once stays as it ended; how many trials there are is the budget at most, whatever happens."""

    @initialize(
        trials=st.integers(1, 6),
        budget=st.sampled_from(["", ", slot_hours: 0.02", ", target: 0.05", ", hours: 0.05"]),
    )
    def begin(self, trials: int, budget: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.hosts = [Machine("a", slots=2), Machine("b", slots=1)]
        self.fleet = Fleet(Path(self.folder.name) / "caviar.db", *self.hosts)
        self.study = self.fleet.submit(f"trials: {trials}{budget}")
        self.trials = trials
        self.ended: dict[int, str] = {}
        self.count = 0

    @rule(host=st.integers(0, 1))
    def claim(self, host: int) -> None:
        machine = self.hosts[host]
        if machine.free:
            self.fleet.take(machine)

    @rule(host=st.integers(0, 1), outcome=OUTCOMES, value=st.sampled_from([0.01, 0.5, None]))
    def end(self, host: int, outcome: str, value: float | None) -> None:
        machine = self.hosts[host]
        if machine.held:
            held = machine.held[0]
            self.fleet.end(machine, held, outcome, value)  # type: ignore[arg-type]
            machine.held.append(held)  # a replay counts nothing
            self.fleet.end(machine, held, outcome, value)  # type: ignore[arg-type]

    @rule(host=st.integers(0, 1))
    def worker_restarts(self, host: int) -> None:
        machine = self.hosts[host]
        self.count += 1
        machine.incarnation = f"again-{self.count}"
        machine.held.clear()
        self.fleet.hello(machine)

    @rule()
    def scheduler_restarts(self) -> None:
        self.fleet.restart()

    @rule()
    def redis_is_wiped(self) -> None:
        self.fleet.queue.clear()

    @rule(seconds=st.sampled_from([1.0, LEASE_S, 3 * LEASE_S]), beat=st.booleans())
    def time_passes(self, seconds: float, beat: bool) -> None:
        self.fleet.pass_time(seconds, beat=beat)

    @rule(x=st.floats(-1, 1))
    def somebody_adds_a_point(self, x: float) -> None:
        with suppress(NotAllowed, InputError):
            self.fleet.scheduler.add(self.study, NewTrial(params={"x": x}))

    @rule(number=st.integers(0, 6))
    def somebody_stops_a_trial(self, number: int) -> None:
        with suppress(NotAllowed):
            self.fleet.scheduler.stop_trial(self.study, number)

    @rule()
    def somebody_takes_a_round_back(self) -> None:
        with suppress(NotAllowed, InputError):
            self.fleet.scheduler.undo(self.study, 1)

    @invariant()
    def the_books_are_right(self) -> None:
        rows = self.fleet.rows(self.study)
        assert [row.number for row in rows] == list(range(len(rows)))
        assert len(rows) <= self.trials
        for number, state in self.ended.items():
            assert rows[number].state == state
        self.ended |= {row.number: row.state for row in rows if row.state in FINAL}

    def teardown(self) -> None:
        """With time and two sound hosts the study ends, and each trial in exactly one final state."""
        if not hasattr(self, "fleet"):
            return
        for _ in range(40):
            for machine in self.hosts:
                for held in list(machine.held):
                    self.fleet.end(machine, held, "done", 0.5)
                while machine.free and self.fleet.take(machine) is not None:
                    pass
            self.fleet.pass_time(LEASE_S / 4)
            if all(row.state in FINAL for row in self.fleet.rows(self.study)):
                self.fleet.scheduler.tick()
        record = self.fleet.store.study(self.study)
        assert record is not None
        assert record.state in ("done", "failed")
        assert all(row.state in FINAL for row in self.fleet.rows(self.study))
        assert sum(self.fleet.store.counts(self.study).values()) <= self.trials
        self.folder.cleanup()


TestBudget = Lives.TestCase
TestBudget.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
