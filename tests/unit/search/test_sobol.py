"""Caviar's own Sobol sequence against SciPy's, and what scrambling promises."""

import numpy as np
import pytest
from scipy.stats import qmc

from caviar.search.sobol import sobol_point


@pytest.mark.parametrize("dimensions", [1, 2, 7, 64])
def test_the_plain_sequence_is_scipys(dimensions):
    """Every coordinate of the first 256 points is the same number."""
    ours = np.array([sobol_point(i, dimensions, None) for i in range(256)])
    assert np.array_equal(ours, qmc.Sobol(dimensions, scramble=False, bits=30).random(256))


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_a_scrambled_sequence_stays_even(seed):
    """Of the first 64 points, each 64th of every axis still holds exactly one."""
    points = np.array([sobol_point(i, 10, seed) for i in range(64)])
    cells = np.sort(np.floor(points * 64), axis=0)
    assert np.array_equal(cells, np.tile(np.arange(64)[:, None], 10))


def test_a_seed_makes_another_sequence():
    """Seeds differ, the same seed does not."""
    assert not np.array_equal(sobol_point(3, 5, 1), sobol_point(3, 5, 2))
    assert np.array_equal(sobol_point(3, 5, 1), sobol_point(3, 5, 1))


def test_a_dimension_beyond_the_table_is_refused():
    """65 dimensions have no direction numbers here."""
    with pytest.raises(ValueError, match="the table has 64"):
        sobol_point(0, 65, 0)
