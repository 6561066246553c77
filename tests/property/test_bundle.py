"""Code bundles: the same files give the same name, and an archive that lies leaves nothing anywhere."""

from __future__ import annotations

import io
import tarfile
import zlib
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.contract import bundle
from caviar.contract.bundle import BundleError, File, checked_path, pack, unpack
from caviar_worker.bundles import Bundles

PART = st.text(st.characters(codec="utf-8", exclude_characters="/\\:"), min_size=1, max_size=40)
PATHS = st.lists(PART, min_size=1, max_size=4).map("/".join)


def usable(path: str) -> bool:
    try:
        return bool(checked_path(path))
    except BundleError:
        return False


def apart(paths: list[str]) -> bool:
    return not any(f"{one}/" in f"{other}/" for one in paths for other in paths if one != other)


def any_file(path: str) -> st.SearchStrategy[File]:
    return st.builds(File, st.just(path), st.binary(max_size=50), st.booleans())


FILES = (
    st.lists(PATHS.filter(usable), unique=True, max_size=6)
    .filter(apart)
    .flatmap(
        lambda paths: st.tuples(
            *(st.builds(File, st.just(p), st.binary(max_size=50), st.booleans()) for p in paths)
        )
    )
)


@given(FILES, st.randoms())
def test_the_same_files_are_the_same_bundle_in_any_order(files: tuple[File, ...], random) -> None:  # type: ignore[no-untyped-def]
    """And they come back as they were."""
    shuffled = list(files)
    random.shuffle(shuffled)
    assert pack(files) == pack(shuffled)
    digest, data = pack(files)
    assert sorted(unpack(data, digest), key=lambda file: file.path) == sorted(
        files, key=lambda file: file.path
    )


def test_the_digest_is_the_same_on_any_machine() -> None:
    """It is of the tar's bytes, which depend on nothing but the files: written down here once and for all."""
    digest, _ = pack([File("a.py", b"x = 1\n"), File("sub/run.sh", b"#!/bin/sh\n", True)])
    # pragma: allowlist nextline secret
    assert digest == "818cd4a093344977eb7fb3a082429251157bbb3f776ef48d640f379e469dd781"


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_a_path_that_is_accepted_stays_inside(name: str) -> None:
    """Whatever is written as a path."""
    if usable(name):
        home = Path("/home/of/a/bundle")
        inside = Path(home, name)
        assert inside.is_relative_to(home)
        assert ".." not in inside.parts


@settings(max_examples=200)
@given(st.binary(max_size=2000))
def test_any_bytes_are_a_bundle_or_a_clear_refusal(plain: bytes) -> None:
    """Compressed or not."""
    digest = sha256(plain).hexdigest()
    for data in (plain, squeezed(plain)):
        try:
            list(unpack(data, digest))
        except BundleError:
            continue


@settings(max_examples=200)
@given(st.integers(0, 1535), st.integers(0, 255))
def test_one_changed_byte_of_a_header_is_refused_or_harmless(at: int, byte: int) -> None:
    """The hostile client names the digest itself: it may be that of any bytes."""
    plain = bytearray(unsqueezed(pack([File("a/b.py", b"1"), File("c.py", b"2")])[1]))
    plain[at] = byte
    data = bytes(plain)
    try:
        for file in unpack(squeezed(data), sha256(data).hexdigest()):
            checked_path(file.path)
    except BundleError:
        return


def squeezed(plain: bytes) -> bytes:
    compress = zlib.compressobj(wbits=31)
    return compress.compress(plain) + compress.flush()


def unsqueezed(data: bytes) -> bytes:
    return zlib.decompress(data, wbits=31)


def hostile(*members: tuple[str, bytes, str]) -> tuple[str, bytes]:
    """An archive with members (name, type, link), as no bundle has them."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as out:
        for name, kind, link in members:
            about = tarfile.TarInfo(name)
            about.type, about.linkname = kind, link
            about.size = 4 if kind == tarfile.REGTYPE else 0
            out.addfile(about, io.BytesIO(b"evil") if about.size else None)
    return sha256(tar.getvalue()).hexdigest(), squeezed(tar.getvalue())


ATTACKS = {
    "leads up": [("../evil", tarfile.REGTYPE, "")],
    "leads up inside": [("a/../../evil", tarfile.REGTYPE, "")],
    "absolute": [("/etc/evil", tarfile.REGTYPE, "")],
    "backslash": [("..\\evil", tarfile.REGTYPE, "")],
    "drive": [("C:evil", tarfile.REGTYPE, "")],
    "symlink": [("a", tarfile.SYMTYPE, "/etc/passwd")],
    "symlink, then through it": [("a", tarfile.SYMTYPE, "/tmp"), ("a/evil", tarfile.REGTYPE, "")],
    "hard link": [("a", tarfile.LNKTYPE, "/etc/passwd")],
    "device": [("a", tarfile.CHRTYPE, "")],
    "pipe": [("a", tarfile.FIFOTYPE, "")],
    "folder": [("a", tarfile.DIRTYPE, "")],
    "twice": [("a", tarfile.REGTYPE, ""), ("a", tarfile.REGTYPE, "")],
    "file and folder": [("a", tarfile.REGTYPE, ""), ("a/b", tarfile.REGTYPE, "")],
    "sparse": [("a", tarfile.GNUTYPE_SPARSE, "")],
    "control character": [("a\nb", tarfile.REGTYPE, "")],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_archive_that_attacks_leaves_nothing(tmp_path: Path, attack: str) -> None:
    """Not in the cache, not beside it; a whole bundle is welcome afterwards."""
    digest, data = hostile(*ATTACKS[attack])
    home = tmp_path / "worker"
    home.mkdir()
    with pytest.raises(BundleError):
        Bundles(home).get(digest, lambda: data)
    assert [path.name for path in home.rglob("*")] == ["bundles", ".lock"]
    assert [path.name for path in tmp_path.iterdir()] == ["worker"]
    digest, data = pack([File("a.py", b"1")])
    assert (Bundles(home).get(digest, lambda: data) / "a.py").read_bytes() == b"1"


def test_a_bomb_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the bound is ever decompressed; too many files and too much data are refused as well."""
    bomb = squeezed(bytes(bundle.MOST_BYTES + 2_000_000))
    assert len(bomb) < 200_000
    with pytest.raises(BundleError, match="more than"):
        unpack(bomb, "0" * 64)
    with pytest.raises(BundleError, match="compressed"):
        unpack(bytes(bundle.MOST_COMPRESSED + 1), "0" * 64)
    monkeypatch.setattr(bundle, "MOST_FILES", 3)
    digest, data = pack(File(str(number), b"") for number in range(4))
    with pytest.raises(BundleError, match="more than 3 files"):
        list(unpack(data, digest))


def test_another_content_than_the_name_says_is_refused() -> None:
    """Nor one that is cut off, or goes on."""
    digest, data = pack([File("a.py", b"1")])
    for wrong in (data[:-9], data + b"more", pack([File("a.py", b"2")])[1]):
        with pytest.raises(BundleError):
            unpack(wrong, digest)
