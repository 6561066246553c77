"""A folder of code as a bundle: what git would keep, no links that lead out, nothing that looks like a secret."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from caviar.contract.bundle import (
    MOST_BYTES,
    MOST_COMPRESSED,
    MOST_FILES,
    BundleError,
    File,
    checked_path,
    pack,
)
from caviar.errors import InputError, Problem

GIT_S = 30.0
VERSION_S = 5.0
_NEVER = {".git", ".hg", ".svn", "__pycache__"}
_SECRETS = (
    *(".env", ".env.*", ".netrc", ".pypirc", ".git-credentials", "*.pem", "*.p12", "*.pfx"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".aws", ".ssh", ".gnupg", ".kube"),
)
_HARMLESS = (".env.example", ".env.template", ".env.sample")
_NAMED = 5
"""Files that a message names."""


@dataclass(frozen=True, slots=True)
class Code:
    """``data`` is the archive called ``digest``; ``left_out`` looked like secrets."""

    digest: str
    data: bytes
    files: int
    left_out: tuple[str, ...]


def read_code(folder: Path) -> Code:
    """The code in ``folder``: in a git repository what git tracks or would, elsewhere all but what ``.gitignore`` says.

    Raises InputError: the folder is none or holds nothing, a link leads out of it, or it is beyond the limits.
    """
    if not folder.is_dir():
        raise _wrong(f"there is no folder {folder}")
    names = _by_git(folder)
    found = sorted(_by_ignore_files(folder) if names is None else names)
    wanted = [name for name in found if not _NEVER & set(Path(name).parts)]
    secret = [name for name in wanted if _looks_secret(folder, name)]
    chosen = [(name, _place(folder, name)) for name in wanted if name not in set(secret)]
    if not chosen:
        raise _wrong(f"there is nothing to send in {folder}", "Does .gitignore name all of it?")
    _refuse_large([(path.stat().st_size, name) for name, path in chosen])
    try:
        files = [
            File(str(checked_path(name)), path.read_bytes(), os.access(path, os.X_OK))
            for name, path in chosen
        ]
        digest, data = pack(files)
    except BundleError as error:
        raise _wrong(str(error), "Rename it.") from None
    except OSError as error:
        raise _wrong(f"{error.filename} cannot be read: {error.strerror}") from None
    if len(data) > MOST_COMPRESSED:
        sizes = [(len(file.content), file.path) for file in files]
        raise _too_large(f"{len(data):,} bytes, compressed; the most is {MOST_COMPRESSED:,}", sizes)
    return Code(digest, data, len(files), tuple(secret))


def version_of(folder: Path) -> str | None:
    """The git commit that ``folder`` is at, with ``-dirty`` for changes in it; None outside a repository."""

    def git(*words: str) -> str:
        answer = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=VERSION_S,
            check=True,
        )
        return answer.stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        return f"{commit}-dirty" if git("status", "--porcelain", "--", ".") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _by_git(folder: Path) -> list[str] | None:
    """What git tracks in the folder or would track; None where there is no git, or no repository."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=GIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    names = {os.fsdecode(name) for name in answer.stdout.split(b"\0") if name}
    # A deleted file is still in git's index; a submodule is a folder there.
    return [name for name in names if (folder / name).is_symlink() or (folder / name).is_file()]


def _by_ignore_files(folder: Path) -> Iterator[str]:
    """All files but those that a ``.gitignore`` in their folder or above it, within ``folder``, leaves out."""
    from pathspec import GitIgnoreSpec

    specs: list[tuple[str, GitIgnoreSpec]] = []
    for here, folders, files in os.walk(folder):
        at = os.path.relpath(here, folder)
        prefix = "" if at == "." else f"{Path(at).as_posix()}/"
        if ".gitignore" in files:
            lines = (Path(here) / ".gitignore").read_text("utf-8", "replace").splitlines()
            specs.append((prefix, GitIgnoreSpec.from_lines(lines)))

        def ignored(name: str) -> bool:
            verdict = False
            for above, spec in specs:
                if name.startswith(above):
                    said = spec.check_file(name[len(above) :]).include
                    verdict = verdict if said is None else said
            return verdict

        links = [name for name in folders if (Path(here) / name).is_symlink()]
        folders[:] = [
            name
            for name in folders
            if name not in links and name not in _NEVER and not ignored(f"{prefix}{name}/")
        ]
        yield from (f"{prefix}{name}" for name in (*files, *links) if not ignored(prefix + name))


def _place(folder: Path, name: str) -> Path:
    """Where the file lies: behind a link, where that is within the folder. Raises InputError where it is not."""
    path = folder / name
    if not path.is_symlink():
        return path
    target = path.resolve()
    if not target.is_relative_to(folder.resolve()) or not target.is_file():
        raise _wrong(
            f"{name} is a link that leads to no file within the folder",
            "Remove it, or put it into .gitignore.",
        )
    return target


def _looks_secret(folder: Path, name: str) -> bool:
    parts = {*Path(name).parts, (folder / name).resolve().name}
    return any(
        fnmatchcase(part.lower(), pattern) for part in parts - {*_HARMLESS} for pattern in _SECRETS
    )


def _refuse_large(sizes: list[tuple[int, str]]) -> None:
    total = sum(size for size, _ in sizes)
    if len(sizes) > MOST_FILES:
        raise _too_large(f"{len(sizes):,} files; the most is {MOST_FILES:,}", sizes)
    if total > MOST_BYTES:
        raise _too_large(f"{total:,} bytes; the most is {MOST_BYTES:,}", sizes)


def _too_large(what: str, sizes: list[tuple[int, str]]) -> InputError:
    largest = ", ".join(f"{name} ({size:,})" for size, name in sorted(sizes, reverse=True)[:_NAMED])
    return _wrong(f"it is {what}. The largest: {largest}", "Put what is no code into .gitignore.")


def _wrong(reason: str, way_out: str = "") -> InputError:
    return InputError(Problem(("--code",), reason, way_out))
