"""`caviar import` and `caviar export` as a person gives them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import uvicorn
from sqlalchemy import insert

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.adapters.sql.tables import trials
from caviar.api import create_app
from caviar.api.access import Access
from caviar.cli import main
from caviar.contract.names import trial_id
from caviar.contract.views import Submission
from caviar.scheduler import Scheduler
from caviar.studies.spec import load_study
from tests.support import wait_until
from tests.support.servers import free_port

SWEEP = """program: train.py
method: random
metric: {name: loss, goal: minimize}
run_cap: 20
parameters:
  lr: {distribution: log_uniform_values, min: 1.0e-5, max: 0.1}
  momentum: {distribution: normal, mu: 0.9, sigma: 0.02}
  epochs: {value: 27}
"""
STUDY = """
name: many
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space: {x: {type: float, low: 0.0, high: 1.0}, n: {type: int, low: 1, high: 9}}
budget: {trials: 1000}
"""
COUNT = 230
TOKEN = "t" * 20

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP)
    return file


def test_a_study_goes_to_standard_output_and_the_report_beside_it(
    sweep: Path, capsys: Printed
) -> None:
    """`caviar import sweep.yaml > study.yaml` is a study."""
    assert main(["import", str(sweep)]) == 0
    printed = capsys.readouterr()
    assert load_study(printed.out).trainer.command == (
        *("python", "train.py", "--lr={lr}", "--momentum={momentum}", "--epochs=27"),
    )
    assert "changed" in printed.err
    assert "has no bounds: mean ± 3 sd" in printed.err
    assert "a W&B sweep: 6 carried, 2 changed, 0 left out, 0 to fill in." in printed.err


def test_a_study_is_written_to_a_new_file_only(
    sweep: Path, tmp_path: Path, capsys: Printed
) -> None:
    """One that a person has changed since is never overwritten."""
    out = tmp_path / "study.yaml"
    assert main(["import", str(sweep), "--from", "wandb", "-o", str(out)]) == 0
    assert f"{out} is written." in capsys.readouterr().out
    assert load_study(out.read_text()).budget.trials == 20
    out.write_text("mine")
    assert main(["import", str(sweep), "-o", str(out)]) == 2
    assert "it is there already" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert main(["import", str(sweep), "-o", str(tmp_path / "none" / "s.yaml")]) == 2


def test_the_report_for_programs(sweep: Path, capsys: Printed) -> None:
    """One object with the text, each line and the counts."""
    assert main(["import", str(sweep), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert load_study(found["study"]).name == "sweep"
    line = next(line for line in found["report"] if line["place"] == "parameters.momentum")
    assert (line["fate"], found["counts"]["changed"], found["file"]) == ("changed", 2, None)


def test_a_wrong_file_is_exit_code_2_and_nothing_is_written(
    tmp_path: Path, capsys: Printed
) -> None:
    """With its line."""
    file, out = tmp_path / "sweep.yaml", tmp_path / "study.yaml"
    file.write_text(SWEEP.replace("random", "lucky"))
    assert main(["import", str(file), "-o", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "line 2, method: 'lucky' is not known" in printed.err
    assert not out.exists()


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    tmp_path: Path, capsys: Printed
) -> None:
    """The report repeats what other people wrote."""
    file = tmp_path / "s.json"
    parameters = {"a\u009b31m": {"value": 1}, "x": {"min": 0.0, "max": 1.0}}
    file.write_text(json.dumps({"method": "random", "parameters": parameters}))
    main(["import", str(file)])
    printed = capsys.readouterr()
    assert "\u009b" not in printed.out + printed.err


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real API over a study of COUNT finished trials: two pages of the client."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('store') / 'caviar.db'}")
    migrate(engine)
    store = Store(engine)
    scheduler = Scheduler(store, lambda *_: None, lease_s=60, claim_s=60, local=True)
    study = scheduler.submit(Submission(text=STUDY)).id
    rows = [
        {
            "id": trial_id(study, number),
            "study_id": study,
            "number": number,
            "round": 0,
            "state": "failed" if number % 10 == 9 else "done",
            "attempt": 1,
            "params": {"x": number / 1000, "n": number % 9 + 1},
            "seed": number,
            "value": None if number % 10 == 9 else number / 7,
            "metrics": {"test": number / 3} if number > 220 else {},
            "created": 1.7e9,
            "started": 1.7e9 + number,
            "ended": 1.7e9 + number + 1,
        }
        for number in range(COUNT)
    ]
    with engine.begin() as connection:
        connection.execute(insert(trials), rows)
    app = create_app(store, scheduler, Access(Teams(engine), TOKEN, "w"), mlflow_uri="")
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, why="the API answers")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    engine.dispose()


@pytest.fixture
def served(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAVIAR_URL", address)
    monkeypatch.setenv("CAVIAR_TOKEN", TOKEN)


@pytest.mark.usefixtures("served")
def test_all_trials_of_all_pages_are_exported(tmp_path: Path, capsys: Printed) -> None:
    """Into each file that is named, from one reading."""
    csv, parquet, storage = (tmp_path / name for name in ("t.csv", "t.parquet", "t.db"))
    command = ["export", "many", "--csv", str(csv), "--parquet", str(parquet)]
    assert main([*command, "--optuna", f"sqlite:///{storage}", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["trials"], told["not_kept"]) == (COUNT, [])
    lines = csv.read_text().splitlines()
    assert len(lines) == COUNT + 1
    assert [line.partition(",")[0] for line in lines[1:]] == [str(n) for n in range(COUNT)]
    assert lines[0].split(",")[7:10] == ["params.x", "params.n", "metrics.test"]
    study = optuna.load_study(study_name="many", storage=f"sqlite:///{storage}")
    assert len(study.trials) == COUNT
    assert (study.best_value, study.best_params) == (0.0, {"x": 0.0, "n": 1})


@pytest.mark.usefixtures("served")
def test_the_same_trials_give_the_same_bytes(tmp_path: Path) -> None:
    """So that a file can be compared, cached or committed; an earlier export is replaced."""
    file = tmp_path / "t.csv"
    assert main(["export", "many", "--csv", str(file)]) == 0
    first = file.read_bytes()
    assert main(["export", "many", "--csv", str(file)]) == 0
    assert file.read_bytes() == first


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    "options, why",
    [
        ([], "nothing says where to"),
        # pragma: allowlist nextline secret
        (["--optuna", "mysql://me:hush@h/db"], "only a SQLite storage is written"),
        (["--csv", "same", "--parquet", "same"], "this file is given twice"),
        (["--csv", "none/t.csv"], "it cannot be written"),
    ],
)
def test_an_export_to_nowhere_is_exit_code_2(
    options: list[str], why: str, tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written then, and no password is repeated."""
    monkeypatch.chdir(tmp_path)
    assert main(["export", "many", *options]) == 2
    err = capsys.readouterr().err
    assert why in err
    assert "hush" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("served")
def test_a_study_that_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    """Exit code 2, as everywhere."""
    assert main(["export", "none", "--csv", str(tmp_path / "t.csv")]) == 2
    assert list(tmp_path.iterdir()) == []
