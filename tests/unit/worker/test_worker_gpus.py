"""Which GPUs a worker pins trials to: what NVML lists, cut to what CUDA_VISIBLE_DEVICES names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from caviar.errors import InputError
from caviar_worker.gpus import Gpu, chosen, hold, nvml_gpus
from caviar_worker.settings import WorkerSettings
from tests.support.nvml import fake_nvml

ONE, TWO = Gpu("GPU-11aa"), Gpu("GPU-12bb")
DIVIDED = Gpu("GPU-33cc", parts=("MIG-1", "MIG-2"))


@pytest.mark.parametrize(
    "visible, found",
    [
        (None, ("GPU-11aa", "GPU-12bb", "MIG-1", "MIG-2")),
        ("", ()),
        ("1", ("GPU-12bb",)),
        ("1, 0", ("GPU-12bb", "GPU-11aa")),
        ("0,0", ("GPU-11aa",)),
        ("0,-1,1", ("GPU-11aa",)),
        ("GPU-12", ("GPU-12bb",)),
        ("MIG-2", ("MIG-2",)),
        ("2", ("MIG-1", "MIG-2")),
    ],
)
def test_the_operator_chooses_as_cuda_does(visible: str | None, found: tuple[str, ...]) -> None:
    """Numbers, UUIDs or their starts; a divided GPU stands for its parts."""
    assert chosen([ONE, TWO, DIVIDED], visible) == found


@pytest.mark.parametrize("visible", ["7", "GPU-1", "GPU-99", "0,nonsense"])
def test_a_name_that_fits_no_single_gpu_is_refused(visible: str) -> None:
    """With the names that there are: CUDA would hide the GPU without a word."""
    with pytest.raises(InputError, match="GPU-11aa"):
        chosen([ONE, TWO], visible)


def test_a_machine_without_gpus_checks_no_names() -> None:
    """A setting that a whole cluster shares does no harm there."""
    assert chosen([], "3") == ()


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    module = fake_nvml({"GPU-11aa": [], "GPU-33cc": ["MIG-1", "MIG-2"]})
    monkeypatch.setitem(sys.modules, "pynvml", module)
    yield module
    assert module.depth == 0, "NVML was not shut down"


def test_nvml_lists_gpus_and_their_parts(nvml: ModuleType) -> None:
    """Indices of parts may have gaps; a GPU that cannot be divided has none."""
    assert nvml_gpus() == [Gpu("GPU-11aa"), Gpu("GPU-33cc", ("MIG-1", "MIG-2"))]


def test_a_machine_without_the_driver_has_none(nvml: ModuleType) -> None:
    """NVML's library is not found: no error, no GPU."""
    nvml.driver = False
    assert nvml_gpus() == []


def test_the_real_binding_is_there_and_asks_no_driver_in_vain() -> None:
    """The names that are used exist in the package that is installed."""
    import pynvml

    for name in ("nvmlInit", "nvmlShutdown", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"):
        assert callable(getattr(pynvml, name))
    for name in ("UUID", "MigMode", "MaxMigDeviceCount", "MigDeviceHandleByIndex"):
        assert callable(getattr(pynvml, f"nvmlDeviceGet{name}"))
    assert all(isinstance(gpu, Gpu) for gpu in nvml_gpus())


def environ(folder: Path, **more: str) -> dict[str, str]:
    return {
        "CAVIAR_URL": "http://127.0.0.1:1",
        "CAVIAR_WORKER_TOKEN": "a-token-of-the-tests",
        "CAVIAR_BROKER_URL": "redis://127.0.0.1:1/0",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:2",
        "CAVIAR_WORKER_DIR": str(folder),
        "CAVIAR_WORKER_RUN": "/tmp/c",
        **more,
    }


def of(settings: WorkerSettings) -> tuple[Any, ...]:
    return settings.resource_class, settings.slots, settings.gpus


def test_a_host_with_gpus_serves_them(nvml: ModuleType, short_path: Path) -> None:
    """Class and slots follow from the GPUs, and a child that is started with its settings reads the same."""
    found = ("GPU-11aa", "MIG-1", "MIG-2")
    plain = WorkerSettings.from_environ(environ(short_path))
    assert of(plain) == ("gpu", 3, found)
    shared = WorkerSettings.from_environ(environ(short_path, CAVIAR_WORKER_SLOTS_PER_GPU="2"))
    assert of(shared) == ("gpu", 6, found)
    assert WorkerSettings.from_environ(shared.environ()) == shared
    one = WorkerSettings.from_environ(environ(short_path, CUDA_VISIBLE_DEVICES="0"))
    assert of(one) == ("gpu", 1, ("GPU-11aa",))


def test_a_cpu_worker_leaves_gpus_alone(nvml: ModuleType, short_path: Path) -> None:
    """Its trials see what its operator lets them see."""
    cpu = WorkerSettings.from_environ(
        environ(short_path, CAVIAR_WORKER_CLASS="cpu", CAVIAR_WORKER_SLOTS="5")
    )
    assert of(cpu) == ("cpu", 5, ())
    assert "CUDA_VISIBLE_DEVICES" not in cpu.environ()


def test_more_slots_than_places_are_refused(nvml: ModuleType, short_path: Path) -> None:
    """They could never train."""
    with pytest.raises(InputError, match="CAVIAR_WORKER_SLOTS_PER_GPU"):
        WorkerSettings.from_environ(environ(short_path, CAVIAR_WORKER_SLOTS="4"))


def test_a_gpu_is_held_by_one_alone_or_by_several_that_share(short_path: Path) -> None:
    """Across processes, and given back with the process: it is the kernel that knows. No GPU, no lock."""
    first, second = hold(short_path, ONE.uuid, alone=False), hold(short_path, ONE.uuid, alone=False)
    assert first is not None
    assert second is not None
    assert hold(short_path, ONE.uuid, alone=True) is None
    first.close()
    second.close()
    alone = hold(short_path, ONE.uuid, alone=True)
    assert alone is not None
    assert hold(short_path, ONE.uuid, alone=False) is None
    for gpu in (TWO.uuid, None, None):
        lock = hold(short_path, gpu, alone=True)
        assert lock is not None
        lock.close()
    alone.close()
