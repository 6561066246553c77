"""A stand-in for the module pynvml: GPUs of which the test says which there are, each with its parts."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

SOURCE = """
GPUS = {gpus!r}
driver = True
depth = 0


class NVMLError(Exception):
    pass


def nvmlInit():
    global depth
    if not driver:
        raise NVMLError("Driver Not Loaded")
    depth += 1


def nvmlShutdown():
    global depth
    depth -= 1


def nvmlDeviceGetCount():
    return len(GPUS)


def nvmlDeviceGetHandleByIndex(index):
    return list(GPUS)[index]


def nvmlDeviceGetUUID(handle):
    return handle


def nvmlDeviceGetMigMode(handle):
    if not GPUS[handle]:
        raise NVMLError("Not Supported")
    return [1, 1]


def nvmlDeviceGetMaxMigDeviceCount(handle):
    return 7


def nvmlDeviceGetMigDeviceHandleByIndex(handle, index):
    if index % 3 or index // 3 >= len(GPUS[handle]):
        raise NVMLError("Not Found")
    return GPUS[handle][index // 3]
"""


def fake_nvml(gpus: dict[str, list[str]]) -> ModuleType:
    """For this process."""
    module = ModuleType("pynvml")
    exec(SOURCE.format(gpus=gpus), module.__dict__)
    return module


def write_nvml(folder: Path, gpus: dict[str, list[str]]) -> Path:
    """For processes that have ``folder`` on their PYTHONPATH. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pynvml.py").write_text(SOURCE.format(gpus=gpus), encoding="utf-8")
    return folder
