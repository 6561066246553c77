"""One GPU a trial, several trials a GPU where their study allows it: through claims, as workers make them."""

from __future__ import annotations

from pathlib import Path

from tests.support.fleet import LEASE_S, Fleet, Machine

SHARED = "class: gpu, share_gpu: true"


def test_each_trial_has_a_gpu_of_its_own(tmp_path: Path) -> None:
    """As many trials as GPUs, each pinned to another one, which its row and its assignment name."""
    host = Machine("host", slots=2, gpus=("GPU-a", "GPU-b"))
    fleet = Fleet(tmp_path / "caviar.db", host, resource_class="gpu")
    study = fleet.submit()
    fleet.take(host)
    fleet.take(host)
    assert {held.gpu for held in host.held} == {"GPU-a", "GPU-b"}
    assert {row.gpu for row in fleet.rows(study, ["running"])} == {"GPU-a", "GPU-b"}


def test_a_gpu_is_free_again_when_its_trial_is_over_however_it_ended(tmp_path: Path) -> None:
    """Done, crashed, or lost with its host."""
    host = Machine("host", slots=1, gpus=("GPU-a",))
    fleet = Fleet(tmp_path / "caviar.db", host, resource_class="gpu")
    fleet.submit()
    for end in ("done", "crashed", "lost"):
        answer = fleet.take(host)
        assert answer is not None
        assert answer.granted
        if end == "lost":
            fleet.pass_time(2 * LEASE_S, beat=False)
            host.held.clear()
            fleet.hello(host)
        else:
            fleet.end(host, host.held[0], end)  # type: ignore[arg-type]
    answer = fleet.take(host)
    assert answer is not None
    assert answer.granted


def test_studies_that_share_sit_together_and_others_stay_alone(tmp_path: Path) -> None:
    """Two GPUs of two slots: two trials that share on one; one that does not on the other, its slot beside idle."""
    host = Machine("host", slots=4, gpus=("GPU-a", "GPU-b"), slots_per_gpu=2)
    fleet = Fleet(tmp_path / "caviar.db", host, resource_class="gpu")
    shared = fleet.submit("trials: 20", "shared", SHARED)
    fleet.take(host)
    fleet.take(host)
    assert len({held.gpu for held in host.held}) == 1
    fleet.scheduler.pause(shared)
    fleet.submit("trials: 20", "alone")
    fleet.queue.clear()
    fleet.take(host)
    assert len({held.gpu for held in host.held}) == 2
    ((_, free, _, _),) = fleet.scheduler.workers()
    assert free == 0
    fleet.queue.clear()
    fleet.scheduler.resume(shared)
    answer = fleet.take(host)
    assert answer is not None
    assert (answer.granted, answer.again) == (False, True)


def test_a_restarted_scheduler_knows_who_is_on_which_gpu(tmp_path: Path) -> None:
    """From the running trials in SQL: nobody is put on a GPU that another trial has alone."""
    host = Machine("host", slots=2, gpus=("GPU-a", "GPU-b"))
    fleet = Fleet(tmp_path / "caviar.db", host, resource_class="gpu")
    fleet.submit()
    fleet.take(host)
    fleet.restart()
    fleet.take(host)
    assert {held.gpu for held in host.held} == {"GPU-a", "GPU-b"}


def test_a_stale_ticket_moves_nobody_off_a_gpu(tmp_path: Path) -> None:
    """A ticket that was delivered twice is refused, and the trial that runs keeps its place."""
    host = Machine("host", slots=2, gpus=("GPU-a",), slots_per_gpu=2)
    fleet = Fleet(tmp_path / "caviar.db", host, resource_class="gpu")
    fleet.submit()
    fleet.scheduler.tick()
    ticket = fleet.queue[0]
    assert fleet.claim(host, ticket).granted
    twin = Machine("host", gpus=host.gpus, slots_per_gpu=2, slots=2)
    stale = ticket.model_copy(update={"attempt": 2})
    assert not fleet.claim(twin, stale).granted
    fleet.queue.remove(ticket)
    answer = fleet.take(host)
    assert answer is not None
    assert answer.again
