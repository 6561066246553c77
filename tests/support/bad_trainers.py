"""A user's module whose functions train well or misbehave, written into a folder: what the chaos suite trains."""

from __future__ import annotations

from pathlib import Path

SOURCE = '''
import ctypes, os, resource, signal, subprocess, sys, time

time.sleep(0.3)  # what importing a library takes: kills strike in the middle of it


def steady(trial):
    """Five steps of 20 ms."""
    for step in range(5):
        time.sleep(0.02)
        trial.report(step, score=trial.params["x"] + step)


def slow(trial):
    """Fifteen steps of 0.2 s, each with a checkpoint; says where it began."""
    found = trial.load_checkpoint()
    start = 0 if found is None else found.step + 1
    print("began at", start, flush=True)
    for step in range(start, 15):
        time.sleep(0.2)
        trial.report(step, score=trial.params["x"] + step, began=start)
        trial.save_checkpoint(step, lambda folder: (folder / "weights").write_text(str(step)))
        if trial.should_stop():
            return


def waits(trial):
    """Trains until the file ``go`` is beside the module."""
    trial.report(0, score=trial.params["x"])
    while not os.path.exists("go"):
        time.sleep(0.02)


def segfault(trial):
    """The first trial is poison; the others are well."""
    trial.report(0, score=trial.params["x"])
    if trial.number == 0:
        ctypes.string_at(0)


def leak(trial):
    """Takes memory until its limit: Python raises MemoryError."""
    resource.setrlimit(resource.RLIMIT_AS, (700_000_000, 700_000_000))
    kept = []
    while True:
        kept.append(bytearray(10_000_000))


def takes_all(trial):
    """Takes all the memory that there is."""
    kept = []
    while True:
        kept.append(bytearray(20_000_000))


def forks(trial):
    """Leaves children behind that ignore SIGTERM, one of them of a child that ended."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code])
    subprocess.run([sys.executable, "-c",
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {code!r}])"])
    trial.report(0, score=trial.params["x"])


def deaf(trial):
    """Ignores every request to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    trial.report(0, score=trial.params["x"])
    time.sleep(600)


def prints(trial):
    """Prints without end until its time is over: some 60 MB."""
    line = "words " * 1000
    for _ in range(10_000):
        print(line)
    trial.report(0, score=trial.params["x"])


def nan(trial):
    trial.report(0, score=float("nan"))
    return float("nan")


def nothing(trial):
    return None


def silent(trial):
    """Never reports, and returns the value."""
    time.sleep(0.5)
    return trial.params["x"]


def exits(trial):
    os._exit(3)


def raises(trial):
    raise RuntimeError("it broke")
'''


def write_trainers(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chaos_trainer.py").write_text(SOURCE)
    return folder


def function(name: str) -> str:
    return f"chaos_trainer:{name}"
