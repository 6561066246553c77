"""Values at a step, and checkpoints that are kept: laws that hold for whatever is changed whenever."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from caviar.contract.messages import Change
from caviar.contract.panda import values_after, values_of
from caviar_worker.checkpoints import surplus
from caviar_worker.live import Live

START: dict[str, Any] = {"learning_rate": 0.1, "momentum": 0.9}
STEPS = 12
CHANGES = st.lists(
    st.builds(
        Change,
        step=st.none() | st.integers(0, STEPS),
        parameter=st.sampled_from(sorted(START)),
        value=st.floats(0.001, 1.0),
    ),
    max_size=8,
).map(lambda found: sorted(found, key=lambda each: -1 if each.step is None else each.step))


@given(CHANGES, st.integers(0, STEPS))
def test_a_step_is_trained_with_what_was_in_effect_after_the_one_before(
    changes: list[Change], step: int
) -> None:
    """So going back to a step restores the values of that moment, not those that were set right after it."""
    assert values_of(START, changes, step) == values_after(START, changes, step - 1)


@given(CHANGES)
def test_a_training_that_follows_a_schedule_has_each_value_where_it_says(
    changes: list[Change],
) -> None:
    """Read at the beginning of each step."""
    with tempfile.TemporaryDirectory() as home:
        live = Live(START, Path(home), [change.model_dump() for change in changes])
        for step in range(STEPS):
            seen = {name: live.read(name) for name in START}
            assert seen == values_of(START, changes, step)
            live.reported(step)


@given(CHANGES, st.integers(0, STEPS - 1))
def test_an_attempt_from_a_checkpoint_goes_on_with_the_same_values(
    changes: list[Change], saved: int
) -> None:
    """As if nothing had died."""
    with tempfile.TemporaryDirectory() as home:
        live = Live(START, Path(home), [change.model_dump() for change in changes])
        live.resume(saved)
        for step in range(saved + 1, STEPS):
            assert {name: live.read(name) for name in START} == values_of(START, changes, step)
            live.reported(step)


@given(st.lists(st.integers(0, 10_000), unique=True, max_size=60), st.integers(1, 25))
def test_so_many_checkpoints_stay_the_newer_half_among_them(steps: list[int], keep: int) -> None:
    """And the oldest, where more than two may stay: however far one wants to go back, there is one."""
    steps = sorted(steps, reverse=True)
    gone = {steps[place] for place in surplus(steps, keep)}
    left = [step for step in steps if step not in gone]
    assert len(left) == min(keep, len(steps))
    newer = (keep + 1) // 2
    assert left[:newer] == steps[:newer]
    if keep > 2 and steps:
        assert left[-1] == steps[-1]
    assert surplus(left, keep) == []
