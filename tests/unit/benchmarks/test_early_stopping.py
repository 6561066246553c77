"""What early stopping is worth is measured by epochs spent, and nothing that was stopped can win."""

import csv
import json
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def early_stopping(scripts: Path) -> ModuleType:
    import early_stopping

    return early_stopping


@pytest.fixture
def contenders(scripts: Path) -> ModuleType:
    import contenders

    return contenders


@pytest.fixture
def trainings(scripts: Path) -> ModuleType:
    import trainings

    return trainings


def test_the_sweep_runs_reports_and_goes_on_where_it_was(
    early_stopping: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two trainings, all contenders, one and four workers; a second call runs nothing again and says the same."""
    asked = ["--tasks", "synthetic/smooth,synthetic/crossing", "--seeds", "0", "--whole", "5"]
    asked += ["--out", str(tmp_path / "out")]
    picture = tmp_path / "early_stopping.svg"
    assert early_stopping.main([*asked, "--picture", str(picture)]) == 0
    printed = capsys.readouterr()
    assert "### One worker: 2 trainings, 1 seed" in printed.out
    assert "### 4 workers at once" in printed.out
    assert printed.out.count("| TPE + halving |") == 4
    assert picture.read_text(encoding="utf-8").count("Caviar, stopping early") == 2
    runs = sorted((tmp_path / "out" / "runs").iterdir())
    assert len(runs) == 24
    first = runs[0].read_text(encoding="utf-8")
    assert early_stopping.main(asked) == 0
    again = capsys.readouterr()
    assert (again.out, again.err) == (printed.out, "")
    runs[0].unlink()
    assert early_stopping.main(asked) == 0
    assert runs[0].read_text(encoding="utf-8") == first


def test_what_does_not_exist_is_refused(
    early_stopping: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the names that there are; an empty folder has nothing to report."""
    assert early_stopping.main(["--tasks", "smoth", "--out", str(tmp_path)]) == 2
    assert "synthetic/smooth" in capsys.readouterr().err
    assert early_stopping.main(["--report", "--out", str(tmp_path)]) == 1


@pytest.mark.parametrize("workers", [1, 4])
def test_nobody_spends_more_epochs_than_whole_trainings_have(
    contenders: ModuleType, trainings: ModuleType, workers: int
) -> None:
    """One that never stops ends exactly as many as it may pay for; one that stops begins more and ends fewer."""
    training = trainings.training("synthetic/overfitting")
    spent = {}
    for name in ("caviar", "caviar_stopping", "optuna_halving_4"):
        made = contenders.CONTENDERS[name](training.space, 0)
        started, whole = contenders.simulate(made, training, 12, workers, 0)
        spent[name] = (started, len(whole))
        assert all(0 < when <= 12 for when, _ in whole)
    assert spent["caviar"][0] - spent["caviar"][1] in (0, workers)
    if workers == 1:
        assert spent["caviar"] == (12, 12)
    for name in ("caviar_stopping", "optuna_halving_4"):
        assert spent[name][0] > spent["caviar"][0]
        assert spent[name][1] < spent["caviar"][1]


def test_caviar_stops_as_a_study_does(contenders: ModuleType, trainings: ModuleType) -> None:
    """Nothing before a first whole training; then, after 3 and 9 epochs, what is not in the best third."""
    space = trainings.training("synthetic/smooth").space
    stopping = contenders.Stopping(space, 0)
    asked = [stopping.ask()[0] for _ in range(4)]
    for epoch in range(1, 27):
        assert stopping.reached(asked[0], epoch, 1.0 / epoch)
    stopping.ended(asked[0], [1.0 / epoch for epoch in range(1, 28)], stopped=False)
    assert all(stopping.reached(asked[1], epoch, 5.0) for epoch in (1, 2, 3))
    assert stopping.reached(asked[2], 3, 0.1)
    assert not stopping.reached(asked[3], 3, 0.2)


def test_curves_cross_where_they_are_said_to(trainings: ModuleType) -> None:
    """The best training at the end is behind a fast one after 3 of 40 epochs."""
    training = trainings.training("synthetic/crossing")
    others = dict(zip(("x1", "x2", "x3", "x4"), trainings.BOTTOM, strict=True))
    others["x2"] = 1e-4 ** (1 - others["x2"])
    slow = training.curve({"x0": 1e-4**0.5, **others})
    fast = training.curve({"x0": 1.0, **others})
    assert slow.at(3) > fast.at(3)
    assert training.best < slow.at(40) < fast.at(40)


def test_recorded_curves_are_a_training(trainings: ModuleType, tmp_path: Path) -> None:
    """A column for each epoch; at a recording its own curve, with the sign of the goal."""
    rng = np.random.default_rng(0)
    rates = [10 ** rng.uniform(-4, 0) for _ in range(20)]
    with (tmp_path / "net.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["hp_lr", *(f"value_{epoch}" for epoch in range(1, 6))])
        for rate in rates:
            writer.writerow([rate, *(1 - rate - 1 / epoch for epoch in range(1, 6))])
    sidecar = {"goal": "maximize", "scales": {"lr": "log"}}
    (tmp_path / "net.json").write_text(json.dumps(sidecar), encoding="utf-8")
    assert trainings.names_of("recorded", tmp_path) == ["recorded/net"]
    training = trainings.training("recorded/net", tmp_path)
    assert training.epochs == 5
    assert training.curve({"lr": rates[3]}).at(2) == pytest.approx(rates[3] - 0.5, abs=1e-6)
    assert training.best == pytest.approx(min(rates) - 0.8)
    (tmp_path / "bad.csv").write_text("hp_lr,value_1,value_3\n1,2,3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="value_1 to value_3"):
        trainings.training("recorded/bad", tmp_path)


@pytest.mark.parametrize("name", ["sklearn/digits", "sklearn/wine", "sklearn/cancer"])
@pytest.mark.filterwarnings("ignore")
def test_a_model_is_trained_only_as_far_as_it_is_looked_at(
    trainings: ModuleType, name: str
) -> None:
    """Three epochs, then two more; the same point again is the same curve."""
    training = trainings.training(name)
    point = training.space.from_unit(np.full(len(training.space), 0.5))
    curve = training.curve(point)
    third = curve.at(3)
    assert len(curve.losses) == 3
    assert math.isfinite(curve.at(5))
    assert training.curve(point) is curve
    assert curve.at(3) == third
