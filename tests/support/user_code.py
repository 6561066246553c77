"""A user's module, written into a folder: what real processes train in tests."""

from __future__ import annotations

from pathlib import Path

from caviar.contract.messages import Trainer

SOURCE = '''
import os, random, signal, subprocess, sys, time


def quick(trial):
    for step in range(10):
        trial.report(step, score=step / 10)
    return {"score": 0.95, "test": 0.9}


def broken(trial):
    print("about to break")
    raise RuntimeError("it broke")


def nan(trial):
    return float("nan")


def segfault(trial):
    trial.report(0, score=0.1)
    os.kill(os.getpid(), signal.SIGSEGV)


def chance(trial):
    return random.random()


def look(trial):
    """Report nothing secret: only the names of what this process can see."""
    print("ENV " + " ".join(sorted(os.environ)))
    print("CWD " + os.getcwd())
    print("SESSION", os.getsid(0) == os.getpid())
    return 1.0


def polite(trial):
    trial.report(0, score=0.5)
    while not trial.should_stop():
        time.sleep(0.02)
    return 0.6


def deaf(trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    trial.report(0, score=0.5)
    time.sleep(600)


def family(trial):
    """A trial with a child that outlives everything unless its group is killed."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code])
    trial.report(0, score=0.5)
    child.wait()


def steady(trial):
    """Forty steps of the same value; the file ``go`` beside the module lets them pass the third."""
    for step in range(40):
        trial.report(step, score=trial.params["x"])
        if trial.should_stop():
            break
        while step == 1 and trial.params.get("waits") and not os.path.exists("go"):
            time.sleep(0.02)


def waits(trial):
    """The file ``go`` beside the module lets it end."""
    trial.report(0, score=0.5)
    while not os.path.exists("go"):
        time.sleep(0.02)


def stubborn(trial):
    for step in range(40):
        trial.report(step, score=trial.params["x"])
    time.sleep(600)


def resumes(trial):
    """Crash once after step 2, then go on from the checkpoint."""
    found = trial.load_checkpoint()
    start = 0 if found is None else found.step + 1
    for step in range(start, 6):
        trial.report(step, score=step / 10)
        trial.save_checkpoint(step, lambda folder: (folder / "weights").write_text(str(step)))
        if trial.attempt == 1 and step == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return 0.5
'''

SLOW_IMPORT = """
import os, time

with open("importing.new", "w") as file:
    file.write(str(os.getpid()))
os.rename("importing.new", "importing")
while not os.path.exists("go"):
    time.sleep(0.02)


def train(trial):
    return 1.0
"""
"""Its import says which process it is in, and waits for the file ``go`` beside the module."""


def write_user_code(folder: Path) -> Path:
    folder.mkdir()
    (folder / "users_trainer.py").write_text(SOURCE)
    (folder / "wrong_import.py").write_text("import a_module_that_is_missing\n")
    (folder / "slow_import.py").write_text(SLOW_IMPORT)
    return folder


def trainer(folder: Path, name: str) -> Trainer:
    return Trainer(function=f"users_trainer:{name}", folder=str(folder))
