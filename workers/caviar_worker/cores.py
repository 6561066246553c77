"""How many processor cores this process may use: in a container fewer than the machine has."""

from __future__ import annotations

import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_MINE = Path("/proc/self/cgroup")


def usable_cores(groups: Path = _GROUPS, mine: Path = _MINE) -> int:
    """Cores by affinity, cut to the cgroup's quota (cgroup v2, ``cpu.max``), rounded up; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota(groups, mine)
    return max(1, cores if quota is None else min(cores, -int(-quota // 1)))


def _quota(groups: Path, mine: Path) -> float | None:
    """The smallest quota in cores from this process' cgroup up to the root; None where nothing is limited."""
    try:
        lines = mine.read_text().splitlines()
    except OSError:
        return None
    name = next((line[3:] for line in lines if line.startswith("0::")), None)
    if name is None:
        return None
    here = groups / name.lstrip("/")
    found = []
    for folder in (here, *here.parents):
        try:
            most, period = (folder / "cpu.max").read_text().split()
            if most != "max":
                found.append(int(most) / int(period))
        except (OSError, ValueError):
            pass
        if folder == groups:
            break
    return min(found, default=None)
