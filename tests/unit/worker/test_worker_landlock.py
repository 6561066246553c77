"""User code of the worker's own user cannot open the files that hold the worker's secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from caviar_worker.landlock import available

pytestmark = pytest.mark.skipif(not available(), reason="the kernel has no Landlock")

ATTEMPTS = """
import os, subprocess, sys
from pathlib import Path
from caviar_worker.landlock import forbid_reading
folder = Path(sys.argv[1])
secret, beside = folder / "secrets" / "token", folder / "other"
forbid_reading([secret])

def refused(action):
    try:
        action()
    except OSError:
        return True
    return False

assert refused(secret.read_text), "it was read"
assert refused(lambda: os.open(secret, os.O_RDWR)), "it was opened for reading and writing"
(beside / "link").symlink_to(secret)
assert refused((beside / "link").read_text), "it was read through a link"
assert refused(Path(f"/proc/self/root{secret}").read_text), "it was read by another way"
os.link(secret, folder / "secrets" / "hard")
assert refused((folder / "secrets" / "hard").read_text), "it was read through a hard link"
assert refused(lambda: os.link(secret, beside / "hard")) , "it was linked to where all can be read"
assert subprocess.run(["cat", str(secret)], capture_output=True).returncode != 0, "a child read it"
assert Path("/proc/self/status").read_text()
(beside / "a").mkdir()
(beside / "file").write_text("mine")
os.rename(beside / "file", beside / "a" / "file")
assert (beside / "a" / "file").read_text() == "mine"
"""


def test_a_hidden_file_cannot_be_read_and_all_else_can(tmp_path: Path) -> None:
    """Not by its name, a link, /proc or a child; other files are read, written and moved as before."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("the-token")
    (tmp_path / "other").mkdir()
    command = [sys.executable, "-c", ATTEMPTS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
