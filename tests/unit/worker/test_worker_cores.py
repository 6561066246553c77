"""Cores that a worker may use, and the threads that a slot gets of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caviar_worker.cores import usable_cores
from caviar_worker.environment import trial_environment


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def cgroup(folder: Path, name: str, **limits: str) -> tuple[Path, Path]:
    """A cgroup v2 tree: ``name`` is this process' group, ``limits`` the cpu.max of it and of its parents."""
    groups, mine = folder / "cgroup", folder / "self"
    (groups / name).mkdir(parents=True)
    mine.write_text(f"4:memory:/elsewhere\n0::/{name}\n")
    for where, limit in limits.items():
        path = groups if where == "root" else groups / where.replace("_", "/")
        (path / "cpu.max").write_text(limit + "\n")
    return groups, mine


def test_affinity_counts(tmp_path: Path) -> None:
    """Without a quota the cores that this process may run on."""
    assert usable_cores(*cgroup(tmp_path, "a", a="max 100000")) == 8


@pytest.mark.parametrize(
    "quota, cores", [("200000", 2), ("250000", 3), ("50000", 1), ("9900000", 8)]
)
def test_a_container_has_its_quota(tmp_path: Path, quota: str, cores: int) -> None:
    """Rounded up: a part of a core is worth a thread."""
    assert usable_cores(*cgroup(tmp_path, "a", a=f"{quota} 100000")) == cores


def test_the_tightest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    """A pod inside a slice; in a container with its own view the group is the root."""
    groups = cgroup(tmp_path / "x", "slice/pod", slice="400000 100000", slice_pod="max 100000")
    assert usable_cores(*groups) == 4
    assert usable_cores(*cgroup(tmp_path / "y", "", root="300000 100000")) == 3


def test_a_system_without_cgroups_has_its_affinity(tmp_path: Path) -> None:
    """macOS, or version 1."""
    assert usable_cores(tmp_path, tmp_path / "none") == 8


def test_threads_are_a_slot_s_share_of_the_cores() -> None:
    """At least one; a count that the operator set is kept."""
    shared = trial_environment({"MKL_NUM_THREADS": "5"}, (), cores=8, slots=3)
    assert (shared["OMP_NUM_THREADS"], shared["MKL_NUM_THREADS"]) == ("2", "5")
    assert trial_environment({}, (), cores=2, slots=4)["OPENBLAS_NUM_THREADS"] == "1"
