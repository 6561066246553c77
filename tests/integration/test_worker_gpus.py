"""GPUs on a real worker, of which a stand-in for NVML says that they are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from caviar.contract.messages import ClaimAnswer, Trainer
from caviar_worker.gpus import hold
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import Host
from tests.support.nvml import write_nvml
from tests.support.user_code import trainer

pytestmark = pytest.mark.real

LOOKS = """
import os

def train(trial):
    print(os.environ["CUDA_VISIBLE_DEVICES"])
    return 1.0
"""
GPUS = ("GPU-11aa", "GPU-22bb")


@pytest.fixture
def gpu_host(host: Host, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    folder = write_nvml(short_path / "nvml", {gpu: [] for gpu in GPUS})
    monkeypatch.setenv("PYTHONPATH", str(folder))
    host.settings = replace(host.settings, resource_class="gpu", gpus=GPUS)
    return host


def test_a_trial_sees_its_gpu_and_no_other(gpu_host: Host, code: Path, desk: Desk) -> None:
    """One after the other, each its own; the scheduler hears of the GPUs with the claim and with the hello."""
    (code / "looks.py").write_text(LOOKS)
    gpu_host.start()
    seen = []
    for number, gpu in enumerate(GPUS):
        looks = Trainer(function="looks:train", folder=str(code))
        gpu_host.train(f"t-{number}", looks, gpu=gpu)
        seen.append(gpu_host.finish_of(f"t-{number}").output.strip())
    assert seen == list(GPUS)
    assert {(claim.gpus, claim.slots_per_gpu) for claim in desk.claims} == {(GPUS, 1)}
    wait_until(lambda: desk.hellos, why="the worker says hello")
    assert desk.hellos[0].gpus == 2


def test_a_slot_asks_again_while_no_gpu_has_room(gpu_host: Host, code: Path, desk: Desk) -> None:
    """It keeps its ticket: the trial starts as soon as it gets a GPU."""
    full = ClaimAnswer(granted=False, reason="no GPU has room", again=True)
    desk.refusals = [full, full]
    gpu_host.start()
    gpu_host.train("quick", trainer(code, "quick"), gpu=GPUS[0])
    assert gpu_host.finish_of("quick").outcome == "done"
    assert len([claim for claim in desk.claims if claim.trial == "quick"]) == 3
    assert len({claim.nonce for claim in desk.claims}) == 1


def test_a_slot_of_a_host_that_is_set_aside_rests(gpu_host: Host, code: Path, desk: Desk) -> None:
    """It drops the ticket and takes none of the next ones, which other hosts are to have."""
    desk.refusals = [ClaimAnswer(granted=False, reason="set aside", pause_s=3600.0)] * 2
    gpu_host.start()
    for name in ("one", "two", "three"):
        gpu_host.train(name, trainer(code, "quick"), gpu=GPUS[0])
    wait_until(lambda: len(desk.claims) == 2, 60, "both slots asked")
    wait_until(lambda: len(desk.beats) > 3, 60, "time has passed")
    assert [claim.trial for claim in desk.claims] == ["one", "two"]
    assert gpu_host.stop() == 0  # a slot that rests ends with its host


def test_a_gpu_is_waited_for_that_an_earlier_trial_has_not_left(
    gpu_host: Host, code: Path, desk: Desk
) -> None:
    """The scheduler gave that trial up for want of heartbeats, but its process still runs out its grace."""
    gpu_host.settings.run_dir.mkdir(mode=0o700)
    earlier = hold(gpu_host.settings.run_dir, GPUS[0], alone=True)
    assert earlier is not None
    gpu_host.start()
    gpu_host.train("quick", trainer(code, "quick"), gpu=GPUS[0])
    gpu_host.train("other", trainer(code, "quick"), gpu=GPUS[1])
    assert gpu_host.finish_of("other").outcome == "done"
    wait_until(lambda: gpu_host.attempt_folder("quick").exists(), why="the other slot has claimed")
    assert not (gpu_host.attempt_folder("quick") / "result.json").exists()
    earlier.close()
    assert gpu_host.finish_of("quick").outcome == "done"
