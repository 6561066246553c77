"""Laws of the nurse: whatever a training does, its limits hold."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.panda.nurse import Limits
from tests.support.nursing import Nursed, nurse_through

WILD = st.floats(0.0, 0.3)
"""How often a step of the toy gives no finite loss, times ten."""


def wild_run(seed: int, wild: float, rate: float, waste: float, every: int, length: int) -> Nursed:
    """A toy whose losses depend on nothing but luck."""
    rng = np.random.default_rng(seed)

    def step(loss: float, rate: float, at: int) -> float:
        if rng.random() < wild / 10:
            return math.nan
        before = loss if math.isfinite(loss) else 1.0
        return before * float(np.exp(rng.normal(0.0, 0.1)))

    limits = Limits(low=1e-3, high=1.0, waste=waste)
    return nurse_through(step, rate, limits, length, every=every)


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    WILD,
    st.floats(1e-3, 1.0),
    st.floats(0.0, 1.0),
    st.integers(0, 10),
    st.integers(1, 120),
)
def test_no_value_leaves_the_limits_and_no_more_steps_are_wasted_than_may_be(
    seed: int, wild: float, rate: float, waste: float, every: int, length: int
) -> None:
    """Counting every step trained, and every training comes to its planned end."""
    run = wild_run(seed, wild, rate, waste, every, length)
    assert all(1e-3 <= act.params["learning_rate"] <= 1.0 for _, _, act in run.acts)
    assert run.points[-1][0] == length
    assert run.trained <= (1 + waste) * length + 1e-6


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), WILD, st.floats(1e-3, 1.0))
def test_the_same_training_gets_the_same_acts(seed: int, wild: float, rate: float) -> None:
    """No clock and no luck: a run can be explained afterwards."""
    first, second = (wild_run(seed, wild, rate, 0.3, 3, 100) for _ in range(2))
    assert first.acts == second.acts
