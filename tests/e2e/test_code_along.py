"""`caviar submit --code`: the code travels, and each study trains what it brought."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Caviar, mlflow_trial_runs, wait_for

pytestmark = pytest.mark.real

TRAIN = """
import pathlib

import settings


def main(trial):
    assert not pathlib.Path("data.bin").exists()
    assert not pathlib.Path("seen").exists(), "another trial wrote here"
    pathlib.Path("seen").write_text("x")
    return settings.VALUE + float(pathlib.Path("offset.txt").read_text())
"""
STUDY = """
name: {name}
metric: {{name: score, goal: maximize}}
trainer: {trainer}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
  word: {{type: categorical, choices: ["--evil", "a b; rm -rf ~"]}}
search: {{strategy: random, seed: 1}}
budget: {{trials: 3}}
stop: none
"""
SCRIPT = """
import sys
import mlflow

words = sys.argv[1:]
assert len(words) == 2 and words[0] == "--x", words
assert words[1] in ("--evil", "a b; rm -rf ~"), words
mlflow.log_metric("score", 3.0)
"""


@pytest.fixture
def caviar(tmp_path: Path) -> Iterator[Caviar]:
    made = Caviar(tmp_path)
    yield made
    made.close()


def code(folder: Path, value: int) -> Path:
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "script.py").write_text(SCRIPT)
    (folder / "settings.py").write_text(f"VALUE = {value}\n")
    (folder / "offset.txt").write_text("0.5")
    (folder / ".gitignore").write_text("*.bin\n")
    (folder / "data.bin").write_bytes(bytes(1000))
    (folder / ".env").write_text("KEY=secret")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def submit(caviar: Caviar, name: str, trainer: str, folder: Path) -> tuple[dict[str, Any], str]:
    file = caviar.folder / f"{name}.yaml"
    file.write_text(STUDY.format(name=name, trainer=trainer))
    status, out, err = caviar.run("submit", str(file), "--code", str(folder), "--json")
    assert status == 0, out + err
    return json.loads(out), err


def ended(caviar: Caviar, study: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        _, out, _ = caviar.run("show", study, "--json")
        view: dict[str, Any] = json.loads(out)
        return view if view["state"] in ("done", "failed") else None

    found: dict[str, Any] = wait_for(look, f"{study} ends", 240)
    return found


@pytest.mark.timeout(
    600
)  # a command waits for MLflow, whose server starts slowly on a busy machine
def test_each_study_trains_the_code_that_it_brought(caviar: Caviar) -> None:
    """Modules of one name in two bundles do not meet; trials do not see what others wrote; words stay words."""
    caviar.start("up", "--workers", "2")
    wait_for((caviar.home / "service.json").exists, "the service is up")
    one, two = code(caviar.folder / "one", 1), code(caviar.folder / "two", 2)
    function = '{function: "train:main"}'
    first, said = submit(caviar, "first", function, one)
    assert ".env" in said
    second, _ = submit(caviar, "second", function, two)
    command = f'{{command: ["{sys.executable}", script.py, --x, "{{word}}"]}}'
    third, _ = submit(caviar, "third", command, two)
    shutil.rmtree(one)
    values = {}
    for name, answer in (("first", first), ("second", second), ("third", third)):
        view = ended(caviar, answer["id"])
        assert view["state"] == "done", view["failures"]
        values[name] = view["best"]["value"]
        assert view["counts"]["done"] == 3
    assert values == {"first": 1.5, "second": 2.5, "third": 3.0}
    assert len(mlflow_trial_runs(caviar.home, first["id"])) == 3
