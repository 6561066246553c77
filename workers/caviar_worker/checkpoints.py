"""Checkpoints that are whole or absent: keyed by attempt, with the size and a checksum of every file.

A manifest is hostile until it is checked, whoever wrote it: user code, another host, a store.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from caviar_worker import room

MANIFEST = "manifest.json"
_LONGEST_MANIFEST = 16_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose files were verified. ``path`` is its folder; read only."""

    step: int
    path: Path
    value: float | None = None
    """The study's metric as it was reported last before the checkpoint was saved."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the manifest has it. ``size`` in bytes."""

    size: int
    sha256: str


class NotPlain(Exception):
    """What lies there is no checkpoint, or one with links in it."""


class NoRoom(OSError):
    """The disk has no room for another checkpoint. The earlier ones are as they were."""


def save(
    root: Path,
    attempt: int,
    step: int,
    fill: Callable[[Path], None],
    keep: int = 2,
    value: float | None = None,
) -> Checkpoint:
    """Write ``root/<attempt>/<step>`` with what ``fill`` puts into an empty folder; keep the newest ``keep``.

    Every file is on the disk before the rename makes the checkpoint visible, so a kill at any moment
    leaves the earlier checkpoints as they were. Raises NoRoom where the disk is full, ValueError for a link or for a
    file with the manifest's name, and what ``fill`` raises.
    """
    home = root / str(attempt)
    draft = home / f".draft-{step}"
    final = home / str(step)
    try:
        home.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        fill(draft)
        _seal(draft, attempt, step, value)
        if final.exists():  # the same step saved twice: the newer replaces the older
            shutil.rmtree(final)
        draft.rename(final)
        _sync(home)
    except BaseException as error:
        # Looked at before the draft is removed: libraries say in words of their own that a disk is full.
        full = room.no_room(error) or (isinstance(error, Exception) and room.is_full(root.parent))
        shutil.rmtree(draft, ignore_errors=True)
        if full:
            text = f"The disk is full: the checkpoint of step {step} was not kept."
            raise NoRoom(text) from error
        raise
    kept = list(saved(root, attempt))
    begun = next((path for number, _, path in kept if number == 0), None)
    for place in surplus([at for _, at, _ in kept], keep):
        if kept[place][2] != begun:  # it can always go back to where it began
            shutil.rmtree(kept[place][2], ignore_errors=True)
    return Checkpoint(step, final, value)


def surplus(steps: Sequence[int], keep: int) -> list[int]:
    """Which places of ``steps``, the newest first, are to go, so that at most ``keep`` stay.

    The newer half stays as it is. Of the older ones those go first whose neighbours are close for how far back they
    are, so that one can go back far, in steps that grow with the distance; the oldest stays.
    """
    left = list(range(len(steps)))
    dense = (keep + 1) // 2
    gone = []
    while len(left) > keep:
        if keep <= 2:
            gone.append(left.pop())
            continue
        inner = range(dense, len(left) - 1)

        def closeness(at: int) -> float:
            back = max(1, steps[left[0]] - steps[left[at]])
            return abs(steps[left[at - 1]] - steps[left[at + 1]]) / back

        gone.append(left.pop(min(inner, key=closeness)))
    return gone


def newest(root: Path, attempt: int) -> Checkpoint | None:
    """The newest checkpoint that verifies, of this attempt or an earlier one."""
    for number, step, path in saved(root, attempt):
        if verified(path, number, step):
            return Checkpoint(step, path, _value(path / MANIFEST))
    return None


def saved(root: Path, attempt: int) -> Iterator[tuple[int, int, Path]]:
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


def verified(path: Path, attempt: int, step: int) -> bool:
    """Whether the folder holds every file of its manifest, whole, and none of them is a link."""
    try:
        files = read_manifest(path / MANIFEST, attempt, step)
        place = path.resolve()
        return all(
            (path / name).resolve() == place / name
            and (path / name).is_file()
            and (path / name).stat().st_size == entry.size
            and _digest(path / name) == entry.sha256
            for name, entry in files.items()
        )
    except (OSError, ValueError):
        return False


def link(path: Path, to: Path, attempt: int, step: int) -> None:
    """Put the checkpoint's files, as hard links, into the new folder ``to``, which is nobody's but ours.

    Whoever owns ``path`` may be changing it in this moment: no link in it is ever followed. Raises FileNotFoundError
    where it goes away meanwhile, NotPlain for what is no checkpoint of plain files.
    """
    to.mkdir()
    try:
        _link_file(path, MANIFEST, to)
        for name in read_manifest(to / MANIFEST, attempt, step):
            _link_file(path, name, to)
    except (NotADirectoryError, ValueError) as error:
        raise NotPlain(str(error)) from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise NotPlain(str(error)) from None


def _link_file(root: Path, name: str, to: Path) -> None:
    """Link ``root/name`` to ``to/name``, where each folder on the way and the file itself are what they seem."""
    *folders, last = PurePosixPath(name).parts
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open(root, flags)
    try:
        for folder in folders:
            inner = os.open(folder, flags, dir_fd=here)
            os.close(here)
            here = inner
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(last, target, src_dir_fd=here, follow_symlinks=False)
    finally:
        os.close(here)
    if not stat.S_ISREG(target.lstat().st_mode):
        target.unlink()
        raise NotPlain(f"{name} is no plain file")


def read_manifest(path: Path, attempt: int, step: int) -> dict[str, Entry]:
    """The files that a checkpoint is made of, by their relative paths.

    Raises OSError where it cannot be read, ValueError where it is no manifest of this attempt and step, or names a
    file outside of the checkpoint's folder.
    """
    if path.stat().st_size > _LONGEST_MANIFEST:
        raise ValueError("The manifest is too long.")
    match json.loads(path.read_bytes()):
        case {"v": 1, "attempt": int(number), "step": int(at), "files": dict(files)} if (
            number,
            at,
        ) == (attempt, step):
            return {_inside(name): _entry(entry) for name, entry in files.items()}
    raise ValueError("The manifest is not one of this checkpoint.")


def numbers_of(manifest: Path) -> tuple[int, int]:
    """The attempt and the step that a manifest says it is of. Raises OSError, or ValueError where it is none."""
    if manifest.stat().st_size <= _LONGEST_MANIFEST:
        match json.loads(manifest.read_bytes()):
            case {"v": 1, "attempt": int(attempt), "step": int(step)} if attempt >= 0 <= step:
                return attempt, step
    raise ValueError("The manifest is not one of a checkpoint.")


def _value(manifest: Path) -> float | None:
    """None in manifests of earlier versions."""
    found = json.loads(manifest.read_bytes()).get("value")
    return found if isinstance(found, float) and math.isfinite(found) else None


def _inside(name: str) -> str:
    """``name`` where it is a plain relative path, as ``save`` writes it."""
    path = PurePosixPath(name)
    plain = str(path) == name and not path.is_absolute() and ".." not in path.parts
    if not plain or name in ("", ".", MANIFEST) or "\0" in name or "\\" in name:
        raise ValueError(f"{name!r:.200} is no file of a checkpoint.")
    return name


def _entry(raw: object) -> Entry:
    match raw:
        case {"size": int(size), "sha256": str(digest)} if size >= 0 and _SHA256.fullmatch(digest):
            return Entry(size, digest)
    raise ValueError("The manifest says nothing of a file's size and checksum.")


def _seal(draft: Path, attempt: int, step: int, value: float | None) -> None:
    """Write the manifest of what lies in ``draft``, and all of it to the disk."""
    files = {}
    for path in sorted(draft.rglob("*")):
        name = path.relative_to(draft).as_posix()
        if path.is_symlink():
            raise ValueError(
                f"{name} is a link: a checkpoint holds plain files, so that it can move."
            )
        if path.is_file():
            files[_inside(name)] = {"size": path.stat().st_size, "sha256": _digest(path)}
            _sync(path)
    manifest = draft / MANIFEST
    about = {"v": 1, "attempt": attempt, "step": step, "files": files}
    if value is not None and math.isfinite(value):
        about["value"] = value
    manifest.write_text(json.dumps(about))
    _sync(manifest)
    _sync(draft)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
