"""The GPUs that a worker host may use, by NVML. CUDA is never initialised: that does not survive a fork."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from caviar.errors import InputError, Problem

log = logging.getLogger("caviar.worker")

_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, with the parts that it is divided into (MIG); both by NVML's UUID."""

    uuid: str
    parts: tuple[str, ...] = ()


def usable_gpus(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What trials are pinned to, by UUID: every GPU, or the parts of one that is divided.

    None where there is no driver. Of those that are there, what CUDA_VISIBLE_DEVICES names, where it is set.
    Raises InputError where it names a GPU that is not there.
    """
    return chosen(nvml_gpus(), environ.get(_VISIBLE))


def nvml_gpus() -> list[Gpu]:
    """All GPUs of this machine in NVML's order, that of the PCI bus; none without NVIDIA's driver."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []  # no driver, or no device that this process may see
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return [Gpu(_text(pynvml.nvmlDeviceGetUUID(each)), _parts(each)) for each in handles]
    except pynvml.NVMLError as error:
        log.warning("The GPUs cannot be read, so trials are not pinned to any: %s", error)
        return []
    finally:
        pynvml.nvmlShutdown()


def _parts(handle: object) -> tuple[str, ...]:
    """The MIG devices of a GPU; none where it is not divided."""
    import pynvml

    try:
        if not pynvml.nvmlDeviceGetMigMode(handle)[0]:
            return ()
        most = pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)
    except pynvml.NVMLError:
        return ()  # a GPU that cannot be divided
    found = []
    for index in range(most):
        try:
            part = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
            found.append(_text(pynvml.nvmlDeviceGetUUID(part)))
        except pynvml.NVMLError:
            continue  # indices may have gaps
    return tuple(found)


def hold(folder: Path, gpu: str | None, alone: bool) -> IO[bytes] | None:
    """A lock on ``gpu`` among this host's slots, until the file is closed or the process ends; None where it is taken.

    The scheduler decides who gets which GPU. This only bridges the seconds in which a trial that it has given up, for
    want of heartbeats, still runs here. Without a GPU there is nothing to wait for.
    """
    name = os.devnull if gpu is None else folder / f"{gpu.replace('/', '_')}.lock"
    lock = Path(name).open("ab")  # noqa: SIM115
    if gpu is not None:
        try:
            fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
    return lock


def _text(uuid: str | bytes) -> str:
    return uuid.decode() if isinstance(uuid, bytes) else uuid


def chosen(gpus: Sequence[Gpu], visible: str | None) -> tuple[str, ...]:
    """The UUIDs that ``visible`` names, as CUDA reads it: numbers, UUIDs or their starts; all where it is None.

    A number counts in the order of the PCI bus. As CUDA does, the list ends at the first -1.
    Raises InputError where a name fits none of ``gpus``, or several; nothing is checked on a machine without any.
    """
    if visible is None or not gpus:
        return tuple(uuid for gpu in gpus for uuid in (gpu.parts or (gpu.uuid,)))
    found: list[str] = []
    for name in filter(None, (word.strip() for word in visible.split(","))):
        if name == "-1" or name.lower() == "nodevfiles":
            break
        if name.isdecimal():
            fits = [gpus[int(name)]] if int(name) < len(gpus) else []
            uuids = [uuid for gpu in fits for uuid in (gpu.parts or (gpu.uuid,))]
        else:
            fits = [gpu for gpu in gpus if gpu.uuid.startswith(name)]
            parts = [part for gpu in gpus for part in gpu.parts if part.startswith(name)]
            uuids = parts or [uuid for gpu in fits for uuid in (gpu.parts or (gpu.uuid,))]
            if len(parts) > 1 or len(fits) > 1:
                fits, uuids = [], []
        if not uuids:
            known = ", ".join(gpu.uuid for gpu in gpus)
            raise InputError(
                Problem((_VISIBLE,), f"{name!r} names no single GPU", f"There is {known}.")
            )
        found += (uuid for uuid in uuids if uuid not in found)
    return tuple(found)
