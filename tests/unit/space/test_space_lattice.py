"""The grid: how fine it is, how many points it has, and that each index is another point."""

import pytest

from caviar.space import Lattice, Space, every_point, grid_lattice

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-3, "high": 1.0, "scale": "log"},
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
        "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"solver": ["sgd"]}},
        "layers": {"type": "int", "low": 1, "high": 2},
    }
)


def test_the_grid_counts_only_points_that_differ():
    """4 learning rates x 2 depths x (4 momenta with sgd + 1 with adam) = 40 points, each met once."""
    lattice = Lattice(SPACE, 4)
    points = [lattice.point(i) for i in range(lattice.size)]
    assert lattice.size == 4 * 2 * (4 + 1)
    assert len({SPACE.key(point) for point in points}) == lattice.size
    assert all(SPACE.check_point(point) == point for point in points)


def test_grid_values_are_even_on_the_scale_with_both_bounds():
    """Four values of a learning rate over three decades are its powers of ten."""
    assert Lattice(SPACE, 4).axes["lr"] == pytest.approx((1e-3, 1e-2, 1e-1, 1.0))


@pytest.mark.parametrize("budget", [1, 12, 13, 40, 41, 500])
def test_the_budget_settles_how_fine_the_grid_is(budget):
    """The grid is the finest that the budget can train whole; one of 2 values is the coarsest there is."""
    lattice = grid_lattice(SPACE, budget)
    assert lattice.per_number == 2 or lattice.size <= budget
    assert Lattice(SPACE, lattice.per_number + 1).size > budget


def test_only_a_space_without_floats_can_run_out_of_points():
    """Whole numbers and categories can be listed, unless there are too many to run out of."""
    finite = Space.parse({"a": {"type": "int", "low": 1, "high": 300}})
    endless = Space.parse({"a": {"type": "int", "low": 1, "high": 10**12}})
    assert every_point(finite).size == 300
    assert every_point(endless) is None
    assert every_point(SPACE) is None
