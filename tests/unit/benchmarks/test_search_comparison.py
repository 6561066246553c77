"""The comparison that a user can run holds together, from the tasks to the table and the picture."""

import csv
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def compare(scripts: Path) -> ModuleType:
    import compare

    return compare


def test_a_comparison_runs_reports_and_goes_on_where_it_was(
    compare: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two tasks, three peers, one and four workers; a second call runs nothing again."""
    asked = [
        "--tasks",
        "synthetic/branin,synthetic/conditional",
        "--peers",
        "caviar,optuna_tpe,random",
    ]
    asked += ["--seeds", "0", "--trials", "6", "--workers", "1,4", "--out", str(tmp_path / "out")]
    picture = tmp_path / "search.svg"
    assert compare.main([*asked, "--picture", str(picture)]) == 0
    printed = capsys.readouterr()
    assert "### One worker: 2 tasks, 1 seed, 6 trials" in printed.out
    assert "### 4 workers at once" in printed.out
    assert printed.out.count("| Optuna TPE |") == 2
    assert "12 of 12" in printed.err
    assert picture.read_text(encoding="utf-8").count("Caviar (zoom)") == 2
    runs = sorted((tmp_path / "out" / "runs").iterdir())
    assert len(runs) == 12
    record = json.loads(runs[0].read_text(encoding="utf-8"))
    assert len(record["losses"]) == 6
    assert compare.main(asked) == 0
    again = capsys.readouterr()
    assert again.err == ""
    assert again.out == printed.out
    assert compare.main([*asked, "--report"]) == 0


def test_what_does_not_exist_is_refused(
    compare: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the names that there are; an empty folder has nothing to report."""
    out = ["--out", str(tmp_path)]
    assert compare.main(["--tasks", "synthetic/brannin", *out]) == 2
    assert "synthetic/branin" in capsys.readouterr().err
    assert compare.main(["--peers", "caviarr", *out]) == 2
    assert "optuna_tpe" in capsys.readouterr().err
    assert compare.main(["--report", *out]) == 1
    assert not (tmp_path / "runs").exists()


def test_a_peer_that_is_not_installed_is_said_to_be_missing(
    compare: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are compared all the same."""
    monkeypatch.setitem(sys.modules["peers"].NEEDS, "random", ("a_package_nobody_has",))
    asked = ["--tasks", "synthetic/branin", "--peers", "sobol,random", "--seeds", "0"]
    asked += ["--trials", "3", "--workers", "1", "--out", str(tmp_path)]
    assert compare.main(asked) == 0
    printed = capsys.readouterr()
    assert "left out: random needs a_package_nobody_has" in printed.err
    assert "random search" not in printed.out


def test_recorded_trainings_are_a_task(compare: ModuleType, tmp_path: Path) -> None:
    """A CSV file and what is beside it: bounds, types and scales; at a recording its own value."""
    rng = np.random.default_rng(0)
    rows = [
        (10 ** rng.uniform(-4, 0), int(rng.integers(1, 5)), str(rng.choice(["sgd", "adam"])))
        for _ in range(40)
    ]
    values = [depth - np.log10(rate) for rate, depth, _ in rows]
    with (tmp_path / "net.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["hp_lr", "hp_depth", "hp_solver", "hp_constant", "value"])
        for row, value in zip(rows, values, strict=True):
            writer.writerow([*row, 7, value])
    sidecar = {"goal": "maximize", "scales": {"lr": "log"}}
    (tmp_path / "net.json").write_text(json.dumps(sidecar), encoding="utf-8")
    tasks = sys.modules["tasks"]
    assert tasks.names_of("recorded", tmp_path) == ["recorded/net"]
    task = tasks.task("recorded/net", tmp_path)
    assert task.space.names == ("lr", "depth", "solver")
    assert [parameter.type for parameter in task.space] == ["float", "int", "categorical"]
    assert task.best == -max(values)
    point = dict(zip(task.space.names, rows[3], strict=True))
    assert task.loss(point) == pytest.approx(-values[3], abs=1e-6)
    (tmp_path / "bad.csv").write_text("lr,value\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="columns hp_NAME and value"):
        tasks.task("recorded/bad", tmp_path)


def test_known_optima_are_where_the_literature_has_them(compare: ModuleType) -> None:
    """Branin's, Hartmann's and the conditional task's least values are reached and not passed."""
    tasks = sys.modules["tasks"]
    assert tasks.branin(np.array([np.pi, 2.275])) == pytest.approx(0.397887, abs=1e-5)
    place = np.array([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])
    assert tasks.hartmann6(place) == pytest.approx(-3.32237, abs=1e-4)
    conditional = tasks.task("synthetic/conditional")
    best = {"lr": 10**-1.5, "layers": 3, "units": 128, "solver": "sgd"}
    assert conditional.loss(best | {"momentum": 0.9, "dropout": 0.2}) == pytest.approx(0.0)
    rng = np.random.default_rng(0)
    for name in ("branin", "hartmann6", "ackley5", "levy5", "rosenbrock4", "staircase5"):
        task = tasks.task(f"synthetic/{name}")
        points = [task.space.from_unit(rng.random(len(task.space))) for _ in range(200)]
        assert min(task.loss(point) for point in points) >= task.best


def test_equals_share_their_rank(compare: ModuleType) -> None:
    """Two equal peers ahead of a third have rank 1.5 each."""
    report = sys.modules["report"]
    assert report.ranks(np.array([[-1.0], [-1.0], [0.0]])).tolist() == [[1.5], [1.5], [3.0]]


def test_tiers_are_measured_in_pairs(
    compare: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same seeds with right, absent and wrong tiers; the ratios in one table."""
    import tiers

    assert tiers.main(["--seeds", "0-1", "--trials", "15", "--functions", "bowl"]) == 0
    printed = capsys.readouterr().out
    assert "| right / absent | " in printed
    assert "| wrong / absent | " in printed
