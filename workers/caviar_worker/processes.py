"""Who dies with whom. Linux does it in the kernel; elsewhere a thread watches the parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def die_with_parent(parent: int, *, watch: bool = True) -> None:
    """Let this process be killed when ``parent`` ends, however it ends.

    Call it first thing: a parent that died before the call is noticed by the changed parent id.
    The kernel's signal follows the parent's *thread* that forked, which must be one that lives.
    ``watch`` allows the thread that stands in for the kernel where it is not Linux.
    """
    if _LINUX:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    elif watch:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def be_nice(pid: int, niceness: int) -> None:
    """Lower the priority of a session's leader and its children to come.

    Desktop Linux groups processes by session and shares the processor between the groups (sched(7), autogroup):
    there the group's own niceness counts as well.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness))


def be_killed_first() -> None:
    """Let the kernel choose this process and its children to come when memory runs out, not what serves them.

    As if it held half of the machine's memory more than it does (proc(5), oom_score_adj).
    """
    if _LINUX:
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")


def adopt_orphans() -> None:
    """Make descendants whose parent died children of this process, so that it can reap them."""
    if _LINUX:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)


def started_at(pid: int) -> int | None:
    """When ``pid`` started, in clock ticks since boot; None where it is gone, a zombie or unknown.

    A pair (pid, start) names a process for good: a recycled pid has another start.
    Source: field 22 of /proc/PID/stat, proc(5).
    """
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in ("Z", "X") else None


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()  # the name in parentheses may hold anything


def boot_id() -> str:
    """Changes with every start of the machine; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def alive(pid: int, start: int | None) -> bool:
    """Whether the very process (pid, start) still runs. Without a start only the pid is asked."""
    if _LINUX:
        return start is not None and started_at(pid) == start
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def kill_group(group: int, number: int = signal.SIGKILL) -> bool:
    """Signal a whole process group. False where nothing of it is left."""
    if group <= 1:
        return False
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def session_members(session: int) -> list[int]:
    """The processes of a session, zombies left out."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields and fields[0] not in ("Z", "X") and int(fields[3]) == session:
            found.append(int(entry.name))
    return found


def kill_recorded_group(pid: int, start: int | None, boot: str, folder: Path) -> int:
    """Kill what is left of a trial's session that an earlier worker wrote down; how many were killed.

    The recorded leader is killed with its group while (pid, start) still names it. Where the leader is
    gone, a member of its session is killed only if it is tied to the trial's ``folder`` by its output,
    its working folder or its environment: nobody else's process is ever touched.
    """
    if not _LINUX or boot != boot_id() or start is None:
        return 0
    if started_at(pid) == start:
        count = len(session_members(pid))
        kill_group(pid)
        return count
    killed = 0
    for member in session_members(pid):
        if _tied_to(member, folder):
            try:
                os.kill(member, signal.SIGKILL)
                killed += 1
            except (ProcessLookupError, PermissionError):
                continue
    return killed


def _tied_to(pid: int, folder: Path) -> bool:
    place = str(folder)
    for link in ("cwd", "fd/1", "fd/2"):
        try:
            target = str(Path(f"/proc/{pid}/{link}").readlink())
        except OSError:
            continue
        if target == place or target.startswith(place + os.sep):
            return True
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"CAVIAR_TRIAL_FOLDER={place}".encode() in environ
