"""Checkpoints that are whole or absent: keyed by attempt, with a checksum of every file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.json"
_KEEP = 2
"""The newest, and the one before it in case the newest is damaged."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose files were verified. ``path`` is its folder; read only."""

    step: int
    path: Path


def save(root: Path, attempt: int, step: int, fill: Callable[[Path], None]) -> Checkpoint:
    """Write ``root/<attempt>/<step>`` with what ``fill`` puts into an empty folder.

    Every file is on the disk before the rename makes the checkpoint visible, so a kill at any moment
    leaves the earlier checkpoints as they were.
    """
    home = root / str(attempt)
    home.mkdir(parents=True, exist_ok=True)
    draft = home / f".draft-{step}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        fill(draft)
        files = {}
        for path in sorted(p for p in draft.rglob("*") if p.is_file()):
            files[str(path.relative_to(draft))] = _digest(path)
            _sync(path)
        manifest = draft / MANIFEST
        manifest.write_text(json.dumps({"v": 1, "step": step, "attempt": attempt, "files": files}))
        _sync(manifest)
        _sync(draft)
        final = home / str(step)
        if final.exists():  # the same step saved twice: the newer replaces the older
            shutil.rmtree(final)
        draft.rename(final)
        _sync(home)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    for _, _, old in list(_all(root, attempt))[_KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
    return Checkpoint(step, final)


def newest(root: Path, attempt: int) -> Checkpoint | None:
    """The newest checkpoint that verifies, of this attempt or an earlier one."""
    for _, step, path in _all(root, attempt):
        if _verified(path):
            return Checkpoint(step, path)
    return None


def _all(root: Path, attempt: int) -> Iterator[tuple[int, int, Path]]:
    """Every (attempt, step, folder) up to ``attempt``, newest first. A later attempt is not ours to see."""
    found = []
    for home in root.glob("[0-9]*"):
        if home.name.isdecimal() and int(home.name) <= attempt:
            found += [
                (int(home.name), int(path.name), path)
                for path in home.iterdir()
                if path.name.isdecimal()
            ]
    yield from sorted(found, reverse=True)


def _verified(path: Path) -> bool:
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        if manifest["v"] != 1:
            return False
        return all(_digest(path / name) == digest for name, digest in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
