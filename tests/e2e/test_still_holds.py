"""A result that is kept fresh, from the command line: the data change, a check says so, another one is promoted."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from tests.support.command_line import Caviar, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

TRAINER = """
import json, random, time
from pathlib import Path

def train(trial):
    at = json.loads((Path(__file__).parent / "data.json").read_text())
    time.sleep(0.05)
    return (trial.params["x"] - at) ** 2 + random.Random(trial.seed).gauss(0.0, 0.02)
"""
STUDY = """
name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: -1.0, high: 1.0}
budget: {trials: 24}
confirm: 2
stop: none
recheck: {data: {file: data.json}, when_moved: propose}
"""


@pytest.fixture
def caviar(tmp_path: Path) -> Iterator[Caviar]:
    made = Caviar(tmp_path)
    yield made
    made.close()


def test_a_champion_is_checked_tuned_again_promoted_and_comes_back(caviar: Caviar) -> None:
    """Verdicts are exit codes, MLflow has the champion, and after the database is lost all of it is there again."""
    (caviar.folder / "bowl.py").write_text(TRAINER)
    (caviar.folder / "study.yaml").write_text(STUDY)
    (caviar.folder / "data.json").write_text("-0.4")
    up = started(caviar)
    code, out, err = caviar.run("submit", "study.yaml", "--json")
    assert code == 0, err
    study = json.loads(out)["id"]

    def told(*words: str) -> Any:
        code, out, err = caviar.run(*words, "--json")
        assert code == 0, err + caviar.logs()
        return json.loads(out)

    def champions() -> list[dict[str, Any]]:
        return list(told("history", study)["champions"])

    wait_for(champions, "the first champion")
    code, out, err = caviar.run("recheck", study, "--wait")
    assert code in (0, 4), out + err  # on a few trainings it may not be told
    (caviar.folder / "data.json").write_text("0.6")
    wait_for(lambda: len(champions()) == 2, "one is proposed")
    history = told("history", study)
    verdicts = [check["verdict"]["word"] for check in history["checks"]]
    assert verdicts[-1] == "moved"
    assert history["checks"][-1]["causes"] == ["data"]
    assert history["champions"][1]["params"]["x"] == pytest.approx(0.6, abs=0.3)

    code, out, err = caviar.run("champion", study, "--promote", "--why", "new year")
    assert code == 0, err
    states = ["former", "champion"]
    assert [row["state"] for row in champions()] == states

    uri, run = mlflow_of(caviar, study)
    client = MlflowClient(uri)
    wait_for(lambda: states_in(client, run) == states, "MLflow has the new champion")
    assert json.loads(client.get_run(run).data.tags["caviar.champion"])["number"] == 2
    assert "history.svg" in artifacts(client, run)

    def verdict_is_told() -> bool:
        """The run of a check is made beside it, and its verdict written there after that."""
        checked = told("history", study)["checks"][-1]["run_id"]
        return bool(checked) and "check.svg" in artifacts(client, checked)

    wait_for(verdict_is_told, "the check's own run has its picture")
    checked = told("history", study)["checks"][-1]["run_id"]
    assert client.get_run(checked).data.tags["caviar.verdict"] == "moved"

    for each in told("studies"):  # what MLflow does not have cannot come back
        _, of_it = mlflow_of(caviar, each["id"])
        wait_for(lambda of_it=of_it: "summary.json" in artifacts(client, of_it), "it is complete")
    up.terminate()
    up.communicate()
    for path in caviar.home.glob("caviar.db*"):
        path.unlink()
    code, out, err = caviar.run("rebuild", "--json")
    assert code == 0, err
    started(caviar)
    back = told("history", study)
    assert [row["state"] for row in back["champions"]] == states
    assert [check["verdict"]["word"] for check in back["checks"]] == verdicts
    assert back["policy"] is None, "what MLflow says starts nothing by itself"
    code, out, err = caviar.run("champion", study, "--rollback")
    assert code == 0, err
    assert [row["state"] for row in champions()] == states[::-1]


def started(caviar: Caviar) -> subprocess.Popen[str]:
    up = caviar.start("up", "--workers", "2")
    wait_for(lambda: caviar.run("studies")[0] == 0, "the service answers")
    return up


def mlflow_of(caviar: Caviar, study: str) -> tuple[str, str]:
    """The tracking server, and the study's run, which is made in the background."""

    def found() -> tuple[str, str] | None:
        code, out, err = caviar.run("show", study, "--json")
        assert code == 0, err
        about = json.loads(out)["mlflow"]
        return (about["uri"], about["run_id"]) if about["run_id"] else None

    uri, run = wait_for(found, "the study has a run")
    return uri, run


def artifacts(client: MlflowClient, run: str) -> set[str]:
    return {each.path for each in client.list_artifacts(run)}


def states_in(client: MlflowClient, run: str) -> list[str]:
    """Of the champions, in the file that they come back from."""
    if "recheck.json" not in artifacts(client, run):
        return []
    with tempfile.TemporaryDirectory() as folder:
        text = Path(client.download_artifacts(run, "recheck.json", folder)).read_text()
    return [row["state"] for row in json.loads(text)["champions"]]
