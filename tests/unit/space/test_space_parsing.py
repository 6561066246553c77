"""Every mistake in a space is named with its place, its reason and the way out."""

import pytest

from caviar.errors import InputError
from caviar.space import Space

FLOAT = {"type": "float", "low": 0.1, "high": 1.0}
INT = {"type": "int", "low": 1, "high": 9}
CATEGORICAL = {"type": "categorical", "choices": ["a", "b"]}


def problems_of(mapping: object) -> dict[tuple[str, ...], str]:
    with pytest.raises(InputError) as caught:
        Space.parse(mapping)
    return {problem.path: str(problem) for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("entry", "path", "says"),
    [
        ({}, ("type",), "the type is missing"),
        ({"type": "flaot"}, ("type",), "Did you mean float?"),
        (FLOAT | {"scal": "log"}, ("scal",), "Did you mean scale?"),
        (FLOAT | {"scale": "reverselog"}, ("scale",), "Did you mean reverse_log?"),
        (FLOAT | {"choices": [1, 2]}, ("choices",), "float parameters have no 'choices'"),
        ({"type": "float", "high": 1.0}, ("low",), "low is missing"),
        ({"type": "float", "low": 1.0}, ("high",), "high is missing"),
        (FLOAT | {"low": 2.0}, ("low",), "Swap them"),
        (FLOAT | {"low": 1.0}, ("low",), "Write a constant into the trainer"),
        (FLOAT | {"high": float("inf")}, ("high",), "is not finite"),
        (FLOAT | {"low": float("nan")}, ("low",), "is not finite"),
        (FLOAT | {"high": 10**400}, ("high",), "is not finite"),
        (FLOAT | {"low": True}, ("low",), "True is not a number"),
        (FLOAT | {"low": "1e-4"}, ("low",), "write 0.0001, with a dot, without quotes"),
        (FLOAT | {"low": "1e-5"}, ("low",), "write 1.0e-05, with a dot"),
        (FLOAT | {"low": "small"}, ("low",), "'small' is not a number"),
        (FLOAT | {"low": -1.7e308, "high": 1.7e308}, ("high",), "floats cannot divide"),
        (FLOAT | {"low": 0, "scale": "log"}, ("low",), "Use scale: linear, or low above 0"),
        (FLOAT | {"scale": "reverse_log"}, ("high",), "Use high below 1"),
        (INT | {"scale": "reverse_log"}, ("scale",), "Use linear or log"),
        (INT | {"high": 8.5}, ("high",), "Use type: float, or a whole number"),
        (INT | {"high": 10**13}, ("high",), "too large for an int"),
        ({"type": "categorical"}, ("choices",), "choices are missing"),
        (CATEGORICAL | {"choices": []}, ("choices",), "It is a constant"),
        (CATEGORICAL | {"choices": ["a"]}, ("choices",), "'a' is the only choice"),
        (CATEGORICAL | {"choices": ["a", "a"]}, ("choices",), "Keep one of them"),
        (CATEGORICAL | {"choices": [1, "1"]}, ("choices",), "the same in MLflow"),
        (CATEGORICAL | {"choices": "ab"}, ("choices",), "is not a list"),
        (CATEGORICAL | {"choices": ["a", None]}, ("choices",), "None is not text"),
        (FLOAT | {"default": 3.0}, ("default",), "3.0 lies outside [0.1, 1]"),
        (CATEGORICAL | {"default": "c"}, ("default",), "'c' is not one of"),
        (FLOAT | {"tier": 5}, ("tier",), "5 is not a tier"),
        (FLOAT | {"tier": True}, ("tier",), "True is not a tier"),
        (FLOAT | {"when": ["solver"]}, ("when",), "is not a condition"),
        (FLOAT | {"when": {"x": ["a"]}}, ("when", "x"), "cannot depend on itself"),
        (FLOAT | {"when": {"solvr": ["sgd"]}}, ("when", "solvr"), "Did you mean solver?"),
        (FLOAT | {"when": {"solver": ["lion"]}}, ("when", "solver"), "'lion' is not one of"),
        (FLOAT | {"when": {"solver": "sgd"}}, ("when", "solver"), "Write solver: [sgd, ...]"),
        (FLOAT | {"when": {"solver": []}}, ("when", "solver"), "no value is listed"),
        (FLOAT | {"when": {"layers": [4]}}, ("when", "layers"), "4 lies outside [1, 3]"),
        (FLOAT | {"when": {"rate": [0.5]}}, ("when", "rate"), "is a float: no exact value recurs"),
    ],
)
def test_a_mistake_is_named(entry, path, says):
    """One mistake in one parameter gives one problem at that place."""
    others = {
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
        "layers": {"type": "int", "low": 1, "high": 3},
        "rate": {"type": "float", "low": 0.0, "high": 1.0},
    }
    found = problems_of({"x": entry, **others})
    assert list(found) == [("x", *path)]
    assert says in found["x", *path]


def test_every_mistake_is_named_at_once():
    """A person mends the file once, not once for each mistake."""
    found = problems_of({"lr": FLOAT | {"low": "x", "high": True}, "batch size": INT, "a": 3})
    assert list(found) == [("lr", "low"), ("lr", "high"), ("batch size",), ("a",)]


def test_conditions_in_a_circle_are_refused():
    """Neither of two parameters that wait for each other could ever be chosen."""
    found = problems_of(
        {
            "a": CATEGORICAL | {"when": {"b": ["a"]}},
            "b": CATEGORICAL | {"when": {"a": ["a"]}},
        }
    )
    assert list(found) == [("a", "when"), ("b", "when")]


@pytest.mark.parametrize("mapping", [{}, [], None, "space"])
def test_a_space_without_parameters_is_refused_with_an_example(mapping):
    """Whoever has no space yet is shown one parameter."""
    assert "For instance: learning_rate:" in problems_of(mapping)[()]


def test_a_space_of_more_than_64_parameters_is_refused():
    """64 parameters are the most that a study can explore."""
    assert len(Space.parse({f"x{i}": FLOAT for i in range(64)})) == 64
    assert "at most 64" in problems_of({f"x{i}": FLOAT for i in range(65)})[()]


def test_conditions_may_be_on_whole_numbers_and_on_each_other():
    """A third layer's width applies with three layers of a network that has layers at all."""
    space = Space.parse(
        {
            "width_3": INT | {"when": {"layers": [3]}},
            "layers": {"type": "int", "low": 1, "high": 3, "when": {"net": ["mlp"]}},
            "net": {"type": "categorical", "choices": ["mlp", "linear"]},
        }
    )
    assert space.active({"net": "mlp", "layers": 3}) == ("width_3", "layers", "net")
    assert space.active({"net": "mlp", "layers": 2}) == ("layers", "net")
    assert space.active({"net": "linear", "layers": 3}) == ("net",)
