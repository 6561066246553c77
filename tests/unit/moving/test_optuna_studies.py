"""An Optuna study, from a real storage and from its distributions as JSON."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from caviar.errors import InputError
from caviar.moving.conditions import read_condition
from caviar.moving.optuna import from_distributions, from_storage, is_storage
from caviar.moving.reading import read_data
from caviar.moving.report import Moved
from tests.support.moved import data_of, fates, said, study_of


def stored(
    file: Path, objective: Callable[[optuna.Trial], Any], name: str = "mine", **about: Any
) -> None:
    """A study of ten random trials in a storage. Nothing is synced to disk: this is not what is tested."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    engine = {"connect_args": {"factory": _Unsynced}}
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}", engine_kwargs=engine)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, study_name=name, sampler=sampler, **about)
    study.optimize(objective, n_trials=10)
    storage.engine.dispose()
    optuna.logging.set_verbosity(before)


class _Unsynced(sqlite3.Connection):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.execute("pragma synchronous = off")


def objective(trial: optuna.Trial) -> float:
    """With steps, a constant, and a parameter that only one solver has."""
    solver = trial.suggest_categorical("solver", ["sgd", "adam", None])
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    units = trial.suggest_int("units", 8, 64, step=8)
    trial.suggest_int("fixed", 3, 3)
    if solver == "sgd":
        trial.suggest_float("momentum", 0.0, 0.99)
    return lr * units


def moving(trial: optuna.Trial) -> float:
    """Optuna lets a range be another one in each trial."""
    return trial.suggest_float("x", -trial.number, 1.0 + trial.number)


def several(trial: optuna.Trial) -> tuple[float, float]:
    """Two objectives."""
    x = trial.suggest_float("x", 0, 1)
    return x, 1 - x


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with one study."""
    file = tmp_path_factory.mktemp("one") / "o.db"
    stored(file, objective, direction="maximize")
    return file


@pytest.fixture(scope="module")
def three(one: Path) -> Path:
    """A storage with three."""
    file = one.parent.parent / "three.db"
    shutil.copyfile(one, file)
    stored(file, moving, "moving")
    stored(file, several, "several", directions=["maximize", "minimize"])
    return file


def moved(distributions: dict[str, Any]) -> Moved:
    return from_distributions(read_data(json.dumps(distributions), "distributions"), "d")


def test_a_storage_is_read_with_what_its_trials_show(one: Path) -> None:
    """Also the condition, which Optuna does not store."""
    found = from_storage(f"sqlite:///{one}", None, "fallback")
    assert data_of(found)["space"] == {
        "solver": {"type": "categorical", "choices": ["sgd", "adam", "None"]},
        "lr": {"type": "float", "low": 1e-05, "high": 0.1, "scale": "log"},
        "units": {"type": "int", "low": 8, "high": 64},
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"solver": ["sgd"]}},
    }
    study = study_of(found)
    assert (study.name, study.metric.goal) == ("mine", "maximize")
    assert "those with solver ['sgd']: read as its condition" in said(found, "momentum")
    assert "choices: [8, 16, 24, 32, 40, 48, 56, 64]" in said(found, "units")
    assert "10 results are not a part of a study file" in said(found, "trials")
    assert fates(found)["fixed"] == "left out"


def test_a_storage_is_only_read(one: Path) -> None:
    """Byte for byte the same afterwards, and nothing beside it."""
    before = hashlib.sha256(one.read_bytes()).hexdigest()
    from_storage(str(one), None, "s")
    assert hashlib.sha256(one.read_bytes()).hexdigest() == before
    assert [path.name for path in one.parent.iterdir()] == ["o.db"]


def test_of_several_studies_one_has_to_be_named(three: Path) -> None:
    """The message lists them."""
    with pytest.raises(InputError, match=r"3 studies in it. --study names one of mine, moving"):
        from_storage(str(three), None, "s")
    with pytest.raises(InputError, match=r"no study 'other' in it. There is mine, moving"):
        from_storage(str(three), "other", "s")
    assert study_of(from_storage(str(three), "mine", "s")).name == "mine"


def test_ranges_that_moved_during_a_study_become_the_range_around_them(three: Path) -> None:
    """No value that was drawn is outside."""
    found = from_storage(str(three), "moving", "s")
    assert data_of(found)["space"]["x"] == {"type": "float", "low": -9.0, "high": 10.0}
    assert fates(found)["x"] == "changed"


def test_of_several_objectives_the_first_is_tuned(three: Path) -> None:
    """The others are told."""
    found = from_storage(str(three), "several", "s")
    assert study_of(found).metric.goal == "maximize"
    assert fates(found)["direction 1"] == "left out"


def test_other_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    """Nothing is created where nothing was."""
    missing, text, other = (tmp_path / name for name in ("none.db", "text.db", "other.db"))
    text.write_text("hello")
    connection = sqlite3.connect(other)
    connection.execute("create table studies (a)")
    connection.close()
    for file, why in (
        (missing, "there is no such file"),
        (text, "no SQLite file"),
        (other, "it lacks Optuna's tables"),
    ):
        with pytest.raises(InputError, match=why):
            from_storage(f"sqlite:///{file}", None, "s")
    assert not missing.exists()
    assert not is_storage(str(text))


def test_a_damaged_storage_is_no_traceback(one: Path, tmp_path: Path) -> None:
    """It may come from anybody."""
    file = tmp_path / "damaged.db"
    content = bytearray(one.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(InputError, match="cannot"):
        from_storage(str(file), None, "s")


DISTRIBUTIONS = {
    "a": FloatDistribution(0.0, 1.0),
    "b": FloatDistribution(1e-4, 1.0, log=True),
    "c": FloatDistribution(0.0, 1.0, step=0.25),
    "d": IntDistribution(1, 9),
    "e": IntDistribution(1, 64, log=True),
    "f": IntDistribution(1, 9, step=4),
    "g": CategoricalDistribution(["x", 2, True]),
}


@pytest.mark.parametrize("as_text", [True, False])
def test_distributions_as_optuna_writes_them(as_text: bool) -> None:
    """As text in JSON, or the mapping that the text holds."""
    written = {name: distribution_to_json(each) for name, each in DISTRIBUTIONS.items()}
    found = moved(written if as_text else {n: json.loads(text) for n, text in written.items()})
    assert data_of(found)["space"] == {
        "a": {"type": "float", "low": 0.0, "high": 1.0},
        "b": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "c": {"type": "float", "low": 0.0, "high": 1.0},
        "d": {"type": "int", "low": 1, "high": 9},
        "e": {"type": "int", "low": 1, "high": 64, "scale": "log"},
        "f": {"type": "int", "low": 1, "high": 9},
        "g": {"type": "categorical", "choices": ["x", 2, True]},
    }
    told = fates(found)
    assert [name for name in DISTRIBUTIONS if told[name] == "changed"] == ["c", "f"]


@pytest.mark.parametrize(
    "name, attributes, expected",
    [
        ("UniformDistribution", {"low": 0, "high": 1}, {"type": "float", "low": 0, "high": 1}),
        (
            "LogUniformDistribution",
            {"low": 0.1, "high": 1},
            {"type": "float", "low": 0.1, "high": 1, "scale": "log"},
        ),
        (
            "DiscreteUniformDistribution",
            {"low": 0, "high": 1, "q": 0.3},
            {"type": "float", "low": 0, "high": 0.9},
        ),
        (
            "IntUniformDistribution",
            {"low": 1, "high": 5, "step": 1},
            {"type": "int", "low": 1, "high": 5},
        ),
        (
            "IntLogUniformDistribution",
            {"low": 1, "high": 5, "step": 1},
            {"type": "int", "low": 1, "high": 5, "scale": "log"},
        ),
    ],
)
def test_distributions_of_earlier_versions(
    name: str, attributes: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Files of years ago."""
    found = moved({"x": {"name": name, "attributes": attributes}})
    assert data_of(found)["space"]["x"] == expected


def test_what_is_no_distribution_is_refused() -> None:
    """With its name."""
    with pytest.raises(InputError) as raised:
        moved(
            {
                "a": "{",
                "b": {"name": "NormalDistribution", "attributes": {}},
                "c": {"name": "IntDistribution", "attributes": {"low": 1, "high": 9, "step": 0}},
            }
        )
    told = str(raised.value)
    assert "a: this is no distribution" in told
    assert "b.name: 'NormalDistribution' is not known" in told
    assert "c.attributes.step: 0 is not above 0" in told


def test_a_condition_is_read_only_where_the_trials_leave_one_explanation() -> None:
    """Two parents that explain it equally leave it to a person; so do few trials."""
    both = [{"a": i % 2, "b": i % 2, **({"x": 1.0} if i % 2 else {})} for i in range(8)]
    assert read_condition("x", both) == (
        None,
        "it was in 4 of 8 trials, and a or b may decide it: write `when`",
    )
    one = [{"a": i % 2, "b": i % 3, **({"x": 1.0} if i % 2 else {})} for i in range(8)]
    assert read_condition("x", one)[0] == {"a": [1]}
    assert read_condition("x", one[:2])[0] is None
    assert read_condition("a", one) == (None, "")
