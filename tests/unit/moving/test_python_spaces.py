"""Spaces that are Python objects: Hyperopt's real ones; Ray Tune's where it is installed, and stand-ins for them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hyperopt import hp
from hyperopt.pyll import scope

from caviar.errors import InputError
from caviar.moving import from_hyperopt, from_ray
from caviar.moving.report import Moved
from tests.support.moved import data_of, fates, said, study_of


def of_hyperopt(**space: Any) -> Moved:
    return from_hyperopt(space)


@pytest.mark.parametrize(
    "drawn, expected, fate",
    [
        (hp.uniform("x", -1, 1), {"type": "float", "low": -1, "high": 1}, "carried"),
        (
            hp.loguniform("x", math.log(1e-4), 0),
            {"type": "float", "low": 1e-4, "high": 1, "scale": "log"},
            "carried",
        ),
        (hp.quniform("x", 1, 9, 1), {"type": "int", "low": 1, "high": 9}, "carried"),
        (hp.uniformint("x", 1, 9), {"type": "int", "low": 1, "high": 9}, "carried"),
        (scope.int(hp.quniform("x", 8, 64, 8)), {"type": "int", "low": 8, "high": 64}, "changed"),
        (hp.quniform("x", 0, 1, 0.25), {"type": "float", "low": 0, "high": 1}, "changed"),
        (
            hp.qloguniform("x", 0, math.log(100), 1),
            {"type": "int", "low": 1, "high": 100, "scale": "log"},
            "carried",
        ),
        (hp.randint("x", 5), {"type": "int", "low": 0, "high": 4}, "carried"),
        (hp.randint("x", 2, 9), {"type": "int", "low": 2, "high": 8}, "carried"),
        (hp.normal("x", 0, 2), {"type": "float", "low": -6, "high": 6}, "changed"),
        (hp.qnormal("x", 10, 2, 1), {"type": "int", "low": 4, "high": 16}, "changed"),
        (
            hp.lognormal("x", 0, 1),
            {"type": "float", "low": math.exp(-3), "high": math.exp(3), "scale": "log"},
            "changed",
        ),
        (
            hp.choice("x", [16, 32, None]),
            {"type": "categorical", "choices": [16, 32, "None"]},
            "changed",
        ),
        (
            hp.pchoice("x", [(0.9, "a"), (0.1, "b")]),
            {"type": "categorical", "choices": ["a", "b"]},
            "changed",
        ),
    ],
)
def test_every_distribution_of_hyperopt(drawn: Any, expected: dict[str, Any], fate: str) -> None:
    """Read from the graph that hp builds."""
    found = of_hyperopt(x=drawn)
    shown = data_of(found)["space"]["x"]
    assert shown == {
        key: pytest.approx(value) if isinstance(value, float) else value
        for key, value in expected.items()
    }
    assert fates(found)["x"] == fate
    study_of(found)


def test_choices_of_mappings_become_conditions() -> None:
    """Named by a text that only they have; what stands in an option is there with it."""
    kernel = hp.choice("kernel", [{"k": "linear"}, {"k": "rbf", "width": hp.lognormal("w", 0, 1)}])
    found = of_hyperopt(
        model=hp.choice(
            "model",
            [
                {"type": "svm", "C": hp.uniform("C", 0.1, 10), "kernel": kernel},
                {"type": "tree", "depth": hp.randint("depth", 1, 9)},
            ],
        )
    )
    space = data_of(found)["space"]
    assert space["model"] == {"type": "categorical", "choices": ["svm", "tree"]}
    assert space["C"]["when"] == space["kernel"]["when"] == {"model": ["svm"]}
    assert space["w"]["when"] == {"kernel": ["rbf"]}
    assert space["depth"]["when"] == {"model": ["tree"]}
    assert "named by their 'type'" in said(found, "model")
    study_of(found)


def test_constants_of_an_option_are_told() -> None:
    """But not the text that the option is called by."""
    options = [{"type": "svm", "gamma": 0.1, "c": hp.uniform("C", 0, 1)}, {"type": "tree"}]
    found = of_hyperopt(model=hp.choice("model", options))
    assert "always '0.1' there" in said(found, "model=svm.gamma")
    assert "model=svm.type" not in fates(found)
    assert "the space has it as model=svm.c" in said(found, "C")


def test_options_without_a_text_are_named_by_their_places() -> None:
    """A range against a plain value."""
    found = of_hyperopt(d=hp.choice("d", [None, hp.randint("depth", 1, 9)]))
    assert data_of(found)["space"]["d"]["choices"] == [0, 1]
    assert data_of(found)["space"]["depth"]["when"] == {"d": [1]}


def test_a_parameter_in_several_options_is_there_with_each() -> None:
    """One label, one parameter."""
    shared = hp.uniform("lr", 0, 1)
    options = [{"t": "a", "lr": shared}, {"t": "b", "lr": shared}, {"t": "c"}]
    found = of_hyperopt(m=hp.choice("m", options))
    assert data_of(found)["space"]["lr"]["when"] == {"m": ["a", "b"]}


def test_what_hyperopt_computes_is_left_to_the_trainer() -> None:
    """The parameter in it is carried, the sum is not."""
    found = of_hyperopt(x=hp.uniform("u", 0, 1) + 1, seed=7)
    assert list(data_of(found)["space"]) == ["u"]
    assert "computed by add" in said(found, "x")
    assert fates(found)["seed"] == "left out"
    assert "its label is its name here" in said(found, "u")


def test_a_space_without_anything_to_tune_is_refused() -> None:
    """Instead of a study that cannot be run."""
    with pytest.raises(InputError, match="nothing in it can be tuned"):
        from_hyperopt({"a": 1})
    with pytest.raises(InputError, match="nothing in it can be tuned"):
        from_ray({})


class _Sampler:
    """As Ray's samplers, by name and attributes."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def sampler(kind: str, **fields: Any) -> Any:
    base = type(kind, (_Sampler,), {})
    return type(f"_{kind}", (base,), {})(**fields)


def domain(kind: str, drawn: Any = None, **fields: Any) -> Any:
    """As Ray's domains: the name and the module of their classes are what is looked at."""
    body = {"__module__": "ray.tune.search.sample", "get_sampler": lambda _: drawn}
    made = type(kind, (), body)()
    made.__dict__.update(fields)
    return made


def quantized(inner: Any, q: float) -> Any:
    return type("Quantized", (), {"get_sampler": lambda _: inner, "q": q})()


UNIFORM, LOG = sampler("Uniform"), sampler("LogUniform")
RAY = {
    "uniform": domain("Float", UNIFORM, lower=0.0, upper=1.0),
    "loguniform": domain("Float", LOG, lower=1e-4, upper=0.1),
    "quniform": domain("Float", quantized(UNIFORM, 0.1), lower=0.1, upper=0.9),
    "randint": domain("Integer", UNIFORM, lower=1, upper=10),
    "lograndint": domain("Integer", LOG, lower=1, upper=1025),
    "qrandint": domain("Integer", quantized(UNIFORM, 32), lower=32, upper=256),
    "qrandint_1": domain("Integer", quantized(UNIFORM, 1), lower=1, upper=5),
    "randn": domain("Float", sampler("Normal", mean=0.0, sd=1.0), lower=-math.inf, upper=math.inf),
    "choice": domain("Categorical", UNIFORM, categories=["a", "b"]),
    "grid": {"grid_search": [1, 2, 3]},
    "sample_from": domain("Function", func=lambda _: 1),
    "constant": 5,
    "nested": {"wd": domain("Float", UNIFORM, lower=0.0, upper=0.1)},
}
EXPECTED_OF_RAY = {
    "uniform": {"type": "float", "low": 0.0, "high": 1.0},
    "loguniform": {"type": "float", "low": 1e-4, "high": 0.1, "scale": "log"},
    "quniform": {"type": "float", "low": 0.1, "high": 0.9},
    "randint": {"type": "int", "low": 1, "high": 9},
    "lograndint": {"type": "int", "low": 1, "high": 1024, "scale": "log"},
    "qrandint": {"type": "int", "low": 32, "high": 256},
    "qrandint_1": {"type": "int", "low": 1, "high": 4},
    "randn": {"type": "float", "low": -3.0, "high": 3.0},
    "choice": {"type": "categorical", "choices": ["a", "b"]},
    "grid": {"type": "categorical", "choices": [1, 2, 3]},
    "nested.wd": {"type": "float", "low": 0.0, "high": 0.1},
}


def check_ray(found: Moved) -> None:
    assert data_of(found)["space"] == EXPECTED_OF_RAY
    told = fates(found)
    assert told["sample_from"] == told["constant"] == "left out"
    assert [name for name in EXPECTED_OF_RAY if told[name] == "changed"] == [
        *("quniform", "qrandint", "randn", "grid"),
    ]
    study_of(found)


def test_every_distribution_of_ray_tune_by_its_attributes() -> None:
    """Upper bounds of whole numbers are exclusive, but not with steps. Nothing of Ray is imported."""
    check_ray(from_ray(RAY, "ray"))


def test_every_distribution_of_ray_tune_with_its_real_objects() -> None:
    """The same as from their attributes."""
    tune = pytest.importorskip("ray.tune", reason="Ray is not a dependency of the tests")
    check_ray(
        from_ray(
            {
                "uniform": tune.uniform(0, 1),
                "loguniform": tune.loguniform(1e-4, 0.1),
                "quniform": tune.quniform(0.1, 0.9, 0.1),
                "randint": tune.randint(1, 10),
                "lograndint": tune.lograndint(1, 1025),
                "qrandint": tune.qrandint(32, 256, 32),
                "qrandint_1": tune.qrandint(1, 5),
                "randn": tune.randn(),
                "choice": tune.choice(["a", "b"]),
                "grid": tune.grid_search([1, 2, 3]),
                "sample_from": tune.sample_from(lambda _: 1),
                "constant": 5,
                "nested": {"wd": tune.uniform(0, 0.1)},
            },
            "ray",
        )
    )
