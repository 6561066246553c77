"""The code that studies brought along, unpacked once for all slots of the host: ``<root>/bundles/<digest>``.

What lies there was whole when it was renamed into place. It is read-only: each trial works in a copy of its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from caviar.contract.bundle import BundleError, unpack
from caviar_worker.folders import bundles_of, held

KEPT_BYTES = 1_000_000_000
"""Of bundles that no trial uses; the least used go first."""
KEPT_S = 7 * 86_400.0
"""Nor is one kept that was not used for so long."""
_DRAFT = ".draft"


class Bundles:
    """The cache in the worker's folder ``root``; several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._home = bundles_of(root)

    def get(self, digest: str, fetch: Callable[[], bytes]) -> Path:
        """The folder with the bundle's files; ``fetch`` gives its archive where it is not here yet.

        Raises BundleError for an archive that is not what it is called or holds more than plain files; OSError, and
        what ``fetch`` raises.
        """
        place = self._home / digest
        with self._locked():
            if not place.is_dir():
                self._unpack(fetch(), digest, place)
                self._tidy({digest})
            os.utime(place)
        return place

    def _unpack(self, data: bytes, digest: str, place: Path) -> None:
        draft = self._home / _DRAFT
        _remove(draft)
        draft.mkdir(mode=0o755)
        try:
            for file in unpack(data, digest):
                target = draft / file.path
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with os.fdopen(os.open(target, flags, 0o600), "wb") as out:
                    out.write(file.content)
                target.chmod(0o555 if file.executable else 0o444)
            for folder, _, _ in os.walk(draft, topdown=False):
                Path(folder).chmod(0o755 if folder == str(draft) else 0o555)
            draft.rename(place)
            place.chmod(0o555)
        except FileExistsError:  # two names that this file system takes for one
            _remove(draft)
            raise BundleError("two of its files have the same name here") from None
        except BaseException:
            _remove(draft)
            raise

    def _tidy(self, wanted: set[str]) -> None:
        """Remove what nobody used for long, and the least used beyond the bound; never what a trial runs on."""
        for folder in held(self._root):
            trainer = (folder.read_claim() or {}).get("assignment", {}).get("trainer", {})
            wanted.add(str(trainer.get("bundle")))
        idle = [path for path in self._home.iterdir() if path.name not in wanted]
        idle = [path for path in idle if path.is_dir() and not path.name.startswith(".")]
        total, now = 0, time.time()
        for path in sorted(idle, key=lambda path: path.stat().st_mtime, reverse=True):
            total += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            if total > KEPT_BYTES or now - path.stat().st_mtime > KEPT_S:
                _remove(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._home.mkdir(exist_ok=True, mode=0o755)
        handle = os.open(self._home / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _remove(folder: Path) -> None:
    """Remove a bundle, whose folders are read-only."""
    if not folder.exists():
        return
    for each, _, _ in os.walk(folder):
        Path(each).chmod(0o755)
    shutil.rmtree(folder)
