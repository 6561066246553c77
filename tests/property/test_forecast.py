"""Laws of what is expected: nothing starts before now, more slots never mean later, a projection is what it is of."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.scheduler.outlook.forecast import Waiting, forecast, left_of
from caviar.scheduler.outlook.lengths import Length, Lengths
from caviar.scheduler.outlook.projection import Case, Past, Present, project
from caviar.space import Box, Space

seconds = st.floats(0.1, 1e5)


@st.composite
def queues(draw: st.DrawFn) -> tuple[list[Waiting], list[str], int]:
    names = [f"study-{index}" for index in range(draw(st.integers(1, 6)))]
    waiting = [
        Waiting(
            name,
            draw(st.integers(0, 5)),
            draw(st.one_of(st.none(), seconds)),
            tuple(draw(st.lists(st.one_of(st.none(), st.floats(-5, 1e5)), max_size=4))),
        )
        for name in names
    ]
    picks = draw(st.lists(st.sampled_from(names), max_size=40))
    return waiting, picks, draw(st.integers(0, 12))


@given(queues())
def test_nothing_starts_before_now(queue: tuple[list[Waiting], list[str], int]) -> None:
    waiting, picks, slots = queue
    assert all(s is None or s >= 0 for s in forecast(slots, waiting, picks).values())


@given(queues(), st.integers(1, 5))
def test_more_slots_never_mean_a_later_start(
    queue: tuple[list[Waiting], list[str], int], more: int
) -> None:
    waiting, picks, slots = queue
    few, many = forecast(slots, waiting, picks), forecast(slots + more, waiting, picks)
    for study, start in few.items():
        if start is not None:
            after = many[study]
            assert after is not None
            assert after <= start


@given(seconds, st.lists(seconds, max_size=20))
def test_what_runs_takes_no_negative_time(elapsed: float, lengths: list[float]) -> None:
    left = left_of(elapsed, lengths)
    assert (left is None) == (not lengths)
    assert left is None or left >= 0


SPACE = Space.parse(
    {
        "units": {"type": "int", "low": 8, "high": 512, "scale": "log"},
        "rate": {"type": "float", "low": 0.0, "high": 1.0},
        "kind": {"type": "categorical", "choices": ["a", "b", "c"]},
    }
)
points = st.lists(
    st.tuples(
        st.tuples(*[st.floats(0, 1)] * 3),
        st.floats(1e-3, 1e6),
        st.sampled_from(["done", "stopped", "failed", "quarantined"]),
        st.one_of(st.none(), st.floats(0.01, 1.0)),
        st.one_of(st.none(), st.floats(-1e6, 1e6)),
        st.integers(0, 1),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(
    points,
    st.lists(st.tuples(st.floats(0, 1e6), st.one_of(st.none(), st.floats(0, 0.99))), max_size=4),
    st.integers(0, 200),
    st.integers(0, 9),
)
def test_a_projection_is_finite_in_order_and_no_less_than_what_is_spent(
    past: list[tuple[tuple[float, ...], float, str, float | None, float | None, int]],
    present: list[tuple[float, float | None]],
    left: int,
    again: int,
) -> None:
    spent = sum(each[1] for each in past if each[5] == 0)
    case = Case(
        SPACE,
        Box.whole(SPACE),
        True,
        [Past(np.array(u), s, state, t, loss, source) for u, s, state, t, loss, source in past],
        [Present(np.full(3, 0.5), s, t) for s, t in present],
        left,
        again,
        begun=len(past) + len(present),
        spent_s=spent,
        trained_s=spent,
        rungs=(1 / 9, 1 / 3),
        early=9,
    )
    total = project(case)
    if total is None:
        assert not any(each[2] == "done" or (each[2] == "stopped" and each[3]) for each in past)
        return
    assert spent * (1 - 1e-9) <= total.low <= total.middle <= total.high < float("inf")
    assert project(case) == total


def test_five_trials_tell_which_parameter_a_length_follows() -> None:
    """Twice the units, twice the seconds: the two other parameters are found not to matter."""
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(5):
        unit = SPACE.to_unit(SPACE.from_unit(rng.random(3)))
        units = float(SPACE.from_unit(unit)["units"])
        seen.append(Length(unit, 0.1 * units))
    lengths = Lengths.fit(SPACE, seen)
    asked = np.array([[[0.1, 0.5, 0.2], [0.9, 0.2, 0.9]]] * 400)
    logs, _ = lengths.draw(asked, rng)
    for place in range(2):
        truth = 0.1 * float(SPACE.from_unit(asked[0, place])["units"])
        assert abs(float(np.median(logs[:, place])) - np.log(truth)) < 0.25


def test_a_trial_that_still_runs_counts_as_longer_than_it_has_run() -> None:
    ended = [Length(np.full(3, 0.5), 60.0) for _ in range(3)]
    running = [Length(np.full(3, 0.5), 600.0, ran=False) for _ in range(3)]
    rng = np.random.default_rng(0)
    asked = np.full((400, 1, 3), 0.5)
    without = np.median(Lengths.fit(SPACE, ended).draw(asked, rng)[0])
    assert np.median(Lengths.fit(SPACE, ended + running).draw(asked, rng)[0]) > without + 0.5
