"""Commands as a person gives them: what is printed where, and the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from caviar.cli import main
from caviar.contract.views import MlflowView, StudyRow, WorkerView
from tests.support.answering_service import Service
from tests.support.studies_made_up import digits_study, trial

STUDY = """name: small
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space: {lr: {type: float, low: 0.1, high: 1.0}}
budget: {trials: 3}
"""

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def known(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with one finished study, which CAVIAR_URL points at."""
    monkeypatch.setenv("CAVIAR_URL", service.url)
    mlflow = MlflowView(uri="http://127.0.0.1:5000", experiment_id="1", run_id="r", closed=True)
    study = digits_study(state="done", ended=1010.0, mlflow=mlflow)
    shown = study.model_dump(exclude={"best"})
    rows = [StudyRow(**shown, done=23, best=0.98611).model_dump(mode="json")]
    dumped = study.model_dump(mode="json")
    service.answers |= {
        "GET /studies": (200, rows),
        f"GET /studies/{study.id}": (200, dumped),
        f"GET /studies/{study.id}/rounds": (200, dumped["rounds"]),
        f"GET /studies/{study.id}/trials": (200, [trial(0).model_dump(mode="json")]),
        f"GET /studies/{study.id}/trials/17": (200, trial(17).model_dump(mode="json")),
        f"GET /studies/{study.id}/trials/17/interventions": (200, []),
        f"POST /studies/{study.id}/pause": (200, dumped),
        "GET /workers": (200, []),
    }
    return service


def test_help_is_quick() -> None:
    """It imports click, and none of the heavy libraries."""
    code = (
        "import sys\nfrom caviar.cli import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'numpy', 'httpx2', 'rich', 'pydantic', 'ruamel', 'mlflow', 'celery'}\n"
        "sys.exit(f'imported {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "caviar run STUDY.yaml" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["studies"],
        *(["show", "digits-mlp"], ["watch", "digits-mlp"], ["best", "digits-mlp"]),
        *(["rounds", "digits-mlp"], ["trial", "show", "digits-mlp/17"], ["workers"]),
        ["pause", "digits-mlp"],
    ],
)
def test_every_reading_command_prints_for_people_and_for_programs(
    command: list[str], known: Service, capsys: Printed
) -> None:
    """With --json, standard output is one JSON value and nothing else."""
    assert main(command) == 0
    assert capsys.readouterr().out.strip()
    assert main([*command, "--json"]) == 0
    json.loads(capsys.readouterr().out)


def test_watch_ends_with_the_result_and_keeps_progress_out_of_json(
    known: Service, capsys: Printed
) -> None:
    """Plain lines go to standard error when standard output is for programs."""
    assert main(["watch", "digits-mlp", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["best"]["trial"] == 17
    assert "trial 0 r0 done" in printed.err
    assert "round r1 shrink" in printed.err


def test_best_of_a_study_without_a_result_is_null(known: Service, capsys: Printed) -> None:
    """A program can tell it from an error."""
    study = digits_study(best=None)
    known.answers[f"GET /studies/{study.id}"] = (200, study.model_dump(mode="json"))
    assert main(["best", "digits-mlp", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) is None


def test_a_wrong_study_file_is_refused_before_anything_starts(
    tmp_path: Path, capsys: Printed
) -> None:
    """Exit code 2, the line and a suggestion; no folder of a service appears."""
    file, home = tmp_path / "s.yaml", tmp_path / "home"
    file.write_text(STUDY.replace("minimize", "minimum"))
    assert main(["run", str(file), "--home", str(home)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "line 2, metric.goal: 'minimum' is not known" in printed.err
    assert not home.exists()


def test_a_trainer_that_is_not_there_is_refused_with_its_line(
    tmp_path: Path, capsys: Printed
) -> None:
    """Seen without importing anything."""
    (tmp_path / "s.yaml").write_text(STUDY)
    (tmp_path / "train.py").write_text("def mian(trial): ...")
    assert main(["run", str(tmp_path / "s.yaml")]) == 2
    assert capsys.readouterr().err == (
        "line 3, trainer.function: train.py has no 'main'. Did you mean \"train:mian\"?\n"
    )


def test_a_file_that_is_not_there(tmp_path: Path, capsys: Printed) -> None:
    """Named, exit code 2."""
    assert main(["submit", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml: there is no such file" in capsys.readouterr().err


def test_submit_hands_over_the_text_and_the_folder(
    tmp_path: Path, known: Service, capsys: Printed
) -> None:
    """A service on this machine trains from the file's folder; warnings are shown."""
    (tmp_path / "s.yaml").write_text(STUDY)
    (tmp_path / "train.py").write_text("def main(trial): ...")
    answer = {"id": digits_study().id, "resumed": True, "warnings": ["lr is linear"]}
    known.answers["POST /studies"] = (200, answer)
    assert main(["submit", str(tmp_path / "s.yaml")]) == 0
    printed = capsys.readouterr()
    assert "goes on" in printed.out
    assert "warning: lr is linear" in printed.err
    submission = next(body for method, _, _, body in known.requests if method == "POST")
    assert submission["text"] == STUDY
    assert submission["filename"] == "s.yaml"
    assert submission["folder"] == str(tmp_path)


def test_no_service_is_exit_code_1_and_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """One line, no traceback."""
    monkeypatch.delenv("CAVIAR_URL", raising=False)
    monkeypatch.setenv("CAVIAR_HOME", str(tmp_path))
    assert main(["studies"]) == 1
    assert "caviar up" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [["nonsense"], ["run"], ["trial", "keep", "digits-mlp"], ["run", "x.yaml", "--workers", "0"]],
)
def test_a_wrong_command_line_is_exit_code_2(command: list[str], capsys: Printed) -> None:
    """As for every other wrong input."""
    assert main(command) == 2
    assert capsys.readouterr().err


def test_a_point_of_ones_own(known: Service, capsys: Printed) -> None:
    """The words go as they are: the service knows the types. What it trains is printed with the defaults."""
    route = f"POST /studies/{digits_study().id}/trials"
    params = {"learning_rate": 0.01, "hidden_units": 64}
    known.answers[route] = (201, {"params": params, "trial": 24, "value": None})
    assert main(["trial", "add", "digits-mlp", "learning_rate=0.01"]) == 0
    assert known.requests[-1][3] == {"params": {"learning_rate": "0.01"}}
    out = capsys.readouterr().out
    assert "trains it next, as trial 24" in out
    assert "hidden_units" in out
    known.answers[route] = (201, {"params": params, "trial": None, "value": 0.97})
    assert main(["trial", "add", "digits-mlp", "learning_rate=0.01", "--value", "0.97"]) == 0
    assert known.requests[-1][3]["value"] == 0.97
    assert "0.97 at" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["learning_rate"], ["=3"], ["a=1", "a=2"], ["a=1", "--value", "nan"]],
)
def test_a_point_that_is_none_is_not_sent(
    known: Service, capsys: Printed, words: list[str]
) -> None:
    """Exit code 2, and the service is not asked."""
    assert main(["trial", "add", "digits-mlp", *words]) == 2
    assert known.requests == []
    assert capsys.readouterr().err


def test_one_trial_is_stopped(known: Service, capsys: Printed) -> None:
    """What becomes of it is said: a trial that waits is gone, one that runs ends soon."""
    route = f"POST /studies/{digits_study().id}/trials/17/stop"
    for state, words in (("running", "is asked to stop"), ("cancelled", "is cancelled")):
        stopped = trial(17).model_copy(update={"state": state})
        known.answers[route] = (200, stopped.model_dump(mode="json"))
        assert main(["trial", "stop", "digits-mlp/17"]) == 0
        assert words in capsys.readouterr().out
    assert main(["trial", "stop", "digits-mlp"]) == 2


def test_a_host_that_gets_no_work_is_shown_and_trusted(known: Service, capsys: Printed) -> None:
    """With the reason and the command that takes it back."""
    worker = WorkerView(
        host="h1",
        resource_class="gpu",
        slots=2,
        free=0,
        seen_s=1.0,
        gpus=2,
        aside="its last 4 trials failed in a row",
        aside_since=0.0,
    )
    known.answers["GET /workers"] = (200, [worker.model_dump(mode="json")])
    known.answers["POST /workers/trust"] = (200, [])
    assert main(["workers"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "h1 gets no work since" in shown
    assert "its last 4 trials failed in a row." in shown
    assert "`caviar workers trust h1`" in shown
    assert main(["workers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["gpus"] == 2
    assert main(["workers", "trust", "h1"]) == 0
    assert "h1 gets work again." in capsys.readouterr().out


def test_a_host_is_drained_and_resumed(known: Service, capsys: Printed) -> None:
    """What is left there is said, in the list as well; `--wait` returns when nothing is."""
    worker = WorkerView(
        host="h1", resource_class="cpu", slots=2, free=0, seen_s=1.0, running=1, drained_since=0.0
    )
    ended = worker.model_copy(update={"running": 0, "unshipped": 0})
    known.answers["POST /workers/drain"] = (200, [worker.model_dump(mode="json")])
    known.answers["GET /workers"] = (200, [worker.model_dump(mode="json")])
    assert main(["workers", "drain", "h1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("h1 gets no more work, 1 trial still runs there.")
    assert main(["workers"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "h1 is drained since" in shown
    assert ": 1 trial left." in shown
    known.answers["GET /workers"] = (200, [ended.model_dump(mode="json")])
    assert main(["workers", "drain", "h1", "--now", "--wait"]) == 0
    assert "nothing is left there" in " ".join(capsys.readouterr().out.split())
    asked = [(method, body) for method, _, _, body in known.requests[-2:]]
    assert asked == [("POST", {"host": "h1", "now": True}), ("GET", None)]
    free = ended.model_copy(update={"drained_since": None})
    known.answers["GET /workers"] = (200, [free.model_dump(mode="json")])
    assert main(["workers", "drain", "h1", "--wait"]) == 1
    assert "Somebody gave h1 work again" in capsys.readouterr().err
    known.answers["POST /workers/resume"] = (200, [])
    assert main(["workers", "resume", "h1"]) == 0
    assert "h1 gets work again." in capsys.readouterr().out
