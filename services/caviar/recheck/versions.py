"""Versions of data and code that can be seen from the service's own machine."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from pathlib import Path

from caviar.studies.code_folder import version_of

log = logging.getLogger("caviar.recheck")

_CHUNK = 1 << 20


class Versions:
    """A new version counts where it was there at two looks in a row: a file may be in the middle of being written."""

    def __init__(self) -> None:
        self._hashed: dict[Path, tuple[tuple[int, int, int], str]] = {}
        self._seen: dict[tuple[str, Path], str | None] = {}
        self._unread: set[tuple[str, str]] = set()
        """Files that cannot be read, which was told."""

    def of_file(self, study: str, folder: str, name: str, *, first: bool) -> str | None:
        """``sha256:`` and the hash of a file inside ``folder``; None while there is none, or it has just changed.

        Each study looks for itself: two looks of two studies at one file in one moment say nothing.
        """
        root = Path(folder)
        try:
            path = (root / name).resolve(strict=True)
            path.relative_to(root.resolve())  # a link may lead out of it
            about = path.stat()
            if not stat.S_ISREG(about.st_mode):  # to open a pipe would wait for good
                raise ValueError("it is no plain file")
            mark = (about.st_mtime_ns, about.st_size, about.st_ino)
            known = self._hashed.get(path)
            if known is None or known[0] != mark:
                known = self._hashed[path] = (mark, f"sha256:{_hash(path)}")
        except (OSError, ValueError) as error:
            if (study, name) not in self._unread:
                log.warning("%s in %s cannot be read: %s", name, folder, error)
            self._unread.add((study, name))
            return None
        self._unread.discard((study, name))
        return self._stable((study, path), known[1], first)

    def of_code(self, study: str, folder: str, *, first: bool) -> str | None:
        """The git commit of ``folder``; None outside a repository, and while something in it is not committed."""
        version = version_of(Path(folder))
        if version is not None and version.endswith("-dirty") and not first:
            version = None
        return self._stable((study, Path(folder)), version, first)

    def _stable(self, place: tuple[str, Path], version: str | None, first: bool) -> str | None:
        before, self._seen[place] = self._seen.get(place), version
        return version if first or version == before else None


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
