"""A code bundle: plain files in a tar, made the same byte by byte from the same files on any machine.

Its name is the SHA-256 of the tar, not of the compressed data: two versions of zlib compress differently. Whoever
opens one trusts nothing in it: no links, no devices, no path that leads out, and no more than the limits.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

MOST_FILES = 10_000
MOST_BYTES = 100_000_000
"""Of the tar."""
MOST_COMPRESSED = 25_000_000
LONGEST_PATH = 1_000
"""Bytes of a file's path."""
_LONGEST_NAME = 255
_LONGEST_HEADER = 4_096
_BLOCK = 512
_GZIP = 31
_PIECE = 1_000_000


class BundleError(ValueError):
    """An archive that is no bundle, or is beyond the limits. The message says why."""


@dataclass(frozen=True, slots=True)
class File:
    """``path`` is relative, with slashes."""

    path: str
    content: bytes
    executable: bool = False


def checked_path(name: str) -> PurePosixPath:
    """``name`` where it leads to a file inside of a folder, whatever the system. Raises BundleError."""
    path = PurePosixPath(name)
    plain = str(path) == name and not path.is_absolute() and ".." not in path.parts
    readable = all(character.isprintable() for character in name)
    if not plain or not readable or name in ("", ".") or "\\" in name:
        raise BundleError(f"{name[:200]!r} is no path of a file inside of a folder")
    if path.parts[0].endswith(":") or path.parts[0][1:2] == ":":
        raise BundleError(f"{name[:200]!r} begins with a drive")
    longest = max(len(part.encode()) for part in path.parts)
    if len(name.encode()) > LONGEST_PATH or longest > _LONGEST_NAME:
        raise BundleError(f"{name[:200]!r} is too long a path")
    return path


def pack(files: Iterable[File]) -> tuple[str, bytes]:
    """The digest and the compressed archive. Raises BundleError for a path that leads nowhere."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as out:
        for file in sorted(files, key=lambda file: file.path.encode("utf-8", "surrogatepass")):
            about = tarfile.TarInfo(str(checked_path(file.path)))
            about.size = len(file.content)
            about.mode = 0o755 if file.executable else 0o644
            out.addfile(about, io.BytesIO(file.content))
    plain = tar.getvalue()
    compress = zlib.compressobj(wbits=_GZIP)
    return hashlib.sha256(plain).hexdigest(), compress.compress(plain) + compress.flush()


def unpack(data: bytes, digest: str) -> Iterator[File]:
    """The files of the archive called ``digest``. Raises BundleError, before the first file or at any later one."""
    plain = _decompressed(data)
    if hashlib.sha256(plain).hexdigest() != digest:
        raise BundleError(f"its content is not that of {digest[:12]}")
    _plain_headers(plain)
    return _files(plain)


def check(data: bytes, digest: str) -> int:
    """How many files the archive holds. Raises BundleError as ``unpack`` does."""
    return sum(1 for _ in unpack(data, digest))


def _decompressed(data: bytes) -> bytes:
    if len(data) > MOST_COMPRESSED:
        raise BundleError(f"it has more than {MOST_COMPRESSED:,} bytes, compressed")
    decompress = zlib.decompressobj(wbits=_GZIP)
    pieces: list[bytes] = []
    size, rest = 0, data
    try:
        while rest and not decompress.eof:
            piece = decompress.decompress(rest, _PIECE)
            size += len(piece)
            if size > MOST_BYTES:
                raise BundleError(f"it has more than {MOST_BYTES:,} bytes")
            pieces.append(piece)
            rest = decompress.unconsumed_tail
    except zlib.error:
        raise BundleError("it is not compressed as a bundle is") from None
    if not decompress.eof or decompress.unused_data:
        raise BundleError("it is cut off, or goes on after its end")
    return b"".join(pieces)


def _plain_headers(plain: bytes) -> None:
    """Raises BundleError where a header is neither a file's nor a long name's, before anything is made of it."""
    at = 0
    while at + _BLOCK <= len(plain) and plain[at] != 0:
        kind, octal = plain[at + 156 : at + 157], plain[at + 124 : at + 135]
        if not octal.isdigit():
            raise BundleError("it is no tar: a size is none")
        size = int(octal, 8)
        if kind not in (b"0", b"x") or (kind == b"x" and size > _LONGEST_HEADER):
            raise BundleError("it holds something that is no plain file")
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
    if at > len(plain) or plain[at:].strip(b"\0"):
        raise BundleError("it is cut off, or goes on after its end")


def _files(plain: bytes) -> Iterator[File]:
    seen: set[str] = set()
    folders: set[str] = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:", encoding="utf-8") as tar:
            for member in tar:
                path = checked_path(member.name)
                if member.type != tarfile.REGTYPE or member.issparse():
                    raise BundleError(f"{member.name!r} is no plain file")
                above = {str(parent) for parent in path.parents}
                if member.name in seen or member.name in folders or above & seen:
                    raise BundleError(f"{member.name!r} is there twice")
                seen.add(member.name)
                folders |= above
                if len(seen) > MOST_FILES:
                    raise BundleError(f"it holds more than {MOST_FILES:,} files")
                content = tar.extractfile(member)
                data = b"" if content is None else content.read()
                if len(data) != member.size:
                    raise BundleError(f"{member.name!r} is cut off")
                yield File(member.name, data, bool(member.mode & 0o100))
    except (tarfile.TarError, ValueError, OverflowError, RecursionError, EOFError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"it is no tar: {str(error)[:200]}") from None
