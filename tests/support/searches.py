"""Searches that Hypothesis makes up: spaces, settings, results, and the ledgers that come of them."""

import math

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from caviar.search import Result, Round, Settings, first_round, refine
from caviar.space import Space

SPACES = [
    Space.parse(mapping)
    for mapping in (
        {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        {
            "lr": {"type": "float", "low": 1e-5, "high": 1.0, "scale": "log"},
            "momentum": {"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"},
            "units": {"type": "int", "low": 4, "high": 512, "scale": "log"},
            "layers": {"type": "int", "low": 1, "high": 4},
            "solver": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
            "decay": {"type": "float", "low": 0.0, "high": 1.0, "when": {"solver": ["sgd"]}},
        },
        {
            "depth": {"type": "int", "low": 1, "high": 3},
            "leaf": {"type": "categorical", "choices": [1, 2], "when": {"depth": [2, 3]}},
            "bag": {"type": "categorical", "choices": [True, False]},
        },
    )
]
law = settings(max_examples=30)
VALUES = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1.0, math.inf, math.nan]),
    st.floats(-1e3, 1e3),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Space, Settings, list[Result]]:
    """A space, settings and up to 60 results; clustered ones, so that boxes collapse and start over."""
    space = draw(st.sampled_from(SPACES))
    config = Settings(
        draw(st.sampled_from(["minimize", "maximize"])), "zoom", draw(st.integers(0, 9))
    )
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    centre, spread = rng.random(len(space)), draw(st.sampled_from([0.001, 0.1, 1.0]))
    count = draw(st.integers(0, 60))  # a list's own size is nearly always small
    values = draw(st.lists(VALUES, min_size=count, max_size=count))
    vectors = centre + spread * (rng.random((len(values), len(space))) - 0.5)
    points = [space.from_unit(np.clip(vector, 0, 1)) for vector in vectors]
    results = [Result(i, p, v) for i, (p, v) in enumerate(zip(points, values, strict=True))]
    return space, config, results


def ledger(space: Space, config: Settings, results: list[Result]) -> list[Round]:
    """The rounds as they come when results are told one by one."""
    rounds = [first_round(space, config)]
    for count in range(1, len(results) + 1):
        new = refine(space, config, rounds, results[:count])
        if new is not None:
            rounds.append(new)
    return rounds
