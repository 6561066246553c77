"""The scheduler with many workers and studies: the benchmark's simulation, small, on its virtual clock."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caviar.contract.messages import Hello
from caviar.contract.views import Submission
from caviar.scheduler import dispatching
from tests.unit.scheduler.test_scheduler import STUDY, Bench

ENGINE = Path(__file__).parents[3] / "benchmarks" / "engine"


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(ENGINE))
    import simulation

    yield simulation
    sys.modules.pop("simulation", None)


def _books(run: Any) -> list[list[tuple[int, str, int, int]]]:
    """What became of each trial, by study in the order in which they were submitted."""
    return [
        [(row.number, row.state, row.attempt, row.lost) for row in run.store.trials(study)]
        for study in run.demands
    ]


def test_every_trial_ends_once_though_workers_die(simulation: Any, tmp_path: Path) -> None:
    """No trial over the budget, none lost, none trained by two workers at once; two runs of a seed are the same."""
    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        run = simulation.Simulation(
            tmp_path / name, 8, 6, seed=3, life_s=40.0, most_trials=12, typical_s=4.0
        )
        run.run(2_000)
        runs.append(run)
    run = runs[0]
    for (study, demand), rows in zip(run.demands.items(), _books(run), strict=True):
        assert [number for number, *_ in rows] == list(range(demand.budget))
        assert {state for _, state, *_ in rows} <= {"done", "quarantined"}
        assert run.scheduler.counts([study])[study]["done"] == sum(r[1] == "done" for r in rows)
    assert sum(lost for rows in _books(run) for *_, lost in rows) > 0, (
        "no worker died: proves nothing"
    )
    assert _books(runs[0]) == _books(runs[1])
    assert run.latencies == runs[1].latencies


def test_studies_get_equal_shares(simulation: Any, tmp_path: Path) -> None:
    """With four times as many slots as studies: by slot-seconds, while they have trials to give."""
    run = simulation.Simulation(tmp_path, workers=10, studies=10, seed=1, typical_s=5.0)
    run.run(60)
    assert run.jain() > 0.95


def test_more_studies_than_slots_take_turns(tmp_path: Path) -> None:
    """By age alone the oldest would get every slot that is free, and the others none before it ends."""
    bench = Bench(tmp_path / "caviar.db")
    studies = [bench.submit(trials=50) for _ in range(6)]
    bench.hello(slots=1)
    served = []
    for _ in range(12):
        bench.scheduler.tick()
        ticket = bench.tickets.pop(0)
        assert bench.claim(ticket) is not None
        assert bench.finish(ticket) == "accepted"
        served.append(ticket.study)
    assert sorted(served[:6]) == sorted(studies)
    assert sorted(served[6:]) == sorted(studies)


def test_a_turn_is_short_however_many_slots_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims and heartbeats wait for the lock: a thousand new slots are served over many turns, every class in each."""
    monkeypatch.setattr(dispatching, "MOST_A_TURN", 5)
    bench = Bench(tmp_path / "caviar.db")
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(bench.scheduler._tickets, "_send", lambda t, q: sent.append((t.trial, q)))
    cpu = bench.submit(trials=12)
    text = STUDY % (3, "") + "resources: {class: gpu}\n"
    bench.scheduler.submit(Submission(text=text, resume=False))
    bench.hello(slots=100)
    bench.scheduler.hello(Hello(host="g", incarnation="g", resource_class="gpu", slots=100))
    assert bench.scheduler.tick()
    assert [queue for _, queue in sent] == ["caviar.cpu"] * 5 + ["caviar.gpu"]
    while bench.scheduler.tick():
        pass
    assert len(sent) == len(set(sent)) == 15
    assert not bench.scheduler.tick()
    assert bench.scheduler.counts([cpu])[cpu]["dispatched"] == 12


def test_counts_in_memory_are_those_of_the_store(tmp_path: Path) -> None:
    """Through every edge of a trial's life, and after a restart."""
    bench = Bench(tmp_path / "caviar.db")
    study = bench.submit(trials=6)
    bench.hello(slots=4)
    bench.scheduler.tick()

    def same() -> None:
        assert bench.scheduler.counts([study])[study] == bench.store.counts(study)

    same()
    for outcome in ("done", "failed", "crashed", "released"):
        ticket = bench.tickets.pop(0)
        assert bench.claim(ticket) is not None
        same()
        bench.finish(ticket, 0.5 if outcome == "done" else None, outcome)  # type: ignore[arg-type]
        same()
    bench.scheduler.tick()
    assert bench.claim(bench.tickets.pop(0)) is not None
    bench.silence()
    same()
    bench.restart()
    same()
    bench.scheduler.stop(study)
    same()
