"""The life of a trial, on a real SQLite store, with a clock and a queue that the test holds in its hands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.contract.messages import (
    Assignment,
    ClaimRequest,
    Finish,
    Heartbeat,
    Held,
    Hello,
    Outcome,
    RunRequest,
    Shipped,
    Ticket,
)
from caviar.contract.views import Submission
from caviar.errors import InputError, NotAllowed, ServiceError
from caviar.scheduler import Scheduler

STUDY = """
name: parabola
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space:
  x: {type: float, low: -1.0, high: 1.0}
search: {strategy: random, seed: 0}
budget: {trials: %d%s}
"""
LEASE_S = 10.0
CLAIM_S = 5.0


class Bench:
    """A scheduler, the tickets it sent, and a clock that only moves when told."""

    def __init__(self, path: Path) -> None:
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        self.store = Store(engine)
        self.tickets: list[Ticket] = []
        self.now = 1000.0
        self.broker_up = True
        self.restart()

    def restart(self) -> None:
        self.scheduler = Scheduler(
            self.store,
            self._send,
            lease_s=LEASE_S,
            claim_s=CLAIM_S,
            local=True,
            clock=lambda: self.now,
            wall=lambda: time.time() + self.now - 1000.0,
        )

    def _send(self, ticket: Ticket, queue: str) -> None:
        assert queue == "caviar.cpu"
        if not self.broker_up:
            raise ServiceError("away")
        self.tickets.append(ticket)

    def submit(self, trials: int = 3, extra: str = "") -> str:
        return self.scheduler.submit(Submission(text=STUDY % (trials, extra))).id

    def hello(self, slots: int = 1, incarnation: str = "one") -> None:
        self.scheduler.hello(Hello(host="host", incarnation=incarnation, slots=slots))

    def claim(
        self, ticket: Ticket, nonce: str = "nonce-00", incarnation: str = "one"
    ) -> Assignment | None:
        answer = self.scheduler.claim(
            ClaimRequest(
                trial=ticket.trial,
                attempt=ticket.attempt,
                nonce=nonce,
                host="host",
                incarnation=incarnation,
                slot=0,
            )
        )
        return answer.assignment if answer.granted else None

    def finish(
        self,
        ticket: Ticket,
        value: float | None = 0.5,
        outcome: Outcome = "done",
        nonce: str = "nonce-00",
    ) -> str:
        return self.scheduler.finish(
            Finish(
                trial=ticket.trial,
                attempt=ticket.attempt,
                nonce=nonce,
                outcome=outcome,
                value=value,
                seconds=1.0,
            )
        ).verdict

    def beat(self, *held: Held) -> tuple[Held, ...]:
        message = Heartbeat(host="host", incarnation="one", free=0, held=held)
        return self.scheduler.heartbeat(message).stop

    def silence(self) -> None:
        """More than a lease passes, turn by turn, without a heartbeat."""
        for _ in range(3):
            self.now += LEASE_S / 2.5
            self.scheduler.tick()

    def state(self, study: str, number: int = 0) -> str:
        row = self.store.trial(f"{study}-{number}")
        assert row is not None
        return row.state


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    return Bench(tmp_path / "caviar.db")


def test_a_window_of_free_slots_plus_one_is_dispatched(bench: Bench) -> None:
    """Only so many tickets are out that no slot waits; the rest is decided late, from newer results."""
    bench.hello(slots=2)
    bench.submit(trials=10)
    bench.scheduler.tick()
    assert [ticket.number for ticket in bench.tickets] == [0, 1, 2]
    bench.claim(bench.tickets[0])
    bench.scheduler.tick()
    assert len(bench.tickets) == 3


def test_the_window_follows_how_fast_trials_are_claimed(bench: Bench) -> None:
    """Several trials of milliseconds end before the next proposal is on its way; a second later it is shallow again."""
    bench.hello(slots=2)
    bench.submit(trials=200)
    for number in range(40):
        bench.scheduler.tick()
        bench.claim(bench.tickets[number])
        bench.finish(bench.tickets[number])
    bench.scheduler.tick()
    assert len(bench.tickets) - 40 == 2 + 1 + 2
    bench.now += 1.5
    for number in range(40, 43):
        bench.claim(bench.tickets[number])
        bench.scheduler.tick()
    assert len(bench.tickets) - 43 == 2


def test_an_end_calls_for_a_turn_only_where_no_ticket_lies_ready(bench: Bench) -> None:
    """The claim that follows would wait behind the turn's proposals; it calls for the turn itself."""
    bench.hello(slots=2)
    bench.submit(trials=10)
    for claims in range(2):
        bench.scheduler.tick()
        bench.claim(bench.tickets[claims])
    bench.scheduler.tick()
    woken: list[bool] = []
    bench.scheduler._wake.notify_all = lambda: woken.append(True)  # type: ignore[method-assign]
    bench.finish(bench.tickets[0])
    assert not woken
    bench.finish(bench.tickets[1])
    assert woken


def test_a_claim_is_granted_once(bench: Bench) -> None:
    """A ticket delivered twice trains once; the slot that asks again with its nonce hears the same answer."""
    bench.submit()
    bench.scheduler.tick()
    ticket = bench.tickets[0]
    assert bench.claim(ticket, "nonce-one") is not None
    assert bench.claim(ticket, "nonce-two") is None
    assert bench.claim(ticket, "nonce-one") is not None


def test_a_finish_counts_once_and_a_stale_attempt_is_fenced(bench: Bench) -> None:
    """A replayed finish is a duplicate; after the lease was lost the old attempt has no say."""
    study = bench.submit()
    bench.hello()
    bench.scheduler.tick()
    first = bench.tickets[0]
    bench.claim(first)
    assert bench.finish(first) == "accepted"
    assert bench.finish(first) == "duplicate"
    bench.scheduler.tick()
    second = bench.tickets[-1]
    bench.claim(second)
    bench.silence()
    assert bench.finish(second) == "fenced"
    assert bench.store.counts(study)["done"] == 1


def test_a_report_that_comes_twice_is_no_stale_one(bench: Bench) -> None:
    """A slot and its agent both deliver that an attempt crashed; by the second time the next attempt trains."""
    bench.submit(trials=1)
    bench.hello()
    bench.scheduler.tick()
    first = bench.tickets[0]
    bench.claim(first)
    assert bench.finish(first, None, "crashed") == "accepted"
    bench.scheduler.tick()
    assert bench.finish(first, None, "crashed") == "duplicate"
    bench.claim(bench.tickets[-1])
    assert bench.tickets[-1].attempt == 2
    assert bench.finish(first, None, "crashed") == "duplicate"


def test_a_trial_whose_worker_is_silent_is_dispatched_again(bench: Bench) -> None:
    """No heartbeat for a lease: the trial goes back to the queue, with the next attempt."""
    study = bench.submit(trials=2)
    bench.hello()
    bench.scheduler.tick()
    bench.claim(bench.tickets[0])
    bench.silence()
    bench.hello(incarnation="two")
    bench.scheduler.tick()
    again = bench.tickets[-1]
    assert (again.number, again.attempt) == (0, 2)
    assert bench.state(study) == "dispatched"


def test_a_heartbeat_keeps_a_lease(bench: Bench) -> None:
    """A worker that is heard of keeps its trials, for as long as they take."""
    study = bench.submit()
    bench.hello()
    bench.scheduler.tick()
    ticket = bench.tickets[0]
    bench.claim(ticket)
    for _ in range(10):
        bench.now += LEASE_S / 2.5
        assert bench.beat(Held(trial=ticket.trial, attempt=1)) == ()
        bench.scheduler.tick()
    assert bench.state(study) == "running"


def test_a_scheduler_that_stood_still_does_not_take_leases_away(bench: Bench) -> None:
    """A laptop that slept: nobody could send a heartbeat, so the time is credited."""
    study = bench.submit()
    bench.hello()
    bench.scheduler.tick()
    bench.claim(bench.tickets[0])
    bench.scheduler.tick()
    bench.now += 100 * LEASE_S
    bench.scheduler.tick()
    assert bench.state(study) == "running"


def test_a_restarted_scheduler_gives_every_running_trial_one_lease(bench: Bench) -> None:
    """The memory is gone with the process, the trial is not: its worker has a lease's time to be heard."""
    study = bench.submit()
    bench.hello()
    bench.scheduler.tick()
    ticket = bench.tickets[0]
    bench.claim(ticket)
    bench.restart()
    bench.scheduler.tick()
    assert bench.state(study) == "running"
    assert bench.finish(ticket) == "accepted"


def test_a_restarted_worker_gives_back_what_its_predecessor_held(bench: Bench) -> None:
    """A new process on the host says hello: its predecessor's trials start again without waiting for a lease."""
    bench.submit()
    bench.hello(incarnation="one")
    bench.scheduler.tick()
    bench.claim(bench.tickets[0])
    bench.hello(incarnation="two")
    bench.scheduler.tick()
    assert (bench.tickets[-1].number, bench.tickets[-1].attempt) == (0, 2)


def test_a_ticket_that_nobody_claims_is_sent_again(bench: Bench) -> None:
    """Redis may lose everything at any moment: the same attempt is invited again, with growing patience."""
    bench.hello()
    bench.submit(trials=1)
    bench.scheduler.tick()
    for _ in range(4):
        bench.now += CLAIM_S / 2
        bench.beat()
        bench.scheduler.tick()
    assert [(t.number, t.attempt) for t in bench.tickets] == [(0, 1), (0, 1)]


def test_tickets_wait_while_the_broker_is_away(bench: Bench) -> None:
    """A ticket that could not be sent is sent once the broker is back; no attempt is spent on it."""
    bench.hello()
    bench.broker_up = False
    bench.submit(trials=1)
    bench.scheduler.tick()
    bench.scheduler.tick()
    assert bench.tickets == []
    bench.broker_up = True
    bench.scheduler.tick()
    assert [(t.number, t.attempt) for t in bench.tickets] == [(0, 1)]


def test_a_trial_that_always_crashes_is_quarantined(bench: Bench) -> None:
    """Three deaths of its process spend the crash budget; the others run on and the study ends."""
    study = bench.submit(trials=2)
    bench.hello()
    while bench.store.study(study).state == "running":  # type: ignore[union-attr]
        bench.scheduler.tick()
        ticket = bench.tickets[-1]
        pending = [t for t in bench.tickets if bench.state(study, t.number) == "dispatched"]
        for ticket in pending:
            if bench.claim(ticket) is not None:
                poison = ticket.number == 0
                bench.finish(ticket, None if poison else 0.1, "crashed" if poison else "done")
        bench.scheduler.tick()
    counts = bench.store.counts(study)
    assert (counts["quarantined"], counts["done"]) == (1, 1)
    assert len(bench.store.attempts(f"{study}-0")) == 3


def test_a_trial_given_back_costs_no_budget(bench: Bench) -> None:
    """A worker that shuts down releases its trial: tried again as often as it takes."""
    study = bench.submit(trials=1)
    bench.hello()
    for _ in range(7):
        bench.scheduler.tick()
        bench.claim(bench.tickets[-1])
        assert bench.finish(bench.tickets[-1], None, "released") == "accepted"
    row = bench.store.trial(f"{study}-0")
    assert row is not None
    assert (row.state, row.crashes, row.lost) == ("queued", 0, 0)


def test_failed_trials_do_not_stop_a_study(bench: Bench) -> None:
    """A study is done when its budget is spent, whatever became of single trials."""
    study = bench.submit(trials=3)
    bench.hello()
    for number in range(3):
        bench.scheduler.tick()
        ticket = next(t for t in bench.tickets if t.number == number)
        bench.claim(ticket)
        bench.finish(ticket, *((None, "failed") if number < 2 else (0.3, "done")))  # type: ignore[arg-type]
    bench.scheduler.tick()
    record = bench.store.study(study)
    assert record is not None
    assert record.state == "done"


def test_a_study_without_one_value_has_failed(bench: Bench) -> None:
    """The exit code of `caviar run` rests on this."""
    study = bench.submit(trials=1)
    bench.scheduler.tick()
    bench.claim(bench.tickets[0])
    bench.finish(bench.tickets[0], None, "failed")
    bench.scheduler.tick()
    record = bench.store.study(study)
    assert record is not None
    assert (record.state, record.reason) == ("failed", "not one trial gave a value")


def test_never_a_trial_over_the_budget(bench: Bench) -> None:
    """However many slots are free, the number of trials is the budget."""
    study = bench.submit(trials=3)
    bench.hello(slots=50)
    for _ in range(3):
        bench.scheduler.tick()
    assert sum(bench.store.counts(study).values()) == 3


def test_a_target_ends_a_study(bench: Bench) -> None:
    """What has not started is cancelled, what runs is asked to end."""
    study = bench.submit(trials=50, extra=", target: 0.2")
    bench.hello(slots=2)
    bench.scheduler.tick()
    first, second, third = bench.tickets
    bench.claim(first)
    bench.claim(second)
    bench.finish(first, 0.1)
    bench.scheduler.tick()
    record = bench.store.study(study)
    assert record is not None
    assert (record.state, record.reason) == ("done", "target 0.2 reached")
    assert bench.state(study, third.number) == "cancelled"
    held = Held(trial=second.trial, attempt=1)
    assert bench.beat(held) == (held,)
    assert bench.finish(second, None, "stopped") == "accepted"
    assert bench.state(study, second.number) == "cancelled"


def test_a_stopped_study_stops_its_trials(bench: Bench) -> None:
    """Stop reaches what runs by the next heartbeat, and nothing of it starts again."""
    study = bench.submit(trials=5)
    bench.hello()
    bench.scheduler.tick()
    ticket = bench.tickets[0]
    bench.claim(ticket)
    bench.scheduler.stop(study)
    held = Held(trial=ticket.trial, attempt=1)
    assert bench.beat(held) == (held,)
    bench.finish(ticket, None, "released")
    bench.scheduler.tick()
    assert bench.state(study) == "cancelled"
    with pytest.raises(NotAllowed, match="is stopped"):
        bench.scheduler.resume(study)


def test_a_paused_study_starts_nothing(bench: Bench) -> None:
    """Paused: what runs goes on, tickets are refused; resumed, they are sent again at once."""
    study = bench.submit(trials=5)
    bench.hello()
    bench.scheduler.tick()
    bench.scheduler.pause(study)
    assert bench.claim(bench.tickets[0]) is None
    bench.tickets.clear()
    bench.scheduler.tick()
    assert bench.tickets == []
    bench.scheduler.resume(study)
    bench.scheduler.tick()
    assert bench.claim(bench.tickets[0]) is not None


def test_the_same_study_submitted_again_goes_on(bench: Bench) -> None:
    """An unfinished study of the same content is continued; once it has ended, a new one starts."""
    first = bench.submit(trials=1)
    assert bench.submit(trials=1) == first
    bench.scheduler.tick()
    bench.claim(bench.tickets[0])
    bench.finish(bench.tickets[0])
    bench.scheduler.tick()
    assert bench.submit(trials=1) != first


def test_two_studies_share_the_slots(bench: Bench) -> None:
    """The study with fewer open trials goes first, whoever came first."""
    bench.hello(slots=4)
    bench.submit(trials=20)
    bench.submit(trials=21)
    bench.scheduler.tick()
    studies = [ticket.study for ticket in bench.tickets]
    assert len(studies) == 5
    assert {studies.count(study) for study in set(studies)} == {2, 3}


def test_the_same_results_give_the_same_trials(tmp_path: Path) -> None:
    """A study's seed and the order of results decide its points; the service adds nothing random."""

    def params(path: Path) -> list[object]:
        bench = Bench(path)
        bench.submit(trials=4)
        for _ in range(4):
            bench.scheduler.tick()
            bench.claim(bench.tickets[-1])
            bench.finish(bench.tickets[-1])
        return [ticket.params for ticket in bench.tickets]

    assert params(tmp_path / "a.db") == params(tmp_path / "b.db")


def test_a_client_folder_is_refused_where_the_service_is_not_local(tmp_path: Path) -> None:
    """Running code from a folder that a client names is for the embedded service alone."""
    bench = Bench(tmp_path / "caviar.db")
    remote = Scheduler(bench.store, lambda *_: None, lease_s=1, claim_s=1, local=False)
    with pytest.raises(InputError, match="folder"):
        remote.submit(Submission(text=STUDY % (1, ""), folder="/home/somebody"))
    assert bench.store.studies() == []


def test_a_trial_of_a_stopped_study_is_taken_back_after_a_restart(bench: Bench) -> None:
    """The study ended while its trial ran, then the scheduler was restarted, then the host went away."""
    study = bench.submit()
    bench.hello()
    bench.scheduler.tick()
    bench.claim(bench.tickets[0])
    bench.scheduler.stop(study)
    bench.restart()
    bench.silence()
    assert bench.state(study) == "cancelled"


def test_what_a_study_wants_of_its_checkpoints_comes_with_the_claim(bench: Bench) -> None:
    """The worker keeps what the study's policy says, and needs to know nothing else of the study."""
    bench.hello()
    bench.submit(1, "}\ncheckpoints: {keep: 5, after: keep")
    bench.scheduler.tick()
    assignment = bench.claim(bench.tickets[0])
    assert assignment is not None
    assert (assignment.checkpoints.keep, assignment.checkpoints.after) == (5, "keep")


def test_a_host_hears_which_checkpoints_nobody_needs(bench: Bench) -> None:
    """Of trials that are over, never of one that may be trained again or that is not known."""
    bench.hello()
    study = bench.submit(2)
    bench.scheduler.tick()
    assert bench.claim(bench.tickets[0]) is not None
    bench.finish(bench.tickets[0])
    kept = (f"{study}-0", f"{study}-1", "another-services-0")
    message = Heartbeat(host="host", incarnation="one", free=1, kept=kept)
    assert bench.scheduler.heartbeat(message).over == (f"{study}-0",)


def test_what_a_host_warns_of_is_listed_until_it_is_over(bench: Bench) -> None:
    """With the host, as its last heartbeat said it."""
    bench.hello()
    warned = Heartbeat(host="host", incarnation="one", free=0, warnings=("the disk is full",))
    bench.scheduler.heartbeat(warned)
    ((worker, _, _, _),) = bench.scheduler.workers()
    assert worker.warnings == ("the disk is full",)
    bench.beat()
    assert worker.warnings == ()


def test_the_first_run_that_is_told_is_the_trials(bench: Bench) -> None:
    """Two hosts may have made one each: both hear the same answer."""
    bench.hello()
    bench.submit()
    bench.scheduler.tick()
    trial = bench.tickets[0].trial
    ask = [RunRequest(trial=trial, attempt=1, run_id=run) for run in (None, "first", "second")]
    assert [bench.scheduler.run_of(one).run_id for one in ask] == [None, "first", "first"]
    unknown = RunRequest(trial="nobody-0", attempt=1, run_id="own")
    assert bench.scheduler.run_of(unknown).run_id == "own"


def test_only_the_last_attempt_completes_a_trials_run(bench: Bench) -> None:
    """The first one crashed on a host that ships late: the trial is done, but its run lacks the second's points."""
    bench.hello()
    bench.submit(trials=1)
    bench.scheduler.tick()
    bench.claim(bench.tickets[0])
    bench.finish(bench.tickets[0], None, "crashed")
    bench.scheduler.tick()
    bench.claim(bench.tickets[-1], nonce="nonce-01")
    bench.finish(bench.tickets[-1], nonce="nonce-01")
    trial = bench.tickets[0].trial
    for attempt, complete in ((1, False), (2, True), (1, True)):
        bench.scheduler.shipped(Shipped(runs={trial: "run"}, attempts={trial: attempt}))
        assert bench.scheduler.run_of(RunRequest(trial=trial, attempt=1)).complete == complete


def test_a_heartbeat_with_a_trial_that_cannot_be_is_answered(bench: Bench) -> None:
    """Whatever a worker claims to hold: what is not known is to be ended, the rest is kept."""
    bench.hello()
    study = bench.submit()
    bench.scheduler.tick()
    bench.claim(bench.tickets[0])
    strange = Held(trial=f"{study}-x", attempt=1)
    held = (strange, Held(trial=bench.tickets[0].trial, attempt=1))
    answer = bench.scheduler.heartbeat(Heartbeat(host="host", incarnation="one", free=0, held=held))
    assert answer.stop == (strange,)
