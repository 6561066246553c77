"""Where a point lies in its space, as strips and forms show it."""

from __future__ import annotations

import pytest

from caviar.contract.views import SideView
from caviar.space import Space
from caviar.web.places import fields, places

SPACE = Space.parse(
    {
        "rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "live": True},
        "solver": {"type": "categorical", "choices": ["adam", "sgd"]},
        "units": {"type": "int", "low": 1, "high": 9},
    }
)
POINT = {"rate": 0.01, "solver": "sgd", "units": 3}


def test_a_place_is_on_the_parameters_own_scale() -> None:
    """The other point, what a box leaves, and the value in effect lie on it too."""
    box = {"rate": SideView(low=1e-3, high=0.1), "solver": SideView(choices=["sgd"])}
    rate, solver, _ = places(SPACE, POINT, {"rate": 1.0, "solver": "sgd"}, box, {"rate": 0.1})
    assert (rate.at, rate.other_at) == (pytest.approx(0.5), pytest.approx(1.0))
    assert rate.bands == (pytest.approx((0.25, 0.5)),)
    assert (rate.now, rate.live, rate.same) == ("0.1", True, False)
    assert (solver.bands, solver.same, solver.now) == (((0.5, 0.5),), True, "")


def test_a_form_asks_for_what_a_parameter_takes() -> None:
    """With its range and its scale as a hint, in the order of the study file."""
    rate, solver = fields(SPACE, POINT, {"solver", "rate"})
    assert (rate.hint, rate.now, rate.step) == ("0.0001 … 1, log scale", "0.01", "any")
    assert (solver.hint, solver.choices) == ("adam, sgd", ("adam", "sgd"))
