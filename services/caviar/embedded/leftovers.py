"""What a service leaves running whose launcher and guard were killed in one moment: noted, ended by the next start."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from caviar_worker.files import read_json, write_json
from caviar_worker.processes import boot_id, kill_recorded_group, started_at


def note(path: Path, groups: Iterable[int], folders: Iterable[Path]) -> None:
    """Write down which process groups and folders there are, by what tells them from a recycled number."""
    about = [[group, started_at(group)] for group in groups]
    write_json(path, {"boot": boot_id(), "groups": about, "folders": [str(f) for f in folders]})


def end(path: Path, home: Path) -> int:
    """Kill what is noted and still there, and remove its folders; how many processes were killed.

    Only a process that is the very one that was noted, or that is of its session and writes into ``home``, is killed.
    """
    noted = read_json(path)
    if noted is None:
        return 0
    killed = 0
    for group, start in noted.get("groups", ()):
        killed += kill_recorded_group(group, start, str(noted.get("boot")), home)
    for folder in noted.get("folders", ()):
        shutil.rmtree(folder, ignore_errors=True)
    path.unlink(missing_ok=True)
    return killed
